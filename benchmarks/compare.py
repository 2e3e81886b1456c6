"""pawnzero beside what a user would otherwise pick: the same work, in one run, never both at once.

    python -m pip install open_spiel pgx mctx jax chess torch    # in an environment of its own, say ../peers
    python benchmarks/compare.py --peers-python ../peers/bin/python --lc0 lc0 --weights net.pb.gz

Every line of the table is measured as ours, theirs, ours, so that a machine that slows down or speeds up meanwhile shows in the
spread of our two runs instead of passing for a difference. If a peer works with threads or processes, it gets as many as we do.
A peer that is not installed is skipped, with a line that says how to install it.

A simulation is one descent from the root to a leaf; in lc0, a visit. OpenSpiel includes the root's evaluation in the count, we
do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from sides import Absent, Failed, Peer

from pawnzero.bench import perft_speed, selfplay_speed
from pawnzero.config import Config, SearchConfig, SelfplayConfig
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.search import Evaluator, UniformEvaluator

WORK = ("perft", "search", "selfplay")
SEARCH_GAMES = 512
LC0 = "https://github.com/LeelaChessZero/lc0"


@dataclass(frozen=True)
class Contest:
    """One line of the planned table: what we do, and what the peer must do.

    ours: seconds → our rate; script and settings: the peer's, run by `processes` processes side by side
    """

    work: str
    unit: str
    ours: Callable[[float], float]
    how: str
    peer: str
    script: str
    settings: Dict[str, Any]
    processes: int = 1


@dataclass(frozen=True)
class Row:
    """One line of the table. ours: the mean of the two runs before and after theirs"""

    work: str
    unit: str
    ours: float
    ours_runs: Tuple[float, float]
    how: str
    peer: str
    theirs: float
    their_how: str
    ratio: float
    compile_seconds: Optional[float]


def contests(options: argparse.Namespace) -> Iterator[Contest]:
    """The planned comparisons, in table order."""
    if "perft" in options.only:
        yield from _perft(options)
    if "search" in options.only:
        yield from _search(options)
    if "selfplay" in options.only:
        yield from _selfplay(options)


def _perft(options: argparse.Namespace) -> Iterator[Contest]:
    def ours(seconds: float) -> float:
        return perft_speed(options.depth, seconds)

    how = f"depth {options.depth}, 1 thread"
    depth = {"depth": options.depth}
    yield Contest("perft, startpos", "leaves/s", ours, how, "python-chess", "python_chess.py", depth)
    yield Contest("perft, startpos", "leaves/s", ours, how, "OpenSpiel", "openspiel.py", {"task": "perft", **depth})


def _search(options: argparse.Namespace) -> Iterator[Contest]:
    def contest(algorithm: str, peer: str, script: str, settings: Dict[str, Any], processes: int = 1) -> Contest:
        ours = _ours(UniformEvaluator(), algorithm, SEARCH_GAMES, options.threads, options)
        how = f"{algorithm}, {options.simulations} simulations, {SEARCH_GAMES} games at once, {options.threads} threads"
        settings = {"simulations": options.simulations, **settings}
        return Contest("search without a net", "simulations/s", ours, how, peer, script, settings, processes)

    spiel = ("OpenSpiel", "openspiel.py", {"task": "search"}, options.threads)
    yield contest("puct", *spiel)
    yield contest("gumbel", *spiel)
    yield contest("puct", "lc0", "lc0.py", _lc0("random", options))
    jax = {"batch": options.batch, "considered": SearchConfig().gumbel_considered}
    yield contest("gumbel", "mctx + pgx", "mctx_pgx.py", jax)


def _selfplay(options: argparse.Namespace) -> Iterator[Contest]:
    shape = Config().model
    net = PolicyValueNet(shape)
    evaluator = NetEvaluator(net, options.device)
    work = f"self-play, {shape.channels}x{shape.blocks} net"
    search = SearchConfig()
    how = f"{search.algorithm}, {options.simulations} simulations, net on {evaluator.description}"
    ours = _ours(evaluator, search.algorithm, 0, 0, options)
    settings = {"simulations": options.simulations}
    spiel = {"task": "selfplay", "channels": shape.channels, "blocks": shape.blocks, **settings}
    yield Contest(work, "simulations/s", ours, how, "OpenSpiel", "openspiel.py", spiel, options.threads)
    if options.weights is not None or options.lc0 is None:
        yield Contest(work, "simulations/s", ours, how, "lc0", "lc0.py", {**settings, **_lc0("eigen", options)})


def _ours(
    evaluator: Evaluator, algorithm: str, games: int, threads: int, options: argparse.Namespace
) -> Callable[[float], float]:
    def ours(seconds: float) -> float:
        found = selfplay_speed(
            evaluator,
            SearchConfig(algorithm=algorithm),
            settings=SelfplayConfig(),  # from the start, as the peers play
            games=games,
            threads=threads,
            simulations=options.simulations,
            seconds=seconds,
        )
        return float(found["simulations"])

    return ours


def _lc0(backend: str, options: argparse.Namespace) -> Dict[str, Any]:
    weights = options.weights if backend != "random" else None
    parallelism = options.parallelism if backend == "random" else options.threads
    return {"binary": options.lc0, "backend": backend, "weights": weights, "parallelism": parallelism}


def measure(contest: Contest, options: argparse.Namespace) -> Row:
    """Measure ours, theirs, ours. Raises Absent or Failed for the peer."""
    python = options.peers_python
    if contest.script == "lc0.py":
        python = sys.executable  # needs nothing installed but lc0 itself
        if options.lc0 is None:
            raise Absent(f"name its binary with --lc0 ({LC0})")
    settings = {**contest.settings, "seconds": options.seconds}
    with Peer(python, contest.script, settings, contest.processes) as peer:
        first = contest.ours(options.seconds)
        theirs = peer.rate()
    second = contest.ours(options.seconds)
    ours, how = (first + second) / 2, theirs["how"]
    if contest.processes > 1:
        how += f", {contest.processes} processes"
    return Row(
        contest.work,
        contest.unit,
        round(ours, 1),
        (round(first, 1), round(second, 1)),
        contest.how,
        theirs["peer"],
        round(theirs["rate"], 1),
        how,
        float(f"{ours / theirs['rate']:.4g}"),
        theirs.get("compile_seconds"),
    )


def compare(options: argparse.Namespace) -> Dict[str, Any]:
    """All rows, the peers that were skipped or failed and why, and the conditions of the measurement."""
    report: Dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "machine": options.machine or _machine(),
        "software": _software(),
        "settings": {"seconds": options.seconds, "simulations": options.simulations, "threads": options.threads},
        "load_before": _load(),
        "rows": [],
        "absent": [],
        "failed": [],
    }
    for contest in contests(options):
        print(f"{contest.work}: {contest.peer} …", file=sys.stderr, flush=True)
        try:
            report["rows"].append(asdict(measure(contest, options)))
        except (Absent, Failed) as why:
            kind = "absent" if isinstance(why, Absent) else "failed"
            report[kind].append({"work": contest.work, "peer": contest.peer, "why": str(why)})
    report["load_after"] = _load()
    return report


def _load() -> Optional[List[float]]:
    """The load average, if the system has one; if it exceeds the number of cores, other programs were running too."""
    return [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _machine() -> str:
    names = [platform.processor() or platform.machine()]
    info = Path("/proc/cpuinfo")
    if info.exists():
        names += [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {names[-1]}"


def _software() -> str:
    versions = [f"{name} {version(name)}" for name in ("pawnzero", "torch", "numba", "numpy")]
    return f"Python {platform.python_version()}, {', '.join(versions)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def plain_lines(report: Dict[str, Any]) -> Iterator[str]:
    """The table for people, with the details of each measurement."""
    yield f"{report['date']}   {report['machine']}   {report['software']}"
    yield f"load average before {report['load_before']}, after {report['load_after']}; {report['settings']}"
    for row in report["rows"]:
        yield ""
        yield f"{row['work']}: {_number(row['ratio'])} x {row['peer']}"
        runs = " and ".join(_number(run) for run in row["ours_runs"])
        yield f"  ours   {_number(row['ours']):>12} {row['unit']} ({runs})   {row['how']}"
        yield f"  theirs {_number(row['theirs']):>12} {row['unit']}   {row['their_how']}"
        if row["compile_seconds"] is not None:
            yield f"  theirs compiled for {row['compile_seconds']} s first, which is not counted"
    yield from _missing(report)


def markdown_lines(report: Dict[str, Any]) -> Iterator[str]:
    """The table in Markdown, for docs/performance.md."""
    load = f"load average {report['load_before']} before and {report['load_after']} after (1, 5, 15 minutes)"
    yield f"{report['date']} · {report['machine']} · {report['software']} · {load}"
    yield ""
    yield "| work | ours | peer | theirs | ratio |"
    yield "|---|---|---|---|---|"
    for row in report["rows"]:
        ours = f"{_number(row['ours'])} {row['unit']}<br>{row['how']}"
        theirs = f"{_number(row['theirs'])}<br>{row['their_how']}"
        if row["compile_seconds"] is not None:
            theirs += f"; {row['compile_seconds']} s to compile, not counted"
        yield f"| {row['work']} | {ours} | {row['peer']} | {theirs} | {_number(row['ratio'])} |"
    yield from _missing(report)


def _missing(report: Dict[str, Any]) -> Iterator[str]:
    lines = [f"{kind}: {line['peer']}: {line['why']}" for kind in ("absent", "failed") for line in report[kind]]
    if lines:
        yield ""
        yield from dict.fromkeys(lines)  # without duplicates


def parse(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    defaults = Config()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter that has the peers' packages")
    parser.add_argument("--lc0", help="lc0's binary")
    parser.add_argument("--weights", help="weights for lc0's self-play with a net; they should be of the same shape as ours")
    parser.add_argument("--only", nargs="+", choices=WORK, default=WORK, help="what is compared")
    parser.add_argument("--seconds", type=float, default=5.0, help="time a measurement")
    parser.add_argument("--simulations", type=int, default=defaults.mcts_sims, help="simulations a move")
    parser.add_argument("--threads", type=int, default=2, help="our threads in search without a net, OpenSpiel's processes")
    parser.add_argument("--depth", type=int, default=5, help="of perft")
    parser.add_argument("--batch", type=int, default=32, help="mctx: games at once")
    parser.add_argument(
        "--parallelism", type=int, default=8, help="lc0: games at once without a net; with one, as many as --threads"
    )
    parser.add_argument("--device", default="cpu", help="of our net")
    parser.add_argument("--machine", default="", help="how to call this machine in the report")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--markdown", action="store_true", help="print the table for docs/performance.md")
    options = parser.parse_args(argv)
    for program in (options.peers_python, options.lc0):
        if program is not None and shutil.which(program) is None:
            parser.error(f"{program}: expected a program")
    if options.weights is not None and not Path(options.weights).is_file():
        parser.error(f"{options.weights}: expected a file with lc0's weights")
    return options


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print the comparison. Returns 1 if an installed peer failed."""
    options = parse(argv)
    report = compare(options)
    if options.json:
        print(json.dumps(report))
    else:
        for line in (markdown_lines if options.markdown else plain_lines)(report):
            print(line)
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
