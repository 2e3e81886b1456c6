"""The kernels' cache: found again, never stale, and never in another package's way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numba
import numpy as np
import pytest

from pawnzero import native

PROGRAM = """
from pawnzero.games import get_game
game = get_game("tic_tac_toe")
print(game.look(game.initial()).count[0])
"""


def run(cache: Path, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PAWNZERO_CACHE": str(cache), **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def compiled_files(cache: Path) -> set:
    return {path for path in cache.rglob("*") if path.suffix in (".nbi", ".nbc")}


@pytest.fixture(scope="module")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that was empty before PROGRAM ran. Tests get copies."""
    cache = tmp_path_factory.mktemp("compiled") / "cache"
    assert run(cache).strip() == "9"
    return cache


@pytest.fixture
def cache(_compiled: Path, tmp_path: Path) -> Path:
    """The test's own copy of a cache with PROGRAM's kernels, the files' times too."""
    return Path(shutil.copytree(str(_compiled), str(tmp_path / "cache")))


def test_kernels_are_found_again_and_settings_have_folders_of_their_own(cache: Path) -> None:
    first = {path: path.stat().st_mtime_ns for path in compiled_files(cache)}
    assert first
    assert run(cache).strip() == "9"
    assert {path: path.stat().st_mtime_ns for path in compiled_files(cache)} == first
    assert run(cache, NUMBA_BOUNDSCHECK="1").strip() == "9"
    assert len({path.parent for path in compiled_files(cache)}) > len({path.parent for path in first})


def test_a_cold_cache_is_told_once_and_a_warm_one_not_at_all(tmp_path: Path) -> None:
    def shown(cache: Path, *argv: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "pawnzero", "perft", "startpos", "1", "--game", "tic_tac_toe", *argv]
        environment = {**os.environ, "PAWNZERO_CACHE": str(cache)}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True)

    blocked = tmp_path / "a file"
    blocked.write_text("")
    cold = shown(tmp_path / "cache")
    told = cold.stdout.splitlines()[0]
    assert re.match(
        r"compiling kernels that are used here for the first time \(pawnzero\.games\.tic_tac_toe first\): up to half", told
    )
    assert len(cold.stdout.splitlines()) == 2
    assert len(shown(tmp_path / "cache").stdout.splitlines()) == 1
    told = shown(blocked, "--json")
    assert "cannot be written" in told.stderr
    assert len(told.stdout.splitlines()) == 1
    quiet = shown(blocked, "--quiet")
    assert (len(quiet.stdout.splitlines()), quiet.stderr) == (1, "")


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("kept", [0, 100])
def test_damaged_files_of_the_cache_are_made_anew(cache: Path, suffix: str, kept: int) -> None:
    damaged = [path for path in compiled_files(cache) if path.suffix == suffix]
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[:kept])
    assert run(cache).strip() == "9"
    assert any(path.stat().st_size > kept for path in damaged)
    whole = {path: path.stat().st_mtime_ns for path in compiled_files(cache)}
    assert run(cache).strip() == "9"
    assert {path: path.stat().st_mtime_ns for path in compiled_files(cache)} == whole


def test_an_unwritable_cache_stops_nobody(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    assert run(blocked).strip() == "9"


def test_a_changed_import_changes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWNZERO_CACHE", str(tmp_path))
    monkeypatch.setattr(native, "_PACKAGE", tmp_path / "pawnzero")
    package = tmp_path / "pawnzero"
    package.mkdir()
    for name, text in (("a", "from pawnzero.b import x\n"), ("b", "from pawnzero.c import x\n"), ("c", "x = 1\n"), ("d", "")):
        (package / f"{name}.py").write_text(text)

    def folder() -> object:
        native.cache_folder.cache_clear()
        return native.cache_folder(package / "a.py")

    before = folder()
    (package / "d.py").write_text("y = 1\n")
    assert folder() == before
    (package / "c.py").write_text("x = 2\n")
    assert folder() != before


def test_old_folders_go_and_other_packages_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWNZERO_CACHE", str(tmp_path))
    old, young = tmp_path / "kernels" / "old", tmp_path / "kernels" / "young"
    for path in (old, young):
        path.mkdir(parents=True)
    os.utime(str(old), (1.0, 1.0))
    native.cache_folder.cache_clear()
    native.cache_folder(Path(native.__file__))
    assert not old.exists()
    assert young.exists()
    setting = numba.config.CACHE_DIR
    native.kernel(lambda x: x + 1)
    assert setting == numba.config.CACHE_DIR


def test_a_folder_that_is_gone_when_it_is_looked_at_costs_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWNZERO_CACHE", str(tmp_path))
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "gone").symlink_to(tmp_path / "nowhere")
    native.cache_folder.cache_clear()
    folder = native.cache_folder(Path(native.__file__))
    native.cache_folder.cache_clear()
    assert folder is not None
    assert folder.is_dir()


def test_callers_with_other_integers_share_what_was_compiled() -> None:
    @native.inner_kernel
    def second(values, i):  # type: ignore[no-untyped-def]
        return values[i] * 2

    @native.kernel
    def both(values, places):  # type: ignore[no-untyped-def]
        return second(values, 0) + second(values, places[0]) + second(values, i=np.int64(places[0]))

    assert both(np.array([1.5, 2.5]), np.array([1], np.int32)) == 3.0 + 5.0 + 5.0
    if isinstance(second, types.FunctionType):
        pytest.skip("compiling is switched off: NUMBA_DISABLE_JIT")
    assert [str(one) for _, one in second.signatures] == ["int64"]


def test_an_inner_kernel_is_for_kernels_alone() -> None:
    from pawnzero.search.backup import lost

    if isinstance(lost, types.FunctionType):
        pytest.skip("compiling is switched off: NUMBA_DISABLE_JIT")
    with pytest.raises(TypeError, match="lost is called by kernels only"):
        lost(None, 0, 0)


def test_room_is_made_where_references_are_counted() -> None:
    """Elsewhere numba has no np.zeros, so that nobody makes a kernel count by chance."""

    @native.allocating_kernel
    def zeros(size):  # type: ignore[no-untyped-def]
        return np.zeros(size, np.int64).sum()

    @native.kernel
    def zeros_uncounted(size):  # type: ignore[no-untyped-def]
        return np.zeros(size, np.int64).sum()

    assert zeros(3) == 0
    if isinstance(zeros, types.FunctionType):
        pytest.skip("compiling is switched off: NUMBA_DISABLE_JIT")
    with pytest.raises(numba.TypingError, match="zeros"):
        zeros_uncounted(3)


def test_a_kernel_counts_whoever_called_it_first() -> None:
    @native.allocating_kernel
    def with_room(size):  # type: ignore[no-untyped-def]
        return np.zeros(size, np.int64).sum()

    @native.kernel
    def first(size):  # type: ignore[no-untyped-def]
        return with_room(size) + 1

    assert first(3) == 1
    assert with_room(3) == 0


def test_no_kernel_returns_an_array() -> None:
    """Python would get another than was returned."""

    @native.kernel
    def itself(values):  # type: ignore[no-untyped-def]
        return values

    @native.kernel
    def within(values):  # type: ignore[no-untyped-def]
        return 1, (values[1:], 2)

    if isinstance(itself, types.FunctionType):
        pytest.skip("compiling is switched off: NUMBA_DISABLE_JIT")
    for returning in (itself, within):
        with pytest.raises(TypeError, match="returns an array; expected a kernel to fill those it is given"):
            returning(np.ones(3))


@pytest.mark.parametrize(
    "text",
    [
        "import pawnzero.games.chess.moves",
        "from pawnzero.games.chess.moves import META",
        "from pawnzero.games.chess import moves",
        "from pawnzero.games.chess import actions, moves as rules  # noqa",
        "from pawnzero.games.chess import (\n    actions,\n    moves,\n)",
    ],
)
def test_every_way_of_importing_is_seen(tmp_path: Path, text: str) -> None:
    (tmp_path / "kernels.py").write_text(f"import numpy as np\n{text}\nfrom pawnzero.bits import popcount\n")
    found = {str(path) for path in native._sources(tmp_path / "kernels.py", {})}
    assert {str(native._PACKAGE / name) for name in ("bits.py", Path("games", "chess", "moves.py"))} <= found


@pytest.mark.skipif(sys.platform == "win32", reason="users without a home are Unix's")
@pytest.mark.parametrize(
    "refusal", [RuntimeError("Could not determine home directory."), KeyError("getpwuid(): uid not found")]
)
def test_a_user_without_a_home_has_a_cache_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    """Before Python 3.10 it is a KeyError."""

    def nobody() -> Path:
        raise refusal

    native._for_the_homeless.cache_clear()
    for name in ("PAWNZERO_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    own = tmp_path / f"pawnzero-{os.getuid()}"
    assert own in native.cache_home().parents
    assert own.stat().st_mode & 0o777 == 0o700
    own.chmod(0o777)  # anybody may have put something there, and it would be run
    native._for_the_homeless.cache_clear()
    assert tmp_path in native.cache_home().parents
    assert own not in native.cache_home().parents
    native._for_the_homeless.cache_clear()
    monkeypatch.setenv("PAWNZERO_CACHE", "elsewhere")
    assert native.cache_home() == Path("elsewhere")


@pytest.mark.parametrize(
    ("system", "named", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "home/.cache/pawnzero"),
        ("darwin", "", "home/Library/Caches/pawnzero"),
        ("win32", "LOCALAPPDATA", "home/pawnzero"),
    ],
)
def test_each_system_has_its_place_for_it(monkeypatch: pytest.MonkeyPatch, system: str, named: str, expected: str) -> None:
    for name in ("PAWNZERO_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    monkeypatch.setattr(native.sys, "platform", system)
    assert native.cache_home() == Path(expected)
    if named:
        monkeypatch.setenv(named, "named")
        assert native.cache_home() == Path("named/pawnzero")
