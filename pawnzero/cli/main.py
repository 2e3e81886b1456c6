"""The front door: finds the command, runs it, and turns every mistake of a user into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Dict, Iterator, NoReturn, Optional, Sequence, TextIO

from pawnzero import __version__
from pawnzero.cli.manual import read_texts
from pawnzero.errors import PawnzeroError
from pawnzero.hangup import ASKING, HANGUP, leave_lost_terminal
from pawnzero.launch import leave, refuse_several, this_launch

COMMANDS = (
    "check",
    "perft",
    "iterate",
    "run",
    "selfplay",
    "train",
    "arena",
    "ladder",
    "judge",
    "report",
    "promote",
    "smoke",
    "bench",
    "doctor",
    "uci",
    "play",
    "export",
    "completion",
)
"""Each is a module beside this one with a docstring (its first line is the summary, lines that begin with "pawnzero" are the
examples), `add_arguments(parser)`, `run(args) -> int` where the same command goes on after an interruption ``RESUMES = True``,
and where the processes that torchrun starts work as one ``TOGETHER = True``."""

INTERRUPTED = 130

_FIRST_STEPS = """first steps:
  pawnzero doctor                           does everything work here, and which settings suit this machine?
  pawnzero run models/AgentA --hours 1      train an agent; stop and start at will (README: with which settings)
  pawnzero arena models/AgentA random       how does it do against a random mover?"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, under the name of the command that it is wrong for."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # A parser of commands takes what a command does not know back, and would complain under its own name.
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def module_of(command: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f"pawnzero.cli.{command}")


def _describe(parser: argparse.ArgumentParser, module: ModuleType) -> None:
    """Give `parser` the command's own texts and arguments."""
    texts = read_texts(module)
    parser.description = texts.summary
    parser.epilog = texts.epilog
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    module.add_arguments(parser)


def command_parser(command: str, prog: str) -> argparse.ArgumentParser:
    """The parser of one command under the name `prog`."""
    parser = _Parser(prog=prog, allow_abbrev=False)
    _describe(parser, module_of(command))
    return parser


def make_parser() -> argparse.ArgumentParser:
    """The parser of `pawnzero` with all its commands."""
    parser = _Parser(
        prog="pawnzero",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="An AlphaZero trainer for chess. `pawnzero COMMAND --help` explains a command, with examples.",
        epilog=_FIRST_STEPS,
    )
    parser.add_argument("--version", action="version", version=f"pawnzero {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = module_of(name)
        _describe(commands.add_parser(name, help=read_texts(module).summary, allow_abbrev=False), module)
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The `pawnzero` command: the exit code of `argv` (default: the process's own arguments)."""
    _tolerate_streams()
    try:
        args = make_parser().parse_args(argv)
    except KeyboardInterrupt:  # all commands are being imported
        return _fail("pawnzero", "interrupted", INTERRUPTED)
    return _run(module_of(args.command), args, f"pawnzero {args.command}")


def script(command: str, file: str, argv: Optional[Sequence[str]] = None) -> int:
    """A documented script of training/ at `file`: one command, with the configuration file beside the script as default."""
    _tolerate_streams()
    try:
        parser = command_parser(command, Path(file).name)
        parser.set_defaults(command=command)
        args = parser.parse_args(argv)
    except KeyboardInterrupt:
        return _fail(Path(file).name, "interrupted", INTERRUPTED)
    args.stock_config = Path(os.path.relpath(str(Path(file).resolve().parent / "config_rx580.json")))
    return _run(module_of(command), args, parser.prog)


def entry() -> None:
    """The installed `pawnzero` program."""
    leave(main())


def _tolerate_streams() -> None:
    """Let a stream that cannot say a character print "?" in its place, and one that was closed take what nobody reads.

    Input that is no text has such a sign for each byte, and closed input has ended.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    elif hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process lives
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _run(module: ModuleType, args: argparse.Namespace, name: str) -> int:
    """Run a command. With --json and with --quiet nothing but the result reaches standard output."""
    args.stdout = sys.stdout
    try:
        try:
            if not getattr(module, "TOGETHER", False):
                refuse_several(name)
            with _told_elsewhere(args), _ended_as_interrupted():
                code = module.run(args)
            sys.stdout.flush()
            return int(code)
        except KeyboardInterrupt:
            again = "; run the same command again to go on from here" if getattr(module, "RESUMES", False) else ""
            return _fail(name, f"interrupted{again}", INTERRUPTED)
        except PawnzeroError as error:
            return _fail(name, str(error), error.exit_code)
        except ModuleNotFoundError as error:
            return _missing(name, error)
        except BrokenPipeError:
            # The reader of our output went away (as `| head` does). What is still buffered has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (MemoryError, RuntimeError) as error:
            if not _memory_ran_out(error):
                raise
            return _fail(name, f"out of memory ({error}); try a smaller net, fewer simulations or fewer games at once", 1)
        except OSError as error:
            return _fail(name, f"{error.filename or 'input or output'}: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        return INTERRUPTED


@contextlib.contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """SIGTERM, which `timeout`, systemd and others send, and SIGHUP of a lost connection end the command as Ctrl-C does.

    Where one is ignored, as under `nohup`, it stays so. A SIGHUP that follows on another signal does not disturb the ending.
    """
    ending = False

    def interrupt(number: int, frame: Optional[FrameType]) -> None:
        nonlocal ending
        if number == HANGUP:
            leave_lost_terminal()
            signal.signal(number, signal.SIG_IGN)
            if ending:
                return
        ending = True
        raise KeyboardInterrupt

    taken: Dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        untouched = (signal.SIG_DFL, signal.default_int_handler)
        taken = {number: signal.getsignal(number) for number in ASKING if signal.getsignal(number) in untouched}
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, before in taken.items():
            if signal.getsignal(number) != signal.SIG_IGN:  # a terminal that hung up does so once
                signal.signal(number, before)


@contextlib.contextmanager
def _told_elsewhere(args: argparse.Namespace) -> Iterator[None]:
    """What a command tells on its way goes to standard error with --json; with --quiet or from a follower nowhere."""
    with contextlib.ExitStack() as until_then:
        elsewhere: Any = _Heedless(sys.stderr) if getattr(args, "json", False) else sys.stdout
        if getattr(args, "quiet", False) or this_launch().rank > 0:
            elsewhere = until_then.enter_context(open(os.devnull, "w", encoding="utf-8"))
        until_then.enter_context(contextlib.redirect_stdout(elsewhere))
        until_then.enter_context(_shown_log())
        yield


class _Heedless:
    """A stream for what is told beside the result: what it cannot take, on a full disk or where nobody reads, is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _ShownLog(logging.Handler):
    """Prints what the package logs, as a line of progress."""

    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), flush=True)


@contextlib.contextmanager
def _shown_log() -> Iterator[None]:
    """The package's log is printed while the block runs; from Python it is silent unless asked for."""
    log, handler = logging.getLogger("pawnzero"), _ShownLog()
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _memory_ran_out(error: Exception) -> bool:
    """Whether that is what `error` says; torch, where it is loaded, has many words for it."""
    if isinstance(error, MemoryError) or "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from pawnzero.nets.device import is_out_of_memory

    return is_out_of_memory(error)


def _fail(name: str, message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"{name}: {line}" if code == INTERRUPTED else f"{name}: error: {line}", file=sys.stderr)
    return code


def _missing(name: str, error: ModuleNotFoundError) -> int:
    """One line that says how to install what is missing. A missing part of pawnzero itself is a fault of ours."""
    package = (error.name or "").split(".")[0]
    if package in ("", "pawnzero", "training"):
        raise error
    return _fail(name, f"the package {package} is not installed; install it: {sys.executable} -m pip install {package}", 1)
