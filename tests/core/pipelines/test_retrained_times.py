"""Times that a deployment was asked with become times again in the data of a retraining."""

from __future__ import annotations

import pandas as pd

from pilothouse.models.signature import Signature, SignatureField
from pilothouse.pipelines.retraining import as_trained

INPUTS = (SignatureField("opened", "time"), SignatureField("visits", "integer"))
SIGNATURE = Signature(INPUTS, "late", (0, 1), 1)


def test_logged_milliseconds_become_times() -> None:
    opened = pd.to_datetime(["2024-03-01 12:00", None], utc=True)
    logged = pd.DataFrame({"opened": [opened[0].timestamp() * 1000, None], "visits": [3, 4]})
    rows = as_trained(logged, SIGNATURE)
    assert rows["opened"].tolist()[0] == opened[0]
    assert rows["opened"].isna().tolist() == [False, True]
    assert rows["visits"].tolist() == [3, 4]


def test_times_that_are_times_stay_as_they_are() -> None:
    rows = pd.DataFrame({"opened": pd.to_datetime(["2024-03-01"], utc=True), "visits": [1]})
    pd.testing.assert_frame_equal(as_trained(rows, SIGNATURE), rows)
