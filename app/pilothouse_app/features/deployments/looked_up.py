"""Features that are looked up for the requests of a deployment: what they cost, and the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.features import FeatureRequest
from pilothouse_app.components.dialogs import (
    dialog_buttons,
    reason_input,
    run_or_show_error,
)
from pilothouse_app.components.formats import count, duration, share
from pilothouse_app.components.kpis import Kpi
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.deployments.feature_rule import FeatureRule
    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.features import FeatureStoreInfo

SERVICE, FEATURES = "A service", "Features"


def lookup_tiles(name: str) -> list[Kpi]:
    """What is looked up, what it costs and how old the values are; nothing without a rule."""
    rule = workspace().deployments.features(name)
    if rule is None:
        return []
    tile = Kpi("Features looked up", str(len(rule.names)), f"{rule.text} of {rule.store}")
    figures = workspace().deployments.feature_lookups(name)
    if not figures:
        return [tile]
    failed = f"{count(figures['failed'])} of {count(figures['count'] + figures['failed'])} failed"
    p50, p99 = (_seconds(figures.get(name)) for name in ("p50_ms", "p99_ms"))
    age, old = (duration(figures.get(f"age_{part}_seconds")) for part in ("p50", "p99"))
    missing, rows = figures["missing_rows"], figures["rows"]
    return [
        tile,
        Kpi("Lookup p50", p50, f"p99 {p99}"),
        Kpi("Lookups that failed", share(_part(figures["failed"], figures["count"])), failed),
        Kpi("Age of values p50", age, f"p99 {old}"),
        Kpi(
            "Keys not in the store",
            share(missing / rows if rows else None),
            f"{count(missing)} of {count(rows)} rows",
        ),
    ]


def store_failure(name: str) -> None:
    """Say that the feature store of a deployment cannot be opened, why, and what to do."""
    figures = workspace().deployments.feature_lookups(name)
    rule = workspace().deployments.features(name)
    if rule is None or not figures or not figures.get("store_failure"):
        return
    st.error(
        f"{literal(figures['store_failure'])}\n\nRequests that bring every input are answered; "
        "those that need a lookup get 503. It is tried again every 30 seconds. Repair the store, "
        "or change what is looked up under Access.",
        title=f"The feature store {literal(rule.store)} has failed",
        icon=":material/error:",
    )


def _seconds(ms: float | None) -> str:
    return duration(None if ms is None else ms / 1000)


def _part(failed: int, answered: int) -> float | None:
    return failed / (failed + answered) if failed + answered else None


def features_button(deployment: DeploymentInfo) -> None:
    """The button that opens the dialog; nothing without a feature store."""
    has_stores = not workspace().features.stores().empty
    if (
        not deployment.external
        and has_stores
        and st.button("Features", icon=":material/dataset_linked:", key="features_change")
    ):
        change_features(deployment.name)


@st.dialog("Features that are looked up", width="medium", icon=":material/dataset_linked:")
def change_features(name: str) -> None:
    """Which store, which features, how long a request waits; or nothing any more."""
    st.markdown(
        "Requests that bring the keys of entities get the features that they do not bring, before "
        "they are checked."
    )
    rule = workspace().deployments.features(name)
    stores = list(workspace().features.stores()["name"])
    start = stores.index(rule.store) if rule and rule.store in stores else 0
    store = str(st.selectbox("Feature store", stores, index=start, key="features_store"))
    current = rule if rule and rule.store == store else None
    request = _request(workspace().features.store(store), current)
    seconds = st.number_input(
        "Wait at most (seconds)", 0.01, 20.0, rule.seconds if rule else 1.0, key="features_seconds"
    )
    reason = reason_input("features_reason")
    if rule is not None and st.button(
        "Look nothing up any more", key="features_remove", disabled=not reason
    ):
        removed = run_or_show_error(lambda: workspace().deployments.remove_features(name, reason))
        if removed:
            toast_next(f"Nothing is looked up for {name}")
            st.rerun()
    missing = "" if reason else "Give a reason first"
    if not (request.features or request.service):
        missing = "Choose features first"
    if dialog_buttons("Save", "features", missing=missing):
        saved = run_or_show_error(
            lambda: workspace().deployments.set_features(
                name, store, request, seconds=float(seconds), reason=reason
            )
        )
        if saved:
            toast_next(f"The features of {name} are looked up")
            st.rerun()


def _request(info: FeatureStoreInfo, rule: FeatureRule | None) -> FeatureRequest:
    """The service or the features; those of the rule at first."""
    services = list(info.catalog.services)
    start = SERVICE if services and not (rule and rule.features) else FEATURES
    way = st.segmented_control(
        "What", [SERVICE, FEATURES] if services else [FEATURES], required=True,
        default=start, key="features_way",
        label_visibility="collapsed",
    )  # fmt: skip
    if way == SERVICE:
        service = str(
            st.selectbox(
                "Service",
                services,
                index=services.index(rule.service) if rule and rule.service in services else 0,
                key=f"features_service_{info.name}",
            )
        )
        names = info.catalog.feature_names(FeatureRequest(service=service))
        st.markdown(f":small[:gray[{literal(', '.join(names))}]]")
        return FeatureRequest(service=service)
    chosen = st.multiselect(
        "Features",
        info.catalog.references,
        [name for name in (rule.features if rule else ()) if name in info.catalog.references],
        key=f"features_of_{info.name}",
    )
    return FeatureRequest(features=tuple(chosen))
