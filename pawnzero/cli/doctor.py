"""Examine this machine: what it has, what will be used and why, whether its numbers are right, which settings suit it.

  pawnzero doctor
  pawnzero doctor --quick --json
  pawnzero doctor models/AgentA --device cuda:1

The self-check runs the net many times in the number format that will be used and compares its answers with those of a CPU in
float32. It has a process of its own, because a memory fault on a card ends the process. Exit code 1 if a device gives wrong
numbers, nothing can run, or no agent can be written. The benchmark takes about twenty seconds; `pawnzero bench` measures
longer and says more.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, List, Mapping, Optional

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_device, add_json, read_device
from pawnzero.cli.output import figure, report

_MARKS = {"wrong": "WRONG", "warning": "warning", "note": "note"}
_WIDTH = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place",
        nargs="?",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="where agents will be stored (default: models)",
    )
    parser.add_argument("--quick", action="store_true", help="skip the benchmark")
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    device = read_device(args)
    from pawnzero.doctor.examination import run_doctor

    with shown_progress() as progress:
        found = run_doctor(args.place, device=device, quick=args.quick, progress=progress)
    report(args, found, doctor_lines(found))
    return 0 if found["ok"] else 1


def doctor_lines(found: Mapping[str, Any]) -> List[str]:
    """The examination for people: a heading and a few lines for each part."""
    parts = [
        ("machine", _machine_lines(found["machine"])),
        ("will be used", _use_lines(found)),
        ("self-check", [_probe_line(probe) for probe in found["probes"]]),
        ("speed", _speed_lines(found["bench"])),
        ("findings", [line for finding in found["findings"] for line in _finding_lines(finding)]),
        ("suggested", _suggestion_lines(found)),
    ]
    lines = [line for heading, told in parts if told for line in ("", heading, *(f"  {line}" for line in told))]
    verdict = "All is well." if found["ok"] else "Something is wrong; see above."
    return [*lines[1:], "", verdict]


def _row(name: str, text: str) -> str:
    return f"{name:<{_WIDTH}} {text}"


def _machine_lines(machine: Mapping[str, Any]) -> List[str]:
    features = ", ".join(machine["cpu_features"]) or "no features known"
    free = f", {_size(machine['memory_free'])} free" if machine["memory_free"] else ""
    packages = [f"{name} {version}" for name, version in machine["packages"].items() if version and name != "torch"]
    absent = [name for kind in ("packages", "programs") for name, there in machine[kind].items() if not there]
    cards = [
        f"{card['name']} {card['architecture']}, {_size(card['memory'])} ({card['device'] or 'not used by torch'})"
        for card in machine["cards"]
    ]
    lines = [
        _row("system", f"{machine['system']}, Python {machine['python']}"),
        _row("CPU", f"{machine['cpu']} ({features}), {machine['cores_allowed']:g} of {machine['cores']} cores"),
        _row("memory", f"{_size(machine['memory'])}{free}; {_size(machine['disk_free'])} free on disk for {machine['disk']}"),
        *(_row("card", card) for card in cards or ["none found"]),
        _row("torch", f"{machine['torch']}, built for {machine['torch_backend']}"),
        _row("packages", ", ".join(packages)),
    ]
    return [*lines, _row("absent", f"{', '.join(absent)} (not needed for training)")] if absent else lines


def _use_lines(found: Mapping[str, Any]) -> List[str]:
    use = found["use"]
    answers = f"; the net runs in {use['selfplay_answers']}" if use["selfplay_answers"] else ""
    return [
        _row("device", use["device"]),
        _row("precision", f"{use['precision']} ({use['reason']})" if use["precision"] else "unknown"),
        _row("batches", f"up to {figure(use['largest_batch'])} positions"),
        _row("self-play", f"{use['games_in_flight']} games at once on {use['threads']} threads{answers}"),
    ]


def _probe_line(probe: Mapping[str, Any]) -> str:
    if probe["fault"]:
        return _row(probe["device"], f"{'not checked' if probe['full'] else 'WRONG'}: {probe['fault']}")
    return _row(probe["device"], f"{probe['precision']} agrees with a CPU in float32 over {probe['calls']} calls")


def _speed_lines(figures: Optional[Mapping[str, Any]]) -> List[str]:
    return [f"{name.replace('_', ' '):<30} {figure(value)}" for name, value in (figures or {}).items()]


def _finding_lines(finding: Mapping[str, Any]) -> List[str]:
    lines = [f"{_MARKS[finding['level']]}: {finding['what']}"]
    return [*lines, f"      → {finding['advice']}"] if finding["advice"] else lines


def _suggestion_lines(found: Mapping[str, Any]) -> List[str]:
    width = max(len(suggestion["setting"]) for suggestion in found["suggestions"])
    lines = [f"{one['setting']:<{width}} {one['value']:>5}  {one['why']}" for one in found["suggestions"]]
    lines.append(f"as a settings file (--config): {json.dumps(found['config'])}")
    if found["use"]["device"] == "cpu":
        lines.append("for chess on a CPU, configs/chess_small.json is a measured recipe (docs/experiments/chess_small.md)")
    return lines


def _size(size: Optional[int]) -> str:
    return "unknown" if size is None else f"{size / 2**30:.1f} GB"
