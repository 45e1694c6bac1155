"""The fact sheet of a dataset version, from its content and from what people wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pilothouse.data.datasheets.datasheet_fields import (
    DATASHEET_FIELDS,
    LICENCE_NOTE,
    SECTIONS,
    SOURCE_NOTE,
)
from pilothouse.data.info import ColumnProfile, DatasetVersionInfo
from pilothouse.data.schema import NAMES
from pilothouse.kit.fact_sheets.fact_sheet import (
    FactBars,
    FactEntry,
    FactSection,
    FactSheet,
    FactTable,
    WrittenField,
    written_entries,
)

Entries = tuple[FactEntry, ...]
MAX_COLUMNS, MAX_BARS, MAX_CHARTS = 100, 12, 6
SENSITIVE_TAG = "sensitive"


@dataclass(frozen=True)
class DatasheetEvidence:
    """A version with the profile of its columns; `has_contract` says that new data is checked."""

    version: DatasetVersionInfo
    columns: tuple[ColumnProfile, ...]
    versions: int
    newest: str
    has_contract: bool
    refreshed_from: str = ""


def datasheet(evidence: DatasheetEvidence, texts: Mapping[str, str]) -> FactSheet:
    """The seven sections."""
    facts: dict[str, Entries] = {
        "composition": _composition(evidence),
        "collection": _collection(evidence),
        "preprocessing": _preprocessing(evidence),
        "distribution": _distribution(evidence),
        "maintenance": _maintenance(evidence),
    }
    fields = datasheet_fields(evidence, texts)
    sections = [
        FactSection(key, title, (*facts.get(key, ()), *written_entries(fields, key, texts)))
        for key, title in SECTIONS.items()
    ]
    sections[1] = replace(
        sections[1], tables=(_column_table(evidence.columns),), charts=_charts(evidence)
    )
    version = evidence.version
    lead = f"{version.rows:,} rows of {version.columns:,} columns."
    return FactSheet(f"Datasheet of {version.ref}", lead, tuple(sections))


def datasheet_fields(
    evidence: DatasheetEvidence, texts: Mapping[str, str]
) -> tuple[WrittenField, ...]:
    """What people are asked for; also source and licence, where they were not recorded."""
    unknown = {
        SOURCE_NOTE: not evidence.version.source,
        LICENCE_NOTE: not evidence.version.licence,
    }
    return tuple(
        replace(field, required=True) if unknown.get(field.key) else field
        for field in DATASHEET_FIELDS
        if unknown.get(field.key, True) or texts.get(field.key)
    )


def _composition(evidence: DatasheetEvidence) -> Entries:
    version = evidence.version
    types = Counter(NAMES[column.type] for column in version.schema)
    counted = ", ".join(f"{count} {name}" for name, count in types.most_common())
    cells = sum(column.rows for column in evidence.columns)
    missing = sum(column.missing for column in evidence.columns)
    return (
        FactEntry("version", "Version", version.ref),
        FactEntry("rows", "Rows", f"{version.rows:,}"),
        FactEntry("columns", "Columns", f"{version.columns:,} ({counted})"),
        FactEntry("missing", "Missing values", f"{missing / cells:.1%}" if cells else "none"),
        *_optional("tagged", "Columns marked as sensitive", version.tags.get(SENSITIVE_TAG, "")),
        *_optional("described", "Description", version.note),
    )


def _collection(evidence: DatasheetEvidence) -> Entries:
    version = evidence.version
    times = next((c for c in evidence.columns if c.name == version.event_time), None)
    span = ""
    if times is not None and times.low is not None and times.high is not None:
        first, last = (datetime.fromtimestamp(at / 1000, UTC) for at in (times.low, times.high))
        span = f"{first:%Y-%m-%d} to {last:%Y-%m-%d} ({version.event_time})"
    return (
        FactEntry("source", "Source", version.source, required=bool(version.source)),
        *_optional("time_frame", "Time frame", span),
        *_optional("refreshed_from", "Refreshed from", evidence.refreshed_from),
    )


def _preprocessing(evidence: DatasheetEvidence) -> Entries:
    version = evidence.version
    return (
        *_optional("parent", "Derived from", version.parent),
        *_optional("breach", "Contract", version.breach),
    )


def _distribution(evidence: DatasheetEvidence) -> Entries:
    licence = evidence.version.licence
    return (FactEntry("licence", "Licence", licence, required=bool(licence)),)


def _maintenance(evidence: DatasheetEvidence) -> Entries:
    version = evidence.version
    return (
        FactEntry(
            *("registered", "Registered"), f"{version.created_at:%Y-%m-%d} by {version.created_by}"
        ),
        FactEntry("versions", "Versions", f"{evidence.versions}; the newest is {evidence.newest}"),
        FactEntry(
            *("contract", "New data is checked by a contract"),
            "yes" if evidence.has_contract else "no",
        ),
        FactEntry("content_hash", "Hash of its content", version.content_hash),
    )


def _optional(key: str, title: str, text: str | None) -> Entries:
    """An entry where there is something to say."""
    return (FactEntry(key, title, text, required=False),) if text else ()


def _column_table(columns: Sequence[ColumnProfile]) -> FactTable:
    rows = [
        (
            column.name,
            NAMES[column.type],
            f"{column.missing_share:.1%}",
            f"{column.distinct:,}",
            _range(column),
        )
        for column in columns[:MAX_COLUMNS]
    ]
    return FactTable("Columns", ("Column", "Type", "Missing", "Distinct", "Values"), tuple(rows))


def _range(column: ColumnProfile) -> str:
    if column.type == "time" or column.low is None or column.high is None:
        return ", ".join(value for value, _ in column.top[:3])
    return f"{column.low:.4g} to {column.high:.4g}"


def _charts(evidence: DatasheetEvidence) -> tuple[FactBars, ...]:
    """The columns with most missing values, and the frequent values of the first categories."""
    gaps = sorted(evidence.columns, key=lambda column: -column.missing_share)[:MAX_BARS]
    bars = tuple(
        (column.name, column.missing_share, f"{column.missing_share:.1%}")
        for column in gaps
        if column.missing
    )
    charts = [FactBars("Missing values by column", bars)] if bars else []
    for column in evidence.columns:
        if column.top and column.distinct <= MAX_BARS and len(charts) < MAX_CHARTS:
            counts = tuple((value, float(count), f"{count:,}") for value, count in column.top)
            charts.append(FactBars(f"Rows by {column.name}", counts[:MAX_BARS]))
    return tuple(charts)
