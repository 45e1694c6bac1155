"""The export of a version: choose a system, read what cannot be carried over, download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import plural
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_fields
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.interop.exporting.info import ExportOffer, ExportPreview

COLUMNS = 3
NO_DEPLOYMENT = ""
HELP = "The files of another serving system: a container, Kubernetes and more."


def export_button(model: str, version: int, deployment: str = "") -> None:
    """A button that opens the dialog, which begins with the settings of a deployment."""
    if st.button(
        "Export",
        icon=":material/ios_share:",
        key="version_export",
        type="tertiary",
        help=HELP,
    ):
        _dialog(model, version, deployment)


@st.dialog("Export this version", icon=":material/ios_share:", width="large", on_dismiss="rerun")
def _dialog(model: str, version: int, deployment: str) -> None:
    try:
        _choices(model, version, deployment)
    except PilothouseError as refused:
        error_box(refused)


def _choices(model: str, version: int, first: str) -> None:
    exports = workspace().exports
    left, right = st.columns(2)
    with right:
        deployment = _deployment(model, first)
    offers = exports.offers(model, version, deployment)
    possible = {offer.target: offer for offer in offers if not offer.reason}
    with left:
        target = _target(possible)
    _impossible([offer for offer in offers if offer.reason])
    if target is None:
        return
    offer = possible[target]
    st.markdown(f":gray[{offer.description}]")
    options = parameter_fields(offer.parameters, {}, key=f"export_{target}", columns=COLUMNS)
    preview = exports.preview(target, model, version, deployment, options)
    _notes(preview)
    st.download_button(
        "Download",
        lambda: exports.archive(target, model, version, deployment, options),
        preview.filename,
        "application/zip",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
        key="export_download",
        help="The download is an entry of the activity log, with the digest of the archive.",
    )
    _files(preview)


def _deployment(model: str, first: str) -> str:
    deployments = workspace().deployments
    names = [n for n in deployments.serving(model) if not deployments.deployment(n).external]
    choices = [NO_DEPLOYMENT, *names]
    start = first or next(iter(names), NO_DEPLOYMENT)
    return str(
        st.selectbox(
            "With the settings of",
            choices,
            index=choices.index(start),
            format_func=lambda name: name or "no deployment",
            key="export_deployment",
            help="Its replicas, limits and rollout are carried over where the target has a field.",
        )
        or ""
    )


def _target(possible: dict[str, ExportOffer]) -> str | None:
    return st.selectbox(
        "For",
        list(possible),
        format_func=lambda name: possible[name].title,
        key="export_target",
        disabled=not possible,
        placeholder="No system can take this version",
    )


def _impossible(offers: Sequence[ExportOffer]) -> None:
    """Systems that cannot take this version, and why: each reason once."""
    by_reason: dict[str, list[str]] = {}
    for offer in offers:
        by_reason.setdefault(offer.reason, []).append(offer.title)
    for reason, titles in by_reason.items():
        st.caption(f"Not for {', '.join(titles)}: {literal(reason)}")


def _notes(preview: ExportPreview) -> None:
    """What is not carried over and what to know first, then what is."""
    st.markdown("**Not carried over**")
    st.markdown(_list(preview.left_out))
    if preview.notes:
        st.markdown("**Before you use it**")
        st.markdown(_list(preview.notes))
    with st.expander("Carried over", icon=":material/check:"):
        st.markdown(_list(preview.carried))


def _files(preview: ExportPreview) -> None:
    with st.expander(f"{plural(len(preview.paths), 'file')}, and how to start it"):
        st.markdown(preview.steps)
        st.code("\n".join(_without_modules(preview.paths)), language=None, height=220)


def _without_modules(paths: Sequence[str]) -> list[str]:
    """The copied modules of the server as one line: they are many."""
    own = [path for path in paths if "pilothouse/" in path]
    rest = [path for path in paths if "pilothouse/" not in path]
    if not own:
        return rest
    folder = own[0].partition("pilothouse/")[0]
    return [*rest, f"{folder}pilothouse/  ({plural(len(own), 'module')} of the server)"]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
