"""How kernels are compiled, and where their machine code is kept so that a stale one is never found.

numba keys a cached kernel on the kernel's own file only. A changed callee in another file, or a changed
``NUMBA_BOUNDSCHECK``, would silently run old code. So the cache lives in the user's cache directory (``PAWNZERO_CACHE`` names
another), in a folder named by a hash of the kernel's file, of all files of ours it imports, the NUMBA_* settings and the
numba version. Other packages' caches are left alone.

The first kernel that has to be compiled is told to the log "pawnzero", which the command line shows.
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
    """The folder in which everything is kept that is made again when it is missing: of a user without a home, one among the
    temporary files."""
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
    except (KeyError, RuntimeError):  # a user whom nobody knows, as in some containers; KeyError before Python 3.10
        return _for_the_homeless()


@lru_cache(maxsize=None)
def _for_the_homeless() -> Path:
    """A folder among the temporary files that is this user's own, since what lies in it is run: one that others made or may
    write to is left alone, and this process has one to itself."""
    folder = Path(tempfile.gettempdir()) / f"pawnzero-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return folder  # that it cannot be written is told where it is used
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if own else Path(tempfile.mkdtemp(prefix="pawnzero-"))


def _sources(path: Path, found: Dict[Path, str]) -> Dict[Path, str]:
    """The text of `path` and of every module of ours that it imports, directly or not, added to `found`."""
    if path not in found:
        found[path] = path.read_text(encoding="utf-8")
        for package, listed, named, plain in _IMPORT.findall(found[path]):
            names = re.findall(r"\w+", listed or named)  # of which some may be modules
            for dotted in (package or plain, *(f"{package}.{name}" for name in names)):
                module = _PACKAGE.joinpath(*dotted.split(".")[1:])
                for imported in (module.with_suffix(".py"), module / "__init__.py"):
                    if imported.is_file():
                        _sources(imported, found)
    return found


@lru_cache(maxsize=None)
def cache_folder(path: Path) -> Optional[Path]:
    """Where the machine code of the kernels in the file `path` is kept; made where it is missing. None: it cannot be written.

    Folders of other versions that have not been used for a month are removed.
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
            with suppress(OSError):  # another process may just have removed it
                if other.stat().st_mtime < oldest:
                    shutil.rmtree(str(other), ignore_errors=True)
    except OSError:
        return None
    return folder if os.access(str(folder), os.W_OK) else None


def kernel(function: F) -> F:
    """Compile `function` with numba: releases the GIL, divides like numpy, is cached on disk.

    Kernels are bare loops over arrays. They never raise, and neither make nor return arrays: the Python function around them
    validates and allocates. So numba need not count who holds an array, which takes two atomic operations an array: some
    eighty a call with a search's trees. Whatever needs memory is refused when it is compiled.
    With ``NUMBA_DISABLE_JIT=1`` the function comes back as it is. Where no cache can be written it is compiled each time.
    """
    return _compiled(function, _Kernel, _nrt=False, forceinline=False)


def allocating_kernel(function: F) -> F:
    """A `kernel` that makes room of its own with np.empty or np.zeros."""
    return _compiled(function, _Kernel, _nrt=True, forceinline=False)


def inner_kernel(function: F) -> F:
    """A `kernel` that only kernels call, and that becomes a part of them: where the arguments are a tree's many arrays, a call
    takes longer than what is done with them. It has no way in from Python, which takes longer to compile than all else in such
    a kernel. Calling it from Python raises TypeError."""
    return _compiled(function, _Inner, _nrt=False, no_cpython_wrapper=True, forceinline=True)


class _Kernel(CPUDispatcher):  # type: ignore[misc] # numba is not typed
    """What numba made of a kernel. Kernels that call it with integers of other kinds share what was compiled for int64.

    All three decorators say how to count and to inline: where one did not, numba would go by whichever kernel calls first.
    """

    def compile(self, sig: Any) -> Any:
        """numba's own. Raises TypeError for a kernel that returns an array, which nobody would hold."""
        compiled = super().compile(sig)
        for one in self.overloads.values():
            if _holds_an_array(one.signature.return_type):
                raise TypeError(f"{self.py_func.__qualname__} returns an array; expected a kernel to fill those it is given")
        return compiled

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Whom a kernel calls that has arguments of these types, and the types to convert them to first."""
        return super().get_call_template(tuple(map(_widened, args)), {name: _widened(kind) for name, kind in kws.items()})


def _holds_an_array(kind: Any) -> bool:
    return isinstance(kind, numba.types.Array) or any(_holds_an_array(one) for one in getattr(kind, "types", ()))


def _widened(kind: Any) -> Any:
    kind = numba.types.unliteral(kind)
    return numba.types.int64 if isinstance(kind, numba.types.Integer) and kind.signed else kind


class _Cache(FunctionCache):  # type: ignore[misc] # numba is not typed
    """numba's, but for files that are damaged (power was lost soon after they were written) or cannot be written (a full disk):
    then the kernel is compiled."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """numba's own; None where the files cannot be read, which are then made anew."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever unpickling makes of them
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """numba's own, where there is room."""
        with suppress(OSError):
            super().save_overload(sig, data)


class _Inner(_Kernel):
    """What numba made of an inner kernel. Without this, a call from Python would end the process."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self.py_func.__qualname__} is called by kernels only")


def _compiled(function: F, kind: type, **options: bool) -> F:
    folder = cache_folder(Path(function.__code__.co_filename))
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder or "")
    try:
        # Nothing calls kernels from C, so that the way in for C, which njit would make, is left out.
        jit = numba.njit(nogil=True, cache=folder is not None, error_model="numpy", no_cfunc_wrapper=True, **options)
        compiled: Any = jit(function)
        if isinstance(compiled, CPUDispatcher):  # not where compiling is switched off
            compiled.__class__ = kind
            if folder is not None:
                compiled._cache.__class__ = _Cache
        return compiled
    finally:
        settings.CACHE_DIR = before


class _FirstCompilation(event.Listener):  # type: ignore[misc] # numba is not typed
    """Tells, once a process, that a kernel of ours is not in the cache."""

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
        """Only the start is told."""


event.register("numba:compile", _FirstCompilation())
