"""`pilothouse models`: registered models, their versions, stages and promotions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.governance import affected_output
from pilothouse.cli.jobs import wait_for
from pilothouse.cli.options import FILE, INSTANT, PAIR, dry_run_option
from pilothouse.cli.output import Output, text_of
from pilothouse.deployments.api import Deployments
from pilothouse.kit.errors import Invalid
from pilothouse.people.rights import APPROVE
from pilothouse.registry.api import Registry

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from pilothouse.registry.info import PromotionInfo, VersionInfo
    from pilothouse.workspace import Workspace

models = Group("models", help="Registered models: versions, stages and promotions.")
model_argument = click.argument("model")
version_argument = click.argument("version", type=int)
stage_argument = click.argument("stage")
evidence_option = click.option(
    "--evidence",
    type=FILE,
    default=None,
    help="JSON of a comparison with another version on the same rows: against, candidate, "
    "champion (metrics of each) and rows.",
)


@verb(
    models,
    Registry.models,
    Registry.model_list,
    Registry.model_count,
    name="list",
    example="pilothouse models list",
    own_help=True,
)
def _list(ws: Workspace) -> pd.DataFrame:
    """Every model with its champion."""
    return ws.registry.models()


@verb(models, Registry.versions, example="pilothouse models versions churn")
@model_argument
def _versions(ws: Workspace, model: str) -> pd.DataFrame:
    return ws.registry.versions(model)


@verb(
    models,
    Registry.version,
    Registry.external_version,
    name="show",
    example=("pilothouse models show churn 3", "pilothouse models show churn champion --json"),
    own_help=True,
)
@model_argument
@click.argument("version")
def _show(ws: Workspace, model: str, version: str) -> Output:
    """One version of a MODEL; VERSION is a number or an alias, such as champion."""
    which = int(version) if version.isdigit() else version
    info = ws.registry.version(model, which)
    external = ws.registry.external_version(model, info.version)
    value = {**_facts(info), "external": external}
    text = text_of({**value, "signature": None, "input_example": None})
    return Output(value, text)


@verb(models, Registry.evaluations, example="pilothouse models evaluations churn 3")
@model_argument
@version_argument
def _evaluations(ws: Workspace, model: str, version: int) -> pd.DataFrame:
    return ws.registry.evaluations(model, version)


@verb(models, Registry.champion, example="pilothouse models champion churn")
@model_argument
def _champion(ws: Workspace, model: str) -> Output:
    ws.registry.versions(model)
    info = ws.registry.champion(model)
    return Output(info and _facts(info), info.ref if info else f"{model} has no champion")


@verb(models, Registry.in_production, example="pilothouse models in-production")
def _in_production(ws: Workspace) -> Output:
    return _refs(ws.registry.in_production())


@verb(models, Registry.of_run, example="pilothouse models of-run RUN")
@click.argument("run")
def _of_run(ws: Workspace, run: str) -> Output:
    ws.experiments.run(run)
    return _refs(ws.registry.of_run(run))


def _refs(versions: list[VersionInfo]) -> Output:
    lines = [f"{version.ref}  {version.stage}" for version in versions]
    return Output([_facts(version) for version in versions], "\n".join(lines) or "None.")


def _facts(info: VersionInfo) -> dict[str, Any]:
    return {"ref": info.ref, **vars(info), "signature": info.signature.to_json()}


@verb(
    models,
    Registry.register,
    Registry.register_files,
    writes=True,
    own_help=True,
    example=(
        'pilothouse models register churn RUN --note "with the corrected labels"',
        "pilothouse models register churn ./exported-model",
    ),
)
@model_argument
@click.argument("source")
@click.option("--note", default="", help="What is in it, or what changed.")
@click.option("--folder", default="", help="Which model of the run: see `models logged`.")
def _register(ws: Workspace, model: str, source: str, note: str, folder: str) -> Output:
    """Make a model the next version: SOURCE is a run, or a file, folder or .zip of a folder."""
    path = Path(source)
    if path.exists() or path.is_symlink():
        info = ws.registry.register_files(model, path, note)
    else:
        info = ws.registry.register(model, source, note, folder)
    return Output(_facts(info), info.ref)


@verb(models, Registry.logged_folders, name="logged", example="pilothouse models logged RUN")
@click.argument("run")
def _logged(ws: Workspace, run: str) -> Output:
    folders = ws.registry.logged_folders(run)
    lines = [f"{item.name}  {item.address}  {len(item.files)} files" for item in folders]
    return Output(folders, "\n".join(lines) or "None.")


@verb(
    models,
    Registry.describe,
    writes=True,
    example=(
        "pilothouse models describe churn 2 binary --class No --class Yes --positive Yes",
        "pilothouse models describe price 1 regression --unit EUR",
    ),
)
@model_argument
@version_argument
@click.argument("task")
@click.option("--class", "classes", multiple=True, help="In the model's order; repeatable.")
@click.option("--positive", default=None, help="The class that a score is for.")
@click.option("--threshold", type=float, default=None, help="The score that decides.")
@click.option("--output", "outputs", multiple=True, help="The name of an output; repeatable.")
@click.option("--level", "levels", type=float, multiple=True, help="A quantile; repeatable.")
@click.option("--unit", default=None, help="The unit of a predicted number.")
@click.option("--gives", default="", help="probability, label or value.")
@click.option("--target", default=None, help="What is predicted.")
@click.option(
    "--input", "inputs", type=PAIR, multiple=True, metavar="NAME=TYPE", help="Repeatable."
)
def _describe(
    ws: Workspace,
    model: str,
    version: int,
    task: str,
    classes: tuple[str, ...],
    inputs: tuple[tuple[str, str], ...],
    **parts: Any,
) -> Output:
    labels = [class_label(text) for text in classes]
    info = ws.registry.describe(
        model, version, task, classes=labels, inputs=dict(inputs) or None, **parts
    )
    return Output(_facts(info), f"{info.ref} is described as {info.signature.task}")


def class_label(text: str) -> Any:
    """The class that a text is: a whole number where it is written as one."""
    return int(text) if text.removeprefix("-").isdecimal() else text


@verb(models, Registry.inspection, name="inspect", example="pilothouse models inspect churn 2")
@model_argument
@version_argument
def _inspect(ws: Workspace, model: str, version: int) -> Output:
    facts = ws.registry.inspection(model, version)
    reason = ws.registry.reason_not_loaded(model, version) or "it was trained here"
    return Output(facts, text_of(dict(facts)) if facts is not None else reason)


@verb(
    models,
    Deployments.readiness,
    Deployments.unmet_requirements,
    Registry.reason_not_described,
    example="pilothouse models readiness churn 2",
)
@model_argument
@version_argument
def _readiness(ws: Workspace, model: str, version: int) -> Output:
    steps = ws.deployments.readiness(model, version)
    value = {
        "steps": steps,
        "unmet": ws.deployments.unmet_requirements(model, version),
        "reason_not_described": ws.registry.reason_not_described(model, version),
    }
    lines = [f"{step.title}: {'done' if step.done else step.message}" for step in steps]
    return Output(value, "\n".join(lines))


@verb(
    models,
    Deployments.request_environment,
    name="environment",
    writes=True,
    example=(
        "pilothouse models environment churn 2",
        "pilothouse models environment churn 2 --kind house",
    ),
)
@model_argument
@version_argument
@click.option(
    "--kind",
    type=click.Choice(["locked", "house"]),
    default="locked",
    show_default=True,
    help="At its author's versions, or Pilothouse's own.",
)
def _environment(ws: Workspace, model: str, version: int, kind: Any) -> Output:
    info = ws.deployments.request_environment(model, version, kind)
    return Output({"id": info.id, "state": info.state}, f"environment {info.id}: {info.state}")


@verb(
    models,
    Registry.code_audit,
    Registry.code_approval,
    Registry.reason_not_loaded,
    name="audit",
    example="pilothouse models audit churn 2",
)
@model_argument
@version_argument
def _audit(ws: Workspace, model: str, version: int) -> Output:
    audit = ws.registry.code_audit(model, version)
    reason = ws.registry.reason_not_loaded(model, version)
    value = {
        "audit": audit,
        "approval": ws.registry.code_approval(model, version),
        "reason_not_loaded": reason,
    }
    lines = [audit.badge, *audit.imports] if audit is not None else []
    return Output(value, "\n".join([*lines, reason or "it may be loaded"]))


@verb(
    models,
    Registry.approve_code,
    writes=True,
    reason=True,
    example='pilothouse models approve-code churn 2 --reason "read the script"',
)
@model_argument
@version_argument
def _approve_code(ws: Workspace, model: str, version: int, reason: str) -> Output:
    approval = ws.registry.approve_code(model, version, reason)
    return Output(approval, f"the code of {model}@{version} is approved")


@verb(
    models,
    Registry.revoke_code,
    writes=True,
    reason=True,
    example='pilothouse models revoke-code churn 2 --reason "its author has left"',
)
@model_argument
@version_argument
def _revoke_code(ws: Workspace, model: str, version: int, reason: str) -> Output:
    ws.registry.revoke_code(model, version, reason)
    value = {"model": model, "version": version}
    return Output(value, f"the approval of {model}@{version} is revoked")


@verb(
    models,
    Registry.promote,
    writes=True,
    reason=True,
    example='pilothouse models promote churn 3 production --reason "better since May"',
)
@model_argument
@version_argument
@stage_argument
@evidence_option
@dry_run_option
@click.option("--wait", is_flag=True, help="First measure what the gates need, with a worker.")
def _promote(
    ws: Workspace, model: str, version: int, stage: str, wait: bool, dry_run: bool, **options: Any
) -> Output:
    """The gates before the STAGE decide; ends with 3 when one refuses."""
    if dry_run:
        return affected_output(ws.governance.affected(model, version, "promote", stage))
    if wait and ws.people.may(APPROVE) and (job := ws.registry.measure(model, version, stage)):
        wait_for(ws, job)  # whoever may not promote is refused below without waiting
    evidence, reason = options["evidence"], options["reason"]
    info = ws.registry.promote(model, version, stage, reason, _evidence(evidence))
    return Output(info, f"{info.ref} is in {info.stage}")


@verb(
    models,
    Registry.propose,
    writes=True,
    reason=True,
    example='pilothouse models propose churn 3 production --reason "better since May"',
)
@model_argument
@version_argument
@stage_argument
@evidence_option
def _propose(
    ws: Workspace, model: str, version: int, stage: str, evidence: Path | None, reason: str
) -> Output:
    """Decide it with `pilothouse models decide`. What its gates need is measured by a worker."""
    info = ws.registry.propose(model, version, stage, reason, _evidence(evidence))
    return Output(info, f"promotion {info.id}: {info.status}\n{_verdicts_text(info)}".strip())


@verb(
    models,
    Registry.measure,
    Registry.unmeasured,
    writes=True,
    example=(
        "pilothouse models measure churn 3",
        "pilothouse models measure churn 3 --stage production --wait",
    ),
)
@model_argument
@version_argument
@click.option("--stage", default="", help="Only what the gates before this stage need.")
@click.option("--wait", is_flag=True, help="Wait until a worker has measured it.")
def _measure(ws: Workspace, model: str, version: int, stage: str, wait: bool) -> Output:
    job = ws.registry.measure(model, version, stage)
    if not job:
        return Output({"job": None}, "everything that the gates need is measured")
    if wait:
        result = wait_for(ws, job).result or {}
        return Output({"job": job, **result}, f"job {job}\n{text_of(result)}".strip())
    return Output({"job": job}, f"job {job}: a running worker measures {model}@{version}")


@verb(models, Registry.measurements, example="pilothouse models measurements churn 3")
@model_argument
@version_argument
def _measurements(ws: Workspace, model: str, version: int) -> pd.DataFrame:
    return ws.registry.measurements(model, version)


def _evidence(file: Path | None) -> Any:
    if file is None:
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Invalid(f"{file} is not valid JSON: {error}.", fields={"evidence": "no JSON"}) from (
            error
        )


@verb(
    models,
    Registry.decide,
    writes=True,
    reason=True,
    example=(
        'pilothouse models decide PROMOTION --accept --reason "checked with the team"',
        'pilothouse models decide PROMOTION --reject --reason "wrong period"',
    ),
)
@click.argument("promotion")
@click.option("--accept/--reject", "accept", required=True, help="What is decided.")
def _decide(ws: Workspace, promotion: str, accept: bool, reason: str) -> Output:
    info = ws.registry.decide(promotion, accept, reason)
    return Output(info, f"promotion {info.id}: {info.status}\n{ws.registry.votes(info.id).message}")


@verb(
    models,
    Registry.votes,
    Registry.vote_objection,
    example="pilothouse models votes PROMOTION",
)
@click.argument("promotion")
def _votes(ws: Workspace, promotion: str) -> Output:
    tally = ws.registry.votes(promotion)
    objection = ws.registry.vote_objection(promotion)
    lines = [
        f"{vote.person} {'approves' if vote.approve else 'rejects'}: {vote.comment}"
        + (f" (does not count: {vote.objection})" if vote.objection else "")
        for vote in tally.votes
    ]
    own = [f"{ws.store.actor} {objection}: an approval would not count"] if objection else []
    return Output(tally.to_json(), "\n".join([tally.message, *lines, *own]))


@verb(
    models,
    Registry.override,
    writes=True,
    reason=True,
    example='pilothouse models override PROMOTION freshness --until 2026-12-24 --reason "..."',
)
@click.argument("promotion")
@click.argument("gate")
@click.option("--until", type=INSTANT, required=True, help="When the override ends.")
def _override(ws: Workspace, promotion: str, gate: str, until: datetime, reason: str) -> Output:
    info = ws.registry.override(promotion, gate, reason, until)
    return Output(info, f"{info.gate} is overridden until {info.expires_at:%Y-%m-%d %H:%M} UTC")


@verb(models, Registry.overrides, example="pilothouse models overrides --model churn")
@click.option("--promotion", default="", help="Of this promotion only.")
@click.option("--model", default="", help="Of this model only.")
@click.option("--version", type=int, default=None, help="Of this version of the model only.")
def _overrides(ws: Workspace, promotion: str, model: str, version: int | None) -> Output:
    """With their ends, and whether a version stands on them."""
    result = ws.registry.overrides(promotion=promotion, model=model, version=version)
    lines = [
        f"{item.model}@{item.version} {item.gate}: {'in force' if item.in_force else 'expired'}, "
        f"until {item.expires_at:%Y-%m-%d %H:%M} UTC, by {item.by}: {item.reason}"
        for item in result
    ]
    return Output(result, "\n".join(lines) or "No gate was overridden.")


@verb(
    models,
    Registry.promotions,
    example="pilothouse models promotions --status pending",
)
@click.option("--status", default=None, help="pending, accepted, rejected, refused, ...")
@click.option("--model", default=None, help="Of this model only.")
def _promotions(ws: Workspace, status: str | None, model: str | None) -> pd.DataFrame:
    return ws.registry.promotions(status, model)


@verb(models, Registry.promotion, example="pilothouse models promotion PROMOTION --json")
@click.argument("promotion")
def _promotion(ws: Workspace, promotion: str) -> Output:
    info = ws.registry.promotion(promotion)
    hidden = ("evidence", "verdicts", "decision_evidence", "decision_verdicts")
    about = {name: value for name, value in vars(info).items() if name not in hidden}
    return Output(info, f"{text_of(about)}\n{_verdicts_text(info)}".strip())


def _verdicts_text(info: PromotionInfo) -> str:
    verdicts = info.newest_verdicts
    return "\n".join(
        f"{verdict.gate}: {verdict.outcome}. {verdict.message}" for verdict in verdicts
    )


@verb(
    models,
    Registry.assess,
    example="pilothouse models assess churn 3 production",
)
@model_argument
@version_argument
@stage_argument
@evidence_option
def _assess(ws: Workspace, model: str, version: int, stage: str, evidence: Path | None) -> Output:
    decision = ws.registry.assess(model, version, stage, _evidence(evidence))
    lines = [f"{item.gate}: {item.outcome}. {item.message}" for item in decision.verdicts]
    if ws.registry.unmeasured(model, version, stage):
        lines.append(f"Measure it: pilothouse models measure {model} {version} --wait")
    value = {"accepted": decision.accepted, "verdicts": decision.verdicts}
    return Output(value, "\n".join(lines) or "No gates are configured for this stage.")


@verb(models, Registry.history, example="pilothouse models history churn")
@model_argument
def _history(ws: Workspace, model: str) -> pd.DataFrame:
    ws.registry.versions(model)
    return ws.registry.history(model)


@verb(
    models,
    Registry.set_alias,
    name="alias",
    writes=True,
    reason=True,
    example=("pilothouse models alias churn shadow 4", "pilothouse models alias churn shadow"),
)
@model_argument
@click.argument("alias")
@click.argument("version", type=int, required=False)
def _alias(ws: Workspace, model: str, alias: str, version: int | None, reason: str) -> Output:
    """Without a VERSION the alias is taken away."""
    before = ws.registry.set_alias(model, alias, version, reason)
    text = f"{alias} is taken away" if version is None else f"{alias} is {model}@{version}"
    return Output({"alias": alias, "version": version, "before": before}, text)


@verb(
    models,
    Registry.archive,
    writes=True,
    reason=True,
    example='pilothouse models archive churn 2 --reason "replaced by 3"',
)
@model_argument
@version_argument
@dry_run_option
def _archive(ws: Workspace, model: str, version: int, dry_run: bool, reason: str) -> Output:
    if dry_run:
        return affected_output(ws.governance.affected(model, version, "archive"))
    ws.registry.archive(model, version, reason)
    return Output({"model": model, "version": version}, f"{model}@{version} is archived")
