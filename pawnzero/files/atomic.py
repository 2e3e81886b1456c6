"""Atomic replacement of files, by writing and renaming a temporary one, and reading of JSON.

A reader or a crash sees either the old file or the new one, complete.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Tuple, Type, Union

from pawnzero.errors import PawnzeroError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write, which replaces `path` if the block succeeds; otherwise `path` stays as it was.

    A symbolic link itself is replaced, not the file it points to (but see `linked_to`).

    Raises PawnzeroError that names `path` if it cannot be written: no such directory, no space left and the like.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        stream = open(beside, "wb")  # noqa: SIM115 - errors in the block must not be caught here
    except OSError as error:
        raise PawnzeroError(f"{path}: cannot be written ({error.strerror})") from None
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(str(beside), str(path))
    except OSError as error:
        if error.filename not in (None, str(beside)):  # of another file that the block uses
            raise
        raise PawnzeroError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        if beside.exists():
            beside.unlink()


@contextmanager
def reading(path: Path, kind: Type[PawnzeroError] = PawnzeroError) -> Iterator[None]:
    """In the block, turn an OSError into an error of this kind that says that `path` cannot be read."""
    try:
        yield
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror})") from None


def linked_to(path: Path) -> Path:
    """The file that a symbolic link points to, even if it does not exist; `path` itself if it is not a link."""
    return Path(os.path.realpath(str(path))) if path.is_symlink() else path


def set_aside(path: Path) -> Path:
    """Rename a file that is of no use here, NAME.csv to NAME.1.csv or the next number that is free; returns its new name.

    Raises PawnzeroError where it cannot be renamed.
    """
    names = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    try:
        path.rename(aside)
    except OSError as error:
        raise PawnzeroError(f"{path}: cannot be renamed ({error.strerror})") from None
    return aside


def in_shell(path: Union[str, Path]) -> str:
    """`path` quoted for the system's shell, where necessary."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))


def check_folder(path: Path) -> None:
    """Raise PawnzeroError if the directory of `path` does not exist: to be called before work that takes long."""
    if not path.absolute().parent.is_dir():
        raise PawnzeroError(f"{path}: cannot be written ({path.parent}: no such directory)")


def text_bytes(text: str) -> bytes:
    """`text` in UTF-8, with "?" for what cannot be encoded (as in file names that are not valid text)."""
    return text.encode("utf-8", "replace")


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as indented JSON. A number that is not finite becomes null, since JSON cannot represent it."""
    try:
        text = json.dumps(value, indent=2, allow_nan=False)
    except ValueError:
        text = json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None), indent=2)
    with replacing(path) as stream:
        stream.write((text + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON value in `path`. Raises PawnzeroError that names the place of a syntax error, or a duplicate key."""
    with reading(path):
        content = path.read_bytes()
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_named_once)
    except _NamedTwiceError as error:
        raise PawnzeroError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise PawnzeroError(f"{path}: not JSON ({error})") from None


class _NamedTwiceError(ValueError):
    """A key appears twice in one JSON object."""


def _named_once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """A JSON object from its pairs. Raises _NamedTwiceError for a duplicate key, since either value may have been meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NamedTwiceError(f"the key {twice!r} appears twice in the same object")
    return found
