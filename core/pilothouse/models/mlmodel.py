"""What an MLmodel file says of the model beside it, for people to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilothouse.kit.errors import Invalid

MAX_COLUMNS = 500


@dataclass(frozen=True)
class ColumnInfo:
    """A column or tensor of a model's signature."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True)
class MlModel:
    """The facts of an MLmodel file; `flavors` are the ways in which it can be loaded."""

    facts: Mapping[str, str]
    flavors: Mapping[str, Mapping[str, str]]
    inputs: tuple[ColumnInfo, ...]
    outputs: tuple[ColumnInfo, ...]


FACTS = (
    *("model_uuid", "model_id", "run_id", "mlflow_version", "utc_time_created", "artifact_path"),
    *("model_size_bytes", "model_type", "prompts", "is_signature_from_type_hint"),
)


def read(text: str, path: str = "MLmodel") -> MlModel:
    """Read an MLmodel file. Raises Invalid when it is none."""
    told = _mapping(text, path)
    flavors = told.get("flavors")
    if not isinstance(flavors, dict):
        raise Invalid(f"{path} is no MLmodel file: it names no flavors.")
    signature = told.get("signature")
    parts = signature if isinstance(signature, dict) else {}
    return MlModel(
        facts={name: _word(told[name]) for name in FACTS if told.get(name) not in (None, "")},
        flavors={str(name): _words(value) for name, value in flavors.items()},
        inputs=columns(parts.get("inputs")),
        outputs=columns(parts.get("outputs")),
    )


def _mapping(text: str, path: str) -> dict[str, Any]:
    import yaml

    try:
        # An alias makes little text into a value without end, and no MLmodel file has one.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise Invalid(f"{path} holds aliases, which an MLmodel file has none of.")
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as wrong:
        first = str(wrong).strip().splitlines()[0]
        raise Invalid(f"{path} cannot be read as YAML: {first}.") from wrong
    if not isinstance(found, dict):
        raise Invalid(f"{path} is no MLmodel file.")
    return found


def _words(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(name): _word(each) for name, each in value.items() if each is not None}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def columns(value: Any) -> tuple[ColumnInfo, ...]:
    """The columns of one side of a signature, JSON or a text of it; none when it is odd."""
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return ()
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return tuple(map(_column, found[:MAX_COLUMNS]))


def _column(told: Mapping[str, Any]) -> ColumnInfo:
    spec = told.get("tensor-spec")
    if isinstance(spec, dict):
        shape = " × ".join(map(str, spec.get("shape") or ()))  # noqa: RUF001
        kind = f"{spec.get('dtype', 'tensor')} [{shape}]"
    else:
        kind = _word(told.get("type", ""))
    return ColumnInfo(str(told.get("name") or "–"), kind, bool(told.get("required", True)))  # noqa: RUF001
