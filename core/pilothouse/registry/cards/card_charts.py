"""Evaluation documents as tables and charts of a card. What does not fit is left out.

A document is recognised by what it holds, not by the task that made it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pilothouse.kit.fact_sheets.fact_sheet import FactBars, FactChart, FactLines, FactTable

Document = Mapping[str, Any]
MAX_BARS, MAX_POINTS, MAX_ROWS, MAX_LINES = 12, 200, 50, 5
# Curves by the names of their axes: title, x, y, names of the axes, and whether a diagonal helps.
CURVES = (
    ("ROC curve", "fpr", "tpr", "False positive rate", "True positive rate", True),
    ("Precision and recall", "recall", "precision", "Recall", "Precision", False),
    ("Calibration", "predicted", "observed", "Predicted probability", "Observed share", True),
)


def document_parts(
    documents: Mapping[str, Document],
) -> tuple[tuple[FactTable, ...], tuple[FactChart, ...]]:
    """The tables and the charts of the documents, in the order of their paths."""
    tables: list[FactTable] = []
    charts: list[FactChart] = []
    for _, document in sorted(documents.items()):
        try:
            part = _part(document)
        except (KeyError, TypeError, ValueError, IndexError):
            continue
        if isinstance(part, FactTable):
            tables.append(part)
        elif part is not None:
            charts.append(part)
    return tuple(tables), tuple(charts)


def _part(document: Document) -> FactTable | FactChart | None:
    if "matrix" in document and "labels" in document:
        return _confusion(document)
    if "column" in document and "importance" in document:
        return _importance(document)
    for title, x, y, x_title, y_title, diagonal in CURVES:
        if x in document and y in document:
            line = (title, *_points(document[x], document[y]))
            return FactLines(title, x_title, y_title, (line,), diagonal) if line[1] else None
    draw = _TYPES.get(str(document.get("type", "")))
    return draw(document) if draw else None


def _confusion(document: Document) -> FactTable:
    labels = [str(label) for label in document["labels"]]
    rows = [
        (f"Actual {label}", *(f"{int(count):,}" for count in counts))
        for label, counts in zip(labels, document["matrix"], strict=True)
    ]
    columns = ("Rows by class", *(f"Called {label}" for label in labels))
    return FactTable("Confusion matrix", columns, tuple(rows))


def _importance(document: Document) -> FactBars | None:
    pairs = zip(document["column"], document["importance"], strict=True)
    values = [(str(name), float(value)) for name, value in pairs if math.isfinite(value)]
    bars = tuple((name, value, f"{value:.4g}") for name, value in values[:MAX_BARS])
    return FactBars("Importance: what shuffling a column costs", bars) if bars else None


def _bars(document: Document) -> FactBars | None:
    pairs = zip(document["x"], document["y"], strict=True)
    bars = tuple((str(x), float(y), f"{float(y):.4g}") for x, y in pairs if math.isfinite(y))
    return FactBars(_title(document), bars[:MAX_BARS]) if bars else None


def _lines(document: Document) -> FactLines | None:
    if document.get("x_is_time"):
        return None  # the axes of a card are plain numbers
    lines = tuple(
        (str(line["name"]), *_points(line["x"], line["y"]))
        for line in document["lines"][:MAX_LINES]
    )
    if not any(x for _, x, _ in lines):
        return None
    axes = (str(document.get("x_title", "")), str(document.get("y_title", "")))
    return FactLines(_title(document), *axes, lines, bool(document.get("diagonal")))


def _table(document: Document) -> FactTable:
    columns = {str(name): list(values) for name, values in document["columns"].items()}
    rows = list(zip(*columns.values(), strict=True))[:MAX_ROWS]
    texts = tuple(tuple(map(_value_text, row)) for row in rows)
    return FactTable(_title(document), tuple(columns), texts)


def _title(document: Document) -> str:
    return str(document["title"])


def _value_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def _points(x: Sequence[float], y: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The finite points, thinned evenly; the last one is kept."""
    pairs = [
        (float(a), float(b))
        for a, b in zip(x, y, strict=True)
        if a is not None and b is not None and math.isfinite(a) and math.isfinite(b)
    ]
    step = max(1, math.ceil(len(pairs) / MAX_POINTS))
    chosen = pairs[::step] + (pairs[-1:] if (len(pairs) - 1) % step else [])
    return tuple(a for a, _ in chosen), tuple(b for _, b in chosen)


_TYPES: Mapping[str, Callable[[Document], FactTable | FactChart | None]] = {
    "bars": _bars,
    "line": _lines,
    "table": _table,
}
