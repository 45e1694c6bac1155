"""Commands on feature stores: add one, read it again, bring its values online, remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.features.store_rows import NAME
from pilothouse.features.stores import feature_stores
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.links import address, go, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.parameter_form import parameter_field
from pilothouse_app.components.schedule_panel import ScheduledWork, schedule_panel
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.features import FeatureStoreInfo

FIRST = "feast"
OWN, OTHER = "Pilothouse's own Python", "Another interpreter"
CLOCKS = {"Every hour": "5 * * * *", "Every day at 03:00 UTC": "0 3 * * *"}


def add_store_button() -> None:
    """The button that opens the dialog."""
    if st.button("Add feature store", type="primary", icon=":material/add:", key="add_store"):
        _add_dialog()


@st.dialog("Add feature store", width="medium", icon=":material/dataset_linked:")
def _add_dialog() -> None:
    """Where the store is, and which interpreter has its library."""
    kinds = feature_stores.names()
    kind = kinds[0] if len(kinds) == 1 else _kind(kinds)
    plugin = feature_stores.get(kind)
    st.markdown(f":gray[{literal(plugin.description)}]")
    values = {
        item.name: parameter_field(item, item.default, key=f"store_{kind}_{item.name}")
        for item in plugin.parameters
    }
    python = _python(plugin.package)
    stem = str(next(iter(values.values()), "") or "").rstrip("/").rsplit("/", 1)[-1]
    guess = NAME.suggest(stem) if stem else ""
    name, missing = name_input(NAME, guess, key=f"store_name_{guess}")
    for item in plugin.parameters:
        if item.required and not values[item.name]:
            missing = f"Fill in {item.label} first"
    if not dialog_buttons("Add", "store", missing=missing):
        return
    with st.spinner("The store is read"):
        added = run_or_show_error(
            lambda: workspace().features.add(name, values, kind=kind, python=python)
        )
    if added:
        toast_next(f"{name} is added")
        go(address("feature_store", name))


def _kind(kinds: list[str]) -> str:
    chosen = st.segmented_control(
        "Kind", kinds, default=FIRST, required=True, key="store_kind",
        format_func=lambda name: feature_stores.get(name).title, label_visibility="collapsed",
    )  # fmt: skip
    return str(chosen or FIRST)


def _python(package: str) -> str:
    """The interpreter: empty for Pilothouse's own."""
    which = st.segmented_control(
        "Interpreter", [OWN, OTHER], default=OWN, required=True, key="store_which_python"
    )
    if which == OWN:
        return ""
    typed = st.text_input(
        f"Path of a Python that has {package}, or the id of an environment",
        placeholder="/srv/feast/bin/python",
        live=True,
        key="store_python",
    )
    return (typed or "").strip()


def store_commands(info: FeatureStoreInfo) -> None:
    """The buttons of one store beside those that make something of it."""
    features = workspace().features
    if st.button("Remove", icon=":material/delete:", key="store_remove"):
        confirm(
            "Remove this feature store",
            "Pilothouse forgets it; its repository is not touched. Training sets stay, and cannot "
            "be refreshed.",
            verb="Remove",
            command=lambda reason: features.remove(info.name, reason),
            done=f"{info.name} is removed",
            then=screen("features"),
        )
    if st.button("Read again", icon=":material/sync:", key="store_read"):
        with st.spinner("The store is read"):
            done = run_or_show_error(lambda: features.read(info.name))
        if done:
            toast_next(f"{info.name} is read")
            st.rerun()
    if any(view.online for view in info.catalog.views) and st.button(
        "Materialize", icon=":material/bolt:", key="store_materialize"
    ):
        materialize_dialog(info)


@st.dialog("Materialize", width="medium", icon=":material/bolt:")
def materialize_dialog(info: FeatureStoreInfo) -> None:
    """Which views are brought online now, and a clock for all of them."""
    st.markdown(
        "The values that are new since the last time are brought into the online store, up to now."
    )
    online = [view.name for view in info.catalog.views if view.online]
    views = st.multiselect(
        "Views", online, placeholder="All views that are online", key="materialize_views"
    )
    _schedule(info.name)
    if not dialog_buttons("Materialize", "materialize"):
        return
    jobs: list[str] = []
    if run_or_show_error(
        lambda: jobs.append(workspace().features.submit_materialization(info.name, views=views))
    ):
        toast_next("Materialization started")
        go(address("job", jobs[0]))


def _schedule(store: str) -> None:
    work = ScheduledWork(
        "Materialize",
        "Materialized",
        store,
        "feature_store",
        "materialize_features",
        {"name": store},
        CLOCKS,
    )
    schedule_panel(work, key="materialize")
