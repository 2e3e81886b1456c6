"""Run a UCI engine for any chess program.

  pawnzero uci models/AgentA
  pawnzero uci models/AgentA/checkpoints/ckpt_000100.pt --device cpu
  pawnzero uci shipped:chess

An agent plays with its best net, or with its latest if there is no best yet. Chess programs need the full path of the command
and of the agent; docs/engine.md shows what to enter where, the engine's options, and what a score means.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import sys
from typing import TYPE_CHECKING, Callable

from pawnzero.cli.options import add_device, add_settings, read_device, read_settings
from pawnzero.config import Config
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import reading
from pawnzero.shipped import PREFIX, net_file

if TYPE_CHECKING:
    from pawnzero.engine.net import EngineNet

_DIGITS = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "net",
        metavar="CHECKPOINT_OR_AGENT",
        help="a checkpoint file, an agent's directory, lc0's weights (.pb.gz) or shipped:chess",
    )
    add_settings(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    with contextlib.redirect_stdout(sys.stderr):  # standard output is reserved for the protocol
        try:
            if args.device.startswith("cuda"):  # any other device is checked with the net: loading torch takes seconds
                read_device(args)
            name, config = _name(args.net), read_settings(args)
        except PawnzeroError as error:  # a GUI that started us shows standard output and nothing else
            print(f"info string error: {error}", file=args.stdout, flush=True)
            raise
        _serve(args, name, config)
    return 0


def _serve(args: argparse.Namespace, name: str, config: Config) -> None:
    from pawnzero.engine.reader import standard_input
    from pawnzero.engine.session import Session

    def load(threads: int, tell: Callable[[str], None]) -> EngineNet:
        from pawnzero.engine.net import load_net  # only when needed: this takes seconds

        return load_net(args.net, args.device, threads, tell)

    def write(line: str) -> None:
        print(line, file=args.stdout, flush=True)

    Session(name, load, config.search, write).run(standard_input())


def _name(net: str) -> str:
    """The engine's name: the net's name, the step if it is an agent's best net, and the first digits of the file's SHA-256.

    Loads nothing that takes long. Raises PawnzeroError if it can see at once that `net` is no chess player.
    """
    from pawnzero.agent import Agent

    path = net_file(net)
    if not path.exists():
        raise UsageError(
            f"net {net!r}: no such file or directory; "
            "expected a checkpoint file, an agent's directory, lc0's weights or shipped:chess"
        )
    if path.is_dir():
        agent = Agent.open(path)
        _check_chess(net, agent.game)
        file = agent.best_or_latest()
        best = agent.metadata.get("best") if file == agent.best else None
    else:
        if net.startswith(PREFIX):
            _check_chess(net, path.stem)
        file, best = path, None
    with reading(file):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    # metadata.json may describe another file: for a moment before a promotion, or if somebody copied a file there.
    step = f", step {best['step']}" if best and best.get("sha256", digest) == digest else ""
    return f"{path.resolve().stem}{step}, {digest[:_DIGITS]}"


def _check_chess(net: str, game: str) -> None:
    if game != "chess":
        raise UsageError(f"{net}: plays {game}, expected a player of chess (UCI knows no other game)")
