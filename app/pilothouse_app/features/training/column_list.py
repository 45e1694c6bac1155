"""The columns of a training: the use of each and why, a switch for each, warnings of leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.data.schema import NAMES
from pilothouse.kit.errors import PilothouseError
from pilothouse.training.features import RESERVED
from pilothouse.training.spec import TrainingSpec
from pilothouse_app.components.formats import plural, sentence
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.table import HEAD, ROW, name_column, text_column
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo

# Of a run, whose columns have been decided.
COLUMN_USES = {
    "column": name_column("Column", width=170),
    "use": text_column("Use", width=90),
    "reason": text_column("Reason"),
}
START = "train_start"  # session keys of what a press of "leave out" has left
MAX_WARNINGS = 5
ROWS_SHOWN = 8


@dataclass(frozen=True)
class ColumnChoice:
    """The features that were switched on; empty `features` means those that are on by default."""

    features: list[str]
    used: int


def column_fields(
    version: DatasetVersionInfo, spec: Mapping[str, Any], preset: Mapping[str, Any]
) -> ColumnChoice:
    """Draw the list of columns with their switches, and what may give the target away."""
    target, time_name = str(spec["target"]), spec.get("time_column") or version.event_time
    uses = _uses(version.ref, target, time_name)
    fixed = {target, time_name, *RESERVED}
    rows = [use for use in uses if use["column"] not in fixed]
    automatic = [use["column"] for use in rows if use["used"]]

    start_key = f"{START}_{version.ref}_{target}_{time_name}"
    start = st.session_state.get(start_key) or _preset_features(rows, target, preset) or automatic
    key = f"train_use_{_digest([version.ref, target, str(time_name), *start])}"
    chosen = _switched(rows, start, st.session_state.get(key))
    suspicions = _suspicions(version, spec, [use["column"] for use in rows])
    _warn(suspicions, chosen, start_key)

    out = len(uses) - len(chosen)
    label = f"{plural(len(chosen), 'feature')}, {plural(out, 'column')} left out"
    with st.expander(label, icon=":material/view_column:", key="train_columns"):
        _editor(rows, start, suspicions, key)
        st.markdown(f":gray[{_fixed_text(target, time_name, uses)}]")
    return ColumnChoice([] if chosen == automatic else chosen, len(chosen))


def _uses(ref: str, target: str, time_name: str | None) -> list[dict[str, Any]]:
    return cached(
        f"column uses {ref} {target} {time_name}",
        lambda: [
            use.to_json()
            for use in workspace().training.column_uses(ref, target, time_column=time_name)
        ],
    )


def _preset_features(
    rows: Sequence[Mapping[str, Any]], target: str, preset: Mapping[str, Any]
) -> list[str]:
    if target != preset.get("target"):
        return []
    names = preset.get("features") or ()
    return [use["column"] for use in rows if use["column"] in names]


def _switched(
    rows: Sequence[Mapping[str, Any]], start: Sequence[str], state: Mapping[str, Any] | None
) -> list[str]:
    """The columns that are on: those at the start, with the edits of the table."""
    edits = (state or {}).get("edited_rows", {})
    is_on = {
        use["column"]: bool(edits.get(index, {}).get("Use", use["column"] in start))
        for index, use in enumerate(rows)
    }
    return [name for name, on in is_on.items() if on]


def _editor(
    rows: Sequence[Mapping[str, Any]],
    start: Sequence[str],
    suspicions: Mapping[str, str],
    key: str,
) -> None:
    """The table of columns; its switches are read from the session before it is drawn."""
    frame = pd.DataFrame(
        {
            "Use": [use["column"] in start for use in rows],
            "Column": [use["column"] for use in rows],
            "Type": [NAMES[use["type"]] for use in rows],
            "Why": [_why(use, suspicions.get(use["column"])) for use in rows],
        }
    )
    st.data_editor(
        frame,
        key=key,
        hide_index=True,
        width="stretch",
        row_height=ROW,
        height=HEAD + ROW * min(len(rows), ROWS_SHOWN),
        disabled=["Column", "Type", "Why"],
        column_config={
            "Use": st.column_config.CheckboxColumn(width=60, help="Whether it is a feature"),
            "Column": st.column_config.TextColumn(width=150),
            "Type": st.column_config.TextColumn(width=110),
        },
        alt="Use of each column",
    )


def _why(use: Mapping[str, Any], suspicion: str | None) -> str:
    reason = str(use["reason"])
    text = f"may give the target away: {suspicion}" if suspicion else reason
    return sentence(text)


def _fixed_text(target: str, time_name: str | None, uses: Sequence[Mapping[str, Any]]) -> str:
    parts = [f"{literal(target)} is the target"]
    if time_name:
        parts.append(f"{literal(time_name)} is the time of the event")
    reserved = [literal(use["column"]) for use in uses if use["column"] in RESERVED]
    if reserved:
        parts.append(f"{', '.join(reserved)} have reserved names")
    return "; ".join(parts) + "."


def _suspicions(
    version: DatasetVersionInfo, spec: Mapping[str, Any], names: Sequence[str]
) -> dict[str, str]:
    """Why a column may give the target away, of every column that can be switched on."""
    plain = {name: spec.get(name) for name in ("target", "task", "time_column")}
    return cached(f"leaks {version.ref} {plain}", lambda: _leaks(version.ref, plain, names))


def _leaks(ref: str, plain: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    spec = TrainingSpec(ref, **plain, features=tuple(names))
    try:
        return {leak.column: leak.reason for leak in workspace().training.leaks(spec)}
    except PilothouseError:  # the preview says what is wrong with the target
        return {}


def _warn(suspicions: Mapping[str, str], chosen: Sequence[str], start_key: str) -> None:
    """The columns in use that may give the target away, and the button that leaves them out."""
    leaking = [name for name in chosen if name in suspicions]
    if not leaking:
        return
    lines = [f"**{literal(name)}**: {suspicions[name]}." for name in leaking[:MAX_WARNINGS]]
    if len(leaking) > MAX_WARNINGS:
        lines.append(f"And {len(leaking) - MAX_WARNINGS} more, named in the list of columns.")
    head = f"{plural(len(leaking), 'feature')} may give the target away:"
    st.warning("  \n".join([head, *lines]), icon=":material/warning:")
    st.button(
        f"Leave out {plural(len(leaking), 'column')}",
        icon=":material/visibility_off:",
        key="train_leave_out",
        on_click=_leave_out,
        args=(start_key, [name for name in chosen if name not in leaking]),
    )


def _leave_out(start_key: str, names: list[str]) -> None:
    st.session_state[start_key] = names


def _digest(parts: Sequence[str]) -> str:
    return hashlib.blake2s("\n".join(parts).encode(), digest_size=6).hexdigest()
