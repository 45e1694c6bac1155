"""The API of the registry, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.kit.errors import Refused
from pilothouse.registry import (
    evaluations,
    external_versions,
    frames,
    load_trials,
    policy,
    promotion,
    stages,
    versions,
)
from pilothouse.registry.evidence import ChampionComparison
from pilothouse.registry.external_versions import ExternalVersion
from pilothouse.registry.info import PromotionInfo, VersionInfo, promotion_info
from pilothouse.registry.policy import GateDecision, GateRule
from pilothouse.registry.promotion import PromotionRequest
from pilothouse.registry.tables import REFUSED
from pilothouse.registry.versions import VersionSource
from pilothouse.storage import Store
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

EvidenceInput = ChampionComparison | Mapping[str, Any] | None


class Registry(Service):
    """Models, versions, stages and promotions of a workspace.

    `attempt` tries a version in a model process; without it, only stored trials count.
    """

    def __init__(self, store: Store, attempt: load_trials.Try | None = None) -> None:
        super().__init__(store)
        self._attempt = attempt

    def register(self, model: str, run: str, note: str = "") -> VersionInfo:
        """Make the model of a finished run the next version; a run again is the same version.

        Raises NotFound without the run, Conflict when it has not finished, Invalid without a model.
        """
        with self._store.write(durable=True) as session:
            version = versions.register_run(session, self._store, model, run, note)
        self._try(version)
        return version

    def register_import(self, model: str, source: VersionSource, note: str = "") -> VersionInfo:
        """Make a model from elsewhere the next version; `source.imported` names its origin."""
        with self._store.write(durable=True) as session:
            return versions.register_import(session, self._store, model, source, note)

    def models(self) -> pd.DataFrame:
        """One row per model: name, versions, latest, champion, pending, newest_at, created_at."""
        with self._store.read() as session:
            return frames.models(session)

    def model_list(self, search: str = "", *, page: int = 1, size: int = 50) -> pd.DataFrame:
        """A page of models that a search is about: as `models`, with owner and newest metrics."""
        with self._store.read() as session:
            return frames.model_list(session, search, page, size)

    def model_count(self, search: str = "") -> int:
        """How many models a search is about."""
        with self._store.read() as session:
            return frames.count_models(session, search)

    def versions(self, model: str) -> pd.DataFrame:
        """One row per version, newest first: version, stage, aliases, run_id, metrics.<key>."""
        with self._store.read() as session:
            return frames.versions(session, model)

    def version(self, model: str, which: int | str) -> VersionInfo:
        """A version by its number or an alias. Raises NotFound."""
        with self._store.read() as session:
            return versions.find(session, model, which)

    def external_version(self, model: str, version: int) -> ExternalVersion | None:
        """A version that another program logged; None for one trained here."""
        with self._store.read() as session:
            return external_versions.find(session, self._store, model, version)

    def evaluations(self, model: str, version: int) -> pd.DataFrame:
        """The evaluations of a version, newest first.

        Columns: run_id, dataset, label, rows, held_out, metrics, created_at, created_by. Raises
        NotFound.
        """
        with self._store.read() as session:
            return evaluations.evaluation_frame(session, model, version)

    def champion(self, model: str) -> VersionInfo | None:
        """The version in production, when there is one."""
        with self._store.read() as session:
            return versions.champion(session, model)

    def in_production(self) -> list[VersionInfo]:
        """The champion of every model that has one."""
        with self._store.read() as session:
            return [versions.find(session, *pair) for pair in frames.in_production(session)]

    def of_run(self, run: str) -> list[VersionInfo]:
        """The versions that were made from a run."""
        with self._store.read() as session:
            return versions.of_run(session, run)

    def assess(
        self, model: str, version: int, stage: str, evidence: EvidenceInput = None
    ) -> GateDecision:
        """Evaluate the gates of a stage for a version, after a trial if there was none."""
        self._try(self.version(model, version))
        with self._store.read() as session:
            return promotion.evaluate_gates(session, model, version, stage, _comparison(evidence))

    def propose(
        self,
        model: str,
        version: int,
        stage: str,
        reason: str,
        evidence: EvidenceInput = None,
        *,
        origin: str = "person",
        promotion_id: str = "",
    ) -> PromotionInfo:
        """Create a promotion for a person to decide, with its evidence frozen and evaluated.

        `evidence` is a comparison with the champion on the same rows, when one was made. Raises
        Conflict when another waits for this version, or when it is in that stage already.
        """
        compared = _comparison(evidence)
        request = PromotionRequest(model, version, stage, reason, origin, compared, promotion_id)
        self._try(self.version(model, version), again=True)
        with self._store.write(durable=True) as session:
            return promotion.propose(session, self._store, request)

    def promote(
        self,
        model: str,
        version: int,
        stage: str,
        reason: str,
        evidence: EvidenceInput = None,
        *,
        origin: str = "person",
        promotion_id: str = "",
    ) -> PromotionInfo:
        """Promote a version now. Raises Refused that names the gate and by how much it failed."""
        compared = _comparison(evidence)
        request = PromotionRequest(model, version, stage, reason, origin, compared, promotion_id)
        self._try(self.version(model, version), again=True)
        with self._store.write(durable=True) as session:
            info = promotion.promote(session, self._store, request)
        return _unless_refused(info)

    def decide(self, promotion_id: str, accept: bool, reason: str) -> PromotionInfo:
        """Accept or reject a pending promotion; accepting evaluates the gates again.

        Raises Refused when they do not pass, Conflict when it is decided already.
        """
        if accept:
            pending = self.promotion(promotion_id)
            self._try(self.version(pending.model, pending.version), again=True)
        with self._store.write(durable=True) as session:
            info = promotion.decide(session, self._store, promotion_id, accept, reason)
        return _unless_refused(info)

    def promotion(self, promotion_id: str) -> PromotionInfo:
        """One promotion with its evidence and verdicts. Raises NotFound."""
        with self._store.read() as session:
            return promotion_info(promotion.require(session, promotion_id))

    def promotions(self, status: str | None = None, model: str | None = None) -> pd.DataFrame:
        """Promotions, newest first; `gates` names the gates that did not pass."""
        with self._store.read() as session:
            return frames.promotions(session, status, model)

    def archive(self, model: str, version: int, reason: str = "") -> None:
        """Archive a version; one in production is no longer the champion."""
        with self._store.write(durable=True) as session:
            stages.archive(session, self._store, model, version, reason)

    def set_alias(
        self, model: str, alias: str, version: int | None, reason: str = ""
    ) -> int | None:
        """Point an alias at a version (None removes it); the version it pointed at before."""
        with self._store.write(durable=True) as session:
            return stages.set_alias(session, self._store, model, alias, version, reason)

    def _try(self, version: VersionInfo, *, again: bool = False) -> None:
        """Make sure that a trial of the version is stored, when one can be made here."""
        if self._attempt is not None:
            load_trials.run_trial(self._store, version, self._attempt, again=again)

    def history(self, model: str) -> pd.DataFrame:
        """Every move between stages, newest first: at, version, before, after, by, reason."""
        with self._store.read() as session:
            return frames.history(session, model)

    def gates(self, stage: str) -> tuple[GateRule, ...]:
        """The gates before a stage, with their parameters."""
        with self._store.read() as session:
            return policy.rules(session, stage)

    def set_gates(self, stage: str, chosen: Sequence[GateRule], reason: str = "") -> None:
        """Change the gates before a stage."""
        with self._store.write(durable=True) as session:
            policy.set_rules(session, self._store, stage, chosen, reason)


def _comparison(evidence: EvidenceInput) -> ChampionComparison | None:
    if evidence is None or isinstance(evidence, ChampionComparison):
        return evidence
    return ChampionComparison.from_json(evidence)


def _unless_refused(info: PromotionInfo) -> PromotionInfo:
    if info.status != REFUSED:
        return info
    unmet = [verdict for verdict in info.newest_verdicts if not verdict.passed]
    raise Refused(
        f"{info.ref} may not go to {info.stage}: "
        + "; ".join(f"{verdict.gate}: {verdict.message}" for verdict in unmet)
        + ".",
        hint="The attempt and its evidence are kept with the model's promotions.",
    )
