"""Cron expressions: five fields, whatever else the library would take."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pilothouse.jobs.schedules import next_time
from pilothouse.kit.errors import Invalid

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "cron",
    ["", "x", "* * * *", "* * * * * *", "* * * * * * *", "61 * * * *", "0 0 31 2 *", "0 0 * * 8"],
)
def test_what_is_no_expression_is_refused_with_an_example(cron: str) -> None:
    with pytest.raises(Invalid, match="five fields in UTC") as refused:
        next_time(cron, NOW)
    assert set(refused.value.fields) == {"cron"}


def test_an_expression_names_the_next_time() -> None:
    assert next_time("30 6 * * 1", NOW) == datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
