"""The Python API of training-serving skew."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from pilothouse.deployments import commands
from pilothouse.jobs.outbox import submit
from pilothouse.jobs.tables import SUCCEEDED, Job
from pilothouse.kit.clock import to_ms
from pilothouse.monitoring import window_store
from pilothouse.monitoring.masked_values import MaskedValues, masked_values, read_profile
from pilothouse.monitoring.skew.skew_report import ServedValues, SkewReport, values_from_json
from pilothouse.storage import Store
from pilothouse.storage.service import Service

JOB = "measure_skew"
NEWEST = 200  # jobs that are looked through for the newest of a deployment


class SkewReports(Service):
    """What deployments were served with, against what it should have been.

    Inputs with personal data are masked, but of those deployments that are `revealed`.
    """

    def __init__(self, store: Store, revealed: Collection[str] = ()) -> None:
        super().__init__(store)
        self._revealed = frozenset(revealed)

    def skew(self, deployment: str) -> SkewReport | None:
        """The skew of a deployment as it was measured last by a job; None before the first.

        Raises NotFound.
        """
        query = (
            select(Job.result)
            .where(Job.kind == JOB, Job.status == SUCCEEDED)
            .order_by(col(Job.created_at).desc())
            .limit(NEWEST)
        )
        with self._store.read() as session:
            commands.require(session, deployment)
            results = session.exec(query).all()
            masked = masked_values(session, self._store, deployment, self._revealed)
        own = (result for result in results if result and result["deployment"] == deployment)
        newest = next(own, None)
        return None if newest is None else _shown(newest, masked)

    def measure_skew(
        self,
        deployment: str,
        *,
        key: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> SkewReport:
        """Measure the skew of the version that serves, here and now; nothing is stored.

        Its newest logged rows, or those of events in start <= t < end, are compared with the
        feature store of the deployment at their times, or with the rows of the training dataset
        that have the same value of the input `key`; its first requests with all of that dataset.
        Raises NotFound.
        """
        from pilothouse.monitoring.skew.measurement import measure  # loads numpy

        report = measure(self._store, deployment, key=key, start=start, end=end)
        with self._store.read() as session:
            masked = masked_values(session, self._store, deployment, self._revealed)
        return _shown(report.to_json(), masked)

    def submit_skew(
        self,
        deployment: str,
        *,
        key: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> str:
        """Measure it as a job, whose result `skew` gives; the job's id. Raises NotFound."""
        ends = [None if at is None else to_ms(at) for at in (start, end)]
        args = {"deployment": deployment, "key": key, "start_ms": ends[0], "end_ms": ends[1]}
        with self._store.write() as session:
            commands.require(session, deployment)
            return submit(
                session,
                self._store,
                JOB,
                args,
                title=f"Skew of {deployment}",
                subject=("deployment", deployment),
            )

    def window_skew(self, window: str) -> ServedValues | None:
        """What a window was served with, against what it should have been; None where not set.

        Raises NotFound.
        """
        with self._store.read() as session:
            row = window_store.require(session, window)
            profile = read_profile(session, self._store, row, self._revealed)
        return values_from_json(profile["skew"]) if "skew" in profile else None


def _shown(report: Mapping[str, Any], masked: MaskedValues) -> SkewReport:
    """A report of plain values as it is shown."""
    parts = {"values": masked.skew(report["values"]), "first": masked.shifts(report["first"])}
    return SkewReport.from_json({**report, **parts})
