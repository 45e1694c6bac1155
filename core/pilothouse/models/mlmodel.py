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
    """The facts of an MLmodel file; `flavors` are the ways in which it can be loaded.

    `inputs`, `outputs` and `params` are its signature for people to read; `input_specs` are the
    inputs as the file has them, for `mlflow_signature`.
    """

    facts: Mapping[str, str]
    flavors: Mapping[str, Mapping[str, str]]
    inputs: tuple[ColumnInfo, ...]
    outputs: tuple[ColumnInfo, ...]
    params: tuple[ColumnInfo, ...] = ()
    input_specs: tuple[Mapping[str, Any], ...] = ()


FACTS = (
    *("model_uuid", "model_id", "run_id", "mlflow_version", "utc_time_created", "artifact_path"),
    *("model_size_bytes", "model_type", "prompts", "is_signature_from_type_hint"),
)


def read(text: str, path: str = "MLmodel") -> MlModel:
    """Read an MLmodel file. Raises Invalid when it is none."""
    content = _parse_yaml(text, path)
    flavors = content.get("flavors")
    if not isinstance(flavors, dict):
        raise Invalid(f"{path} is no MLmodel file: it names no flavors.")
    signature = content.get("signature")
    parts = signature if isinstance(signature, dict) else {}
    return MlModel(
        facts={name: _text(content[name]) for name in FACTS if content.get(name) not in (None, "")},
        flavors={str(name): _texts(value) for name, value in flavors.items()},
        inputs=signature_columns(parts.get("inputs")),
        outputs=signature_columns(parts.get("outputs")),
        params=signature_columns(parts.get("params")),
        input_specs=_specs(parts.get("inputs")),
    )


def _parse_yaml(text: str, path: str) -> dict[str, Any]:
    import yaml

    try:
        # An alias makes little text into a value without end, and no MLmodel file has one.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise Invalid(f"{path} holds aliases, which an MLmodel file has none of.")
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as wrong:
        first = str(wrong).strip().splitlines()[0]
        raise Invalid(f"{path} cannot be read as YAML: {first}.") from wrong

    if not isinstance(content, dict):
        raise Invalid(f"{path} is no MLmodel file.")

    return content


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {
        str(name): _text(value_of_key)
        for name, value_of_key in value.items()
        if value_of_key is not None
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def signature_columns(value: Any) -> tuple[ColumnInfo, ...]:
    """The columns of one side of a signature, JSON or a text of it; none when it is odd."""
    return tuple(map(_column, _specs(value)[:MAX_COLUMNS]))


def _specs(value: Any) -> tuple[dict[str, Any], ...]:
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return ()
    return (
        tuple(spec for spec in listed or () if isinstance(spec, dict))
        if isinstance(listed, list)
        else ()
    )


def _column(spec_of_column: Mapping[str, Any]) -> ColumnInfo:
    spec = spec_of_column.get("tensor-spec")
    if isinstance(spec, dict):
        shape = " × ".join(map(str, spec.get("shape") or ()))  # noqa: RUF001
        kind = f"{spec.get('dtype', 'tensor')} [{shape}]"
    else:
        kind = _text(spec_of_column.get("type", ""))
    return ColumnInfo(
        str(spec_of_column.get("name") or "–"),  # noqa: RUF001
        kind,
        bool(spec_of_column.get("required", True)),
    )
