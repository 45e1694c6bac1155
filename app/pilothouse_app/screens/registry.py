"""Registry: models and their champions, decisions that wait, and every promotion there was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.registry.tables import STATUSES
from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_or_all, filter_bar, pager, search
from pilothouse_app.components.formats import ago, plural
from pilothouse_app.components.header import header, section
from pilothouse_app.components.links import address, link, screen
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.status import status_title
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import (
    main_metrics,
    message_text,
    metric_title,
    metric_value,
)
from pilothouse_app.features.governance.outcomes import champion_outcomes
from pilothouse_app.features.policies.overview import policies_in_short
from pilothouse_app.features.registry.add_files import add_files_button
from pilothouse_app.features.registry.gates import verdict_summary
from pilothouse_app.features.registry.promote import current_evaluation, decide_buttons
from pilothouse_app.features.registry.stages import stage_overview

if TYPE_CHECKING:
    import pandas as pd

SCREEN = Screen(
    title="Registry",
    path="registry",
    icon=":material/deployed_code:",
    summary="Models, their versions and promotions",
    section="Operate",
    order=0,
)
MAX_CARDS = 3
SIZE = 50
MODELS = {
    "name": name_column("Model", width=190),
    "owner": text_column("Owner", width=92, help="The tag `owner`, or who created the model"),
    "champion": number_column("Champion", 0, width=84, help="The version in production"),
    "metric": text_column(
        "Metric", width=130, help="Of the champion, or of the newest version if there is none"
    ),
    "outcome": text_column(
        "Promise", width=104, help="Whether live labels keep what the champion's promotion promised"
    ),
    "deployments": text_column("Deployments", width=150),
    "versions": number_column("Versions", 0, width=74),
    "latest": number_column("Latest", 0, width=62),
    "pending": number_column("Pending", 0, width=74, help="Promotions that wait for a decision"),
    "newest_at": when_column("Newest version", width=118),
    "note": text_column("Note"),
}
PROMOTIONS = {
    "version": name_column("Version", width=110),
    "to": status_column("To", width=100),
    "status": status_column(width=96),
    "gates": text_column("Gates when requested", width=150),
    "requested_by": text_column("Requested by", width=84),
    "requested_at": when_column("Requested", width=104),
    "decided_by": text_column("Decided by", width=84),
    "why": text_column("Reason", width=260),
}


def render() -> None:
    """Decisions first, then models, then the history of promotions."""
    ws = workspace()
    total = ws.registry.model_count()
    with header("Registry", note=plural(total, "model")):
        add_files_button()
        link(screen("experiments"), "Find a run to register", icon=":material/search:")

    if not total:
        empty(
            "No model is registered yet",
            "A model version comes from a finished run, from an MLflow client, or from a model's "
            "files.",
            to=("Open experiments", screen("experiments")),
        )
        return

    refresh_when_changed(_waiting, key="registry_changes")
    _pending(ws.registry.promotions("pending"))
    models = _models(total)
    if total == 1 and len(models) == 1:
        _ladder(str(models["name"].iloc[0]))
    _promotions()
    policies_in_short()


def _waiting() -> list[str]:
    """The promotions whose buttons are on the page."""
    return list(workspace().registry.promotions("pending")["id"])


def _models(total: int) -> pd.DataFrame:
    """The models that are searched for, a page of them."""
    registry, query = workspace().registry, ""
    if total > 1:
        with filter_bar():
            query = search("registry_q", "Name, owner or note", resets="registry_page")
    matching = registry.model_count(query)
    body = st.container()
    page = pager(matching, key="registry_page", size=SIZE)
    models = registry.model_list(query, page=page, size=SIZE)

    with body:
        if models.empty:
            nothing_found("models", key="no_models")
            return models
        with table_height("models", len(models), reserve=26) as height:
            table(
                _with_use(models), MODELS, key="models", alt="Models", ids="name",
                opens=("model", "name"), height=height,
            )  # fmt: skip

    return models


def _with_use(models: pd.DataFrame) -> pd.DataFrame:
    """The models with their main metric as text, and their deployments."""
    deployed = workspace().deployments.deployments()
    names = deployed.groupby("model")["name"].agg(", ".join)
    outcomes = champion_outcomes()
    return models.assign(
        outcome=[outcomes.get(name, "") for name in models["name"]],
        metric=[_metric(metrics) for metrics in models["metrics"]],
        deployments=[names.get(name, "") for name in models["name"]],
    )


def _metric(metrics: dict[str, float]) -> str:
    """The main metric of a version: `ROC AUC 0.7423`."""
    for key in main_metrics(list(metrics), most=1):
        return f"{metric_title(key)} {metric_value(key, metrics[key])}"
    return ""


def _pending(waiting: pd.DataFrame) -> None:
    if waiting.empty:
        return
    section("Waiting for a decision", plural(len(waiting), "promotion"))
    for promotion in records(waiting)[:MAX_CARDS]:
        _card(promotion)
    if len(waiting) > MAX_CARDS:
        st.markdown(f":gray[and {len(waiting) - MAX_CARDS} more below]")


def _card(row: dict[str, Any]) -> None:
    promotion = workspace().registry.promotion(str(row["id"]))
    now = current_evaluation(promotion)
    with st.container(
        border=True,
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key=f"pending_{promotion.id}",
    ):
        with st.container(gap="xsmall", width="stretch"):
            link(
                address("promotion", promotion.id),
                f"{promotion.model} {promotion.version} to {promotion.stage}",
                icon=":material/how_to_vote:",
            )
            st.markdown(
                f":gray[{verdict_summary(now.verdicts)} · requested by "
                f"{literal(promotion.requested_by)} {ago(promotion.requested_at)}]  \n"
                f"{literal(message_text(promotion.reason))}"
            )
        with st.container(horizontal=True, width="content"):
            decide_buttons(promotion, key=f"decide_{promotion.id}", now=now)


def _ladder(model: str) -> None:
    stage_overview(model, workspace().registry.versions(model))


def _promotions() -> None:
    with filter_bar():
        section("Promotions")
        status = choose_or_all(
            "registry_status", STATUSES, "All states", format_func=status_title, width=150
        )

    promotions = workspace().registry.promotions(status or None)
    if promotions.empty and status:
        nothing_found("promotions")
        return

    if promotions.empty:
        empty(
            "No version has been promoted",
            "Open a version and promote it; gates are evaluated first.",
            key="no_promotions",
        )
        return

    rows = promotions.assign(
        version=[
            f"{m} {n}" for m, n in zip(promotions["model"], promotions["version"], strict=True)
        ],
        to=promotions["stage"],
        gates=[message_text(gates) for gates in promotions["gates"]],
        why=[message_text(late or early) for late, early in _reasons(promotions)],
    )

    table(rows, PROMOTIONS, key="promotions", alt="Promotions", opens=("promotion", "id"))


def _reasons(promotions: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(promotions["decision_reason"], promotions["reason"], strict=True))
