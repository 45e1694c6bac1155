"""Dialogs of quality checks: add one of a kind, edit it, take suggestions, remove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.data.quality.kinds import QualityKind, quality_kinds
from pilothouse.data.quality.quality_info import SEVERITIES
from pilothouse.kit.parameters import Parameter
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_field, parameter_label
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.data.quality.quality_info import DatasetCheckInfo, SuggestedCheck

SEVERITY_TITLES = {"warn": "Warns", "block": "Holds a new version back"}
WIDE = ("query", "values", "columns", "pattern")  # fields that get a line of their own


@st.dialog("Add a quality check", width="medium", icon=":material/fact_check:")
def add_dialog(version: DatasetVersionInfo) -> None:
    """A kind, its settings and what a failure means."""
    types = {column.type for column in version.schema}
    fitting = [n for n, kind in quality_kinds.items() if not kind.takes or types & set(kind.takes)]
    name = st.selectbox(
        "Kind", fitting, format_func=lambda n: quality_kinds.get(n).title, key="quality_kind"
    )
    kind = quality_kinds.get(str(name))
    st.markdown(f":gray[{literal(kind.description)}]")
    settings = _fields(version, kind, {}, key=f"quality_new_{name}")
    severity = _severity("warn", "quality_new_severity")
    missing = _missing(kind, settings)
    if dialog_buttons("Add", "quality_new", missing=missing) and run_or_show_error(
        lambda: workspace().data.add_quality_check(
            version.dataset, str(name), settings, severity=severity
        )
    ):
        toast_next("The quality check is added")
        st.rerun()


@st.dialog("Edit the quality check", width="medium", icon=":material/edit:")
def edit_dialog(version: DatasetVersionInfo, check: DatasetCheckInfo) -> None:
    """Its settings and severity; results that are there keep the limits of their day."""
    kind = quality_kinds.get(check.kind)
    key = f"quality_edit_{check.id}"
    settings = _fields(version, kind, check.settings, key=key)
    severity = _severity(check.severity, f"{key}_severity")
    reason = reason_input(f"{key}_reason")
    missing = _missing(kind, settings) or ("" if reason else "Give a reason first")
    if settings == dict(check.settings) and severity == check.severity:
        missing = "No changes yet"
    if dialog_buttons("Save", key, missing=missing) and run_or_show_error(
        lambda: workspace().data.edit_quality_check(
            check.id, settings, severity=severity, reason=reason
        )
    ):
        toast_next("The quality check is saved: new versions are checked with it")
        st.rerun()


@st.dialog("Suggested checks", width="large", icon=":material/lightbulb:")
def suggest_dialog(version: DatasetVersionInfo) -> None:
    """Checks that this version passes, each with its reason, to be ticked."""
    suggestions = workspace().data.suggest_quality_checks(version.ref)
    if not suggestions:
        st.markdown("Nothing is suggested: what this version suggests is checked already.")
        return
    chosen = []
    for index, suggestion in enumerate(suggestions):
        label = f"{literal(suggestion.title)}  \n:small[:gray[{literal(suggestion.why)}; "
        label += f"{SEVERITY_TITLES[suggestion.severity].lower()}]]"
        if st.checkbox(label, value=True, key=f"quality_suggested_{version.ref}_{index}"):
            chosen.append(suggestion)
    verb = f"Add {len(chosen)}" if chosen else "Add"
    missing = "" if chosen else "Tick one first"
    if dialog_buttons(verb, "quality_suggested", missing=missing) and run_or_show_error(
        lambda: _add_all(version, chosen)
    ):
        toast_next("The quality checks are added")
        st.rerun()


def remove_check(check: DatasetCheckInfo) -> None:
    """Ask before a check goes with its history."""
    confirm(
        "Remove the quality check",
        f"**{literal(check.title)}** no longer runs on new versions of "
        f"**{literal(check.dataset)}**, and its results are removed with it.",
        verb="Remove",
        command=lambda reason: workspace().data.remove_quality_check(check.id, reason),
        done="The quality check is removed",
        icon=":material/delete:",
    )


def _add_all(version: DatasetVersionInfo, chosen: Sequence[SuggestedCheck]) -> None:
    for suggestion in chosen:
        workspace().data.add_quality_check(
            version.dataset,
            suggestion.kind,
            suggestion.settings,
            severity=suggestion.severity,
            reason=f"suggested from {version.ref}",
        )


def _severity(value: str, key: str) -> str:
    return str(
        st.segmented_control(
            "A failure",
            SEVERITIES,
            default=value,
            required=True,
            format_func=SEVERITY_TITLES.__getitem__,
            key=key,
        )
    )


def _fields(
    version: DatasetVersionInfo, kind: QualityKind, values: Mapping[str, Any], *, key: str
) -> dict[str, Any]:
    """A field for each setting: columns are chosen, lists are typed."""
    names = [column.name for column in version.schema if column.type in kind.takes]
    narrow = [p for p in kind.parameters if p.name not in WIDE]
    settings: dict[str, Any] = {}
    for parameter in kind.parameters:
        if parameter.name in WIDE:
            start = values.get(parameter.name, parameter.default)
            settings[parameter.name] = _wide(parameter, start, names, f"{key}_{parameter.name}")
    cells = st.columns(max(1, len(narrow))) if narrow else []
    for cell, parameter in zip(cells, narrow, strict=True):
        with cell:
            start = values.get(parameter.name, parameter.default)
            settings[parameter.name] = _field(parameter, start, names, f"{key}_{parameter.name}")
    return settings


def _wide(parameter: Parameter, value: Any, names: Sequence[str], key: str) -> Any:
    label, help_text = parameter_label(parameter), parameter.help or None
    if parameter.type != "list":
        if parameter.name == "query":
            return st.text_area(label, value or "", key=key, help=help_text, height=100)
        return parameter_field(parameter, value, key=key)
    options = list(names) if parameter.name == "columns" else [str(v) for v in value or ()]
    return st.multiselect(
        label,
        options,
        default=[str(v) for v in value or ()],
        accept_new_options=parameter.name != "columns",
        placeholder="Choose" if parameter.name == "columns" else "Type a value, then Enter",
        help=help_text,
        key=key,
    )


def _field(parameter: Parameter, value: Any, names: Sequence[str], key: str) -> Any:
    if parameter.name != "column":
        return parameter_field(parameter, value, key=key)
    options = list(dict.fromkeys([*names, *([value] if value else [])]))
    index = options.index(value) if value else 0
    return st.selectbox(parameter.label, options, index=index, key=key, help=parameter.help)


def _missing(kind: QualityKind, settings: Mapping[str, Any]) -> str:
    empty = [p.label for p in kind.parameters if p.required and not settings.get(p.name)]
    return f"Needed: {', '.join(empty)}" if empty else ""
