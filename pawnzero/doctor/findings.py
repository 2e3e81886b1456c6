"""What is wrong with this machine, costs speed, or is good to know. Plain data in, plain data out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Iterator, List, Tuple

from pawnzero.doctor.cards import Card
from pawnzero.doctor.machine import Machine

WRONG, WARNING, NOTE = "wrong", "warning", "note"

_FLOORS = {"torch": (1, 13), "numpy": (1, 24), "numba": (0, 58)}
_LEAST_MEMORY, _LEAST_DISK = 4 << 30, 2 << 30
_SAFER = ("MIOPEN_DEBUG_CONV_WINOGRAD", "MIOPEN_DEBUG_CONV_GEMM", "MIOPEN_DEBUG_CONV_FFT")
_HIDING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


@dataclass(frozen=True)
class Finding:
    """What was found and what to do. level: WRONG (nothing trained here can be trusted, or nothing runs), WARNING or NOTE"""

    level: str
    what: str
    advice: str


def findings(machine: Machine) -> List[Finding]:
    """All findings about a machine, the worst first."""
    found = [finding for rule in _RULES for finding in rule(machine)]
    return sorted(found, key=lambda finding: (WRONG, WARNING, NOTE).index(finding.level))


def _old_packages(machine: Machine) -> Iterator[Finding]:
    for name, floor in _FLOORS.items():
        version = machine.torch if name == "torch" else machine.packages.get(name) or ""
        found = tuple(map(int, re.findall(r"\d+", version)[:2]))
        if found and found < floor:
            least = ".".join(map(str, floor))
            yield Finding(WRONG, f"{name} {version} is older than {least}", f'python -m pip install "{name}>={least}"')


def _unserved_cards(machine: Machine) -> Iterator[Finding]:
    hidden = next((name for name in _HIDING if name in machine.environment), "")
    for card in machine.cards:
        if card.device:
            continue
        if hidden:
            yield Finding(NOTE, f"{_told(card)} is not used: {hidden} is set", f"unset {hidden} to use it")
        else:
            yield Finding(WARNING, *_unserved(card, machine))


def _unserved(card: Card, machine: Machine) -> Tuple[str, str]:
    """Why torch does not use a GPU, and what would change that."""
    wanted = "CUDA" if card.vendor == "nvidia" else "ROCm"
    if not machine.torch_backend.startswith(wanted.lower()):
        build = "a CPU build" if machine.torch_backend == "cpu" else f"built for {machine.torch_backend}"
        why = f"{_told(card)} is not used, because torch {machine.torch} is {build}"
        if card.architecture == "gfx803":
            return why, "a community build of torch for gfx803 would use it; see docs/installing.md first"
        return why, f"install the {wanted} build of torch (pytorch.org gives the command)"
    if card.vendor == "amd" and not machine.kfd_open:
        return (
            f"{_told(card)} is not used, because you may not open /dev/kfd",
            "add yourself to the group that owns it (usually render) and log in again",
        )
    tool = "nvidia-smi" if card.vendor == "nvidia" else "rocminfo"
    why = f"{_told(card)} is not used, because torch {machine.torch} finds no driver for it"
    return why, f"check its driver: {tool} must list the card before torch can use it"


def _missing_code(machine: Machine) -> Iterator[Finding]:
    built = ", ".join(machine.torch_architectures)
    for card in machine.cards:
        known = card.device and card.architecture and built
        if known and not _serves(card.architecture, machine.torch_architectures):
            what = f"{_told(card)}: torch {machine.torch} has no code for it, only for {built}"
            yield Finding(WRONG, what, "install a build of torch that supports it, or use --device cpu")


def _serves(architecture: str, built: Tuple[str, ...]) -> bool:
    """Whether a GPU can run one of the architectures that torch was built for.

    With CUDA these are its own, one of the same major and a smaller minor version, or PTX (compute_…) up to its own, which is
    compiled on the fly (CUDA C++ Programming Guide, "Application Compatibility").
    """
    if not architecture.startswith("sm_"):
        return architecture in [name.split(":")[0] for name in built]
    card = int(architecture[3:])
    for name in built:
        kind, _, number = name.partition("_")
        code = int(re.sub(r"\D", "", number) or 0)
        if (kind == "sm" and code // 10 == card // 10 and code <= card) or (kind == "compute" and code <= card):
            return True
    return False


def _polaris(machine: Machine) -> Iterator[Finding]:
    if not any(card.device and card.architecture == "gfx803" for card in machine.cards):
        return
    yield Finding(
        WARNING,
        "gfx803 (Polaris): float32 matrix products are known to come out wrong now and then on ROCm, without an error",
        "run the self-check again after every change of driver or torch; half precision gains nothing there and is not used",
    )
    unset = [name for name in _SAFER if machine.environment.get(name) != "0"]
    if unset:
        settings = " ".join(f"{name}=0" for name in unset)
        yield Finding(WARNING, "gfx803: some of MIOpen's convolutions hang or give wrong results", f"export {settings}")
    if "HSA_OVERRIDE_GFX_VERSION" in machine.environment:
        version = machine.environment["HSA_OVERRIDE_GFX_VERSION"]
        yield Finding(WARNING, f"HSA_OVERRIDE_GFX_VERSION={version} makes ROCm run another card's code", "unset it")


def _threads(machine: Machine) -> Iterator[Finding]:
    asked = machine.environment.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) < int(machine.cores_allowed):
        what = f"OMP_NUM_THREADS={asked}: training uses {asked} of {machine.cores_allowed:g} cores"
        yield Finding(WARNING, what, "unset OMP_NUM_THREADS, unless other programs need the other cores")
    if machine.torch_threads > machine.cores_allowed + 0.5:
        what = f"torch starts {machine.torch_threads} threads, but only {machine.cores_allowed:g} cores may be used"
        yield Finding(WARNING, what, f"export OMP_NUM_THREADS={max(1, int(machine.cores_allowed))}")
    elif machine.cores_allowed < machine.cores:
        yield Finding(NOTE, f"{machine.cores_allowed:g} of {machine.cores} cores may be used here", "")
    if machine.environment.get("OMP_WAIT_POLICY", "").upper() == "ACTIVE":
        yield Finding(WARNING, "OMP_WAIT_POLICY=ACTIVE: waiting threads take cores from working ones", "unset it")


def _company(machine: Machine) -> Iterator[Finding]:
    if machine.load is not None and machine.load > machine.cores_allowed / 2:
        what = f"other programs are running (load {machine.load:.1f} on {machine.cores_allowed:g} cores)"
        yield Finding(WARNING, what, "speeds measured now are too low; measure again when those programs have ended")


def _kernels(machine: Machine) -> Iterator[Finding]:
    if machine.environment.get("NUMBA_DISABLE_JIT", "0") != "0":
        yield Finding(WARNING, "NUMBA_DISABLE_JIT: nothing is compiled, so everything is many times slower", "unset it")
    if machine.environment.get("NUMBA_BOUNDSCHECK", "0") != "0":
        yield Finding(NOTE, "NUMBA_BOUNDSCHECK: kernels check every index, which makes them slower", "unset it")
    if not machine.cache_writable:
        what = f"{machine.cache} cannot be written, so every command spends half a minute compiling kernels again"
        yield Finding(WARNING, what, "set PAWNZERO_CACHE to a writable folder")


def _processor(machine: Machine) -> Iterator[Finding]:
    features = machine.cpu_features
    if any(name.startswith("avx") for name in features) and "avx2" not in features:
        yield Finding(WARNING, "the CPU has no AVX2: nets run slowly on it", "use a small net: channels 32, blocks 4")
    elif not {"avx512_bf16", "amx_bf16", "bf16"} & set(features):
        yield Finding(NOTE, "the CPU has no bfloat16 arithmetic, so nets run on it in float32 (self-play may use int8)", "")


def _room(machine: Machine) -> Iterator[Finding]:
    if machine.memory is not None and machine.memory < _LEAST_MEMORY:
        what = f"the machine has only {machine.memory / 2**30:.1f} GB of memory"
        yield Finding(WARNING, what, "set batch_size to 32 and selfplay.games_in_flight to 128 or fewer")
    if machine.place_fault:
        yield Finding(WRONG, f"no agent can be written: {machine.place_fault}", "name another folder, or make it writable")
    if machine.disk_free < _LEAST_DISK:
        what = f"only {machine.disk_free / 2**30:.1f} GB are free at {machine.disk}"
        yield Finding(WARNING, what, "an agent needs up to 320 bytes per position of replay_capacity, plus its checkpoints")


def _told(card: Card) -> str:
    return f"{card.name} ({card.architecture})" if card.architecture else card.name


_RULES: Tuple[Callable[[Machine], Iterator[Finding]], ...] = (
    _old_packages,
    _unserved_cards,
    _missing_code,
    _polaris,
    _threads,
    _company,
    _kernels,
    _processor,
    _room,
)
