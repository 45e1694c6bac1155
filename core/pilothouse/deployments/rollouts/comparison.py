"""The comparison of a rollout's candidates with its stable version, in the current step.

It reads the prediction log, so the worker runs it in a child process; what it returns is plain.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from pilothouse.deployments.analysis.judge import AnalysisSettings, judge_rollout
from pilothouse.deployments.analysis.sample_ratio import check_sample_ratio
from pilothouse.deployments.analysis.variant_samples import (
    VariantSample,
    read_samples,
    read_shadow,
)
from pilothouse.deployments.rollouts import rollout_commands
from pilothouse.deployments.rollouts.rewarded_samples import with_rewards
from pilothouse.deployments.served_versions import require_served
from pilothouse.deployments.shadow_files import shadow_file
from pilothouse.deployments.tables import Rollout, RolloutAnalysis
from pilothouse.deployments.traffic_split import BUCKETS, TrafficSplit
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature
from pilothouse.storage import Store, open_store

SETTLED = timedelta(seconds=1)  # every server has the split of a new step by then
BEFORE = timedelta(hours=1)  # of the stable version, when it gets no requests in the step
MISMATCH = "callers and requests were not split as they should have been"
ORDER = ("failed", "inconclusive", "passed")


@dataclass(frozen=True)
class VariantComparison:
    """The outcome for all candidates, and the verdict on each as JSON values."""

    outcome: str
    verdicts: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the worker that asked for it."""
        return {"outcome": self.outcome, "verdicts": self.verdicts}


def compare(store: Store, rollout_id: str, until: datetime) -> VariantComparison:
    """Compare every candidate on the requests of the current step, received before `until`."""
    with store.read() as session:
        rollout = rollout_commands.require(session, rollout_id)
        versions = (rollout.stable_version, *rollout.candidates)
        signatures = {
            version: Signature.from_json(
                require_served(session, rollout.deployment, version).signature
            )
            for version in versions
        }
        failures = _failures_before(rollout_commands.comparisons(session, rollout))
    plan = rollout_commands.plan_of_rollout(rollout)
    step = plan.steps[rollout.step]
    split = step.traffic(rollout.id, rollout.stable_version, rollout.candidates)
    samples = _samples(store, rollout, split, signatures, until)

    settings = AnalysisSettings.from_json(rollout.settings.get("analysis") or {})
    verdicts = []
    for version in rollout.candidates:
        verdict = judge_rollout(
            settings,
            samples[rollout.stable_version],
            samples[version],
            candidates=len(rollout.candidates),
            steps=plan.compared_steps,
            failures_before=failures.get(version, {}),
        )
        verdicts.append({"version": version, **verdict.to_json()})
    outcome = next(one for one in ORDER if any(v["outcome"] == one for v in verdicts))
    return _with_sample_ratio(VariantComparison(outcome, verdicts), split, samples)


def _samples(
    store: Store,
    rollout: Rollout,
    split: TrafficSplit,
    signatures: Mapping[int, Signature],
    until: datetime,
) -> dict[int, VariantSample]:
    """The samples of the step; copies come from the shadow's file. A stable version that gets no
    requests in the step is compared as it was before."""
    began = rollout.step_started_at or until
    name, since = rollout.deployment, began + SETTLED
    samples = read_samples(store.folder, name, signatures, since, max(since, until))
    stable = rollout.stable_version
    if not split.weight(stable):
        length = max(until - began, BEFORE)
        own = {stable: signatures[stable]}
        samples |= read_samples(store.folder, name, own, began - length, began)
    samples = with_rewards(store.folder, name, samples, since, until)
    path = shadow_file(store.folder, name, rollout.id)
    return samples | {
        version: read_shadow(path, signatures[version], version) for version, _ in split.mirrors
    }


def _with_sample_ratio(
    comparison: VariantComparison, split: TrafficSplit, samples: Mapping[int, VariantSample]
) -> VariantComparison:
    """The comparison, held when requests were not split as they should have been.

    Variants that did not get alike requests cannot be compared, so nothing passes. What has failed
    stays failed: taking a candidate's requests away is right whatever the reason.
    """
    weights = [(version, weight) for version, weight in split.weights if weight]
    if len(weights) < 2:
        return comparison
    counts = [samples[version].draws for version, _ in weights]
    ratio = check_sample_ratio(counts, [weight / BUCKETS for _, weight in weights])
    total = max(sum(counts), 1)
    counted = ", ".join(
        f"version {version} got {count:,} ({count / total:.1%}) instead of {weight / 100:g} %"
        for (version, weight), count in zip(weights, counts, strict=True)
    )
    state = {"is_mismatch": ratio.is_mismatch, "message": counted}
    verdicts = [verdict | {"sample_ratio": state} for verdict in comparison.verdicts]
    if not ratio.is_mismatch or comparison.outcome == "failed":
        return VariantComparison(comparison.outcome, verdicts)
    held = {"outcome": "inconclusive", "message": f"{MISMATCH}: {counted}"}
    return VariantComparison("inconclusive", [verdict | held for verdict in verdicts])


def _failures_before(analyses: list[RolloutAnalysis]) -> dict[int, dict[str, int]]:
    """How often in a row each criterion has failed for each candidate, from the newest one back."""
    rows: dict[int, dict[str, int]] = {}
    ended: set[tuple[int, str]] = set()
    for analysis in analyses:
        for verdict in analysis.verdicts:
            counts = rows.setdefault(verdict["version"], {})
            for result in verdict["results"]:
                key = (verdict["version"], result["criterion"])
                if result["outcome"] != "failed":
                    ended.add(key)
                elif key not in ended:
                    counts[result["criterion"]] = counts.get(result["criterion"], 0) + 1
    return rows


def main(rollout_id: str, until: str) -> None:
    """Print the comparison of a rollout as JSON; the settings are read from the input."""
    store = open_store(Settings.model_validate_json(sys.stdin.buffer.read()))
    try:
        comparison = compare(store, rollout_id, datetime.fromisoformat(until))
    finally:
        store.engine.dispose()
    sys.stdout.buffer.write(orjson.dumps(comparison.to_json()))


if __name__ == "__main__":
    main(*sys.argv[1:])
