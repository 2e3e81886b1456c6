"""Export an agent's net for other programs (ONNX, lc0's weights), or its self-play games as PGN.

  pawnzero export models/AgentA net.onnx
  pawnzero export models/AgentA net.pb.gz
  pawnzero export models/AgentA/checkpoints/latest.pt net.onnx
  pawnzero export models/AgentA games.pgn --games 50
  pawnzero export their_net.pb.gz net.pt

An agent's best net is the one exported. The answers of an ONNX or lc0 file are compared with the original's, on --device, and a
file that differs is not written (ONNX is compared only if onnxruntime is installed, on the CPU). lc0 nets of the same family
(a ResNet on 112 planes) can be exported too, and play in the arena as they are. docs/formats.md says what is in each file and
how to load it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, List, Mapping

from pawnzero.cli.options import add_device, add_json, natural, read_device
from pawnzero.cli.output import report
from pawnzero.words import counted

_FORMATS = ("onnx", "lc0", "checkpoint", "pgn")
_GAMES = 100
"""Default number of games to export."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", help="an agent's directory, a checkpoint file, lc0's weights or shipped:GAME"
    )
    parser.add_argument("path", metavar="FILE", type=Path, help="file to write: NAME.onnx, NAME.pb.gz, NAME.pt or NAME.pgn")
    parser.add_argument("--format", choices=_FORMATS, help="for a file with another ending (default: by its name)")
    parser.add_argument(
        "--games", type=natural(1), metavar="N", help=f"how many of the newest self-play games a PGN gets (default: {_GAMES})"
    )
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from pawnzero.agent import Agent
    from pawnzero.errors import UsageError
    from pawnzero.export import export_games, export_net, format_of
    from pawnzero.shipped import PREFIX

    device = read_device(args)
    format = format_of(args.path, args.format)
    if format == "pgn":
        if args.source.startswith(PREFIX) or Path(args.source).is_file():
            raise UsageError(f"{args.source}: a net has no self-play games; expected an agent's directory")
        figures = export_games(Agent.open(Path(args.source)), args.path, args.games or _GAMES)
    elif args.games is not None:
        raise UsageError(f"--games is for PGN, not for a net exported as {format}")
    else:
        figures = export_net(args.source, args.path, format, device)
    report(args, figures, _lines(figures))
    return 0


def _lines(figures: Mapping[str, Any]) -> List[str]:
    what = counted(figures["games"], "games") if "games" in figures else f"the net of step {figures['step']:,}"
    lines = [f"{figures['path']}: {what}, {figures['game']}, as {figures['format']}, {figures['bytes']:,} bytes"]
    if figures.get("positions_compared"):
        lines.append(
            f"read back, its probabilities differ by at most {figures['max_policy_difference']:.1e} (moves) and "
            f"{figures['max_wdl_difference']:.1e} (win, draw, loss) on {figures['positions_compared']} positions"
        )
    elif "games" not in figures:
        lines.append("not read back: onnxruntime is not installed here (pip install onnxruntime)")
    return lines
