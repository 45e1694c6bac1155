"""The body of `POST /deployments/{d}/feedback`: one reward, or a list of them.

{"prediction_id": "order-17", "reward": 1}
{"feedback": [{"entity_id": "anna", "reward": 12.5}, ...]}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pilothouse.deployments.gateway.request import MAX_ID, excerpt, read_json
from pilothouse.deployments.prediction_log.feedback_log import SentReward
from pilothouse.kit.errors import Invalid, TooLarge

MAX_BODY = 1 << 20  # parsed in the event loop
MAX_REWARDS = 10_000
MAX_REWARD = 1e15
NAMES = {"prediction_id", "entity_id", "reward"}


def read_feedback(body: bytes, version_of: Callable[[str], int]) -> list[SentReward]:
    """The rewards in a body; `version_of` says which version answers an entity.

    Raises Invalid that names what is wrong, TooLarge for too many.
    """
    if len(body) > MAX_BODY:
        raise TooLarge(f"the body is larger than {MAX_BODY >> 20} MB.", hint="Send fewer rewards.")
    value = read_json(body)
    items = value.get("feedback", [value])
    if not isinstance(items, list) or not items:
        raise Invalid("`feedback` must be a list of rewards.")
    if len(items) > MAX_REWARDS:
        raise TooLarge(f"there are {len(items)} rewards; at most {MAX_REWARDS} are read at once.")
    return [_reward(index, item, version_of) for index, item in enumerate(items)]


def _reward(index: int, item: Any, version_of: Callable[[str], int]) -> SentReward:
    if not isinstance(item, dict) or not set(item) <= NAMES:
        raise Invalid(
            f"reward {index} must be an object of prediction_id or entity_id, and reward."
        )
    prediction, entity = item.get("prediction_id"), item.get("entity_id")
    if (prediction is None) == (entity is None):
        raise Invalid(f"reward {index} needs either a prediction_id or an entity_id.")
    name = prediction if entity is None else entity
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID:
        raise Invalid(f"the id of reward {index} must be a text of 1 to {MAX_ID} characters.")
    reward = _number(index, item.get("reward"))
    if entity is None:
        return SentReward(reward, prediction_id=name)
    return SentReward(reward, entity_id=name, version=version_of(name))


def _number(index: int, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -MAX_REWARD <= value <= MAX_REWARD:
        raise Invalid(f"reward {index} must be a number, and is {excerpt(value)}.")
    return float(value)
