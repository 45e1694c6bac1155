"""The version and the champion on the same rows, with the interval of their difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.errors import Conflict
from pilothouse.models.tasks import primary_metric
from pilothouse.pipelines.champion_comparison import compare_evaluations, compare_with_champion
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds
from pilothouse.registry import Registry
from pilothouse.registry.evidence_gathering import why_incomparable
from pilothouse.registry.gates import CHAMPION_DIFFERENCE
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.version_facts import newest_event

SEEN = (
    "{champion} may have been trained on these rows: evaluate both versions on a dataset that "
    "neither was trained on"
)


@measurement_kinds.register(CHAMPION_DIFFERENCE)
class ChampionDifferenceMeasurement:
    """The stored answers of both, or the champion's from a model process."""

    title = "Difference to the champion"
    description = (
        "The metrics of both on the rows that the version was judged on, and the 95 % interval of "
        "the difference, by whole days or groups."
    )

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """The metrics of both and the interval. Raises Conflict for rows the champion knows."""
        model, _, number = params["champion"].rpartition("@")
        champion = Registry(version.store).version(model, int(number))
        if reason := why_incomparable(version.info, champion):
            raise Conflict(reason)
        if not _is_new_to(version, champion):
            raise Conflict(SEEN.format(champion=champion.ref))
        dataset = next((source.dataset for source in version.run.inputs), "")
        if _held_out_alike(version, champion):
            return _of_stored_answers(version, champion, dataset)
        made = compare_with_champion(
            version.store, version.run.id, champion, version.report, dataset
        )
        figures = {
            "against": champion.ref,
            "metric": primary_metric(version.task),
            "candidate": dict(made.run),
            "champion": dict(made.champion),
            "interval": dict(made.interval) if made.interval else None,
        }
        return MeasurementResult(figures, f"{made.rows:,} of {version.rows}")


def _held_out_alike(version: MeasuredVersion, champion: VersionInfo) -> bool:
    """Whether both trainings held out the same rows, so that their stored answers are compared.

    Where folds answered these rows, the champion itself was fitted on them.
    """
    held_out = version.info.held_out
    return bool(held_out and champion.run_id) and held_out == champion.held_out


def _of_stored_answers(
    version: MeasuredVersion, champion: VersionInfo, dataset: str
) -> MeasurementResult:
    keys = [metric.key for metric in version.task.metrics]
    own, other = version.info.metrics, champion.metrics
    figures = {
        "against": champion.ref,
        "metric": primary_metric(version.task),
        "candidate": {key: own[key] for key in keys if key in own},
        "champion": {key: other[key] for key in keys if key in other},
        "interval": compare_evaluations(
            version.store, version.run.id, str(champion.run_id), dataset
        ),
    }
    return MeasurementResult(figures, version.rows)


def _is_new_to(version: MeasuredVersion, champion: VersionInfo) -> bool:
    """Whether the champion was not trained on these rows, as far as can be known.

    Rows that it held out itself, of another dataset, or later than all of its own are new to it.
    """
    dataset = next((source.dataset for source in version.run.inputs), "")
    if _held_out_alike(version, champion):
        return True
    if champion.dataset and dataset.partition("@")[0] != champion.dataset.partition("@")[0]:
        return True
    at = version.predictions.rows.at
    with version.store.read() as session:
        newest = newest_event(session, champion.dataset)
    return at is not None and newest is not None and int(at.min()) > newest.timestamp() * 1000
