"""The report on a file of labels, before and after it is added."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.kit.spreadsheets import to_csv
from pilothouse_app.components.formats import count, day, plural
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.table import table, text_column
from pilothouse_app.features.deployments.row_problems import row_problems

if TYPE_CHECKING:
    from pilothouse.deployments.label_report import LabelReport

LISTED = 1_000
FEW = 5  # ids that a sentence names


def plain(name: str, report: LabelReport) -> dict[str, Any]:
    """The report on a deployment's file as values that a session keeps."""
    values = asdict(report)
    return values | {
        "deployment": name,
        "corrected": list(report.corrected),
        "unmatched": list(report.unmatched),
        "problems": [asdict(problem) for problem in report.problems],
    }


def label_counts(report: dict[str, Any]) -> None:
    """What a file has, before it is added."""
    kpi_row(
        [
            Kpi("Matched", count(report["matched"]), "ids with a prediction"),
            Kpi("Without a prediction", count(len(report["unmatched"])), _few(report["unmatched"])),
            Kpi("Corrected", count(len(report["corrected"])), _few(report["corrected"])),
            Kpi("Repeated", count(report["repeated"]), "rows that count once"),
            Kpi("Unreadable", count(report["unreadable"]), "rows that are left out"),
        ]
    )
    row_problems(report["problems"], "label_problems", "Rows that cannot be read")


def _few(ids: list[str]) -> str:
    """The first ids as a note."""
    first = ", ".join(word if len(word) <= 16 else f"{word[:15]}…" for word in ids[:FEW])
    return f"{first} …" if len(ids) > FEW else first


def label_report(report: dict[str, Any]) -> None:
    """What became of a file, with the ids that have no prediction and the unreadable rows."""
    unmatched: list[str] = report["unmatched"]
    is_whole = not unmatched and not report["unreadable"]
    ending = "Every id has a prediction." if not unmatched else (
        f"{plural(len(unmatched), 'id has', 'ids have')} no prediction: the label is stored in "
        "case the prediction arrives later."
    )  # fmt: skip
    (st.success if is_whole else st.warning)(
        f"{'; '.join(_facts(report))}. {ending} {_windows(report)}",
        icon=":material/check:" if is_whole else ":material/help:",
    )
    row_problems(report["problems"], "label_problems", "Rows that cannot be read")
    if not unmatched:
        return

    frame = pd.DataFrame({"prediction_id": unmatched[:LISTED]})
    table(frame, {"prediction_id": text_column("Id without a prediction")}, key="unmatched",
          alt="Ids without a prediction", ids="prediction_id")  # fmt: skip
    st.download_button(
        "Download these ids",
        partial(_csv, unmatched),
        f"{report['deployment']}-unmatched.csv",
        "text/csv",
        icon=":material/download:",
        key="unmatched_download",
        on_click="ignore",
        help=f"All {count(len(unmatched))} as a CSV file",
    )


def _csv(ids: list[str]) -> bytes:
    return to_csv(pd.DataFrame({"prediction_id": ids}))


def _facts(report: dict[str, Any]) -> list[str]:
    facts = [plural(report["accepted"] - report["unchanged"], "label added", "labels added")]
    if report["corrected"]:
        facts.append(f"{count(len(report['corrected']))} of them corrected")
    for name, one, many in (
        ("unchanged", "label was there before", "labels were there before"),
        ("repeated", "repeated row", "repeated rows"),
        ("unlabelled", "row without an id or a label", "rows without an id or a label"),
        ("unreadable", "row that cannot be read", "rows that cannot be read"),
    ):
        if report[name]:
            facts.append(plural(report[name], one, many))
    return facts


def _windows(report: dict[str, Any]) -> str:
    """Which windows become due by it."""
    if report["accepted"] == report["unchanged"]:
        return ""
    first, last = day(report["first_event"]), day(report["last_event"])
    span = f"of {first}" if first == last else f"from {first} to {last}"
    return f"Windows with these predictions ({span}) are evaluated again."
