"""The samples of variants are what the log holds, for a span of time and a version."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from pilothouse.deployments.analysis.variant_samples import read_samples, read_shadow
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.log import journal_folder
from pilothouse.kit.clock import from_ms
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature((SignatureField("x", "number"),), "late", ("no", "yes"), "yes")


@pytest.fixture
def writer(tmp_path: Path) -> Journal:
    return Journal(journal_folder(tmp_path, "late"))


def _answered(writer: Journal, version: int, ids: list[str], score: float) -> int:
    at, rows = writer.stamp(), len(ids)
    line: dict[str, Any] = {"at": at, "version": version, "rows": rows, "ms": 3.0, "status": 200}
    line |= {"ids": ids, "model": "late", "event": [at // 1_000] * rows}
    line["out"] = {"score": [score] * rows}
    writer.predictions(version, SIGNATURE, line | {"columns": {"x": [1.0] * rows}})
    return at


def _refused(writer: Journal, version: int, status: int) -> None:
    line = {"at": writer.stamp(), "version": version, "rows": 0, "ms": 9.0, "status": status}
    writer.request(line)


def test_each_version_has_its_requests_answers_and_labels(tmp_path: Path, writer: Journal) -> None:
    before = _answered(writer, 1, ["early"], 0.9)
    first = _answered(writer, 1, ["a", "b"], 0.2)
    _answered(writer, 2, ["c"], 0.7)
    _answered(writer, 2, ["c"], 0.8)  # sent again: the first one counts
    _refused(writer, 2, 500)
    _refused(writer, 2, 422)
    writer.labels(
        {
            "at": writer.stamp(),
            "ids": ["a", "c"],
            "labels": ["yes", "no"],
            "times": [first // 1_000] * 2,
        }
    )

    start = from_ms(0) + timedelta(microseconds=first)
    assert before < first
    samples = read_samples(
        tmp_path, "late", {1: SIGNATURE, 2: SIGNATURE}, start, start + timedelta(hours=1)
    )
    stable, candidate = samples[1], samples[2]
    assert (stable.requests, stable.failures, stable.refusals) == (1, 0, 0)
    assert stable.outputs["score"].tolist() == [0.2, 0.2]
    assert np.array_equal(stable.truth, [1.0, np.nan], equal_nan=True)
    assert (candidate.requests, candidate.failures, candidate.refusals) == (4, 1, 1)
    assert candidate.answered_ms.tolist() == [3.0, 3.0]
    assert candidate.outputs["score"].tolist() == [0.7]
    assert candidate.truth.tolist() == [0.0]


def test_a_deployment_without_requests_has_empty_samples(tmp_path: Path) -> None:
    start = from_ms(0)
    samples = read_samples(tmp_path, "late", {1: SIGNATURE}, start, start + timedelta(days=1))
    assert samples[1].requests == 0


def test_a_shadow_is_read_up_to_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pair: dict[str, Any] = {
        "at": 1,
        "version": 2,
        "ms": 4.0,
        "status": 200,
        "rows": 2,
        "live_version": 1,
    }
    pair |= {"live_version": 1, "out": {"score": [0.1, 0.2]}, "live": {"score": [0.3, 0.4]}}
    failed = {"at": 2, "version": 2, "ms": 5.0, "status": 500, "rows": 1, "live_version": 1}
    other = pair | {"version": 3}
    lines = b"\n".join(map(orjson.dumps, (pair, failed, other, pair)))
    path.write_bytes(lines[:-20])

    shadow = read_shadow(path, SIGNATURE, 2)
    assert (shadow.requests, shadow.failures) == (2, 1)
    assert shadow.outputs["score"].tolist() == [0.1, 0.2]
    assert shadow.mirrored["score"].tolist() == [0.3, 0.4]
    assert read_shadow(tmp_path / "none.jsonl", SIGNATURE, 2).requests == 0
