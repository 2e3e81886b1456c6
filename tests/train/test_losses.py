"""The losses and their figures against sums written out by hand."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Dict

import numpy as np
import pytest
import torch

from pawnzero.config import TrainConfig
from pawnzero.train.losses import FIGURES, Targets, losses, named

ACTIONS, LEGAL = 30, 9


def random_targets(samples: int, seed: int) -> Targets:
    generator = np.random.default_rng(seed)
    count = generator.integers(1, LEGAL + 1, samples)
    count[0] = LEGAL
    legal = np.full((samples, LEGAL), -7, np.int64)  # past `count` anything may stand, even what is no action
    policy = np.zeros((samples, LEGAL), np.float32)
    for row, legal_count in enumerate(count):
        legal[row, :legal_count] = generator.permutation(ACTIONS)[:legal_count]
        policy[row, :legal_count] = generator.dirichlet(np.full(legal_count, 0.5))
    weight = np.ones(samples, np.float32)
    weight[1::3] = 0.0
    result = np.eye(3, dtype=np.float32)[generator.integers(0, 3, samples)]
    root = generator.dirichlet(np.ones(3), samples).astype(np.float32)
    return Targets(*(torch.from_numpy(array) for array in (legal, count, policy, weight, result, root)))


def by_hand(policy_logits: np.ndarray, wdl_logits: np.ndarray, targets: Targets, mix: float) -> Dict[str, float]:
    """The figures, sample by sample, in plain Python."""
    sums = dict.fromkeys(FIGURES, 0.0)
    weights = 0.0
    samples = len(policy_logits)
    for row in range(samples):
        count = int(targets.count[row])
        moves = [int(a) for a in targets.legal[row, :count]]
        exponents = [math.exp(policy_logits[row, a]) for a in moves]
        net = [e / sum(exponents) for e in exponents]
        target = [float(p) for p in targets.policy[row, :count]]
        weight = float(targets.policy_weight[row])
        weights += weight
        sums["policy_loss"] -= weight * sum(t * math.log(n) for t, n in zip(target, net))
        sums["target_entropy"] -= weight * sum(t * math.log(t) for t in target if t > 0)
        sums["policy_entropy"] -= weight * sum(n * math.log(n) for n in net)
        sums["policy_accuracy"] += weight * (net.index(max(net)) == target.index(max(target)))
        outcomes = [math.exp(x) for x in wdl_logits[row]]
        outcomes = [x / sum(outcomes) for x in outcomes]
        result = [float(x) for x in targets.result_wdl[row]]
        root = [float(x) for x in targets.root_wdl[row]]
        sums["value_loss"] -= sum(((1 - mix) * r + mix * s) * math.log(o) for r, s, o in zip(result, root, outcomes))
        sums["value_accuracy"] += outcomes.index(max(outcomes)) == result.index(1.0)
        sums["draws"] += result[1]
        sums["predicted_score"] += outcomes[0] + outcomes[1] / 2
        sums["observed_score"] += {0: 1.0, 1: 0.5, 2: 0.0}[result.index(1.0)]
        for outcome in range(3):
            tenth = min(9, int(10 * outcomes[outcome]))
            sums[f"calibration_{10 * outcome + tenth}"] += outcomes[outcome] - result[outcome]
    of_policy = ("policy_loss", "target_entropy", "policy_entropy", "policy_accuracy")
    return {name: value / (weights if name in of_policy else samples) for name, value in sums.items()}


def evaluate(policy_logits: torch.Tensor, wdl_logits: torch.Tensor, targets: Targets, mix: float = 0.25, weight: float = 1.0):  # type: ignore[no-untyped-def]
    return losses(
        policy_logits,
        wdl_logits,
        targets,
        value_mix=mix,
        value_weight=weight,
        policy_total=float(targets.policy_weight.sum()),
        samples_total=len(policy_logits),
    )


@pytest.mark.parametrize("mix", [0.0, 0.25, 1.0])
def test_figures_are_those_of_the_written_out_sums(mix: float) -> None:
    targets = random_targets(40, seed=1)
    generator = torch.Generator().manual_seed(2)
    policy_logits = 2 * torch.randn(40, ACTIONS, generator=generator)
    wdl_logits = torch.randn(40, 3, generator=generator)
    loss, figures = evaluate(policy_logits, wdl_logits, targets, mix, weight=0.7)
    expected = by_hand(policy_logits.numpy().astype(float), wdl_logits.numpy().astype(float), targets, mix)
    for name, value in zip(FIGURES, figures.tolist()):
        assert value == pytest.approx(expected[name], abs=1e-5), name
    assert float(loss) == pytest.approx(expected["policy_loss"] + 0.7 * expected["value_loss"], abs=1e-5)


def test_only_legal_actions_of_weighted_samples_and_outcomes_get_gradient() -> None:
    targets = random_targets(12, seed=3)
    policy_logits = torch.zeros(12, ACTIONS, requires_grad=True)
    wdl_logits = torch.zeros(12, 3, requires_grad=True)
    evaluate(policy_logits, wdl_logits, targets)[0].backward()
    assert policy_logits.grad is not None
    assert wdl_logits.grad is not None
    for row in range(12):
        legal = set(targets.legal[row, : int(targets.count[row])].tolist())
        touched = set(policy_logits.grad[row].nonzero().flatten().tolist())
        assert touched <= legal
        assert bool(touched) == (float(targets.policy_weight[row]) > 0 and len(legal) > 1)
    assert bool((wdl_logits.grad.abs().sum(1) > 0).all())


def test_a_batch_without_policy_targets_trains_the_value_alone() -> None:
    whole = random_targets(6, seed=4)
    targets = Targets(whole.legal, whole.count, whole.policy, torch.zeros(6), whole.result_wdl, whole.root_wdl)
    policy_logits = torch.randn(6, ACTIONS, requires_grad=True)
    loss, figures = evaluate(policy_logits, torch.zeros(6, 3, requires_grad=True), targets)
    loss.backward()
    assert policy_logits.grad is not None
    assert not policy_logits.grad.any()
    assert float(loss.detach()) == pytest.approx(math.log(3), abs=1e-6)
    assert bool(torch.isfinite(figures).all())


def test_named_figures_split_the_loss_into_noise_and_what_is_left_to_learn() -> None:
    values = {"policy_loss": 3.0, "value_loss": 1.0, "target_entropy": 2.5, "policy_entropy": 2.8, "draws": 0.1}
    figures = named([values.get(name, 0.0) for name in FIGURES], TrainConfig(value_weight=0.5))
    assert figures["loss"] == 3.5
    assert figures["policy_kl"] == 0.5
    assert figures["draws"] == 0.1


def calibration(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Expected calibration error, with numpy's own histogram: the mean over win, draw and loss."""
    errors = []
    for outcome in range(3):
        p, seen = predicted[:, outcome], observed[:, outcome]
        share, _ = np.histogram(p, 10, (0, 1))
        claimed, _ = np.histogram(p, 10, (0, 1), weights=p)
        true, _ = np.histogram(p, 10, (0, 1), weights=seen)
        filled = share > 0
        gap = np.abs(claimed[filled] / share[filled] - true[filled] / share[filled])
        errors.append(float((share[filled] / len(p) * gap).sum()))
    return sum(errors) / 3


def test_calibration_is_the_gap_between_what_is_said_and_what_happens() -> None:
    generator = np.random.default_rng(5)
    chances = generator.dirichlet(np.ones(3), 6000)
    results = np.eye(3)[[generator.choice(3, p=chance) for chance in chances]]
    boastful = chances**3 / (chances**3).sum(1, keepdims=True)
    found = []
    for said in (chances, boastful):
        whole = random_targets(6000, seed=6)
        targets = replace(whole, result_wdl=torch.from_numpy(results.astype(np.float32)))
        halves = []
        for part in (slice(0, 2500), slice(2500, 6000)):  # in two micro-batches, as training adds them up
            of_part = Targets(*(getattr(targets, item.name)[part] for item in fields(Targets)))
            logits = torch.from_numpy(np.log(said[part]).astype(np.float32))
            _, figures = losses(
                torch.zeros(len(logits), ACTIONS),
                logits,
                of_part,
                value_mix=0.0,
                value_weight=1.0,
                policy_total=1.0,
                samples_total=6000,
            )
            halves.append(figures)
        figures_by_name = named((halves[0] + halves[1]).tolist(), TrainConfig())
        assert figures_by_name["value_calibration"] == pytest.approx(calibration(said, results), abs=1e-4)
        assert figures_by_name["predicted_score"] == pytest.approx((said @ [1, 0.5, 0]).mean(), abs=1e-4)
        assert figures_by_name["observed_score"] == pytest.approx((results @ [1, 0.5, 0]).mean(), abs=1e-4)
        assert not any(name.startswith("calibration_") for name in figures_by_name)
        found.append(figures_by_name["value_calibration"])
    assert found[0] < 0.02  # a net that means what it says
    assert found[1] > 0.1
