"""Environments that models run in: resolved and built by uv, shared, removed when unused."""

from pilothouse.environments.api import Environments
from pilothouse.environments.checking import CheckOutcome, EnvironmentCheck
from pilothouse.environments.failure import EnvironmentFailure
from pilothouse.environments.info import (
    CollectedEnvironments,
    EnvironmentInfo,
    EnvironmentUseInfo,
)
from pilothouse.environments.request import EnvironmentRequest

__all__ = [
    "CheckOutcome",
    "CollectedEnvironments",
    "EnvironmentCheck",
    "EnvironmentFailure",
    "EnvironmentInfo",
    "EnvironmentRequest",
    "EnvironmentUseInfo",
    "Environments",
]
