"""What callers send that is right in another way, by type, spelling or encoding; wrong instants."""

from __future__ import annotations

import gzip
import io
from contextlib import suppress
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.deployments.gateway import invocations, oip
from pilothouse.deployments.gateway.bodies import is_light, read_labels, read_request
from pilothouse.deployments.gateway.columns import check_columns
from pilothouse.deployments.gateway.labels import check_labels
from pilothouse.deployments.gateway.reader_process import pack, unpack
from pilothouse.deployments.gateway.request import (
    GZIP_MEMBERS,
    RequestHead,
    RequestLimits,
    check_instants,
    excerpt,
    inflate,
)
from pilothouse.kit.errors import Invalid, TooLarge
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature(
    inputs=(
        SignatureField("x", "number", required=False),
        SignatureField("visits", "integer", required=False),
        SignatureField("c", "string"),
        SignatureField("member", "boolean", required=False, boolean_words=("Nein", "Ja")),
    ),
    target="late",
    classes=("0", "1"),
    positive="1",
)
SECONDS, MILLISECONDS = 1_767_225_600, 1_767_225_600_000
JSON = "application/json"


def scored(body: bytes, kind: str = "text/csv") -> dict[str, list[Any]]:
    parsed = invocations.parse(body, kind, SIGNATURE)
    return check_columns(SIGNATURE, parsed.columns, parsed.rows, parsed.unused)


@pytest.mark.parametrize(
    "value",
    [
        {"dataframe_records": [{"x": 0.5, "c": "a", "customer_id": 17}]},
        {"dataframe_split": {"columns": ["customer_id", "c", "x"], "data": [[17, "a", 0.5]]}},
        {"inputs": {"x": [0.5], "c": ["a"], "customer_id": [17]}},
        {"instances": [{"c": "a", "x": 0.5, "other": None}]},
    ],
)
def test_columns_that_the_model_does_not_take_are_ignored(value: dict[str, Any]) -> None:
    columns = scored(orjson.dumps(value), JSON)
    assert (columns["x"], columns["c"]) == ([0.5], ["a"])


def test_a_missing_column_is_still_named_beside_the_unused_ones() -> None:
    with pytest.raises(Invalid) as refused:
        scored(orjson.dumps({"dataframe_records": [{"x": 0.5, "cc": "a"}]}), JSON)
    assert "missing columns: c" in refused.value.message
    assert "not used: cc" in refused.value.message


def test_a_csv_as_pandas_and_excel_write_it() -> None:
    columns = scored("\ufeffx,visits,c\r\n0.5,3.0,a\r\nnan,,b\r\nNaN,NA,nan\r\n".encode())
    assert columns["x"] == [0.5, None, None]
    assert columns["visits"] == [3, None, None]
    assert type(columns["visits"][0]) is int
    assert scored(b"visits,c\n9007199254740993.0,a\n")["visits"] == [9007199254740993]
    assert columns["c"] == ["a", "b", "nan"]


def test_a_csv_of_a_country_with_decimal_commas() -> None:
    columns = scored(b'c;x;visits\r\n"a,b";0,5;3,0\r\nb;;1\r\n')
    assert (columns["x"], columns["visits"]) == ([0.5, None], [3, 1])
    assert columns["c"] == ["a,b", "b"]
    assert scored(b"c\tx\tvisits\na\t1.5\t2\n")["x"] == [1.5]


@pytest.mark.parametrize("cell", ["3.5", "1e300", "3_0", "three", ".5"])
def test_a_cell_that_is_no_whole_number_is_refused(cell: str) -> None:
    with pytest.raises(Invalid, match="whole number"):
        scored(f"x,visits,c\n0.5,{cell},a\n".encode())


def test_a_bare_nan_is_a_missing_value_and_infinity_is_refused() -> None:
    body = b'{"instances":[{"x":%b,"c":"a"}]}'
    assert scored(body % b"NaN", JSON)["x"] == [None]
    with pytest.raises(Invalid):
        scored(body % b"Infinity", JSON)
    with pytest.raises(Invalid, match="Infinity is not a value"):
        scored(
            b'{"instances":[{"x":-Infinity,"c":"NaN"},{"x":NaN,"c":"a"}]}'.replace(b"-", b""), JSON
        )


@pytest.mark.parametrize("word", [True, 1, "true", "1", "JA", "ja"])
def test_a_boolean_is_taken_in_its_words(word: Any) -> None:
    columns = scored(orjson.dumps({"instances": [{"c": "a", "member": word}]}), JSON)
    assert columns["member"] == [True]
    assert scored(f"c,member\na,{word}\n".encode())["member"] == [True]


def test_a_gzip_of_several_members_is_read_whole() -> None:
    first, second = b'{"a":', b"1}"
    body = gzip.compress(first) + gzip.compress(second)
    assert inflate(body, "gzip", 1 << 20) == first + second
    assert inflate(body + b"\0" * 512, "gzip", 1 << 20) == first + second


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_a_gzip_that_ends_too_early_is_refused(cut: int) -> None:
    body = gzip.compress(b'{"a":1}') + gzip.compress(b"2" * 100)
    with pytest.raises(Invalid, match="ends too early"):
        inflate(body[:-cut], "gzip", 1 << 20)
    with pytest.raises(Invalid):
        inflate(body + b"\0" * 100_000 + b"x", "gzip", 1 << 20)


def test_a_gzip_of_very_many_members_is_refused() -> None:
    with pytest.raises(Invalid, match="more than"):
        inflate(gzip.compress(b"") * (GZIP_MEMBERS + 1), "gzip", 1 << 20)


def test_a_bomb_in_the_second_member_is_refused() -> None:
    with pytest.raises(Invalid, match="unpacks to more"):
        inflate(gzip.compress(b"{}") + gzip.compress(b" " * (2 << 20)), "gzip", 1 << 20)


def ask_oip(at: Any) -> list[int] | None:
    tensor = {"name": "c", "shape": [1], "datatype": "BYTES", "data": ["a"]}
    return oip.parse({"inputs": [tensor], "parameters": {"event_time": at}}, SIGNATURE).event_ms


def ask_mlflow(at: Any) -> list[int] | None:
    body = {"dataframe_records": [{"x": 0.5, "c": "a"}], "params": {"event_time": at}}
    return invocations.parse(orjson.dumps(body), JSON, SIGNATURE).event_ms


def ask_labels(at: Any) -> list[int] | None:
    return check_labels(SIGNATURE, ["id"], ["1"], at, MILLISECONDS).times


@pytest.mark.parametrize("ask", [ask_oip, ask_mlflow, ask_labels])
def test_seconds_are_not_taken_for_milliseconds(ask: Any) -> None:
    for at in (SECONDS, [SECONDS], 0, SECONDS + 0.5):
        with pytest.raises(Invalid, match="looks like seconds"):
            ask(at)
    for at, unit in ((MILLISECONDS * 1_000, "microseconds"), (MILLISECONDS * 10**6, "nanoseconds")):
        with pytest.raises(Invalid, match=f"looks like {unit}"):
            ask(at)
    assert ask(MILLISECONDS) == ask([MILLISECONDS]) == [MILLISECONDS]


@given(st.integers(-(2**63), 2**63))
def test_only_instants_of_this_century_are_taken(at: int) -> None:
    plausible = 946_684_800_000 <= at < 4_102_444_800_000
    try:
        check_instants("at", [at])
    except Invalid:
        assert not plausible
    else:
        assert plausible


@pytest.mark.parametrize("label", [1, 1.0, "1", True, "true"])
def test_a_label_of_the_right_value_and_another_type_is_taken(label: Any) -> None:
    assert check_labels(SIGNATURE, ["id"], [label], None, MILLISECONDS).labels == ["1"]
    numbers = Signature(SIGNATURE.inputs, "late", (0, 1), 1)
    assert check_labels(numbers, ["id"], [label], None, MILLISECONDS).labels == [1]


def test_labels_of_a_boolean_target_are_taken_in_its_words() -> None:
    signature = Signature(
        SIGNATURE.inputs, "late", ("No", "Yes"), "Yes", target_words=("No", "Yes")
    )
    body = orjson.dumps({"ids": ["a", "b", "c", "d"], "labels": ["yes", True, 0, "No"]})
    labels = read_labels(body, signature, RequestLimits(), MILLISECONDS).labels
    assert labels == ["Yes", "Yes", "No", "No"]
    with pytest.raises(Invalid, match="label 0 is 2"):
        check_labels(signature, ["a"], [2], None, MILLISECONDS)


def test_what_is_bounded_is_refused_before_its_work() -> None:
    tensor = {"name": "c", "datatype": "BYTES", "data": ["a"]}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"inputs": [tensor | {"shape": [1] * 100_000}]}, "100000 dimensions"),
        ({"inputs": [tensor | {"shape": [1]}] * 10_000}, "10000 tensors"),
        ({"inputs": [tensor | {"shape": [1]}], "outputs": [{"name": "predict"}] * 9}, "9 outputs"),
        ({"inputs": [tensor | {"shape": [1]}], "outputs": [{"name": "predict"}] * 2}, "more than"),
        ({"inputs": [tensor | {"shape": [1]}], "id": "x" * 1_000}, "`id`"),
    ]
    for body, message in wrong:
        with pytest.raises(Invalid, match=message):
            oip.parse(body, SIGNATURE)
    with pytest.raises(TooLarge, match="20000 columns"):
        scored(",".join(f"c{i}" for i in range(20_000)).encode() + b"\n1")
    with pytest.raises(TooLarge, match="more than 3 rows"):
        invocations.parse(b"c\n" + b"a\n" * 9, "text/csv", SIGNATURE, RequestLimits(max_rows=3))
    wide = Signature(
        tuple(SignatureField(f"f{i}", "number", False) for i in range(1_000)), "y", (0, 1), 1
    )
    body = orjson.dumps({"instances": [{}] * 10_000})
    with pytest.raises(TooLarge, match="10000 rows of 1000 columns"):
        read_request("invocations", RequestHead(JSON), body, wide, RequestLimits())


def test_a_large_value_is_named_in_few_characters() -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep, {"k" * 500: deep}]
    for value in ("x" * 10**6, list(range(10**5)), {i: i for i in range(10**5)}, deep):
        assert len(excerpt(value)) < 1_000


def test_light_bodies_are_told_by_their_values() -> None:
    assert is_light(b"[" * 40_000)
    assert is_light(b'{"a":"' + b"x" * 500_000 + b'"}')
    assert not is_light(b"1," * 100_000)
    assert not is_light(b"x" * (2 << 20))


@given(st.binary(max_size=50), st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=3))
def test_messages_to_the_reader_process_come_back(tail: bytes, head: dict[str, int]) -> None:
    kind, read_head, rest = unpack(pack(b"+", head, tail))
    assert (kind, read_head, bytes(rest)) == (b"+", head, tail)


def parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


def test_a_parquet_file_as_pandas_writes_it() -> None:
    values = {"x": [0.5, np.nan], "visits": [3.0, 2.0], "c": ["a", "b"], "extra": [1, 2]}
    columns = scored(parquet(pd.DataFrame(values)), "application/vnd.apache.parquet")
    assert (columns["x"], columns["visits"], columns["c"]) == ([0.5, None], [3, 2], ["a", "b"])
    head = RequestHead("application/vnd.apache.parquet", prediction_ids="p,q")
    body = parquet(pd.DataFrame(values))
    request = invocations.read(body, head, SIGNATURE, RequestLimits())
    assert (request.prediction_ids, request.unused) == (["p", "q"], ("extra",))
    with pytest.raises(TooLarge, match="there are 2 rows"):
        invocations.read(body, head, SIGNATURE, RequestLimits(max_rows=1))


@settings(max_examples=60, derandomize=True)
@given(st.integers(0, 2_000), st.binary(max_size=9))
def test_a_damaged_parquet_file_is_refused_in_words(at: int, piece: bytes) -> None:
    body = parquet(pd.DataFrame({"x": [0.5, 1.5], "visits": [3, 2], "c": ["a", "b"]}))
    damaged = body[:at] + piece + body[at + len(piece) :]
    with suppress(Invalid):
        scored(damaged[: max(len(damaged) - at % 7, 0)], "application/vnd.apache.parquet")
