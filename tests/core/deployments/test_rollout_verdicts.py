"""A rollout's verdict: equal versions are never told apart, worse ones fail for their reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.judge import (
    AnalysisSettings,
    criterion_level,
    judge_rollout,
)
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.deployments.rollouts.recent_requests import RequestCount, error_burst
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import tasks

SIGNATURE = Signature((SignatureField("x", "number"),), "y", (0, 1), 1)
ROWS = 4_000


def _sample(
    seed: int,
    requests: int = ROWS,
    *,
    failing: float = 0.0,
    refusing: float = 0.0,
    slower: float = 1.0,
    is_random: bool = False,
    labelled: bool = True,
) -> VariantSample:
    rng = np.random.default_rng(seed)
    chance = rng.random(requests)
    statuses = np.where(chance < failing, 500, np.where(chance > 1 - refusing, 422, 200))
    score = rng.beta(0.8, 2, requests)
    truth = (rng.random(requests) < score).astype(np.float64)
    if is_random:
        score = np.clip(rng.normal(2 / 7, 0.02, requests), 0, 1)
    return VariantSample(
        version=1,
        signature=SIGNATURE,
        statuses=statuses,
        latencies_ms=rng.lognormal(1.0, 0.4, requests) * slower + 20,
        outputs={"score": score},
        truth=truth if labelled else np.full(requests, np.nan),
    )


def _first(sample: VariantSample, count: int) -> VariantSample:
    return VariantSample(
        sample.version,
        sample.signature,
        sample.statuses[:count],
        sample.latencies_ms[:count],
        {name: values[:count] for name, values in sample.outputs.items()},
        sample.truth[:count],
    )


def test_an_equal_version_passes_and_every_result_says_its_figures() -> None:
    verdict = judge_rollout(AnalysisSettings.default(), _sample(1), _sample(2))
    assert verdict.outcome == "passed"
    by_kind = {one.criterion: one for one in verdict.results}
    assert by_kind["error_rate"].limit == 0.02
    assert by_kind["latency"].candidate == pytest.approx(
        np.quantile(_sample(2).latencies_ms, 0.95), rel=1e-9
    )
    squared = np.square(_sample(2).outputs["score"] - _sample(2).truth).mean()
    assert by_kind["realised_loss"].candidate == pytest.approx(squared)
    assert not by_kind["reward"].has_data


@pytest.mark.parametrize(
    ("change", "criterion"),
    [
        ({"failing": 0.05}, "error_rate"),
        ({"refusing": 0.15}, "refused_requests"),
        ({"slower": 30.0}, "latency"),
        ({"is_random": True, "labelled": False}, "output_shift"),
        ({"is_random": True}, "realised_loss"),
    ],
)
def test_a_worse_version_fails_for_its_reason(change: dict[str, Any], criterion: str) -> None:
    verdict = judge_rollout(AnalysisSettings.default(), _sample(1), _sample(2, **change))
    assert verdict.outcome == "failed"
    failed = {one.criterion for one in verdict.results if one.outcome == "failed"}
    assert criterion in failed
    if criterion in ("error_rate", "refused_requests", "latency"):
        assert failed == {criterion}
        assert verdict.message.startswith(criteria.get(criterion).title)


def test_few_requests_are_inconclusive_and_the_message_says_how_many_are_needed() -> None:
    verdict = judge_rollout(AnalysisSettings.default(), _sample(1, 30), _sample(2, 30))
    assert verdict.outcome == "inconclusive"
    assert "30 requests" in verdict.message
    verdict = judge_rollout(AnalysisSettings.default(), _sample(1, 120), _sample(2, 120))
    assert verdict.outcome == "inconclusive"
    assert "Errors" in verdict.message


STRICT = {"limit": 0.0}
STRICTEST = {  # only chance can fail an equal version
    "error_rate": STRICT,
    "refused_requests": STRICT,
    "latency": {"limit": 1.0, "margin_ms": 0.0},
    "output_shift": STRICT,
    "realised_loss": STRICT,
}
STEPS, LOOKS, BATCH = 3, 6, 100


def _is_rolled_back(settings: AnalysisSettings, seed: int, guard_percent: float) -> bool:
    """Whether a canary of an equal version ends in a verdict against it.

    Every step has requests of its own and is looked at after every batch, by the analysis and by
    the guard against a burst of errors.
    """
    for step in range(STEPS):
        draws = [_sample(2 * (seed * STEPS + step) + n, LOOKS * BATCH, failing=0.05, refusing=0.03)
                 for n in (0, 1)]  # fmt: skip
        for count in range(BATCH, LOOKS * BATCH + 1, BATCH):
            stable, candidate = (_first(sample, count) for sample in draws)
            if judge_rollout(settings, stable, candidate, steps=STEPS).outcome == "failed":
                return True
            recent = [sample.statuses[count - BATCH : count] for sample in draws]
            counts = {
                version: RequestCount(BATCH, int((statuses >= 500).sum()))
                for version, statuses in enumerate(recent, 1)
            }
            if error_burst(counts, 1, 2, guard_percent):
                return True
    return False


@pytest.mark.parametrize("rollouts", [60, pytest.param(1_000, marks=pytest.mark.proof)])
def test_of_equal_versions_at_most_5_percent_end_in_a_verdict_over_the_whole_rollout(
    rollouts: int,
) -> None:
    settings = AnalysisSettings.from_json(
        {"criteria": [{"kind": kind, "params": params} for kind, params in STRICTEST.items()]}
    )
    failed = sum(_is_rolled_back(settings, seed, 20.0) for seed in range(rollouts))
    assert failed / rollouts <= 0.05, failed


def test_the_level_of_all_parts_adds_up_to_that_of_the_rollout() -> None:
    settings = AnalysisSettings.default(["error_rate", "latency"])
    assert criterion_level(settings, candidates=3, steps=5) * 2 * 3 * 5 == pytest.approx(0.05)


def test_a_dry_run_decides_nothing_and_a_failure_limit_forgives() -> None:
    slow = _sample(2, slower=30.0)
    dry = AnalysisSettings.from_json(
        {"criteria": [{"kind": "error_rate"}, {"kind": "latency", "dry_run": True}]}
    )
    verdict = judge_rollout(dry, _sample(1), slow)
    assert verdict.outcome == "passed"
    assert [one.outcome for one in verdict.results] == ["passed", "failed"]

    twice = AnalysisSettings.from_json({"criteria": [{"kind": "latency", "failure_limit": 1}]})
    assert judge_rollout(twice, _sample(1), slow).outcome == "inconclusive"
    again = judge_rollout(twice, _sample(1), slow, failures_before={"latency": 1})
    assert again.outcome == "failed"


def test_a_shadow_is_judged_by_its_own_copies() -> None:
    live = np.random.default_rng(1).random(500)
    own = np.where(np.arange(500) % 4 == 0, 1 - live, live)
    shadow = VariantSample(
        2, SIGNATURE, np.full(500, 200), np.full(500, 20.0), {"score": own},
        mirrored={"score": live},
    )  # fmt: skip
    settings = AnalysisSettings.from_json(
        {"criteria": [{"kind": "disagreement", "params": {"spread": 0.01, "limit": 0.1}}]}
    )
    verdict = judge_rollout(settings, _sample(1, 10), shadow)
    assert verdict.outcome == "failed"
    assert verdict.results[0].candidate == pytest.approx(
        (np.abs(own - live) > 0.01 * live.std()).mean()
    )


@pytest.mark.parametrize("task", tasks.names())
def test_every_criterion_takes_the_answers_of_every_task(task: str) -> None:
    example = tasks.get(task).example
    kind = tasks.get(task)
    columns = kind.decide(example.signature, example.rows)
    outputs = {c.name: np.asarray(columns[c.name]) for c in kind.columns(example.signature)}
    rows = len(example.rows)
    truth = (
        kind.truth(
            example.signature, [kind.read_label(example.signature, v) for v in example.labels]
        )
        if kind.metrics
        else np.full(rows, np.nan)
    )
    sample = VariantSample(
        1, example.signature, np.full(rows, 200), np.full(rows, 1.0), outputs, truth, outputs
    )
    verdict = judge_rollout(AnalysisSettings.default(), sample, sample)
    assert verdict.outcome == "inconclusive"
    assert {one.criterion for one in verdict.results} == set(criteria.names())


def test_settings_survive_json_and_refuse_what_they_do_not_have() -> None:
    settings = AnalysisSettings.default()
    assert AnalysisSettings.from_json(settings.to_json()) == settings
    refused: tuple[dict[str, Any], ...] = (
        {"criteria": []},
        {"criteria": [{"kind": "latency", "dry_run": True}]},
        {"criteria": [{"kind": "latency", "params": {"percentile": 70}}]},
        {"criteria": [{"kind": "latency", "speed": 1}]},
        {"criteria": [{"kind": "latency", "failure_limit": -1}]},
        {"min_requests": 0},
        {"level": 1.0},
        {"steps": 1},
    )
    for wrong in refused:
        with pytest.raises(Invalid):
            AnalysisSettings.from_json(wrong)
    with pytest.raises(NotFound):
        AnalysisSettings.from_json({"criteria": [{"kind": "luck"}]})
