"""Exports of a comparison: CSV, Parquet, LaTeX, Markdown, and Python code that opens it again."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.comparison import Comparison
from pilothouse.comparison.significance import format_p_value
from pilothouse.kit import spreadsheets
from pilothouse.kit.markdown import markdown_table

if TYPE_CHECKING:
    import pandas as pd

MISSING_TEXT = "–"  # noqa: RUF001
VERDICTS: Mapping[str, str] = {
    "better": "better",
    "worse": "worse",
    "same": "the same",
    "noise": "within noise",
    "differs": "direction not known",
    "unknown": "unknown",
    "baseline": "baseline",
}
LATEX: Mapping[str, str] = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def flat_frame(comparison: Comparison, rows: pd.DataFrame) -> pd.DataFrame:
    """Everything in rows of kind, name, run, label, value; metrics with delta, verdict, evidence.

    `rows` are the comparison's metrics with verdicts.
    """
    import pandas as pd

    metrics = rows.assign(kind="metric", value=rows["value"].astype(object))
    details = ["delta", "verdict", "comparable", "method", "n", "unit", "low", "high", "p"]
    frames = [
        metrics.rename(columns={"metric": "name"})[
            ["kind", "name", "run", "label", "value", *details]
        ]
    ]

    for kind, noun, frame in (
        ("param", "param", comparison.params),
        ("fact", "fact", comparison.facts),
        ("package", "package", comparison.environment),
    ):
        long = frame.drop(columns="differs").melt(id_vars=noun, var_name="run", value_name="value")
        long = long.rename(columns={noun: "name"}).assign(kind=kind)
        long["label"] = long["run"].map(comparison.labels)
        frames.append(long[["kind", "name", "run", "label", "value"]])

    whole = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
    whole.insert(0, "baseline", comparison.baseline)
    return whole


def to_csv(comparison: Comparison, rows: pd.DataFrame) -> bytes:
    """The flat frame as CSV, with cells escaped so that no spreadsheet runs them as formulas."""
    return spreadsheets.to_csv(flat_frame(comparison, rows))


def to_parquet(comparison: Comparison, rows: pd.DataFrame) -> bytes:
    """The flat frame as Parquet; values are text, because parameters are."""
    frame = flat_frame(comparison, rows)
    frame["value"] = frame["value"].map(lambda value: None if _is_missing(value) else str(value))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def to_markdown(comparison: Comparison, rows: pd.DataFrame, sentence: str = "") -> str:
    """Metrics, then the parameters that differ, as Markdown tables."""
    names = [comparison.labels[run.id] for run in comparison.runs]
    lines = [sentence, ""] if sentence else []
    head = [_with_baseline(name, index == 0) for index, name in enumerate(names)]
    lines += markdown_table(["Metric", *head], _metric_rows(comparison, rows, _markdown_cell))
    params = _param_rows(comparison)
    if params:
        lines += ["", *markdown_table(["Parameter", *head], params)]
    return "\n".join(lines) + "\n"


def to_latex(comparison: Comparison, rows: pd.DataFrame) -> str:
    """Metrics and the parameters that differ as one tabular of booktabs; the best is bold."""
    names = [comparison.labels[run.id] for run in comparison.runs]
    head = ["", *(_latex(_with_baseline(name, index == 0)) for index, name in enumerate(names))]
    lines = ["% needs \\usepackage{booktabs}", f"\\begin{{tabular}}{{l{'r' * len(names)}}}"]
    lines += ["\\toprule", f"{' & '.join(head)} \\\\", "\\midrule"]
    lines += [f"{' & '.join(row)} \\\\" for row in _latex_metrics(comparison, rows)]
    params = _param_rows(comparison)
    if params:
        lines.append("\\midrule")
        lines += [f"{' & '.join(map(_latex, row))} \\\\" for row in params]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def snippet(folder: str, comparison: Comparison) -> str:
    """Python that opens this comparison in a notebook."""
    named = [f"    {run.id!r},  # {_comment(comparison.labels[run.id])}" for run in comparison.runs]
    lines = [
        "import pilothouse",
        "",
        f"ws = pilothouse.open_workspace({folder!r})",
        "runs = [",
        *named,
        "]",
        "compared = ws.comparison.compare(runs, baseline=runs[0])",
        "evidence = ws.comparison.significance(compared)",
        "compared.table        # a row per metric, a column per run",
        "compared.params       # differing parameters first",
        "evidence.findings     # intervals and p values against the baseline",
        "ws.comparison.metrics_with_verdicts(compared, evidence)   # every metric with its verdict",
    ]
    return "\n".join(lines) + "\n"


CellWriter = Callable[[Mapping[Any, Any], str], str]


def _metric_rows(comparison: Comparison, rows: pd.DataFrame, cell: CellWriter) -> list[list[str]]:
    table = []
    for key, group in rows.groupby("metric", sort=False):
        kind = comparison.kinds.of(str(key))
        by_run = {row["run"]: row for row in group.to_dict("records")}
        has_direction = kind.direction != "unknown"
        arrow = f"{kind.direction} is better" if has_direction else "direction not known"
        ordered = [by_run[run.id] for run in comparison.runs]
        cells = [cell(row, kind.format_value(row["value"])) for row in ordered]
        table.append([f"{kind.title} ({arrow})", *cells])
    return table


def _markdown_cell(row: Mapping[Any, Any], value: str) -> str:
    if row["verdict"] in ("baseline", "unknown"):
        return value
    parts = [format(row["delta"], f"+{row['format']}"), VERDICTS[row["verdict"]]]
    if row["method"] and not math.isnan(row["p"]):
        parts.append(format_p_value(row["p"]))
    if not row["comparable"]:
        parts.append("not comparable")
    return f"{value} ({', '.join(parts)})"


def _latex_metrics(comparison: Comparison, rows: pd.DataFrame) -> list[list[str]]:
    def cell(row: Mapping[Any, Any], value: str) -> str:
        text = _latex(value)
        return f"\\textbf{{{text}}}" if row["extreme"] == "best" and row["comparable"] else text

    return [[_latex(row[0]), *row[1:]] for row in _metric_rows(comparison, rows, cell)]


def _param_rows(comparison: Comparison) -> list[list[str]]:
    differing = comparison.params[comparison.params["differs"]]
    ids = [run.id for run in comparison.runs]
    return [
        [row["param"], *(MISSING_TEXT if _is_missing(row[run]) else str(row[run]) for run in ids)]
        for row in differing.to_dict("records")
    ]


def _with_baseline(name: str, is_baseline: bool) -> str:
    return f"{name} (baseline)" if is_baseline else name


def _latex(text: str) -> str:
    plain = re.sub(r"\s+", " ", text)
    return "".join(LATEX.get(char, char) for char in plain).replace(MISSING_TEXT, "--")


def _comment(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
