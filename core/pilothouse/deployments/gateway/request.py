"""Requests as every protocol shares them, with their limits."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple, NoReturn, TypedDict

import orjson

from pilothouse.kit.asgi import Scope
from pilothouse.kit.errors import Invalid, TooLarge, UnsupportedContent
from pilothouse.models.signature import Signature

MAX_ID = 200
MIN_MS = 946_684_800_000  # 2000-01-01: an instant before it is one in seconds
MAX_EVENT_MS = 4_102_444_800_000  # 2100-01-01: an instant after it is one in microseconds
MAX_COLUMNS = 10_000
MAX_CELLS = 5_000_000
MAX_NAMES = 10
MAX_IN_FLIGHT = 512  # requests of a deployment that wait or are predicted
PREDICT_SECONDS = 30.0  # for the answer of a model
GZIP_MEMBERS = 1_000
GZIP_STEP = 64 * 1024
NAMED_HEADERS = frozenset(
    (b"inference-header-content-length", b"x-event-time", b"x-prediction-ids", b"x-entity-id")
)
BRIEF_TEXT, BRIEF_ITEMS, BRIEF_DEPTH = 60, 4, 2


@dataclass(frozen=True)
class RequestLimits:
    """How large a request may be."""

    max_rows: int = 10_000
    max_body: int = 10 << 20

    def check_rows(self, rows: int) -> None:
        """Raises Invalid for none, TooLarge for too many."""
        if rows == 0:
            raise Invalid("there are no rows.")
        if rows > self.max_rows:
            raise TooLarge(f"there are {rows} rows; at most {self.max_rows} are read at once.")

    def check_cells(self, rows: int, signature: Signature) -> None:
        """Raises TooLarge when rows times the model's columns is more than can be answered."""
        columns = len(signature.inputs)
        if rows * columns > MAX_CELLS:
            raise TooLarge(
                f"{rows} rows of {columns} columns are too many values.",
                hint=f"Send at most {max(MAX_CELLS // columns, 1)} rows at once.",
            )


# PERF: what every request makes is a tuple, which is made faster than a frozen dataclass.
class RequestHead(NamedTuple):
    """What a protocol reads beside the body: the content type, and what other headers say.

    `json_bytes` is the length of the JSON before binary tensors, None where there are none. The
    others hold for a body that does not say them itself.
    """

    content_type: str = ""
    json_bytes: int | None = None
    event_time: str = ""
    prediction_ids: str = ""
    entity_id: str = ""

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.content_type.split(";", 1)[0].strip().lower()


def request_head(scope: Scope) -> RequestHead:
    """The head of an HTTP request. Raises Invalid for a length that is none."""
    headers = dict(scope["headers"])
    if NAMED_HEADERS.isdisjoint(headers):
        return RequestHead(str(headers.get(b"content-type", b""), "latin-1"))

    def text(name: bytes) -> str:
        return str(headers.get(name, b""), "latin-1")

    length = text(b"inference-header-content-length").strip()
    if length and not (length.isascii() and length.isdigit() and len(length) < 12):
        raise Invalid(f"Inference-Header-Content-Length is {excerpt(length)}, not a length.")
    return RequestHead(
        content_type=text(b"content-type"),
        json_bytes=int(length) if length else None,
        event_time=text(b"x-event-time").strip(),
        prediction_ids=text(b"x-prediction-ids"),
        entity_id=text(b"x-entity-id").strip(),
    )


class ReplyForm(NamedTuple):
    """How a request wants its answer: which outputs, which of them in binary, and its layout.

    `outputs` are names of tensors; none means those that are sent by default.
    """

    outputs: tuple[str, ...] = ()
    binary: tuple[str, ...] = ()
    layout: Literal["rows", "columns", "single"] = "rows"


class RowFacts(TypedDict):
    """When the events of the rows happened, what their ids are, and whom they are about."""

    event_ms: list[int] | None
    prediction_ids: list[str] | None
    entity_id: str


NO_FACTS = RowFacts(event_ms=None, prediction_ids=None, entity_id="")


class InferenceRequest(NamedTuple):
    """A request for predictions: columns as received, row count, and the client's parameters.

    `unused` are columns that the protocol ignores; None where it refuses them.
    """

    columns: Mapping[str, list[Any]]
    rows: int
    event_ms: list[int] | None = None
    prediction_ids: list[str] | None = None
    request_id: str = ""
    reply: ReplyForm = ReplyForm()
    unused: tuple[str, ...] | None = ()
    entity_id: str = ""


def excerpt(value: Any, depth: int = BRIEF_DEPTH) -> str:
    """A value for a message: in a few dozen characters, however large it is."""
    if isinstance(value, str):
        more = len(value) > BRIEF_TEXT
        return repr(value[:BRIEF_TEXT]) + ("..." if more else "")
    if isinstance(value, list | dict) and depth == 0:
        return "[...]" if isinstance(value, list) else "{...}"
    if isinstance(value, list):
        items = [excerpt(item, depth - 1) for item in value[:BRIEF_ITEMS]]
        return f"[{', '.join(items)}{', ...' if len(value) > BRIEF_ITEMS else ''}]"
    if isinstance(value, dict):
        pairs = islice(value.items(), BRIEF_ITEMS)
        items = [f"{excerpt(k, depth - 1)}: {excerpt(v, depth - 1)}" for k, v in pairs]
        return f"{{{', '.join(items)}{', ...' if len(value) > BRIEF_ITEMS else ''}}}"

    return repr(value)[:BRIEF_TEXT]


def join_names(names: Iterable[str]) -> str:
    """Names for a message: the first few, and how many more there are."""
    listed = list(names)
    text = ", ".join(name[:MAX_ID] for name in listed[:MAX_NAMES])
    more = len(listed) - MAX_NAMES
    return f"{text} and {more} more" if more > 0 else text


def read_json(body: bytes, *, bare_nan: bool = False) -> dict[str, Any]:
    """The JSON object in a body. Raises Invalid for anything else.

    With `bare_nan`, a NaN as Python and pandas write it is a missing value.
    """
    value = read_json_value(body, bare_nan=bare_nan)
    if not isinstance(value, dict):
        raise Invalid("the body must be a JSON object.")
    return value


def read_json_value(body: bytes, *, bare_nan: bool = False) -> Any:
    """The JSON value in a body, of any type. Raises Invalid when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        if bare_nan and b"NaN" in body:
            return _read_json_with_nan(body)
        bare = b"NaN" in body or b"Infinity" in body
        hint = "NaN and Infinity are not JSON: send null for a missing value." if bare else ""
        raise Invalid(f"the body is not valid JSON: {broken}.", hint=hint) from broken


def _read_json_with_nan(body: bytes) -> Any:
    def constant(word: str) -> None:
        if word != "NaN":
            raise Invalid(f"the body is not valid JSON: {word} is not a value.", hint="Send null.")

    try:
        return json.loads(body, parse_constant=constant)
    except (ValueError, RecursionError) as broken:
        raise Invalid(f"the body is not valid JSON: {broken}.") from broken


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """The decompressed body, of all gzip or deflate members.

    Raises Invalid when it is broken or ends too early, TooLarge when it is beyond the limit.
    """
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnsupportedContent(
            f"the content encoding {excerpt(encoding)} is not understood.",
            hint="Use gzip or deflate.",
        )

    pieces: list[bytes] = []
    size = start = 0
    for _ in range(GZIP_MEMBERS):
        member = zlib.decompressobj(wbits=47)
        while not member.eof:
            step = member.unconsumed_tail or body[start : start + GZIP_STEP]
            if not step:
                raise Invalid(f"the {encoding} body ends too early.")
            if not member.unconsumed_tail:
                start += len(step)
            try:
                pieces.append(member.decompress(step, limit + 1 - size))
            except zlib.error as broken:
                raise Invalid(f"the body is not valid {encoding}: {broken}.") from broken
            size += len(pieces[-1])
            if size > limit:
                raise TooLarge(f"the body unpacks to more than {limit >> 20} MB.")
        start -= len(member.unused_data)
        if not body[start : start + GZIP_STEP].strip(b"\0"):  # the end, or padding up to it
            _check_padding(body, start, encoding)
            return b"".join(pieces)

    raise Invalid(f"the {encoding} body has more than {GZIP_MEMBERS} parts.")


def _check_padding(body: bytes, start: int, encoding: str) -> None:
    if body.count(0, start) != len(body) - start:
        raise Invalid(f"the {encoding} body has other bytes after its end.")


def from_rows(
    rows: list[Any], names: tuple[str, ...], needed: tuple[str, ...]
) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """The needed columns from row records, which may leave columns out, or from bare rows of
    `names` in order; and the names of some columns that are not needed."""
    if all(type(row) is dict for row in rows):
        return _from_records(rows, needed)

    for index, row in enumerate(rows):
        if not isinstance(row, list):
            raise Invalid(f"row {index} must be a list of {len(names)} values or an object.")
        if len(row) != len(names):
            raise Invalid(
                f"row {index} has {len(row)} values, and {len(names)} are needed.",
                hint=f"In this order: {join_names(names)}.",
            )

    needed_names = set(needed)
    columns = {n: [row[i] for row in rows] for i, n in enumerate(names) if n in needed_names}
    return columns, tuple(name for name in names if name not in needed_names)[:MAX_COLUMNS]


def _from_records(
    rows: list[dict[str, Any]], needed: tuple[str, ...]
) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    columns = {name: [row.get(name) for row in rows] for name in needed if _occurs(name, rows)}
    needed_names = set(needed)
    unused = dict.fromkeys(key for row in rows[:100] for key in row if key not in needed_names)
    return columns, tuple(unused)[:MAX_COLUMNS]


def _occurs(name: str, rows: list[dict[str, Any]]) -> bool:
    return any(name in row for row in rows)


def body_facts(
    body: Mapping[str, Any], head: RequestHead, rows: int, name: str = "parameters"
) -> RowFacts:
    """What `row_facts` says of the parameters of a body. Raises Invalid for one beside them."""
    for misplaced in ("prediction_ids", "event_time", "entity_id"):
        if misplaced in body:
            raise Invalid(
                f"{misplaced} stands beside `{name}`, where nobody reads it.",
                hint=f'Send it inside: {{"{name}": {{"{misplaced}": …}}}}',
                fields={misplaced: f"it belongs into `{name}`"},
            )
    return row_facts(body.get(name), head, rows, name)


def row_facts(parameters: Any, head: RequestHead, rows: int, name: str = "parameters") -> RowFacts:
    """Event times, prediction ids and the entity: of the body's parameters, or else of headers.

    `name` is what the protocol calls the parameters. Raises Invalid.
    """
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise Invalid(f"`{name}` must be an object.")
    if head.event_time or head.prediction_ids or head.entity_id:
        parameters = _from_headers(head) | parameters
    if not parameters:
        return NO_FACTS
    return {
        "event_ms": event_times(parameters, rows),
        "prediction_ids": requested_ids(parameters, rows),
        "entity_id": entity_id(parameters.get("entity_id")),
    }


def _from_headers(head: RequestHead) -> dict[str, Any]:
    """The parameters that headers hold: `x-event-time`, `x-prediction-ids`, `x-entity-id`."""
    values: dict[str, Any] = {}
    if head.event_time:
        text = head.event_time
        is_whole = len(text) < 20 and text.isascii() and text.isdigit()
        values["event_time"] = int(text) if is_whole else text
    if head.prediction_ids:
        values["prediction_ids"] = [word.strip() for word in head.prediction_ids.split(",")]
    if head.entity_id:
        values["entity_id"] = head.entity_id
    return values


def entity_id(value: Any) -> str:
    """`entity_id`: whom or what all rows of a request are about; "" where that is not said."""
    if value is None:
        return ""
    if type(value) not in (str, int) or not 0 < len(str(value)) <= MAX_ID:
        raise Invalid(f"entity_id must be a text of 1 to {MAX_ID} characters.")
    return str(value)


def event_times(parameters: Mapping[str, Any], rows: int) -> list[int] | None:
    """`event_time`: milliseconds since the epoch, one for all rows or one per row."""
    value = parameters.get("event_time")
    if value is None:
        return None
    if isinstance(value, list):
        if len(value) != rows:
            raise Invalid(f"event_time has {len(value)} values, the request has {rows} rows.")
        check_instants("event_time", value)
        return value
    check_instants("event_time", [value])
    return [value] * rows


def check_instants(name: str, values: list[Any]) -> None:
    """Raises Invalid for anything but plausible milliseconds since 1970 as whole numbers."""
    for row, at in enumerate(values):
        if type(at) is not int:
            _refuse_instant(name, row, at)
        if not MIN_MS <= at < MAX_EVENT_MS:
            raise Invalid(
                f"{name} of row {row} is {at if abs(at) < 10**30 else 'a huge number'}, "
                f"which {unit_of(at)}; milliseconds since 1970 are needed.",
                hint="Instants from 2000 to 2099 are taken, such as 1764547200000.",
            )


def _refuse_instant(name: str, row: int, at: Any) -> NoReturn:
    unit = isinstance(at, float) and MIN_MS <= at * 1_000 < MAX_EVENT_MS
    raise Invalid(
        f"{name} must be milliseconds since 1970 as whole numbers; row {row} is {excerpt(at)}"
        f"{', which looks like seconds' if unit else ''}.",
        hint="Such as 1764547200000.",
    )


def unit_of(at: int) -> str:
    """The unit that an implausible number of milliseconds most likely has."""
    if MIN_MS <= at * 1_000 < MAX_EVENT_MS:
        return "looks like seconds"
    if MIN_MS <= at // 1_000 < MAX_EVENT_MS:
        return "looks like microseconds"
    if MIN_MS <= at // 1_000_000 < MAX_EVENT_MS:
        return "looks like nanoseconds"
    return "looks like seconds" if 0 <= at < MIN_MS else "is not a plausible instant"


def requested_ids(parameters: Mapping[str, Any], rows: int) -> list[str] | None:
    """`prediction_ids`: the client's ids, so that a repeated request is counted once."""
    ids = parameters.get("prediction_ids")
    if ids is None:
        return None
    if not isinstance(ids, list) or len(ids) != rows:
        raise Invalid(f"prediction_ids must be a list of {rows} ids, one a row.")
    if any(type(word) is not str or not 0 < len(word) <= MAX_ID for word in ids):
        raise Invalid(f"each of prediction_ids must be a text of 1 to {MAX_ID} characters.")
    if len(set(ids)) != rows:
        raise Invalid("prediction_ids names an id more than once.")
    return ids
