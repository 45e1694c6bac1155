"""One version of a model: metrics, origin, inputs, gates and stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.comparison.agreement import compare_values
from pilothouse.kit.errors import Invalid
from pilothouse.models.tasks import task_of
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import ago, plural, title
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import address, link, query_param, screen
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    name_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.comments.thread import comment_thread
from pilothouse_app.features.deployments.launch import launch_button
from pilothouse_app.features.evaluation.dialog import evaluate_button
from pilothouse_app.features.evaluation.predict import predict_button
from pilothouse_app.features.evaluation.results import evaluations_section, newest_metrics
from pilothouse_app.features.experiments.formatting import (
    main_metrics,
    message_text,
    metric_title,
    metric_value,
)
from pilothouse_app.features.experiments.how_measured import how_measured
from pilothouse_app.features.exports.version_export import export_button
from pilothouse_app.features.governance.ci_files import ci_file_popover
from pilothouse_app.features.governance.evidence_packs import pack_button
from pilothouse_app.features.governance.outcomes import outcome_line
from pilothouse_app.features.registry.affected import affected_text
from pilothouse_app.features.registry.card import card_view
from pilothouse_app.features.registry.code_review import code_badge, code_section
from pilothouse_app.features.registry.describe import describe_button
from pilothouse_app.features.registry.external_version import logged_files, logged_inputs
from pilothouse_app.features.registry.gates import verdict_summary, verdict_table
from pilothouse_app.features.registry.measure import DIALOG_OPEN, measure_line, measuring
from pilothouse_app.features.registry.overrides import overridden_line
from pilothouse_app.features.registry.promote import pending_promotion, promote_button
from pilothouse_app.features.registry.readiness import readiness_line, readiness_steps
from pilothouse_app.features.registry.signature import signature_frame

if TYPE_CHECKING:
    from pilothouse.deployments.readiness import ReadinessStep
    from pilothouse.models.signature import Signature
    from pilothouse.registry.code_audit import AuditInfo
    from pilothouse.registry.info import VersionInfo

SCREEN = Screen(
    title="Version",
    path="version",
    icon=":material/deployed_code:",
    summary="One version of a model",
    parent="registry",
)
VIEWS = ("overview", "card")
INPUTS = {
    "name": text_column("Input", width=130),
    "type": text_column("Type", width=122),
    "values": text_column("Seen in training"),
    "example": text_column("Example", width=78),
}
INPUTS_ELSEWHERE = {  # what another program's training saw is not known
    "name": text_column("Input", width=240),
    "type": INPUTS["type"],
    "example": INPUTS["example"],
}
MOVES = {
    "to": status_column("Stage", width=100),
    "at": when_column("When", width=110),
    "by": text_column("By", width=90),
    "reason": text_column("Reason"),
}


def render() -> None:
    """The version the address names."""
    model, _, number = query_param("ref").rpartition("@")
    back = (model or "Registry", address("model", model) if model else screen("registry"))
    if not model:
        with header("Version", back=back):
            pass
        empty("Which version?", "The address names none.", to=("Open the registry", back[1]))
        return
    if not number.isdigit():
        raise Invalid(f"{number!r} is not a version number.")

    registry = workspace().registry
    version = registry.version(model, int(number))
    steps = readiness_steps(version)
    audit = registry.code_audit(model, version.version)
    evaluations = registry.evaluations(model, version.version)
    with header(f"{model} {version.version}", status=version.stage, back=back):
        _commands(version, steps)
    refresh_when_changed(lambda: _state(model, int(number)), key="version_changes")
    _origin(version, audit)
    if switch("version_view", VIEWS, "Show", format_func=title) == "card":
        card_view(version)
        return
    outcome_line(model, version.version)
    readiness_line(version, steps, evaluated=not evaluations.empty)
    _tiles(version, evaluations)
    left, right = st.columns([50, 50], gap="medium")
    with left:
        _inputs(version, audit)
    with right:
        _status(version, evaluations)
    comment_thread("version", version.ref)


def _state(model: str, version: int) -> object:
    """What the badges and buttons of the page are drawn for."""
    registry = workspace().registry
    model_version = registry.version(model, version)
    waiting = pending_promotion(model_version)
    evaluated = len(registry.evaluations(model, version))
    environment = workspace().environments.use(model_version.ref)
    return (
        model_version.stage,
        model_version.aliases,
        waiting.id if waiting else "",
        evaluated,
        environment.state if environment else "",
        # A page that runs again closes the dialog, which follows the measurements itself.
        measuring(model_version) is not None and DIALOG_OPEN not in st.session_state,
    )


def _commands(version: VersionInfo, steps: Sequence[ReadinessStep]) -> None:
    if version.stage != "archived" and st.button(
        "Archive", icon=":material/archive:", key="version_archive"
    ):
        _confirm_archive(version)
    describe_button(version)
    evaluate_button(version, steps)
    predict_button(version)
    launch_button(version.model, version.version)
    promote_button(version, primary=all(step.done or step.name == "example" for step in steps))


def _confirm_archive(version: VersionInfo) -> None:
    champion = (
        " It is the champion: the model will have no champion." if version.is_champion else ""
    )
    confirm(
        "Archive this version",
        f"**{version.model} {version.version}** is taken out of use.{champion} "
        "Deployments that serve it keep running. It can be promoted again."
        + affected_text(version.model, version.version, "archive"),
        verb="Archive",
        command=lambda reason: workspace().registry.archive(version.model, version.version, reason),
        done=f"{version.model} {version.version} is archived",
        type_to_confirm=version.model if version.is_champion else "",
    )


def _origin(version: VersionInfo, audit: AuditInfo | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for alias in version.aliases:
            st.badge(alias, color="violet" if alias == "champion" else "gray")
        code_badge(audit)
        overridden_line(version.model, version.version)
        if version.run_id:
            link(address("run", version.run_id), "Run", icon=":material/timeline:")
        if version.dataset:
            link(address("dataset", version.dataset), version.dataset, icon=":material/table_view:")
        link(
            screen("lineage", kind="version", ref=version.ref),
            "Lineage",
            icon=":material/account_tree:",
        )
        link(screen("responsible", ref=version.ref), "Responsible use", icon=":material/balance:")
        link(screen("activity", activity_q=version.ref), "Activity", icon=":material/history:")
        export_button(version.model, version.version)
        ci_file_popover(version)
        pack_button(version.model, version.version)
    facts(
        {
            "Registered": f"{ago(version.created_at)} by {literal(version.created_by)}",
            "Imported from": literal(version.import_source),
            "Artifact": f"`{version.digest[:12]}`",
            **_answer_facts(version.signature),
            "Measured": how_measured(version.run_id),
            "Note": literal(version.note),
        }
    )


def _answer_facts(signature: Signature) -> dict[str, str]:
    """What the model's answer means; nothing before it is described."""
    if not signature.is_described:
        return {}
    task = task_of(signature)
    decides = task.has_threshold
    return {
        "Task": task.title,
        "Positive class": literal(str(signature.positive)) if decides and task.has_classes else "",
        "Threshold": f"{signature.threshold:.3f}" if decides else "",
        "Unit": literal(signature.unit),
    }


def _tiles(version: VersionInfo, evaluations: pd.DataFrame) -> None:
    champion = workspace().registry.champion(version.model)
    other = champion if champion and champion.version != version.version else None
    metrics = newest_metrics(version, evaluations)
    others: Mapping[str, float] = {}
    if other is not None:
        evaluated = workspace().registry.evaluations(other.model, other.version)
        others = newest_metrics(other, evaluated)
    figures = [
        Kpi(
            metric_title(key),
            metric_value(key, metrics[key]),
            _champion_note(version, other, key, others),
        )
        for key in main_metrics(list(metrics), most=6)
    ]
    if figures:
        kpi_row(figures)


def _champion_note(
    version: VersionInfo, champion: VersionInfo | None, key: str, metrics: Mapping[str, float]
) -> str:
    """The champion's value, and whether it was measured on the same held-out rows."""
    if champion is None or key not in metrics:
        return ""
    figure = f"champion {metric_value(key, metrics[key])}"
    state = compare_values([version.held_out, champion.held_out])
    return figure + {"same": "", "differs": ", on other rows"}.get(state, ", rows unknown")


def _inputs(version: VersionInfo, audit: AuditInfo | None) -> None:
    signature = version.signature
    logged = workspace().registry.external_version(version.model, version.version)
    if not signature.inputs:
        logged_inputs(logged)
    else:
        predicts = f", predicts {literal(signature.target)}" if signature.target else ""
        section("Inputs", f"{plural(len(signature.inputs), 'column')}{predicts}")
        frame = signature_frame(signature, version.input_example)
        columns = INPUTS if frame["values"].any() else INPUTS_ELSEWHERE
        table(frame, columns, key="version_inputs", alt="Input columns")
    code_section(version, audit)
    logged_files(logged)


def _status(version: VersionInfo, evaluations: pd.DataFrame) -> None:
    registry = workspace().registry
    if version.stage != "production":
        waiting = pending_promotion(version)
        evidence = waiting.evidence.get("comparison") if waiting else None
        decision = registry.assess(version.model, version.version, "production", evidence)
        section("Gates for production", verdict_summary(decision.verdicts))
        measure_line(version, "production", key="version_measure")
        verdict_table(decision.verdicts)

    evaluations_section(version, evaluations)
    moves = registry.history(version.model)
    moves = moves[moves["version"] == version.version].rename(columns={"after": "to"})
    section("Stages", plural(len(moves), "move"))

    if moves.empty:
        st.markdown(":gray[It has no stage yet.]")
    else:
        table(moves, MOVES, key="version_moves", alt="Moves between stages")

    _promotions(registry.promotions(model=version.model), version.version)


def _promotions(promotions: pd.DataFrame, version: int) -> None:
    own = promotions[promotions["version"] == version]
    own = own.assign(gates=[message_text(gates) for gates in own["gates"]])
    if own.empty:
        return
    section("Promotions", plural(len(own), "request"))
    columns = {
        "stage": name_column("To", width=96),
        "status": status_column(width=96),
        "requested_at": when_column("Requested", width=110),
        "gates": text_column("Gates"),
    }
    table(own, columns, key="version_promotions", alt="Promotions", opens=("promotion", "id"))
