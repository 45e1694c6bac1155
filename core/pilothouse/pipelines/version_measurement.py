"""Measuring a version for its gates, as a child process runs it.

Each measurement is stored as it is made, so that one that is repeated after a kill goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.jobs import Progress
from pilothouse.kit.errors import Cancelled, PilothouseError
from pilothouse.registry import measurement_jobs, measurements, versions
from pilothouse.registry.evidence import MeasurementFact
from pilothouse.registry.gates import Need
from pilothouse.storage import Store


def measure_before(store: Store, progress: Progress, model: str, version: int, stage: str) -> None:
    """Measure here and now what the gates before a stage need and nobody has tried to measure."""
    with store.read() as session:
        info = versions.find(session, model, version)
        needed = measurement_jobs.unmeasured(session, info, stage, untried=True)
    if needed:
        needs = [{"kind": need.kind, "params": dict(need.params)} for need in needed]
        measure_version(store, progress, model=model, version=version, needs=needs)


def measure_version(
    store: Store,
    progress: Progress,
    *,
    model: str,
    version: int,
    needs: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Make the measurements that are missing; the result counts them and names those that failed.

    `needs` are kinds with their parameters. What cannot be measured is stored with its reason.
    """
    from pilothouse.pipelines.measured_version import measuring
    from pilothouse.pipelines.measurements import measurement_kinds

    needed = [Need(need["kind"], dict(need["params"])) for need in needs]
    failed: dict[str, str] = {}
    with measuring(store, model, version, lambda *_: None) as subject:
        with store.read() as session:
            missing = measurements.missing(session, subject.info, needed)
        for number, need in enumerate(missing):
            is_installed = need.kind in measurement_kinds.names()
            title = measurement_kinds.get(need.kind).title if is_installed else need.kind
            start, share = number / len(missing), 1 / len(missing)
            progress(start, f"measuring: {title.lower()}")

            def report(done: float, text: str, start: float = start, share: float = share) -> None:
                progress(start + share * done, text)

            subject.report = report
            fact = _measure(subject, need)
            if fact.message:
                failed[need.kind] = fact.message
            with store.write() as session:
                measurements.record_measurement(session, store, subject.info, fact)
    return {"measured": len(missing) - len(failed), "failed": failed}


def _measure(subject: Any, need: Need) -> MeasurementFact:
    """The figures, or why there are none; what the program does wrong is an error of the job."""
    from pilothouse.pipelines.measurements import measurement_kinds

    try:
        result = measurement_kinds.get(need.kind).measure(subject, need.params)
    except Cancelled:
        raise
    except PilothouseError as refused:
        return MeasurementFact(need.kind, need.params, {}, message=refused.message.rstrip("."))
    return MeasurementFact(need.kind, need.params, result.figures, result.rows)
