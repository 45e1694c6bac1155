"""A version in production and the windows that it answered since, with figures of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pilothouse.deployments.tables import Deployment
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.tables import CheckResult, Window
from pilothouse.registry.tables import Alias, Model, ModelVersion, Promotion, StageChange
from pilothouse.storage import Store

SIGNATURE = Signature((SignatureField("temp", "number"),), "late", (0, 1), 1)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
METRIC = "roc_auc"


def promoted(
    store: Store,
    *,
    figure: float = 0.75,
    model: str = "shop",
    comparison: dict[str, Any] | None = None,
    promotion: str = "p1",
) -> str:
    """Version 2 of a new model in production, promised to have the figure; the promotion's id."""
    now = store.now()
    evidence = {
        "candidate": {"version": f"{model}@2", "metrics": {METRIC: figure}, "held_out": "rows"},
        "champion": None, "comparison": comparison, "task": {"metrics": [{"key": METRIC}]},
    }  # fmt: skip
    with store.write() as session:
        session.add(Model(name=model, created_at=now, created_by="ada"))
        session.flush()
        for version, stage in ((1, "archived"), (2, "production")):
            session.add(
                ModelVersion(
                    model=model, version=version, import_source="elsewhere",
                    digest=store.artifacts.put_bytes(b"a model"), signature=SIGNATURE.to_json(),
                    input_example=[{"temp": 1.0}], metrics={METRIC: figure}, stage=stage,
                    created_at=now, created_by="ada",
                )
            )  # fmt: skip
        session.flush()
        session.add(Alias(model=model, alias="champion", version=2, changed_at=now, changed_by="a"))
        session.add(
            Promotion(
                id=promotion, model=model, version=2, stage="production", status="accepted",
                reason="better", origin="person", requested_by="ada", requested_at=now,
                evidence=evidence, evidence_hash="a" * 64, verdicts=[], decided_by="grace",
                decided_at=now, decision_reason="checked",
            )
        )  # fmt: skip
        session.flush()
        session.add(
            StageChange(model=model, version=2, before="none", after="production", at=now,
                        by="grace", reason="checked", promotion_id=promotion)
        )  # fmt: skip
        session.add(
            Deployment(name=model, model=model, version=2, serving_version=2,
                       desired_state="stopped", created_at=now, created_by="ada", updated_at=now)
        )  # fmt: skip
    return promotion


def answered(
    store: Store,
    figures: Sequence[float],
    *,
    model: str = "shop",
    since: datetime | None = None,
    status: str = "ok",
    step: timedelta = WEEK,
    direction: str = "below",
) -> None:
    """Windows of a week that version 2 answered, with the figure of each."""
    start = since or store.now() + DAY
    with store.write() as session:
        for number, figure in enumerate(figures):
            begins = start + number * step
            window = Window(
                id=f"{model}-{begins.isoformat()}", deployment=model, model=model, version=2,
                start=begins, end=begins + WEEK, rows=1000, labelled=800, status="ok",
                drift_status="ok", performance_status="ok", columns=1, judged=1, drifted=0,
                profile="", content="", created_at=begins + WEEK, evaluated_at=begins + WEEK,
            )  # fmt: skip
            session.add(window)
            session.flush()
            session.add(
                CheckResult(
                    window_id=window.id, revision=1, signal="performance", check=METRIC, column="",
                    method="", status=status, direction=direction, score=figure, reference=0.75,
                    n_current=800, primary=True, standard_error=0.012, reference_error=0.01,
                )
            )  # fmt: skip
