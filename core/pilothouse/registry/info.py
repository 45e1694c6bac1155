"""What the registry returns: versions and promotions as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pilothouse.experiments.metrics.kinds import metric_kind, metric_texts
from pilothouse.kit.notebook_html import card, small_table
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import primary_metric, task_of, tasks
from pilothouse.registry.gates import Verdict
from pilothouse.registry.tables import CHAMPION, ModelVersion, Promotion


@dataclass(frozen=True, repr=False)
class VersionInfo:
    """A model version: artifact digest, signature, metrics, stage and aliases.

    `package` is how a model that another program wrote is loaded; None of one that was trained
    here, and where no format can load the files.
    """

    model: str
    version: int
    stage: str
    aliases: tuple[str, ...]
    run_id: str | None
    import_source: str
    digest: str
    signature: Signature
    input_example: list[dict[str, Any]]
    metrics: Mapping[str, float]
    dataset: str
    held_out: str
    note: str
    created_at: datetime
    created_by: str
    package: ModelPackage | None = None

    def __repr__(self) -> str:
        named = f", {', '.join(self.aliases)}" if self.aliases else ""
        return f"<version {self.ref}, stage {self.stage}{named}{self._primary()}>"

    def _repr_html_(self) -> str:
        """In a notebook: its facts, metrics and inputs."""
        facts = {
            "Stage": self.stage,
            "Aliases": ", ".join(self.aliases),
            "Predicts": self.signature.target,
            "Task": self.signature.task,
            "Data": self.dataset,
            "Registered": self.created_at,
            "By": self.created_by,
            "Note": self.note,
        }
        inputs = [(field.name, field.type) for field in self.signature.inputs]
        return card(
            f"Version {self.ref}",
            facts,
            small_table(("Metric", "Value"), metric_texts(self.metrics)),
            small_table(("Input", "Type"), inputs),
        )

    def _primary(self) -> str:
        """The metric that decides for its kind of model, where it was measured."""
        installed = self.signature.task in tasks.names()
        key = primary_metric(task_of(self.signature)) if installed else ""
        if key not in self.metrics:
            return ""
        kind = metric_kind(key)
        return f", {kind.title} {kind.format_value(self.metrics[key])}"

    @property
    def ref(self) -> str:
        """Its reference: model@version."""
        return f"{self.model}@{self.version}"

    @property
    def is_champion(self) -> bool:
        """Whether it is the one in production."""
        return CHAMPION in self.aliases


@dataclass(frozen=True, repr=False)
class PromotionInfo:
    """A request to move a version up, the frozen evidence, the verdicts, and what was decided.

    `policy` is the `name`, `version` and `digest` of the policy that judged the request,
    `decision_policy` that of the decision; None of promotions from before there were policies.
    A promotion is remembered when its version was deleted (`of_deleted`).
    """

    id: str
    model: str
    version: int
    stage: str
    status: str
    reason: str
    origin: str
    requested_by: str
    requested_at: datetime
    evidence: Mapping[str, Any]
    evidence_hash: str
    verdicts: tuple[Verdict, ...]
    decided_by: str
    decided_at: datetime | None
    decision_reason: str
    decision_evidence: Mapping[str, Any] | None
    decision_evidence_hash: str
    decision_verdicts: tuple[Verdict, ...] | None
    policy: Mapping[str, Any] | None = None
    decision_policy: Mapping[str, Any] | None = None
    approvals: Mapping[str, Any] | None = None
    of_deleted: bool = False

    def __repr__(self) -> str:
        return f"<promotion {self.id} of {self.ref} to {self.stage}, {self.status}>"

    @property
    def ref(self) -> str:
        """The version to promote: model@version."""
        return f"{self.model}@{self.version}"

    @property
    def newest_policy(self) -> Mapping[str, Any] | None:
        """The policy that counts: of the decision once there is one, else of the request."""
        return self.decision_policy or self.policy

    @property
    def newest_verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts that count: of the decision once there is one, else of the request."""
        return self.verdicts if self.decision_verdicts is None else self.decision_verdicts


def version_info(row: ModelVersion, aliases: tuple[str, ...]) -> VersionInfo:
    """The values of a version's row."""
    return VersionInfo(
        model=row.model,
        version=row.version,
        stage=row.stage,
        aliases=aliases,
        run_id=row.run_id,
        import_source=row.import_source,
        digest=row.digest,
        signature=Signature.from_json(row.signature),
        input_example=row.input_example,
        metrics=row.metrics,
        dataset=row.dataset,
        held_out=row.held_out,
        note=row.note,
        created_at=row.created_at,
        created_by=row.created_by,
        package=ModelPackage.from_json(row.package) if row.package is not None else None,
    )


def promotion_info(row: Promotion) -> PromotionInfo:
    """The values of a promotion's row."""
    plain = {
        name: getattr(row, name)
        for name in PromotionInfo.__dataclass_fields__
        if hasattr(row, name)
    }
    decided = row.decision_verdicts
    return PromotionInfo(
        **plain
        | {
            "verdicts": tuple(map(Verdict.from_json, row.verdicts)),
            "decision_verdicts": None
            if decided is None
            else tuple(map(Verdict.from_json, decided)),
        }
    )
