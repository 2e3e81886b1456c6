"""The whole examination: what is there, what will be used, whether it computes correctly, how fast, and what suits it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Optional

from pawnzero.bench import bare_training_speed, net_speed, perft_speed, selfplay_speed
from pawnzero.config import Config
from pawnzero.doctor.findings import WRONG, Finding, findings
from pawnzero.doctor.machine import look
from pawnzero.doctor.probe import Probe, probe
from pawnzero.doctor.suggestions import Use, as_config, suggest
from pawnzero.games import get_game
from pawnzero.nets.device import resolve_device
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.quantized import SAMPLE
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.search import UniformEvaluator, leaves_a_tree
from pawnzero.search.evaluator import random_question
from pawnzero.selfplay.in_flight import crew


def run_doctor(
    place: Path, *, device: str = "auto", quick: bool = False, progress: Optional[Progress] = None
) -> Dict[str, Any]:
    """Examine this machine, for agents stored at `place`. `quick` leaves the benchmark out.

    Returns machine, findings, use, probes, bench (None if left out), suggestions, config (the suggestions as a settings file)
    and ok: false if a device gives wrong numbers or nothing can run.
    """
    progress = progress or Progress()
    chosen = str(resolve_device(device))
    devices = [chosen] if chosen == "cpu" else [chosen, "cpu"]
    machine = look(place)
    found = findings(machine)
    progress.start("self-check", len(devices), "devices")
    probes = []
    for name in devices:
        probes.append(probe(name))
        progress.advance(1)
    progress.finish()
    found = [*(_fault(one) for one in probes if one.fault), *found]
    ok = all(finding.level != WRONG for finding in found)
    figures = _quick_bench(chosen, progress) if ok and not quick else None
    use = _use(probes[0])
    suggestions = suggest(machine, use, figures["selfplay_nodes_per_second"] if figures else None)
    return {
        "ok": ok,
        "machine": asdict(machine),
        "findings": [asdict(finding) for finding in found],
        "use": {
            **asdict(use),
            "reason": probes[0].reason,
            "selfplay_answers": probes[0].selfplay,
            "largest_batch": probes[0].largest_batch,
        },
        "probes": [asdict(one) for one in probes],
        "bench": figures,
        "suggestions": [asdict(suggestion) for suggestion in suggestions],
        "config": as_config(suggestions),
    }


def _fault(wrong: Probe) -> Finding:
    if wrong.full:
        advice = "close other programs that use it" + (", or use --device cpu" if wrong.device != "cpu" else "")
        return Finding(WRONG, f"{wrong.device} could not be checked: {wrong.fault}", advice)
    advice = "do not train on it; use --device cpu" if wrong.device != "cpu" else "another build of torch may help"
    return Finding(WRONG, f"{wrong.device} cannot be trusted: {wrong.fault}", advice)


def _use(chosen: Probe) -> Use:
    config = Config()
    leaves = leaves_a_tree(config.search, None).usual
    playing = crew(get_game(config.game), config.mcts_sims, chosen.appetite, leaves=leaves)
    return Use(chosen.device, chosen.precision, playing.games, len(playing.seats))


def _quick_bench(device: str, progress: Progress) -> Dict[str, Any]:
    """Rough values of a few `pawnzero bench` figures, in about twenty seconds. For figures that matter, run that command."""
    config = Config()
    progress.start("benchmark", 5, "parts")
    figures: Dict[str, Any] = {"perft_nps": round(perft_speed(depth=5, seconds=1.0))}
    progress.advance(1, **figures)
    searched = selfplay_speed(UniformEvaluator(), config.search, settings=config.selfplay, seconds=2.0)
    figures["search_nps"] = round(searched["simulations"])
    progress.advance(1, **figures)
    evaluator = NetEvaluator(PolicyValueNet(config.model), device, sample=random_question(get_game("chess"), SAMPLE))
    figures["net_evals_per_second"] = round(net_speed(evaluator, seconds=1.0)[0])
    progress.advance(1, **figures)
    figures["selfplay_nodes_per_second"] = round(selfplay_speed(evaluator, config.search, seconds=4.0)["simulations"])
    progress.advance(1, **figures)
    figures["bare_train_samples_per_second"] = round(bare_training_speed(config, device, seconds=2.0))
    progress.advance(1, **figures)
    progress.finish()
    return figures
