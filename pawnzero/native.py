"""How kernels are compiled, and where their machine code is kept so that a stale one is never found.

numba keys a cached kernel on the kernel's own file only. A changed callee in another file, or a changed
``NUMBA_BOUNDSCHECK``, would silently run old code. So the cache lives in the user's cache directory, in a folder named
by a hash of every kernel source, the NUMBA_* settings and the numba version. Other packages' caches are left alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Callable, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

_KEPT_SECONDS = 30 * 24 * 3600


def _cache_home() -> Path:
    if os.environ.get("PAWNZERO_CACHE"):
        return Path(os.environ["PAWNZERO_CACHE"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "pawnzero"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pawnzero"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pawnzero"


def _fingerprint() -> str:
    package = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(package.rglob("*.py")):
        text = path.read_bytes()
        if b"pawnzero.native" in text or b"pawnzero.bits" in text or path.name in ("native.py", "bits.py"):
            digest.update(str(path.relative_to(package)).encode() + b"\0" + text)
    for name in sorted(os.environ):
        if name.startswith("NUMBA_") and name != "NUMBA_CACHE_DIR":
            digest.update(f"{name}={os.environ[name]}\0".encode())
    return digest.hexdigest()[:16]


def _open_cache() -> Path:
    """The folder of this version's kernels; touched as used, and its long unused siblings removed."""
    home = _cache_home() / "kernels"
    folder = home / _fingerprint()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        oldest = time.time() - _KEPT_SECONDS
        for other in home.iterdir():
            if other != folder and other.stat().st_mtime < oldest:
                shutil.rmtree(str(other), ignore_errors=True)
    except OSError:
        pass  # numba then looks for a place of its own; a read-only home must not stop anybody
    return folder


CACHE_FOLDER = _open_cache()


def kernel(function: F) -> F:
    """Compile `function` with numba: releases the GIL, divides like numpy, is cached on disk.

    Kernels are bare loops over arrays. They never raise: the Python function around them validates and allocates.
    With ``NUMBA_DISABLE_JIT=1`` the function comes back as it is.
    """
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(CACHE_FOLDER)
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before
