"""Results in a few lines for people; --json has the rest."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, List, Mapping, Sequence, Tuple

from pawnzero.cli.output import duration, figure
from pawnzero.files import in_shell
from pawnzero.words import counted

Figures = Mapping[str, Any]


def iteration_lines(found: Figures) -> List[str]:
    """An iteration in a few lines, with its alarms. Stages without figures are left out."""
    lines = [f"iteration {found['iteration']}" + (" (already finished)" if found.get("already_done") else "")]
    if found["selfplay"]:
        lines.append(f"  self-play  {selfplay_line(found['selfplay'])}")
    if found["train"]:
        lines.append(f"  training   {train_line(found['train'])}")
    if found["arena"]:
        lines.append(f"  arena      {match_line(found['arena'])}")
        lines.append(f"  promotion  {promotion_line(found['arena'])}")
    lines += [f"  alarm      {alarm['text']}" for alarm in found.get("alarms", ())]
    return lines


def selfplay_line(found: Figures) -> str:
    """Games, positions and results of self-play."""
    return (
        f"{counted(found['games'], 'games')}, {counted(found['positions'], 'positions')}: "
        f"{found['first_player_wins']:,} won by the first side, "
        f"{found['draws']:,} drawn ({found['adjudicated']:,} adjudicated), {found['second_player_wins']:,} lost; "
        f"{figure(found['nodes_per_second'])} nodes/s"
    )


def train_line(found: Figures) -> str:
    """Steps of training, and the mean losses over them."""
    return (
        f"{counted(found['steps_done'], 'steps')} to step {found['step']:,}: loss {figure(found['loss'])} "
        f"(policy {figure(found['policy_loss'])}, value {figure(found['value_loss'])}), "
        f"{figure(found['samples_per_second'])} samples/s on {found['device']} in {found['precision']}"
    )


def match_line(found: Figures) -> str:
    """A match result from the first player's view, with its uncertainty.

    If a sequential test stopped the match, the Elo difference allows for that.
    """
    counts = f"{found['wins']:,} won, {found['draws']:,} drawn, {found['losses']:,} lost of {found['games']:,}"
    elo = elo_words(found) if sure_of(found) is found else f"{elo_words(sure_of(found))} allowing for the early stop"
    return f"{found['first']} against {found['second']}: {counts}; score {found['score']:.3f}, {elo}"


def sure_of(found: Figures) -> Figures:
    """The figures whose `elo`, bounds and `los` can be trusted: the sequential test's if it ended the match, else `found`."""
    test: Figures = found.get("sprt") or {}
    return test if "los" in test and test["decision"] != "continue" else found


def elo_words(found: Figures) -> str:
    """An Elo difference with its interval, or the one known bound if every game was won or every game lost."""
    if found["elo"] is None:
        if found["elo_low"] is not None:
            return f"Elo above {found['elo_low']:+.0f}"
        return "Elo undefined" if found["elo_high"] is None else f"Elo below {found['elo_high']:+.0f}"
    low, high = ("?" if found[name] is None else f"{found[name]:+.0f}" for name in ("elo_low", "elo_high"))
    return f"Elo {found['elo']:+.0f} ({low} to {high})"


def match_lines(found: Figures) -> List[str]:
    """A match in full: its result, the result by colour, the games themselves, and the sequential test if there was one."""
    from pawnzero.games import get_game  # imported here because --help does not need it

    colours = (
        f"as {side}: {one['wins']:,} won, {one['draws']:,} drawn, {one['losses']:,} lost"
        for side, one in zip(get_game(found["game"]).sides, found["by_colour"].values())
    )
    games = f"{counted(found['distinct_games'], 'distinct games')} of {counted(round(found['mean_plies']), 'plies')} on average"
    if found["duplicates"]:
        games += f"; {found['duplicates']:,} repeat{'s' if found['duplicates'] == 1 else ''} an earlier one"
    if sum(found["pairs"]) < found["games"] // 2:
        games += f", so the interval rests on {sum(found['pairs']):,} of {counted(found['games'] // 2, 'pairs')}"
    endings = ", ".join(f"{count:,} by {name}" for name, count in found["endings"].items())
    lines = [
        match_line(found),
        f"{'; '.join(colours)}; likelihood that {found['first']} is stronger: {_likely(sure_of(found)['los'])}",
        f"{games}; endings: {endings}" + (f" ({found['adjudicated']:,} adjudicated a draw)" if found["adjudicated"] else ""),
    ]
    return lines + ([sprt_line(found["sprt"])] if found["sprt"] else [])


def _likely(los: float) -> str:
    """A likelihood in percent. Estimated from few games, it is never shown as certain."""
    return "less than 0.1%" if los < 0.001 else "more than 99.9%" if los > 0.999 else f"{los:.1%}"


def sprt_line(test: Figures) -> str:
    """How a sequential test ended, and why."""
    numbers = (
        f"LLR {test['llr']:+.2f} after {counted(test['pairs'], 'pairs')}, bounds {test['lower']:+.2f} and {test['upper']:+.2f}"
    )
    asked = f"SPRT of Elo {test['elo0']:g} against {test['elo1']:g}"
    if test["decision"] == "continue":
        return f"{asked}: undecided when the games ended ({numbers})"
    likelier, other = (test["elo1"], test["elo0"]) if test["decision"] == "H1" else (test["elo0"], test["elo1"])
    return f"{asked}: {test['decision']} accepted, Elo {likelier:g} rather than {other:g} ({numbers})"


def promotion_line(found: Figures) -> str:
    """Whether the challenger became the best net, and why."""
    why, won = _promotion_reason(found)
    if not found["promoted"]:
        return f"no: {why}; the best net stays"
    if won:
        return f"yes: {why}; step {found['step']:,} is the best net now"
    return f"yes: there was no best net yet; step {found['step']:,} is the first"


def _promotion_reason(found: Figures) -> Tuple[str, bool]:
    """What the match says under the promotion rule, and whether that suffices for a promotion."""
    if found.get("sprt"):
        return sprt_line(found["sprt"]), found["sprt"]["decision"] == "H1"
    above = found["score"] > found["threshold"]
    return f"the score {found['score']:.3f} is {'' if above else 'not '}above {found['threshold']:g}", above


def closing_lines(agent_dir: Path, game: str, settings: Sequence[str]) -> List[str]:
    """Where the results are and what to do next, as commands that work from the current directory.

    settings: the words that name the settings of this run (`pawnzero.cli.options.settings_again`)
    """
    program = "pawnzero" if shutil.which("pawnzero") else f"{in_shell(_short(Path(sys.executable)))} -m pawnzero"
    agent = in_shell(agent_dir)
    steps = {
        "continue training; stop and start at will": " ".join(["run", agent, *map(in_shell, settings), "--hours 1"]),
        "one page: is it getting stronger?": f"report {agent}",
    }
    if game == "tic_tac_toe":
        latest = in_shell(agent_dir / "checkpoints" / "latest.pt")
        steps["how often does it err without a search?"] = f"judge {latest} --sims 0"
    else:
        steps["how does it do against a random mover?"] = f"arena {agent} random --games 20"
    width = max(map(len, steps))
    return [
        "",
        f"Results: {agent_dir / 'experiments'} (train.json, arena.csv, last_arena.json, last_arena.pgn with the games)",
        f"Nets:    {agent_dir / 'checkpoints'} (latest.pt is trained further, best.pt is the one that plays)",
        "Next:",
        *(f"  {told:<{width}}   {program} {command}" for told, command in steps.items()),
    ]


def _short(path: Path) -> Path:
    """`path` relative to the current directory if it lies below it, else unchanged."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def figure_lines(figures: Figures) -> List[str]:
    """One line per figure, times in words. Values that are not scalars are left to --json."""
    plain = {name: value for name, value in figures.items() if not isinstance(value, (dict, list, tuple))}
    width = max((len(name) for name in plain), default=0)
    return [
        f"{name.replace('_', ' '):<{width}}  {duration(value) if name == 'seconds' else figure(value)}"
        for name, value in plain.items()
    ]
