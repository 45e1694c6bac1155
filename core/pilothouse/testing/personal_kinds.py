"""What every kind of personal data promises."""

from __future__ import annotations

from pilothouse.data.personal_kinds import ColumnSample, PersonalKind

NAMES = ("x", "amount", "first name", "email", "birth date", "street", "phone", "ip", "bsn")
INNOCENT: tuple[tuple[str, ...], ...] = (
    tuple(str(number) for number in range(100_000, 100_100)),
    tuple(f"{number / 7:.3f}" for number in range(100)),
    tuple(f"2026-01-{1 + day % 28:02d} 10:00:00" for day in range(100)),
    tuple(f"{number % 4}.{number % 9}.{number % 7}" for number in range(100)),
)


def check_personal_kind(name: str, kind: PersonalKind) -> None:
    """Raise AssertionError, with what is wrong, unless the kind keeps every promise."""
    assert name.replace("_", "").isalnum(), f"{name} is not a name for a plugin"
    assert kind.title.strip() == kind.title != "", f"{name} needs a title"
    assert kind.description.endswith("."), f"{name} needs a description: a sentence"
    assert kind.example, f"{name} has no example to stand for a value"
    for values in INNOCENT:
        match = kind.look(ColumnSample("measured", "string", values))
        assert match is None, f"{name} takes {values[0]!r} for personal data"
    for column in NAMES:
        for values in ((), ("",), ("\0", "é", "1" * 200), (kind.example,) * 4):
            match = kind.look(ColumnSample(column, "string", values))
            assert match is None or 0.0 < match.share <= 1.0, f"{name}: a share is above 0"
            assert match is None or match.reason, f"{name} says why"
