"""Files are replaced, never edited: written beside, flushed, renamed, so that a reader or a crash sees old or new, whole."""

from __future__ import annotations

import json
import os
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Tuple, Type, Union

from pawnzero.errors import PawnzeroError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write; `path` becomes it when the block ends well, and is left as it was when it does not.

    A link is replaced itself; what it leads to stays as it was (but see `linked_to`).

    Raises PawnzeroError that names `path` when it cannot be written: no such directory, no room left and the like.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        stream = open(beside, "wb")  # noqa: SIM115 - an error in the block is another matter
    except OSError as error:
        raise PawnzeroError(f"{path}: cannot be written ({error.strerror})") from None
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(str(beside), str(path))
    except OSError as error:
        if error.filename not in (None, str(beside)):  # of another file, which the block reads
            raise
        raise PawnzeroError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        if beside.exists():
            beside.unlink()


@contextmanager
def reading(path: Path, kind: Type[PawnzeroError] = PawnzeroError) -> Iterator[None]:
    """A block that reads `path`. Raises an error of this kind that names it where the system does not let it be read."""
    try:
        yield
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror})") from None


def linked_to(path: Path) -> Path:
    """The file that a link leads to, also where it is not there yet; `path` itself where it is no link."""
    return Path(os.path.realpath(str(path))) if path.is_symlink() else path


def in_shell(path: Union[str, Path]) -> str:
    """`path` as a shell takes it: in quotes where a space or the like stands in it."""
    return shlex.quote(str(path))


def check_folder(path: Path) -> None:
    """Raises PawnzeroError where `path` cannot be written because its directory is not there: before work that takes long."""
    if not path.absolute().parent.is_dir():
        raise PawnzeroError(f"{path}: cannot be written ({path.parent}: no such directory)")


def text_bytes(text: str) -> bytes:
    """UTF-8; a name of a file that is no text anywhere has "?" for what cannot be said."""
    return text.encode("utf-8", "replace")


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as indented JSON. A number that is not finite becomes null, since JSON cannot say it."""
    try:
        text = json.dumps(value, indent=2, allow_nan=False)
    except ValueError:
        text = json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None), indent=2)
    with replacing(path) as stream:
        stream.write((text + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON value in `path`. Raises PawnzeroError that names the place where it is not JSON, or a name that stands twice."""
    with reading(path):
        content = path.read_bytes()
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_named_once)
    except _NamedTwiceError as error:
        raise PawnzeroError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise PawnzeroError(f"{path}: not JSON ({error})") from None


class _NamedTwiceError(ValueError):
    """A name stands twice in one JSON object."""


def _named_once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """A JSON object. Of two values of one name the reader may have meant either."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NamedTwiceError(f"the key {twice!r} appears twice in the same object")
    return found
