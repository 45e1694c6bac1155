"""Rows that were predicted elsewhere, checked one by one: a bad row is counted and left out.

Plain lists on purpose: the server loads neither numpy nor pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from pilothouse.deployments.gateway.columns import check_column
from pilothouse.deployments.gateway.external_columns import (
    PredictionColumns,
    columns_from_json,
    resolve_columns,
)
from pilothouse.deployments.gateway.labels import Labels, append_labels, is_label, is_missing
from pilothouse.deployments.gateway.request import (
    MAX_ID,
    RequestLimits,
    check_instants,
    excerpt,
    read_json,
    unit_of,
)
from pilothouse.deployments.log_rules.logged_columns import ALL_COLUMNS, LoggedColumns
from pilothouse.deployments.prediction_log.stored_columns import feature_column
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.models.number_labels import read_number
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import OutputColumn, task_of

if TYPE_CHECKING:
    from pilothouse.deployments.prediction_log.journal import Journal

MAX_PROBLEMS = 100  # that are reported; all are counted
LINE_ROWS = 10_000
JSON_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
PROCESSED = 200  # the status that the log has for rows that were taken


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with a row, counted from 1, and in which column."""

    row: int
    column: str
    message: str


@dataclass(frozen=True)
class ExternalRows:
    """Checked predictions, one value a row in every list, and what was left out.

    `rows` counts all that came, `repeated` those whose id came earlier among them. Labels are of
    the rows that have one; `refused_labels` counts those that are no label of the model.
    """

    rows: int
    ids: list[str]
    event_ms: list[int]
    outputs: dict[str, list[Any]]
    inputs: dict[str, list[Any]] | bytes  # columns by name, or their JSON
    label_ids: list[str] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    label_ms: list[int] = field(default_factory=list)
    refused: int = 0
    refused_labels: int = 0
    repeated: int = 0
    problems: list[RowProblem] = field(default_factory=list)


@dataclass(frozen=True)
class PredictionReport:
    """What became of the rows of a file or of a request.

    `accepted` predictions were logged; `repeated` ones have an id that was logged before; `refused`
    rows cannot be used. `labels` came with the rows; `refused_labels` are no labels of the model.
    `problems` are the first ones, with the row (from 1), the column and what is wrong.
    """

    rows: int
    accepted: int
    repeated: int
    refused: int
    labels: int
    refused_labels: int
    problems: tuple[RowProblem, ...]


def check_rows(
    signature: Signature,
    received: Mapping[str, Sequence[Any]],
    rows: int,
    columns: PredictionColumns | None,
    now_ms: int,
    unreadable: Mapping[int, str] | None = None,
) -> ExternalRows:
    """The rows that can be logged; `unreadable` are rows, from 0, that are known to be bad.

    Raises Invalid when a column is absent that every row needs.
    """
    chosen = resolve_columns(list(received), signature, columns)
    check = _Check(signature, received, rows, chosen, now_ms)
    for row, message in (unreadable or {}).items():
        check.refuse(row, "", message)
    return check.result()


class _Check:
    """The check of one batch: the first problem of each row counts."""

    def __init__(
        self,
        signature: Signature,
        received: Mapping[str, Sequence[Any]],
        rows: int,
        columns: PredictionColumns,
        now_ms: int,
    ) -> None:
        self.signature, self.task = signature, task_of(signature)
        self.received, self.rows, self.columns, self.now_ms = received, rows, columns, now_ms
        self.problems: dict[int, RowProblem] = {}

    def refuse(self, row: int, column: str, message: str) -> None:
        """Leave a row out."""
        self.problems.setdefault(row, RowProblem(row + 1, column, message))

    def result(self) -> ExternalRows:
        """The checked rows."""
        ids = self._read(self.columns.id, _read_id)
        at = self._times(self.columns.at)
        sent = {
            output.name: self._read(self.columns.outputs[output.name], _output_reader(output))
            for output in self.task.sent_columns(self.signature)
        }
        inputs = self._inputs()
        rows, repeated = self._first_of_each(ids)
        outputs, rows = self._decide(sent, rows)
        result = ExternalRows(
            rows=self.rows,
            ids=[ids[row] for row in rows],
            event_ms=[at[row] for row in rows],
            outputs=outputs,
            inputs={name: [values[row] for row in rows] for name, values in inputs.items()},
            refused=len(self.problems),
            repeated=repeated,
            problems=sorted(self.problems.values(), key=lambda problem: problem.row),
        )
        result = self._with_labels(result, rows)
        return replace(result, problems=result.problems[:MAX_PROBLEMS])

    def _read(self, column: str, read: Callable[[Any], Any]) -> list[Any]:
        """The values of a column; a row whose value cannot be read is refused."""
        result: list[Any] = []
        for row, value in enumerate(self.received[column]):
            try:
                result.append(read(value))
            except Invalid as wrong:
                self.refuse(row, column, wrong.message)
                result.append(None)
        return result

    def _times(self, column: str | None) -> list[Any]:
        if column is None:
            return [self.now_ms] * self.rows
        return self._read(column, lambda value: read_instant(column, value))

    def _inputs(self) -> dict[str, list[Any]]:
        """The inputs that came, each of its type; those that did not come are missing."""
        columns = {}
        for declared in self.signature.inputs:
            name = (
                declared.name if declared.name in self.received else feature_column(declared.name)
            )
            if name in self.received:
                columns[declared.name] = self._input(name, replace(declared, required=False))
        return columns

    def _input(self, column: str, declared: SignatureField) -> list[Any]:
        values = [_plain(declared, value) for value in self.received[column]]
        try:
            return check_column(declared, values, self.rows)
        except Invalid:  # PERF: one by one only where a value is wrong
            return self._read(column, lambda value: _one_input(declared, value))

    def _first_of_each(self, ids: Sequence[str]) -> tuple[list[int], int]:
        """The sound rows, of each id the first; and how many more there are of them."""
        first: dict[str, int] = {}
        sound = [row for row in range(self.rows) if row not in self.problems]
        for row in sound:
            first.setdefault(ids[row], row)
        return list(first.values()), len(sound) - len(first)

    def _decide(
        self, sent: Mapping[str, list[Any]], rows: list[int]
    ) -> tuple[dict[str, list[Any]], list[int]]:
        """The output columns as they are logged, and the rows that have them."""
        of_rows = {name: [values[row] for row in rows] for name, values in sent.items()}
        logged = self.task.columns(self.signature)
        raw = self.task.raw_rows(self.signature, of_rows) if rows else []
        decided = self.task.decide(self.signature, raw)
        good = list(range(len(rows)))
        for output in logged:
            values = decided[output.name]
            if None not in values:
                continue
            for position in [p for p in good if values[p] is None]:
                column = self.columns.outputs.get(output.name, output.name)
                value = excerpt(of_rows.get(output.name, values)[position])
                hint = self.task.label_hint(self.signature)
                self.refuse(rows[position], column, f"{value} is not {hint}")
            good = [p for p in good if values[p] is not None]
        outputs = {o.name: [decided[o.name][p] for p in good] for o in logged}
        return outputs, [rows[p] for p in good]

    def _with_labels(self, result: ExternalRows, rows: Sequence[int]) -> ExternalRows:
        """The result with the labels of its rows; one that cannot be read leaves its row in."""
        column, at_column = self.columns.label, self.columns.label_at
        if column is None:
            return result
        problems, values = list(result.problems), self.received[column]
        for prediction_id, row in zip(result.ids, rows, strict=True):
            if is_missing(values[row]):
                continue
            label = self.task.read_label(self.signature, values[row])
            if not is_label(label):
                hint = self.task.label_hint(self.signature)
                message = f"{excerpt(values[row])} is no label: a label is {hint}"
                problems.append(RowProblem(row + 1, column, message))
                continue
            result.label_ids.append(prediction_id)
            result.labels.append(label)
            result.label_ms.append(self._label_instant(at_column, row))
        refused = len(problems) - len(result.problems)
        return replace(result, problems=problems, refused_labels=refused)

    def _label_instant(self, column: str | None, row: int) -> int:
        value = None if column is None else self.received[column][row]
        try:
            return self.now_ms if column is None else read_instant(column, value)
        except Invalid:  # the label counts; only when it came true is not known
            return self.now_ms


def _read_id(value: Any) -> str:
    if is_missing(value):
        raise Invalid("it has no id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Invalid(f"{excerpt(value)} is not an id")
    if not 0 < len(str(value)) <= MAX_ID:
        raise Invalid(f"the id is longer than {MAX_ID} characters")
    return str(value)


def read_instant(column: str, value: Any) -> int:
    """The instant in ms since 1970 that a cell is. Raises Invalid that says what it looks like."""
    if is_missing(value):
        raise Invalid("it has no time")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise Invalid(f"{excerpt(value)} is not an ISO 8601 time") from None
    if isinstance(value, datetime):
        value = to_ms(value if value.tzinfo else value.replace(tzinfo=UTC))
    try:
        check_instants(column, [value])
    except Invalid:
        looks = f", but {unit_of(value)}" if type(value) is int else ""
        message = f"{excerpt(value)} is not a time in milliseconds since 1970{looks}"
        raise Invalid(message) from None
    return int(value)


def _output_reader(output: OutputColumn) -> Callable[[Any], Any]:
    low, high = output.low, output.high

    def read_category(value: Any) -> Any:
        if is_missing(value):
            raise Invalid(f"it has no {output.name!r}")
        if not isinstance(value, str | int | float):
            raise Invalid(f"{excerpt(value)} is not a plain value")
        return value

    def read_value(value: Any) -> float:
        if is_missing(value):
            raise Invalid(f"it has no {output.name!r}")
        number = read_number(value)
        if number is None:
            raise Invalid(f"{excerpt(value)} is not a number")
        if (low is not None and number < low) or (high is not None and number > high):
            raise Invalid(f"{excerpt(value)} is not between {low:g} and {high:g}")
        return number

    return read_value if output.kind == "number" else read_category


def _one_input(declared: SignatureField, value: Any) -> Any:
    plain = _plain(declared, value)
    if isinstance(plain, str) and declared.type in ("number", "integer"):
        number = read_number(plain)
        plain = plain if number is None else number
    try:
        return check_column(declared, [plain], 1)[0]
    except Invalid as wrong:
        raise Invalid(wrong.message.removeprefix("row 0 is ")) from wrong


def _plain(declared: SignatureField, value: Any) -> Any:
    """A value as JSON has it; of a text column as text, for files guess types by their cells."""
    if is_missing(value):
        return None
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return at.isoformat() if declared.type == "string" else to_ms(at)
    if declared.type == "string" and isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def read_body(
    body: bytes, content_type: str, signature: Signature, limits: RequestLimits, now_ms: int
) -> ExternalRows:
    """The predictions in a body: JSON with `predictions`, or JSON lines.

    Raises Invalid, or TooLarge for too many rows.
    """
    columns: PredictionColumns | None = None
    records: Any
    if content_type in JSON_LINES:
        records, unreadable = read_lines(body)
    else:
        value = read_json(body, bare_nan=True)
        records = value.get("predictions")
        columns = columns_from_json(value.get("columns"))
        if not isinstance(records, list):
            raise Invalid(
                "`predictions` must be a list of objects.",
                hint="Or send one object a line as application/x-ndjson.",
            )
        unreadable = {row: "it is no JSON object" for row, record in enumerate(records)
                      if not isinstance(record, dict)}  # fmt: skip
    limits.check_rows(len(records))
    return check_records(signature, records, columns, now_ms, unreadable)


def read_lines(body: bytes) -> tuple[list[Any], dict[int, str]]:
    """The objects of JSON lines, empty lines left out, and what is wrong with which."""
    records: list[Any] = []
    unreadable: dict[int, str] = {}
    for line in body.splitlines():
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as broken:
            record, unreadable[len(records)] = {}, f"it is not valid JSON: {broken}"
        if not isinstance(record, dict):
            record, unreadable[len(records)] = {}, "it is no JSON object"
        records.append(record)
    return records, unreadable


def check_records(
    signature: Signature,
    records: Sequence[Any],
    columns: PredictionColumns | None,
    now_ms: int,
    unreadable: Mapping[int, str],
) -> ExternalRows:
    """The predictions in objects, one a row. Raises Invalid."""
    sound = [record if isinstance(record, dict) else {} for record in records]
    names = dict.fromkeys(name for record in sound for name in record)
    received = {name: [record.get(name) for record in sound] for name in names}
    return check_rows(signature, received, len(records), columns, now_ms, unreadable)


def to_head(rows: ExternalRows) -> tuple[dict[str, Any], bytes]:
    """The rows as the reader process answers them: JSON, and the inputs as bytes."""
    inputs = rows.inputs if isinstance(rows.inputs, bytes) else orjson.dumps(rows.inputs)
    # PERF: `asdict` would copy every id.
    problems = [asdict(problem) for problem in rows.problems]
    return vars(rows) | {"inputs": None, "problems": problems}, inputs


def from_head(head: Mapping[str, Any], inputs: bytes) -> ExternalRows:
    """What `to_head` made, with the inputs unparsed."""
    names = ExternalRows.__dataclass_fields__
    values = {name: head[name] for name in names if name != "inputs"}
    values["problems"] = [RowProblem(**problem) for problem in head["problems"]]
    return ExternalRows(inputs=inputs, **values)


def append_rows(
    journal: Journal,
    model: str,
    version: int,
    signature: Signature,
    rows: ExternalRows,
    logged: LoggedColumns = ALL_COLUMNS,
) -> None:
    """Write predictions and their labels to a journal. Raises Unavailable when the disk refuses."""
    whole = None if logged.dropped else _unparsed(rows)
    inputs = {} if whole else _columns(rows)
    inputs = {name: values for name, values in inputs.items() if name not in logged.dropped}
    for start in range(0, len(rows.ids), LINE_ROWS):
        part = slice(start, start + LINE_ROWS)
        ids = rows.ids[part]
        journal.predictions(
            version,
            signature,
            {
                "at": journal.stamp(),
                "version": version,
                "rows": len(ids),
                "ms": None,  # how long it took elsewhere is not known
                "status": PROCESSED,
                "ids": ids,
                "model": model,
                "event": rows.event_ms[part],
                "out": {name: values[part] for name, values in rows.outputs.items()},
                "columns": whole or {name: values[part] for name, values in inputs.items()},
            },
            logged.hashed,
        )
    append_labels(journal, Labels(rows.label_ids, rows.labels, rows.label_ms))


def _unparsed(rows: ExternalRows) -> orjson.Fragment | None:
    """The inputs as JSON where all rows are one line; None where they must be cut."""
    is_line = len(rows.ids) <= LINE_ROWS and isinstance(rows.inputs, bytes)
    return orjson.Fragment(rows.inputs) if is_line else None


def _columns(rows: ExternalRows) -> dict[str, list[Any]]:
    if isinstance(rows.inputs, dict):
        return rows.inputs
    columns: dict[str, list[Any]] = orjson.loads(rows.inputs)
    return columns


def only_new(rows: ExternalRows, unknown: set[str] | None) -> ExternalRows:
    """The rows whose ids are among `unknown`, with all labels; all rows where that is None.

    Files that grow are sent again and again: what was logged is not logged once more.
    """
    if unknown is None or len(unknown) == len(rows.ids):
        return rows
    new = [row for row, prediction_id in enumerate(rows.ids) if prediction_id in unknown]
    inputs = _columns(rows) if new else {}
    return replace(
        rows,
        ids=[rows.ids[row] for row in new],
        event_ms=[rows.event_ms[row] for row in new],
        outputs={name: [values[row] for row in new] for name, values in rows.outputs.items()},
        inputs={name: [values[row] for row in new] for name, values in inputs.items()},
        repeated=rows.repeated + len(rows.ids) - len(new),
    )


def report(rows: ExternalRows) -> PredictionReport:
    """What became of the rows."""
    return PredictionReport(
        rows=rows.rows,
        accepted=len(rows.ids),
        repeated=rows.repeated,
        refused=rows.refused,
        labels=len(rows.labels),
        refused_labels=rows.refused_labels,
        problems=tuple(rows.problems),
    )


def require_some(rows: ExternalRows) -> None:
    """Raises Invalid when there is not one row that can be logged."""
    if rows.ids:
        return
    first = rows.problems[0]
    column = f", column {first.column!r}" if first.column else ""
    raise Invalid(f"none of the {rows.rows:,} rows can be used: row {first.row}{column}: "
                  f"{first.message}.")  # fmt: skip
