"""The states a request can end in.

    PilothouseError
      NotFound       404  exit 4   the thing named does not exist
      Conflict       409  exit 5   it exists in a way that forbids this
      Invalid        422  exit 2   what was given cannot be used; `fields` says which part
      Refused        403  exit 3   a rule of the house says no; the words say which
        Cancelled                  somebody asked the work to stop
        PersonNeeded               a person decides this, and nobody is chosen
        KeyNeeded      401         an API key is needed, and none that holds was sent
      Unavailable    503  exit 6   a process, a file or a lock that is needed is not there now
        TooMany        429         more requests than a limit allows; `retry_seconds` says when

Each speaks to the reader: the message says what is wrong, the hint says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PilothouseError(Exception):
    """Anything Pilothouse says no to."""

    status = 500
    exit_code = 1
    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        # What a screen may offer as the way on, by kind: a plain value that a failed job keeps.
        self.remedy: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class NotFound(PilothouseError):
    """The thing named does not exist."""

    status = 404
    exit_code = 4
    code = "not_found"


class Conflict(PilothouseError):
    """It exists in a way that forbids this."""

    status = 409
    exit_code = 5
    code = "conflict"


class Invalid(PilothouseError):
    """What was given cannot be used; `fields` maps each bad part to its message."""

    status = 422
    exit_code = 2
    code = "invalid"

    def __init__(
        self, message: str, *, hint: str = "", fields: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.fields = dict(fields or {})

    @classmethod
    def of_fields(cls, problem: str, fields: Mapping[str, str]) -> Invalid:
        """The problem, such as "this rule cannot be used", with each bad part named after it."""
        faults = "; ".join(f"{name}: {message}" for name, message in fields.items())
        return cls(f"{problem} ({faults}).", fields=fields)


class Refused(PilothouseError):
    """A rule of the house says no."""

    status = 403
    exit_code = 3
    code = "refused"


class Cancelled(Refused):
    """Somebody asked the work to stop."""

    code = "cancelled"


class PersonNeeded(Refused):
    """A person decides this, and nobody is chosen."""

    code = "person_needed"


class KeyNeeded(Refused):
    """An API key is needed, and none that holds was sent."""

    status = 401
    code = "key_needed"


class Unavailable(PilothouseError):
    """A process, a file or a lock that is needed is not there now."""

    status = 503
    exit_code = 6
    code = "unavailable"
    retry_seconds = 1  # how long a caller should wait


class TooMany(Unavailable):
    """More requests than a limit allows; they may be sent again after `retry_seconds`."""

    status = 429
    code = "too_many"

    def __init__(self, message: str, *, hint: str = "", retry_seconds: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.retry_seconds = retry_seconds


class TooLarge(Invalid):
    """The request is larger than what this server accepts."""

    status = 413
    code = "too_large"


class UnsupportedContent(Invalid):
    """The body is of a type, or in an encoding, that this server does not read."""

    status = 415
    code = "unsupported_content"


def require_reason(reason: str, what: str) -> None:
    """Raise Invalid for a decision without a reason; `what` begins the sentence: "a promotion"."""
    if not reason.strip():
        raise Invalid(f"{what} needs a reason.", fields={"reason": "needed"})
