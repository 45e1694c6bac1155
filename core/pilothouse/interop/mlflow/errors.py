"""The protocol's errors: MLflow's codes, HTTP statuses and messages.

Clients decide by the code. They retry 5xx for minutes, so no mistake of a caller may end there.
"""

from __future__ import annotations

import json
from typing import Any

from pilothouse.kit.errors import (
    Conflict,
    Invalid,
    NotFound,
    PilothouseError,
    Refused,
    Unavailable,
)

SEE = "See the API docs for more information about request parameters."
STATUS = {
    "INVALID_PARAMETER_VALUE": 400,
    "BAD_REQUEST": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "INTERNAL_ERROR": 500,
    "TEMPORARILY_UNAVAILABLE": 503,
}


class ProtocolError(PilothouseError):
    """An error with the protocol's own code and message."""

    def __init__(self, error_code: str, message: str) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.status = STATUS[error_code]


def invalid(message: str) -> ProtocolError:
    """A value that cannot be used."""
    return ProtocolError("INVALID_PARAMETER_VALUE", message)


def missing(name: str) -> ProtocolError:
    """A required parameter that is missing."""
    return invalid(f"Missing value for required parameter '{name}'. {SEE}")


def wrong_type(name: str, value: Any) -> ProtocolError:
    """A parameter of another type than the protocol's."""
    kind = type(value).__name__
    return invalid(f"{_invalid_value(name, value)}:  Hint: Value was of type '{kind}'. {SEE}")


def bad_value(name: str, value: Any, why: str) -> ProtocolError:
    """A parameter whose value breaks a rule, and which."""
    return invalid(f"{_invalid_value(name, value)}: {why}")


def too_long(name: str, limit: int) -> ProtocolError:
    """A text that is too long to be stored."""
    return invalid(f"'{name}' exceeds the maximum length of {limit} characters")


def absent(message: str) -> ProtocolError:
    """A thing that does not exist."""
    return ProtocolError("RESOURCE_DOES_NOT_EXIST", message)


def exists(message: str) -> ProtocolError:
    """A name that is taken."""
    return ProtocolError("RESOURCE_ALREADY_EXISTS", message)


def translated(error: PilothouseError) -> ProtocolError:
    """One of the project's errors in the protocol's terms."""
    if isinstance(error, ProtocolError):
        return error
    message = str(error)
    if isinstance(error, NotFound):
        return absent(message)
    if isinstance(error, Invalid | Conflict):
        return invalid(message)
    if isinstance(error, Refused):
        return ProtocolError("PERMISSION_DENIED", message)
    if isinstance(error, Unavailable):
        return ProtocolError("TEMPORARILY_UNAVAILABLE", message)
    return ProtocolError("INTERNAL_ERROR", message)


def _invalid_value(name: str, value: Any) -> str:
    return f"Invalid value {json.dumps(value, default=str)[:200]} for parameter '{name}' supplied"
