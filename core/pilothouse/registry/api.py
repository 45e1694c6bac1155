"""The API of the registry, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.activity.actors import is_automatic
from pilothouse.kit.errors import Conflict, Invalid, Refused
from pilothouse.models.signature import Label
from pilothouse.people import refuse_unnamed
from pilothouse.registry import (
    approval,
    code_audit,
    description,
    evaluations,
    external_versions,
    frames,
    inspections,
    integrity,
    load_trials,
    logged_folders,
    measurement_jobs,
    measurements,
    model_upload,
    overrides,
    promotion,
    stages,
    trust,
    versions,
    votes,
)
from pilothouse.registry.approval import ApprovalInfo
from pilothouse.registry.cards import card_revisions, model_card
from pilothouse.registry.cards.model_card import ModelCard
from pilothouse.registry.code_audit import AuditInfo
from pilothouse.registry.description import Description, InUse
from pilothouse.registry.evidence import ChampionComparison
from pilothouse.registry.external_versions import ExternalVersion
from pilothouse.registry.gates import Need
from pilothouse.registry.info import PromotionInfo, VersionInfo, promotion_info
from pilothouse.registry.logged_folders import LoggedFolder
from pilothouse.registry.masked_versions import masked_version
from pilothouse.registry.overrides import OverrideInfo
from pilothouse.registry.policy import GateDecision
from pilothouse.registry.promotion import PromotionRequest
from pilothouse.registry.tables import PENDING, REFUSED
from pilothouse.registry.versions import Origin, VersionSource
from pilothouse.registry.votes import Tally
from pilothouse.storage import Store
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

EvidenceInput = ChampionComparison | Mapping[str, Any] | None


class Registry(Service):
    """Models, versions, stages and promotions of a workspace.

    `attempt` tries a version in a model process; without it, only stored trials count. `inspect`
    asks its model there what it is. `in_use` says what uses a version, so that its description is
    fixed.
    """

    def __init__(
        self,
        store: Store,
        attempt: load_trials.Try | None = None,
        *,
        inspect: inspections.Inspect | None = None,
        in_use: InUse | None = None,
    ) -> None:
        super().__init__(store)
        self._attempt = attempt
        self._inspect = inspect
        self._in_use = in_use

    def register(self, model: str, run: str, note: str = "", folder: str = "") -> VersionInfo:
        """Make the model of a finished run the next version; a run again is the same version.

        Of a run with models that another program logged, `folder` names one of `logged_folders`,
        unless it is the only one. Raises NotFound without the run, Conflict when it has not
        finished, Invalid without a model.
        """
        with self._store.write(durable=True) as session:
            logged = logged_folders.find(session, run, folder)
            if logged is not None:
                source = logged_folders.version_source(session, self._store, logged)
                return versions.register_import(session, self._store, model, source, note)
            version = versions.register_run(session, self._store, model, run, note)
        self._try(version)
        return version

    def logged_folders(self, run: str) -> tuple[LoggedFolder, ...]:
        """The models that a run's program logged: folders of the run, and logged models."""
        with self._store.read() as session:
            return logged_folders.folders_of_run(session, run)

    def register_files(
        self, model: str, files: Path | Mapping[str, bytes], note: str = "", source: str = ""
    ) -> VersionInfo:
        """Make a model's file, folder or .zip of a folder the next version.

        `files` is a path on this machine, or names with their bytes; `source` says where they are
        from. Raises Invalid when no format can load them, for links, and beyond the limits on
        their number and size; NotFound without them.
        """
        stored = model_upload.store_files(self._store, files)
        read = external_versions.read_files(self._store, stored)
        if read.package is None:
            problem = read.problems[0] if read.problems else trust.NO_FORMAT
            raise Invalid(f"{problem}.", hint=model_upload.HINT, fields={"path": "no model"})

        named = source or (f"file: {files.name}" if isinstance(files, Path) else "uploaded files")
        origin = Origin(source=named, location="")
        content = external_versions.version_source(
            self._store, stored, origin, named, metrics={}, folder=read
        )
        return self.register_import(model, content, note)

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
        """A version by its number or an alias. Raises NotFound.

        Its `input_example` has values of nobody in columns that are marked as personal data, and
        its signature no values of these.
        """
        info = self._info(model, which)
        with self._store.read() as session:
            return masked_version(session, info)

    def _info(self, model: str, which: int | str) -> VersionInfo:
        """The same with the true example, for what computes with it."""
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
            champion = versions.champion(session, model)
            return None if champion is None else masked_version(session, champion)

    def in_production(self) -> list[VersionInfo]:
        """The champion of every model that has one."""
        with self._store.read() as session:
            champions = [versions.find(session, *pair) for pair in frames.in_production(session)]
            return [masked_version(session, version) for version in champions]

    def of_run(self, run: str) -> list[VersionInfo]:
        """The versions that were made from a run."""
        with self._store.read() as session:
            return [masked_version(session, made) for made in versions.of_run(session, run)]

    def describe(
        self,
        model: str,
        version: int,
        task: str,
        *,
        classes: Sequence[Label] = (),
        positive: Label | None = None,
        threshold: float | None = None,
        outputs: Sequence[str | tuple[str, str]] = (),
        levels: Sequence[float] = (),
        unit: str | None = None,
        gives: str = "",
        target: str | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> VersionInfo:
        """Say what a version from elsewhere answers; what is not given stays as it is.

        `classes` are in the order of the model's probabilities, `levels` are quantile levels,
        `outputs` names or (name, type) pairs, `inputs` types of input columns by name, `gives` is
        probability, label or value. Raises Conflict when the version was trained here, is in
        production or staging, or was deployed; Invalid when the task lacks something or the
        model's answer to its example does not fit.
        """
        requested = Description(
            *(task, classes, positive, threshold, outputs, levels, unit, gives, target, inputs)
        )
        with self._store.write(durable=True) as session:
            info = versions.find(session, model, version)
            in_use = self._in_use(session, model, version) if self._in_use is not None else ""
            facts = inspections.find(session, info) or {}
            answer = facts.get("answer") or ()
            return description.describe(
                session, self._store, info, requested, answer, in_use=in_use
            )

    def inspection(self, model: str, version: int) -> Mapping[str, Any] | None:
        """What the model of a version from elsewhere says of itself, and answers to its example.

        The keys are those of `deployments/model_server/inspection.py`, or `message` alone when its
        process failed. None of a version that was trained here, or that may not be loaded now.
        """
        info = self._info(model, version)
        if info.package is None or self.reason_not_loaded(model, version):
            return None
        if self._inspect is None:
            with self._store.read() as session:
                return inspections.find(session, info)
        return inspections.inspect(self._store, info, self._inspect)

    def reason_not_described(self, model: str, version: int) -> str:
        """Why a description would be refused; empty when it would be taken."""
        with self._store.read() as session:
            info = versions.find(session, model, version)
            in_use = self._in_use(session, model, version) if self._in_use is not None else ""
            return description.reason_against(info, in_use)

    def code_audit(self, model: str, version: int) -> AuditInfo | None:
        """What loading a version would import, read from its files without loading them.

        None of one that was trained here, and where no format can load the files.
        """
        package = self._info(model, version).package
        return None if package is None else code_audit.audit(self._store, package)

    def code_approval(self, model: str, version: int) -> ApprovalInfo | None:
        """Who approved the own code of a version; None when nobody did."""
        with self._store.read() as session:
            return approval.find(session, model, version)

    def reason_not_loaded(self, model: str, version: int) -> str:
        """Why a version must not be loaded now; empty when it may be."""
        info = self._info(model, version)
        if info.package is not None:
            code_audit.audit(self._store, info.package)
        with self._store.read() as session:
            return trust.reason_against(session, self._store, info)

    def approve_code(self, model: str, version: int, reason: str) -> ApprovalInfo:
        """Let the own code of a version run, after reading what its files import.

        Raises Conflict when there is nothing to approve, Invalid without a reason, PersonNeeded
        when nobody is chosen, Refused for whoever may not approve.
        """
        audit = self.code_audit(model, version)
        with self._store.write(durable=True) as session:
            info = versions.find(session, model, version)
            if audit is None:
                raise Conflict(f"{info.ref} needs no approval: {_why_none(info)}.")
            approval.approve(session, self._store, info, audit, reason)
            approved = approval.find(session, model, version)
        assert approved is not None
        return approved

    def revoke_code(self, model: str, version: int, reason: str) -> None:
        """Revoke the approval of a version's own code: nothing loads it again.

        Processes that run are not ended. Raises Conflict when nothing is approved, Invalid without
        a reason.
        """
        with self._store.write(durable=True) as session:
            info = versions.find(session, model, version)
            approval.revoke(session, self._store, info, reason)

    def card(self, model: str, version: int | str) -> ModelCard:
        """The model card of a version, by its number or an alias: from evidence and from people.

        Its `markdown()` has the front matter of the Hugging Face Hub, its `html()` is one file with
        charts. What is not known is said as not known. Raises NotFound.
        """
        with self._store.read() as session:
            return model_card.model_card(session, self._store, model, version)

    def edit_card(
        self, model: str, version: int, changes: Mapping[str, str], reason: str = ""
    ) -> ModelCard:
        """Write the parts of a card that only people know, by the names of its `fields`.

        Each change is a new revision of the whole. A version begins with the texts of the version
        before it; saving, also without a change, confirms them for this one. Raises NotFound,
        Invalid that names each wrong field.
        """
        with self._store.write(durable=True) as session:
            card_revisions.edit(session, self._store, model, version, changes, reason)
            return model_card.model_card(session, self._store, model, version)

    def card_history(self, model: str, version: int) -> pd.DataFrame:
        """What was written in a version's card, newest first.

        Columns: revision, written_at, written_by, reason, fields, carried_from. Raises NotFound.
        """
        with self._store.read() as session:
            return card_revisions.history(session, model, version)

    def assess(
        self, model: str, version: int, stage: str, evidence: EvidenceInput = None
    ) -> GateDecision:
        """Evaluate the gates of a stage for a version, after a trial if there was none."""
        self._try(self._info(model, version))
        with self._store.read() as session:
            return promotion.evaluate_gates(
                session, self._store, model, version, stage, _comparison(evidence)
            )

    def measurements(self, model: str, version: int) -> pd.DataFrame:
        """What was measured of a version for its gates, newest first.

        Columns: kind, params, figures, rows, message, measured_at, measured_by. Raises NotFound.
        """
        with self._store.read() as session:
            return measurements.measurement_frame(session, model, version)

    def unmeasured(self, model: str, version: int, stage: str) -> tuple[Need, ...]:
        """What the gates before a stage need of a version and is not measured yet.

        Raises NotFound, Invalid for a stage without gates.
        """
        with self._store.read() as session:
            info = versions.find(session, model, version)
            return measurement_jobs.unmeasured(session, info, stage)

    def measure(self, model: str, version: int, stage: str = "", *, untried: bool = False) -> str:
        """Ask for the measurements that the gates before a stage need; the job's id.

        Without a stage, those of every stage with gates; with `untried`, without what could not be
        measured before. The id is "" when nothing is missing; a job that is under way is not
        started twice. Raises NotFound, Invalid for another stage, Conflict for a version whose
        answer is not described.
        """
        with self._store.write() as session:
            info = versions.find(session, model, version)
            versions.check_described(info)
            needs = measurement_jobs.unmeasured(session, info, stage, untried=untried)
            return measurement_jobs.start(session, self._store, info, needs)

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
        self._prepare(self._info(model, version))
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
        """Promote a version now.

        Raises Refused that names the gate and by how much it failed, and where the policy asks for
        other people to accept: the promotion waits for them then. Raises PersonNeeded when nobody
        is chosen, Refused for whoever may not approve.
        """
        compared = _comparison(evidence)
        request = PromotionRequest(model, version, stage, reason, origin, compared, promotion_id)
        if not is_automatic(self._store.actor):
            refuse_unnamed(self._store, promotion.DECIDED)
        self._prepare(self._info(model, version))
        with self._store.write(durable=True) as session:
            info = promotion.promote(session, self._store, request)
        return _unless_waiting(self._unless_refused(info))

    def decide(self, promotion_id: str, accept: bool, reason: str) -> PromotionInfo:
        """Vote on a pending promotion, with a comment; the last approval that is needed decides.

        It evaluates the gates again; a rejection ends the promotion; after any other vote it stays
        pending. Raises Refused when the gates do not pass, Conflict when it is decided already or
        what its gates need is still being measured, PersonNeeded when nobody is chosen.
        """
        refuse_unnamed(self._store, promotion.DECIDED)
        if accept:
            self._prepare_decision(self.promotion(promotion_id))
        with self._store.write(durable=True) as session:
            info = promotion.decide(session, self._store, promotion_id, accept, reason)
        return self._unless_refused(info)

    def votes(self, promotion_id: str) -> Tally:
        """The votes on a promotion, whose count, and what is still needed. Raises NotFound."""
        with self._store.read() as session:
            return votes.of(session, promotion.require(session, promotion_id))

    def vote_objection(self, promotion_id: str) -> str:
        """Why an approval of whoever acts would not count; empty when it would. Raises NotFound."""
        if not self._store.is_person:
            return ""
        with self._store.read() as session:
            row = promotion.require(session, promotion_id)
            return votes.objection(session, row, self._store.actor)

    def override(
        self, promotion_id: str, gate: str, reason: str, expires_at: datetime
    ) -> OverrideInfo:
        """Let one promotion through a gate that does not pass, until an instant; again prolongs it.

        After its end the version stands on an expired override. Raises PersonNeeded when nobody is
        chosen, Refused without the right `override` and for gates that guard safety, Invalid
        without a reason or with an end that is past or too far away, Conflict when the gate passes
        or the promotion was decided without it.
        """
        refuse_unnamed(self._store, overrides.ACT)
        with self._store.write(durable=True) as session:
            promotion.override(session, self._store, promotion_id, gate, reason, expires_at)
            now = self._store.now()
            existing = overrides.overrides_of(session, now, promotion=promotion_id)
        return next(item for item in existing if item.gate == gate)

    def overrides(
        self, *, promotion: str = "", model: str = "", version: int | None = None
    ) -> list[OverrideInfo]:
        """Overrides of gates, newest first, of a promotion, of a model, or of one version of it."""
        with self._store.read() as session:
            return overrides.overrides_of(
                session, self._store.now(), promotion=promotion, model=model, version=version
            )

    def promotion(self, promotion_id: str) -> PromotionInfo:
        """One promotion with its evidence and verdicts. Raises NotFound."""
        with self._store.read() as session:
            row = promotion.require(session, promotion_id)
            exists = versions.exists(session, row.model, row.version)
            return replace(promotion_info(row), of_deleted=not exists)

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

    def _prepare(self, version: VersionInfo) -> None:
        """Before a promotion: its records are sound, and the version was tried."""
        integrity.require_sound(self._store, version)
        self._try(version, again=True)

    def _prepare_decision(self, pending: PromotionInfo) -> None:
        self._prepare(self._info(pending.model, pending.version))
        with self._store.write() as session:
            job = promotion.measure_before_decision(session, self._store, pending.id)
        if job:
            raise Conflict(
                f"what the gates need of {pending.ref} is being measured.",
                hint=f"Decide when the job {job} has ended.",
            )

    def _unless_refused(self, info: PromotionInfo) -> PromotionInfo:
        if info.status != REFUSED:
            return info
        with self._store.read() as session:
            version = versions.find(session, info.model, info.version)
            job = measurement_jobs.under_way(session, version)
        raise _refusal(info, job)

    def _try(self, version: VersionInfo, *, again: bool = False) -> None:
        """Make sure that a trial of the version is stored, when one can be made here."""
        if self._attempt is not None:
            load_trials.run_trial(self._store, version, self._attempt, again=again)

    def history(self, model: str) -> pd.DataFrame:
        """Every move between stages, newest first: at, version, before, after, by, reason."""
        with self._store.read() as session:
            return frames.history(session, model)


def _why_none(info: VersionInfo) -> str:
    return trust.NO_FORMAT if info.import_source else "it was trained here"


def _comparison(evidence: EvidenceInput) -> ChampionComparison | None:
    if evidence is None or isinstance(evidence, ChampionComparison):
        return evidence
    return ChampionComparison.from_json(evidence)


def _unless_waiting(info: PromotionInfo) -> PromotionInfo:
    if info.status != PENDING:
        return info
    raise Refused(
        f"{info.ref} waits for approval: its policy asks for other people before {info.stage}.",
        hint=f"The gates pass. They decide on the promotion {info.id}.",
    )


def _refusal(info: PromotionInfo, job: str) -> Refused:
    unmet = [verdict for verdict in info.newest_verdicts if not verdict.passed]
    hint = "The attempt and its evidence are kept with the model's promotions."
    if job:
        hint = f"What the gates need is being measured: ask again when the job {job} has ended."
    return Refused(
        f"{info.ref} may not go to {info.stage}: "
        + "; ".join(f"{verdict.gate}: {verdict.message}" for verdict in unmet)
        + ".",
        hint=hint,
    )
