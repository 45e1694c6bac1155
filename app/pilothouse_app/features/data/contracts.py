"""Contracts on a page: their rules, one rule edited, and data accepted so that a job can go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.data.schema import NAMES, NUMERIC
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import share
from pilothouse_app.components.header import section
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.links import address, go, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.optional_number import optional_number
from pilothouse_app.components.table import name_column, number_column, table, text_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.personal_data.masked import masked_data

if TYPE_CHECKING:
    from pilothouse.data.info import Contract, ContractRule, DatasetVersionInfo
    from pilothouse.jobs.api import JobInfo

MAX_TOLERANCE = 50.0
MAX_LINES = 8
COLUMNS = {
    "column": name_column("Column", width=140),
    "type": text_column("Type", width=100),
    "nullable": text_column("Nullable", width=104),
    "low": number_column("Minimum", 0, width=110),
    "high": number_column("Maximum", 0, width=120),
    "categories": text_column("Allowed values"),
}


def contract_view(version: DatasetVersionInfo, reserve: float) -> None:
    """The rules of a version's contract; the one that is ticked can be edited beside them."""
    contract = workspace().data.contract(version.ref)
    source = "Edited since it was inferred." if contract.edited else "Inferred from the data."

    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":gray[{source} New data is checked against the contract of the newest active "
            f"version; up to {share(contract.tolerance, 2)} of the rows may break a rule.]",
            width="stretch",
        )
        if st.button("Edit tolerance", icon=":material/edit:", type="tertiary", key="tolerance"):
            _tolerance(contract)

    masked = masked_data().masking(version.ref)
    rows = _rows(masked.contract(contract))
    left, right = st.columns([68, 32], gap="small")

    with left, fill_window("contract", reserve=reserve, most=33 + 30 * len(rows)):
        chosen = table(
            rows,
            COLUMNS,
            key=f"contract_{version.ref}",
            ids="column",
            alt="Rules of the contract",
            select="one",
            height="stretch",
        )

    with right, st.container(border=True):
        names = [rule.column for rule in contract.rules]
        column = chosen[0] if chosen and chosen[0] in names else names[0]
        _rule_form(contract, column, is_masked=column in masked.kinds)


def _rows(contract: Contract) -> pd.DataFrame:
    frame = contract.frame()
    return frame.assign(
        type=[NAMES[kind] for kind in frame["type"]],
        nullable=["yes" if nullable else "no" for nullable in frame["nullable"]],
        categories=[", ".join(values) if values else "" for values in frame["categories"]],
    )


def _rule_form(contract: Contract, column: str, *, is_masked: bool) -> None:
    """The rule of one column, to be changed."""
    rule = contract.rule(column)
    key = f"rule_{contract.ref}_{column}"
    section(literal(column), NAMES[rule.type])
    nullable = st.toggle("Values may be missing", rule.nullable, key=f"{key}_nullable")
    required = not st.toggle("The column may be absent", not rule.required, key=f"{key}_absent")
    after = replace(rule, nullable=nullable, required=required)

    if is_masked:
        st.markdown(":small[:gray[Its values are masked: reveal them to change them.]]")
    elif rule.type in NUMERIC:
        after = _range(after, key)
    elif rule.type == "string":
        after = _categories(after, key)

    if after == rule:
        st.markdown(":small[:gray[Change something to save it.]]")
        return

    reason = reason_input(f"{key}_reason")
    if st.button(
        "Save rule",
        type="primary",
        disabled=not reason,
        help=None if reason else "Give a reason first",
        key=f"{key}_save",
    ) and run_or_show_error(
        lambda: workspace().data.edit_contract(contract.ref, [after], reason=reason)
    ):
        toast_next(f"The rule of {column} is saved")
        st.rerun()


def _range(rule: ContractRule, key: str) -> ContractRule:
    left, right = st.columns(2)
    with left:
        low = optional_number(
            "Minimum",
            _float(rule.low),
            placeholder="Any",
            format="%g",
            key=f"{key}_low",
        )

    with right:
        high = optional_number(
            "Maximum",
            _float(rule.high),
            placeholder="Any",
            format="%g",
            key=f"{key}_high",
        )

    return replace(rule, low=low, high=high)


def _float(end: float | None) -> float | None:
    return None if end is None else float(end)


def _categories(rule: ContractRule, key: str) -> ContractRule:
    listed = st.toggle(
        "Only the values in a list", rule.categories is not None, key=f"{key}_listed"
    )
    if not listed:
        return replace(rule, categories=None)

    before = list(rule.categories or ())
    values = st.multiselect(
        "Allowed values",
        before,
        default=before,
        accept_new_options=True,
        placeholder="Type a value, then Enter",
        key=f"{key}_values",
    )

    return replace(rule, categories=tuple(sorted(map(str, values))))


@st.dialog("Edit tolerance", icon=":material/rule:")
def _tolerance(contract: Contract) -> None:
    percent = st.number_input(
        "Rows that may break a rule (%)",
        0.0,
        MAX_TOLERANCE,
        contract.tolerance * 100,
        step=0.5,
        key="tolerance_percent",
    )

    reason = reason_input("tolerance_reason")
    tolerance = float(percent) / 100
    missing = "" if reason else "Give a reason first"
    if tolerance == contract.tolerance:
        missing = "No changes yet"

    if dialog_buttons("Save", "tolerance", missing=missing) and run_or_show_error(
        lambda: workspace().data.edit_contract(contract.ref, tolerance=tolerance, reason=reason)
    ):
        toast_next("The tolerance is saved")
        st.rerun()


def remedy_buttons(job: JobInfo) -> None:
    """The way on of a job that failed because data broke a contract, when it is such a job.

    A retraining names the version whose rows broke it; a registration has its file still.
    """
    remedy = job.remedy or {}
    kind = remedy.get("kind")
    if job.status != "failed" or kind not in ("contract", "breach"):
        return

    if kind == "contract" and st.button(
        "Accept the data", type="primary", icon=":material/rule:", key="remedy_accept"
    ):
        _accept(job.id, remedy)

    if kind == "breach" and st.button(
        "Register anyway", type="primary", icon=":material/rule:", key="remedy_register"
    ):
        _register_anyway(job, remedy)

    if st.button("Edit the contract", icon=":material/edit:", key="remedy_edit"):
        go(screen("dataset", ref=remedy["ref"], dataset_view="Contract"))


def _register_anyway(job: JobInfo, remedy: dict[str, Any]) -> None:
    about = {**(job.args.get("about") or {}), "on_breach": "accept"}
    confirm(
        "Register anyway",
        f"The data breaks the contract of **{literal(remedy['ref'])}**:\n\n"
        f"{_bullet_list(remedy['lines'])}\n\nIf you register it anyway, it becomes "
        "the newest version, the violations are recorded with it, and these rules are widened.",
        verb="Register anyway",
        command=lambda reason: _submit(job, {**about, "note": about.get("note") or reason}),
        done="The registration was restarted",
        icon=":material/rule:",
    )


def _submit(job: JobInfo, about: dict[str, Any]) -> None:
    again = workspace().jobs.submit(job.kind, {**job.args, "about": about}, title=job.title)
    toast_next("The registration was restarted")
    go(address("job", again))


def _bullet_list(lines: Sequence[str]) -> str:
    """The first of the broken rules as a list, and how many more there are."""
    more = [f"- and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
    return "\n".join([*(f"- {literal(line)}" for line in lines[:MAX_LINES]), *more])


@st.dialog("Accept the data and run again", width="medium", icon=":material/rule:")
def _accept(job_id: str, remedy: dict[str, Any]) -> None:
    """What the data breaks; accepted, those rules are widened by it and the job is run again."""
    data, ref, columns = workspace().data, remedy["ref"], remedy["columns"]
    report = masked_data().check_version(ref, remedy["data"], columns)
    if report.ok:
        st.markdown(f"{literal(remedy['data'])} meets the contract of {literal(ref)} now.")
    else:
        st.markdown(
            f"**{literal(remedy['data'])}** breaks the contract of **{literal(ref)}**:\n\n"
            f"{_bullet_list(report.lines)}"
        )
        st.markdown(
            ":gray[If you accept, these rules are widened to include the data, and the job is "
            "retried from the step that failed.]"
        )

    reason = reason_input("remedy_reason")
    if dialog_buttons(
        "Accept and run again", "remedy", missing="" if reason else "Give a reason first"
    ) and run_or_show_error(lambda: data.accept_data(ref, remedy["data"], columns, reason)):
        again = workspace().jobs.retry(job_id, reason)
        toast_next(f"The contract of {ref} is widened, and the job was retried")
        go(address("job", again))
