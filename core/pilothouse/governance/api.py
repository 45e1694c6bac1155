"""The API of governance: what was in production when and why, and what happened to a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.governance import affected, lineage, outcomes, production, release_files, timeline
from pilothouse.governance.affected import AffectedObject
from pilothouse.governance.event_sources import TimelineEvent
from pilothouse.governance.lineage import Lineage
from pilothouse.governance.maturity import assessment, attestations
from pilothouse.governance.maturity.evidence_values import AttestedStatement
from pilothouse.governance.maturity.scoring import MaturityReport
from pilothouse.governance.outcomes import PromotionOutcome
from pilothouse.governance.packs.evidence_pack import PackInfo, make_pack
from pilothouse.governance.packs.pack_scope import PackScope
from pilothouse.governance.production import ProductionVersion
from pilothouse.governance.release_files import ReleaseFile
from pilothouse.governance.timeline import TimelineFilter
from pilothouse.registry import versions
from pilothouse.registry.masked_versions import masked_version
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

OUTCOME_COLUMNS = (
    "promotion", "model", "version", "decided_at", "state", "metric", "message", "in_production",
    "kept_by", "kept_reason",
)  # fmt: skip
PRODUCTION_COLUMNS = (
    "model", "version", "since", "by", "reason", "promotion", "requested_by", "evidence", "digest",
    "served_by",
)  # fmt: skip


class Governance(Service):
    """The history of what was decided, over all rooms."""

    def in_production(
        self, at: datetime | None = None, model: str | None = None
    ) -> list[ProductionVersion]:
        """Every version that was in production at an instant, why, and what served it then.

        Without an instant, now. A day is answered for its end when that is the instant.
        """
        with self._store.read() as session:
            return production.in_production(session, at or self._store.now(), model)

    def production_frame(self, at: datetime | None = None) -> pd.DataFrame:
        """The same as a frame: model, version, since, by, reason, promotion, evidence, served_by.

        `served_by` has the names of deployments, with their revision: `shop (revision 3)`.
        """
        import pandas as pd

        rows = [_row(version) for version in self.in_production(at)]
        frame = pd.DataFrame(rows, columns=list(PRODUCTION_COLUMNS))
        return frame.assign(since=pd.to_datetime(frame["since"], utc=True))

    def timeline(
        self,
        model: str | None = None,
        *,
        kinds: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        size: int = 50,
    ) -> pd.DataFrame:
        """What happened to a model, or to all, newest first: decisions, not routine work.

        Columns: at, kind, event, title, reason, by, model, object_kind, ref. `kinds` are promotion,
        stage, version, deployment, alert, retraining, data and settings; `since` is the first
        instant that counts and `until` the first that does not. Raises NotFound without the model,
        Invalid for an unknown kind.
        """
        import pandas as pd

        chosen = TimelineFilter(model, tuple(kinds), since, until)
        with self._store.read() as session:
            events = timeline.events(session, chosen, page, size)
        columns = [field.name for field in fields(TimelineEvent)]
        rows = [tuple(getattr(event, name) for name in columns) for event in events]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.assign(at=pd.to_datetime(frame["at"], utc=True))

    def timeline_count(
        self,
        model: str | None = None,
        *,
        kinds: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """How many events the same has on all pages."""
        chosen = TimelineFilter(model, tuple(kinds), since, until)
        with self._store.read() as session:
            return timeline.count(session, chosen)

    def outcome(self, promotion: str) -> PromotionOutcome:
        """Whether the promise of a promotion to production was kept: promised and live figures.

        Raises NotFound, Conflict for a promotion that moved nothing to production.
        """
        with self._store.read() as session:
            return outcomes.outcome_of(session, promotion)

    def outcomes(self, model: str | None = None) -> pd.DataFrame:
        """What became of every promotion to production, the newest first.

        Columns: promotion, model, version, decided_at, state, metric, message, in_production,
        kept_by, kept_reason.
        """
        import pandas as pd

        with self._store.read() as session:
            answers = outcomes.outcomes(session, model)
        rows = [tuple(getattr(answer, name) for name in OUTCOME_COLUMNS) for answer in answers]
        frame = pd.DataFrame(rows, columns=list(OUTCOME_COLUMNS))
        return frame.assign(decided_at=pd.to_datetime(frame["decided_at"], utc=True))

    def production_outcomes(self) -> list[PromotionOutcome]:
        """What became of the promotions that brought what is in production now there."""
        with self._store.read() as session:
            return outcomes.of_production(session)

    def keep(self, promotion: str, reason: str) -> PromotionOutcome:
        """Leave a version in production although live data contradicted its promotion.

        Raises Conflict unless that waits for a decision, Invalid without a reason.
        """
        with self._store.write(durable=True) as session:
            outcomes.keep(session, self._store, promotion, reason)
            session.flush()
            return outcomes.outcome_of(session, promotion)

    def affected(
        self, model: str, version: int, action: str, stage: str = "production"
    ) -> list[AffectedObject]:
        """What a command on a version would touch: deployments, aliases, monitors, schedules.

        `action` is archive, delete or promote. Also retrainings and promotions that wait. Raises
        NotFound, Invalid for another action.
        """
        with self._store.read() as session:
            return affected.affected_by(session, model, version, action, stage)

    def affected_by_roll_back(self, deployment: str) -> list[AffectedObject]:
        """What rolling back a deployment would touch; nothing where it cannot. Raises NotFound."""
        with self._store.read() as session:
            return affected.affected_by_roll_back(session, deployment)

    def lineage(self, kind: str, ref: str) -> Lineage:
        """What an object was made of, and what was made of it, as a graph to both sides.

        `kind` is dataset, run, version, deployment, window or job (a retraining); `ref` is its
        address, such as "flights@2" or "churn@3". Of each kind beside an object the newest few are
        nodes, and one more node counts the rest. Raises NotFound, Invalid for another kind.
        """
        with self._store.read() as session:
            return lineage.lineage(session, kind, ref)

    def release_file(
        self,
        model: str,
        version: int,
        program: str,
        *,
        stage: str = "production",
        deployment: str = "",
        runner: str = "",
    ) -> ReleaseFile:
        """A CI system's file that validates a version, deploys it to staging and tries it.

        `program` is github-actions, gitlab-ci, circleci or jenkins; `deployment` is by default the
        model's name with "-staging". Raises NotFound, Invalid for another program and for a version
        without an input example.
        """
        with self._store.read() as session:
            info = masked_version(session, versions.find(session, model, version))
        return release_files.release_file(info, program, stage, deployment, runner)

    def export_release_file(
        self,
        model: str,
        version: int,
        program: str,
        *,
        stage: str = "production",
        deployment: str = "",
        runner: str = "",
    ) -> ReleaseFile:
        """The same file, and an entry in the audit log that it was exported, with its digest."""
        with self._store.write() as session:
            info = masked_version(session, versions.find(session, model, version))
            file = release_files.release_file(info, program, stage, deployment, runner)
            release_files.record_export(session, self._store, info, program, file)
        return file

    def evidence_pack(
        self,
        path: str | Path,
        model: str = "",
        version: int | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> PackInfo:
        """Write what decisions rested on to one archive: of a version, a model, or all.

        Promotions with frozen evidence, votes, overrides, policies, cards, datasheets, evaluations,
        deployments, windows, alerts, minutes, and the audit log with the proof of its chain. Its
        first page says how to verify it without Pilothouse. `since` is the first instant that
        counts and `until` the first that does not. Raises NotFound, Invalid.
        """
        return make_pack(self._store, PackScope(model, version, since, until), Path(path))

    def maturity(self) -> MaturityReport:
        """How mature the way of working is: the level, and the verdict of every check.

        Scored from what the workspace has stored; nothing is measured for it.
        """
        return assessment.assess(self._store)

    def attest(
        self, check: str, text: str, *, model: str = "", days: int | None = None
    ) -> AttestedStatement:
        """State, as a person, that what a maturity check asks is so; it counts half.

        It holds for `days`, by default and at most as long as the check allows. Raises NotFound,
        Invalid for a check that only evidence passes and for a wrong part, PersonNeeded.
        """
        with self._store.write(durable=True) as session:
            return attestations.attest(session, self._store, check, text, model, days)

    def attested(self) -> list[AttestedStatement]:
        """What people attest now, by check and model."""
        with self._store.read() as session:
            statements = attestations.in_force(session, self._store.now())
        return [statements[key] for key in sorted(statements)]


def _row(version: ProductionVersion) -> tuple[object, ...]:
    *names, _ = PRODUCTION_COLUMNS
    served = ", ".join(
        f"{served.deployment} (revision {served.revision})" for served in version.served_by
    )
    return (*(getattr(version, name) for name in names), served)
