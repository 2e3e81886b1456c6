"""The entry point: finds the command, runs it, and turns every user mistake into one line and an exit code."""

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
from pawnzero.files import in_shell
from pawnzero.machine.hangup import ASKING, HANGUP, leave_lost_terminal
from pawnzero.machine.launch import leave, refuse_several, this_launch

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
"""The commands, in the order of --help. Each is a module beside this one with:

- a docstring: its first line is the summary, lines that begin with "pawnzero" are the examples
- `add_arguments(parser)` and `run(args) -> int`
- ``RESUMES = True`` if the same command, run again, resumes after an interruption
- ``TOGETHER = True`` if the processes that torchrun starts work together as one
"""

INTERRUPTED = 130

_FIRST_STEPS = """first steps:
  pawnzero doctor                           does everything work here, and which settings suit this machine?
  pawnzero run models/AgentA --hours 1      train an agent; stop and start at will (README: with which settings)
  pawnzero arena models/AgentA random       how does it do against a random mover?"""


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, under the name of the command it concerns."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # The parser of the subcommands hands unknown arguments back to its parent, which would complain under its own name.
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        words = sys.argv[1:] if args is None else list(args)
        if "" in words:  # most likely a shell variable that is not set; as a path it would be the current directory
            before = words[: words.index("")]
            self.error(f"empty argument{f' after {before[-1]}' if before else ''}: expected a name or a value")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def module_of(command: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f"pawnzero.cli.{command}")


def _describe(parser: argparse.ArgumentParser, module: ModuleType) -> None:
    """Give `parser` the command's texts and arguments."""
    texts = read_texts(module)
    parser.description = texts.summary
    parser.epilog = texts.epilog
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    module.add_arguments(parser)


def command_parser(command: str, prog: str) -> argparse.ArgumentParser:
    """The parser of one command, under the program name `prog`."""
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
    """Run the `pawnzero` command with `argv` (default: the process's arguments); returns the exit code."""
    _tolerate_streams()
    try:
        args = make_parser().parse_args(argv)
    except KeyboardInterrupt:  # while the commands are being imported
        return _fail("pawnzero", "interrupted", INTERRUPTED)
    return _run(module_of(args.command), args, f"pawnzero {args.command}")


def script(command: str, file: str, argv: Optional[Sequence[str]] = None) -> int:
    """Run `command` as the script `file` of training/, with the settings file beside the script as the default."""
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
    """The entry point of the installed `pawnzero` program."""
    leave(main())


def _tolerate_streams() -> None:
    """Make standard streams tolerate characters they cannot represent, and streams that are closed.

    Output replaces such a character by "?", input each undecodable byte by U+FFFD. What is written to a closed stream is lost;
    closed input is at its end.
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
    """Run a command. With --json or --quiet, only its result reaches standard output."""
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
            # The reader of our output is gone (as with `| head`). Discard what is still buffered.
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
    """Make SIGTERM (sent by `timeout`, systemd and others) and SIGHUP (a lost connection) end the command as Ctrl-C does.

    A signal that is ignored, as SIGHUP is under `nohup`, stays ignored. A SIGHUP during the shutdown that another signal began
    does not disturb it.
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
            if signal.getsignal(number) != signal.SIG_IGN:  # after a hangup, further SIGHUPs stay ignored
                signal.signal(number, before)


@contextlib.contextmanager
def _told_elsewhere(args: argparse.Namespace) -> Iterator[None]:
    """Redirect a command's messages: to standard error with --json, nowhere with --quiet or in a process other than rank 0."""
    with contextlib.ExitStack() as until_then:
        elsewhere: Any = _Heedless(sys.stderr) if getattr(args, "json", False) else sys.stdout
        if getattr(args, "quiet", False) or this_launch().rank > 0:
            elsewhere = until_then.enter_context(open(os.devnull, "w", encoding="utf-8"))
        until_then.enter_context(contextlib.redirect_stdout(elsewhere))
        until_then.enter_context(_shown_log())
        yield


class _Heedless:
    """A stream for messages beside the result: what cannot be written, because the disk is full or nobody reads, is dropped."""

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
    """Print the package's log while the block runs. Used from Python, the package is silent unless asked."""
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
    """Whether `error` means that memory ran out. torch, if it is loaded, has many ways of saying so."""
    if isinstance(error, MemoryError) or "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from pawnzero.nets.device import is_out_of_memory

    return is_out_of_memory(error)


def _fail(name: str, message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"{name}: {line}" if code == INTERRUPTED else f"{name}: error: {line}", file=sys.stderr)
    return code


def _missing(name: str, error: ModuleNotFoundError) -> int:
    """Say in one line how to install the missing package. A missing part of pawnzero itself is our bug and is raised."""
    package = (error.name or "").split(".")[0]
    if package in ("", "pawnzero", "training"):
        raise error
    return _fail(
        name, f"the package {package} is not installed; install it: {in_shell(sys.executable)} -m pip install {package}", 1
    )
