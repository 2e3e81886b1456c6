"""How kernels are compiled, and how their cached machine code is prevented from going stale.

numba keys a cached kernel on the kernel's own file only, so a changed callee in another file, or a changed
``NUMBA_BOUNDSCHECK``, would silently run old code. Our cache is therefore in the user's cache directory (or the one that
``PAWNZERO_CACHE`` names), in a folder named by a hash of the kernel's file, of all our files that it imports, of the NUMBA_*
settings and of the numba version. Other packages' caches are not touched.

The first kernel that has to be compiled is reported to the log "pawnzero", which the command line shows.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, Optional, TypeVar

import numba
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.registry import CPUDispatcher

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent
_IMPORT = re.compile(r"^from (pawnzero[\w.]*) import (?:\(([^)]*)\)|(.*))|^import (pawnzero[\w.]*)", re.MULTILINE)
_KEPT_SECONDS = 30 * 24 * 3600
_log = logging.getLogger("pawnzero")


def cache_home() -> Path:
    """Return the folder for everything that is recreated if missing; a temporary folder for a user without a home."""
    if os.environ.get("PAWNZERO_CACHE"):
        return Path(os.environ["PAWNZERO_CACHE"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or _home()) / "pawnzero"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "pawnzero"
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "pawnzero"


def _home() -> Path:
    try:
        return Path.home()
    except (KeyError, RuntimeError):  # an unknown user id, as in some containers; KeyError before Python 3.10
        return _for_the_homeless()


@lru_cache(maxsize=None)
def _for_the_homeless() -> Path:
    """A folder in the temporary directory that belongs to this user alone, because code from it is executed.

    If the usual one belongs to someone else or others may write to it, this process gets a new one.
    """
    folder = Path(tempfile.gettempdir()) / f"pawnzero-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return folder  # its users report that it cannot be written
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if own else Path(tempfile.mkdtemp(prefix="pawnzero-"))


def _sources(path: Path, found: Dict[Path, str]) -> Dict[Path, str]:
    """The text of `path` and of every module of ours that it imports, directly or indirectly, added to `found`."""
    if path not in found:
        found[path] = path.read_text(encoding="utf-8")
        for package, listed, named, plain in _IMPORT.findall(found[path]):
            names = re.findall(r"\w+", listed or named)  # some of which may be modules
            for dotted in (package or plain, *(f"{package}.{name}" for name in names)):
                module = _PACKAGE.joinpath(*dotted.split(".")[1:])
                for imported in (module.with_suffix(".py"), module / "__init__.py"):
                    if imported.is_file():
                        _sources(imported, found)
    return found


@lru_cache(maxsize=None)
def cache_folder(path: Path) -> Optional[Path]:
    """Return the folder for the machine code of the kernels in file `path`; None if it cannot be written.

    Creates the folder if needed. Folders that have not been used for a month are removed.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for name in sorted(os.environ):
        if name.startswith("NUMBA_") and name != "NUMBA_CACHE_DIR":
            digest.update(f"{name}={os.environ[name]}\0".encode())
    for source, text in sorted(_sources(path, {}).items()):
        digest.update(f"{source.name}\0{text}\0".encode())
    home = cache_home() / "kernels"
    folder = home / f"{path.stem}-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(str(folder))
        oldest = time.time() - _KEPT_SECONDS
        for other in home.iterdir():
            with suppress(OSError):  # another process may have removed it just now
                if other.stat().st_mtime < oldest:
                    shutil.rmtree(str(other), ignore_errors=True)
    except OSError:
        return None
    return folder if os.access(str(folder), os.W_OK) else None


def kernel(function: F) -> F:
    """Compile `function` with numba: releases the GIL, divides like numpy, is cached on disk.

    Kernels are plain loops over arrays. They never raise, and neither create nor return arrays: the Python function around them
    validates and allocates. So numba need not count references to arrays, which takes two atomic operations per array: some
    eighty per call with a search's trees. A kernel that needs memory is rejected when it is compiled. With
    ``NUMBA_DISABLE_JIT=1`` the function is returned unchanged. If no cache can be written, it is compiled in each process.
    """
    return _compiled(function, _Kernel, _nrt=False, forceinline=False)


def allocating_kernel(function: F) -> F:
    """A `kernel` that allocates arrays of its own with np.empty or np.zeros."""
    return _compiled(function, _Kernel, _nrt=True, forceinline=False)


def inner_kernel(function: F) -> F:
    """A `kernel` that only kernels call, and that is inlined into them.

    With a tree's many arrays as arguments, a call would take longer than the work done in it. There is no entry point for
    Python, which would take longer to compile than the rest of such a kernel; calling it from Python raises TypeError.
    """
    return _compiled(function, _Inner, _nrt=False, no_cpython_wrapper=True, forceinline=True)


class _Kernel(CPUDispatcher):  # type: ignore[misc] # numba is not typed
    """A compiled kernel. Kernels that call it with integers of other types share the version compiled for int64.

    All three decorators state explicitly whether to count references and to inline: otherwise numba would follow whichever
    kernel calls first.
    """

    def compile(self, sig: Any) -> Any:
        """numba's method. Raises TypeError for a kernel that returns an array, since nothing would hold a reference to it."""
        compiled = super().compile(sig)
        for one in self.overloads.values():
            if _holds_an_array(one.signature.return_type):
                raise TypeError(f"{self.py_func.__qualname__} returns an array; expected a kernel to fill those it is given")
        return compiled

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """numba's method: what to call for arguments of these types, after widening signed integers to int64."""
        return super().get_call_template(tuple(map(_widened, args)), {name: _widened(kind) for name, kind in kws.items()})


def _holds_an_array(kind: Any) -> bool:
    return isinstance(kind, numba.types.Array) or any(_holds_an_array(one) for one in getattr(kind, "types", ()))


def _widened(kind: Any) -> Any:
    kind = numba.types.unliteral(kind)
    return numba.types.int64 if isinstance(kind, numba.types.Integer) and kind.signed else kind


class _Cache(FunctionCache):  # type: ignore[misc] # numba is not typed
    """numba's cache, except that the kernel is compiled if the files are damaged or cannot be written.

    Files can be damaged by a power failure soon after they were written, and unwritable because the disk is full.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """numba's method; None if the files cannot be read, which are then recreated."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling may raise anything
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """numba's method; does nothing if the files cannot be written."""
        with suppress(OSError):
            super().save_overload(sig, data)


class _Inner(_Kernel):
    """A compiled inner kernel. Without this class, a call from Python would crash the process."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self.py_func.__qualname__} is called by kernels only")


def _compiled(function: F, kind: type, **options: bool) -> F:
    folder = cache_folder(Path(function.__code__.co_filename))
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder or "")
    try:
        # Nothing calls kernels from C, so the C entry point that njit would generate is left out.
        jit = numba.njit(nogil=True, cache=folder is not None, error_model="numpy", no_cfunc_wrapper=True, **options)
        compiled: Any = jit(function)
        if isinstance(compiled, CPUDispatcher):  # not if compilation is disabled
            compiled.__class__ = kind
            if folder is not None:
                compiled._cache.__class__ = _Cache
        return compiled
    finally:
        settings.CACHE_DIR = before


class _FirstCompilation(event.Listener):  # type: ignore[misc] # numba is not typed
    """Reports, once per process, that a kernel of ours is not in the cache."""

    def __init__(self) -> None:
        self._told = False

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if self._told or not function.__module__.startswith("pawnzero"):
            return
        self._told = True
        if cache_folder(Path(function.__code__.co_filename)) is None:
            _log.info(f"compiling kernels: {cache_home()} cannot be written, so every command has to do this …")
        else:
            first = function.__module__
            _log.info(f"compiling kernels that are used here for the first time ({first} first): up to half a minute …")

    def on_end(self, event: Any) -> None:
        """Only the start is reported."""


event.register("numba:compile", _FirstCompilation())
