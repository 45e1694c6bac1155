"""The history of many models: versions, moves between stages, deployments, and the audit log.

Rows are inserted as the rooms would leave them, so that thousands take seconds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from pilothouse.activity.tables import ActivityEntry
from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.registry.tables import Model, ModelVersion, Promotion, StageChange
from pilothouse.storage import Store

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
INPUTS = tuple(SignatureField(f"column_{number}", "number") for number in range(30))
SIGNATURE = Signature(INPUTS, "late", (0, 1), 1).to_json()
STAGES = ("staging", "production", "archived", "none")
ACTIONS = ("swapped", "rolled back", "stopped", "resumed")
PEOPLE = ("ada", "grace", "mary")


@dataclass
class SyntheticHistory:
    """Rows of a history, drawn with a seed; `insert` writes them."""

    models: int
    versions: int
    activities: int = 0
    seed: int = 1
    rows: dict[Any, list[dict[str, Any]]] = field(default_factory=dict)

    def insert(self, store: Store) -> None:
        """Draw the rows and write them."""
        self._draw()
        with store.write() as session:
            for table, rows in self.rows.items():
                if rows:
                    session.execute(insert(table), rows)

    def _draw(self) -> None:
        rng = random.Random(self.seed)
        self.rows = {
            table: []
            for table in (Model, ModelVersion, Promotion, StageChange, Deployment, Revision)
        }
        for number in range(self.models):
            self._model(rng, f"model_{number:04d}")
        self.rows[StageChange].sort(key=lambda row: row["at"])
        self.rows[ActivityEntry] = list(self._activities(rng))

    def _model(self, rng: random.Random, model: str) -> None:
        self.rows[Model].append({"name": model, "created_at": BEGAN, "created_by": "ada"})
        stage = dict.fromkeys(range(1, self.versions + 1), "none")
        at = BEGAN + rng.randrange(1000) * HOUR
        for version in stage:
            at += rng.randrange(1, 40) * HOUR
            self.rows[ModelVersion].append(_version(model, version, at))
            for step in range(rng.randrange(3)):
                at += rng.randrange(1, 40) * HOUR
                self._move(rng, model, rng.randrange(1, version + 1), stage, at, step)
        self._deploy(rng, model)

    def _move(
        self,
        rng: random.Random,
        model: str,
        version: int,
        stage: dict[int, str],
        at: datetime,
        step: int,
    ) -> None:
        after = rng.choice([name for name in STAGES if name != stage[version]])
        promotion = None
        if after in ("staging", "production"):
            promotion = f"{model}-{version}-{step}-{len(self.rows[Promotion])}"
            self.rows[Promotion].append(_promotion(rng, promotion, model, version, after, at))
        for other, current in stage.items():
            if after == current == "production":
                self.rows[StageChange].append(
                    _move(model, other, current, "archived", at, promotion)
                )
                stage[other] = "archived"
        self.rows[StageChange].append(_move(model, version, stage[version], after, at, promotion))
        stage[version] = after

    def _deploy(self, rng: random.Random, model: str) -> None:
        name, at = f"serves_{model}", BEGAN + rng.randrange(2000) * HOUR
        self.rows[Deployment].append(
            {"name": name, "model": model, "version": 1, "created_at": at, "created_by": "ada",
             "updated_at": at}
        )  # fmt: skip
        for seq in range(1, rng.randrange(2, 8)):
            action = rng.choice(ACTIONS) if seq > 1 else "launched"
            version = rng.randrange(1, self.versions + 1)
            self.rows[Revision].append(_revision(name, seq, action, model, version, at))
            at += rng.randrange(1, 900) * HOUR

    def _activities(self, rng: random.Random) -> Iterator[dict[str, Any]]:
        for seq in range(1, self.activities + 1):
            kind, verb = rng.choice((("window", "evaluated"), ("run", "finished"), ("rule", "set")))
            yield {
                "seq": seq, "at": BEGAN + seq * HOUR / 5, "actor": rng.choice(PEOPLE), "verb": verb,
                "kind": kind, "ref": f"{kind}-{seq}", "name": f"{kind} {seq}",
                "after": {"rows": seq}, "reason": "as every week", "previous_hash": str(seq - 1),
                "hash": str(seq),
            }  # fmt: skip


def _version(model: str, version: int, at: datetime) -> dict[str, Any]:
    return {
        "model": model, "version": version, "import_source": "elsewhere", "digest": "0" * 64,
        "signature": SIGNATURE, "input_example": [], "metrics": {"roc_auc": 0.7},
        "created_at": at, "created_by": "ada",
    }  # fmt: skip


def _promotion(
    rng: random.Random, promotion: str, model: str, version: int, stage: str, at: datetime
) -> dict[str, Any]:
    side = {"metrics": {f"metric_{number}": 0.5 for number in range(40)}}
    return {
        "id": promotion, "model": model, "version": version, "stage": stage, "status": "accepted",
        "reason": f"{model} is better", "origin": "person", "requested_by": rng.choice(PEOPLE),
        "requested_at": at - HOUR, "evidence": {"candidate": side, "champion": side},
        "evidence_hash": "a" * 64, "verdicts": [], "decided_by": rng.choice(PEOPLE),
        "decided_at": at, "decision_reason": "checked", "decision_evidence_hash": "b" * 64,
    }  # fmt: skip


def _move(
    model: str, version: int, before: str, after: str, at: datetime, promotion: str | None
) -> dict[str, Any]:
    return {
        "model": model, "version": version, "before": before, "after": after, "at": at,
        "by": "grace", "reason": "checked", "promotion_id": promotion,
    }  # fmt: skip


def _revision(
    name: str, seq: int, action: str, model: str, version: int, at: datetime
) -> dict[str, Any]:
    return {
        "deployment": name, "seq": seq, "action": action, "model": model, "version": version,
        "digest": "0" * 64, "signature": SIGNATURE, "example": [], "reason": "as planned",
        "by": "mary", "at": at,
    }  # fmt: skip
