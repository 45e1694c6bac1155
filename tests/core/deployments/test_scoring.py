"""Rows scored in a temporary model process: the answers that a deployment and the pipeline give."""

from __future__ import annotations

import io
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from harness.serving import SIGNATURE, register, running_models, trained
from pilothouse.deployments import scoring
from pilothouse.deployments.model_launch import launch_of
from pilothouse.deployments.model_server.start import start_command
from pilothouse.deployments.scoring import request_columns, score_frame
from pilothouse.kit.errors import Cancelled, Conflict, Invalid, Refused, Unavailable
from pilothouse.models.signature import UNKNOWN, Signature, SignatureField
from pilothouse.registry import versions
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.versions import VersionSource
from pilothouse.storage import Store


def rows(count: int = 4_500) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    wind = np.where(draw.random(count) < 0.2, np.nan, draw.normal(10, 3, count))
    return pd.DataFrame(
        {
            "carrier": draw.choice(["AA", "B6", "ZZ"], count),
            "note": "not an input",
            "wind": wind,
            "distance": draw.integers(50, 2_000, count),
        }
    )


def version(store: Store, number: int = 1) -> VersionInfo:
    with store.read() as session:
        return versions.find(session, "late", number)


def quiet(_: float, __: str) -> None:
    pass


def test_the_answers_are_the_pipelines_own(
    registered: Store, artifacts: tuple[bytes, bytes]
) -> None:
    frame = rows()
    scored = score_frame(registered, version(registered), frame, quiet)
    own = joblib.load(io.BytesIO(artifacts[0])).predict_proba(frame[list(SIGNATURE.names)])
    np.testing.assert_allclose(scored.columns["score"], own[:, 1], atol=1e-9)
    np.testing.assert_allclose(scored.rows, own, atol=1e-9)
    assert scored.predictions(SIGNATURE) == (own[:, 1] >= 0.5).astype(int).tolist()


def test_its_process_is_gone_afterwards(registered: Store) -> None:
    score_frame(registered, version(registered), rows(10), quiet)
    assert running_models(registered) == []
    assert list((registered.run_folder / "scoring").iterdir()) == []


def test_a_missing_column_is_named_with_what_was_meant(registered: Store) -> None:
    frame = rows(10).rename(columns={"distance": "distnce"})
    with pytest.raises(Invalid, match=r"missing columns: distance; .*did you mean distance"):
        score_frame(registered, version(registered), frame, quiet)


def test_a_value_that_cannot_be_read_is_named_with_its_row_in_the_dataset(
    registered: Store,
) -> None:
    frame = rows().astype({"distance": object})
    frame.loc[3_210, "distance"] = "far"
    with pytest.raises(Invalid, match=r"distance: row 3210 is 'far', and a number is needed"):
        score_frame(registered, version(registered), frame, quiet)


def test_a_needed_value_that_is_missing_is_refused_as_a_deployment_refuses_it() -> None:
    frame = rows(5).astype({"distance": float})
    frame.loc[2, "distance"] = np.nan
    frame.index = pd.RangeIndex(100, 105)
    with pytest.raises(Invalid, match="distance: row 102 is missing"):
        request_columns(SIGNATURE, frame)


def test_values_are_prepared_as_json_brings_them() -> None:
    signature = Signature(
        (
            SignatureField("at", "time", required=False),
            SignatureField("visits", "integer", required=False),
            SignatureField("rate", "number", required=False),
            SignatureField("member", "boolean", boolean_words=("no", "yes")),
        ),
        "y",
        (0, 1),
        1,
    )
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime(["2024-03-01 12:00:00.5", None], utc=True),
            "visits": [3.0, np.nan],
            "rate": [np.inf, 2],
            "member": ["Yes", "no"],
        }
    )
    assert request_columns(signature, frame) == {
        "at": [1_709_294_400_500, None],
        "visits": [3, None],
        "rate": [None, 2.0],
        "member": [True, False],
    }


def test_a_version_without_a_meaning_or_without_trust_is_not_scored(registered: Store) -> None:
    known = version(registered)
    with pytest.raises(Conflict, match="what its answer means is not known"):
        score_frame(registered, replace(known, signature=UNKNOWN), rows(1), quiet)
    digest = registered.artifacts.put_bytes(b"a pickle from elsewhere")
    with registered.write() as session:
        source = VersionSource(digest, SIGNATURE, [], metrics={}, imported="a client")
        versions.register_import(session, registered, "late", source)
    with pytest.raises(Refused, match="never unpickled"):
        score_frame(registered, version(registered, 3), rows(1), quiet)


def test_a_process_that_cannot_load_says_why_with_the_end_of_its_log(registered: Store) -> None:
    register(registered, "late", b"no model at all")
    with pytest.raises(Unavailable, match=r"ended before it was ready\. Its log ends with: .+"):
        score_frame(registered, version(registered, 3), rows(1), quiet)
    assert running_models(registered) == []


def test_a_process_that_is_killed_while_it_predicts_says_so(registered: Store) -> None:
    with scoring.scoring(registered, version(registered), quiet) as process:
        process.score(rows(10), quiet)
        [pid] = running_models(registered)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match="ended while it predicted"):
            process.score(rows(10), quiet)


def test_a_process_that_is_late_is_given_up(
    registered: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "START_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="was not ready within 0 seconds"):
        score_frame(registered, version(registered), rows(1), quiet)
    assert running_models(registered) == []


def test_a_cancelled_job_ends_its_process(registered: Store) -> None:
    def cancelled(fraction: float, _: str) -> None:
        if fraction > 0:
            raise Cancelled("")

    with pytest.raises(Cancelled):
        score_frame(registered, version(registered), rows(), cancelled)
    assert running_models(registered) == []


def test_what_a_killed_job_left_behind_is_removed(registered: Store) -> None:
    left = registered.run_folder / "scoring" / "999999999-1.00-abc"
    left.mkdir(parents=True)
    (left / "launch.json").write_text("{}")
    score_frame(registered, version(registered), rows(1), quiet)
    assert not left.exists()


def test_a_model_that_is_registered_again_is_scored_with_its_own_threshold(
    tmp_path: Path, registered: Store
) -> None:
    register(registered, "late", trained(), signature=replace(SIGNATURE, threshold=0.9))
    scored = score_frame(registered, version(registered, 3), rows(200), quiet)
    expected = [int(score >= 0.9) for score in scored.columns["score"]]
    assert scored.predictions(version(registered, 3).signature) == expected


def test_a_process_ends_when_the_one_that_started_it_is_gone(
    registered: Store, tmp_path: Path
) -> None:
    launch = launch_of(
        registered,
        version(registered),
        tmp_path,
        deployment="scoring",
        socket=str(tmp_path / "s"),
    )
    command = start_command(launch, tmp_path / "launch.json", "--parent", str(os.getpid() + 1))
    with (tmp_path / "log").open("wb") as log:
        subprocess.run(command.arguments, env=command.variables, stdout=log, check=True, timeout=60)
    assert "ready after" in (tmp_path / "log").read_text()
    assert (tmp_path / "launch.json").exists()
