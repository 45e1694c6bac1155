"""Times as features: what the prediction log cannot keep is refused before it is predicted."""

from __future__ import annotations

from typing import Any

import pytest

from pilothouse.deployments.gateway.columns import check_columns
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature(
    inputs=(SignatureField("leaves", "time"),), target="late", classes=(0, 1), positive=1
)


@pytest.mark.parametrize("value", [1 << 62, 1 << 63, -(1 << 60), 253_402_300_800_000])
def test_a_time_beyond_the_calendar_is_refused(value: int) -> None:
    with pytest.raises(Invalid, match="row 1"):
        check_columns(SIGNATURE, {"leaves": [0, value]}, 2)


@pytest.mark.parametrize("value", [0, -86_400_000, 253_402_300_799_999, "2013-03-01T00:00:00Z"])
def test_a_time_of_the_calendar_is_taken(value: Any) -> None:
    assert isinstance(check_columns(SIGNATURE, {"leaves": [value]}, 1)["leaves"][0], int)
