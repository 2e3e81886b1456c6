"""Who may write: a lock file that names its holder, and that the system releases when the holder dies."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Iterator

from pawnzero.errors import PawnzeroError

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # a locked byte cannot be read on Windows: lock one far beyond the process number

    def _take(stream: IO[str]) -> None:
        stream.seek(_FAR)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(stream: IO[str]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` while the block runs. The file stays; what counts is the system's lock on it.

    Raises PawnzeroError about `what`, naming the holder's process, when another one holds it.
    """
    try:
        stream = open(path, "a+", encoding="ascii", errors="replace")  # noqa: SIM115 - an error in the block is another matter
    except OSError as error:
        raise PawnzeroError(f"{what}: cannot be written ({error.strerror})") from None
    with stream:
        try:
            _take(stream)
        except OSError as error:
            if error.errno not in _HELD:
                raise PawnzeroError(f"{what}: cannot be locked ({error.strerror})") from None
            stream.seek(0)
            holder = stream.read(20).strip() or "unknown"
            raise PawnzeroError(f"{what}: in use by process {holder}; wait for it or stop it") from None
        with suppress(OSError):  # on a full disk nobody is told who holds it, but it is held
            os.ftruncate(stream.fileno(), 0)
            os.write(stream.fileno(), f"{os.getpid()}\n".encode())
        yield
