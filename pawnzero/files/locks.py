"""Lock files, which name their holder; the system releases the lock when the holder dies."""

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
    """Hold the lock file `path` while the block runs. The file remains afterwards; only the system's lock on it counts.

    Raises PawnzeroError about `what` if the lock is held already, naming the holder's process ID, or if it cannot be taken.
    """
    try:
        stream = open(path, "a+", encoding="ascii", errors="replace")  # noqa: SIM115 - errors in the block must not be caught here
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
        with suppress(OSError):  # on a full disk the lock is held without naming its holder
            os.ftruncate(stream.fileno(), 0)
            os.write(stream.fileno(), f"{os.getpid()}\n".encode())
        yield
