"""The audit of a .keras file, by its configuration."""

from __future__ import annotations

import re
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.audit import (
    KNOWN_CLASSES,
    MAX_DEPTH,
    MAX_NAMES,
    OWN_CODE,
    Audit,
    Names,
    full_name,
    name_pair,
)
from pilothouse.models.audit.archives import json_member, open_zip
from pilothouse.models.audit.known_names import PLAIN

KERAS_MODULES = re.compile(
    r"keras(\.(layers|initializers|regularizers|constraints|optimizers(\.schedules)?|losses"
    r"|metrics|activations|dtype_policies|models|src\.models(\.\w+)?|src\.layers(\.\w+)*"
    r"|src\.dtype_policies(\.\w+)?|src\.losses(\.\w+)?|src\.metrics(\.\w+)?))?"
)
# Layers that run code of the file, or of the model inside of them.
KERAS_PROGRAMS = frozenset(
    {"Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer", "__lambda__"}
)
KERAS_TABLES = frozenset({"StringLookup", "IntegerLookup", "TextVectorization", "Hashing"})


def audit_keras(data: bytes) -> Audit:
    """The audit of a .keras file, by its configuration."""
    archive = open_zip(data)
    names: Names = set()
    strange: set[str] = set()
    waiting: list[tuple[Any, int]] = [(json_member(archive, "config.json"), 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Invalid("The configuration of the model is nested too deep to be read.")
        if isinstance(value, dict):
            if "class_name" in value:
                pair = name_pair(value.get("module") or "keras.layers", value["class_name"])
                names.add(pair)
                if not _is_keras(*pair, value):
                    strange.add(full_name(*pair))
            waiting += [(part, depth + 1) for part in value.values()]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
    imports = tuple(sorted(full_name(*pair) for pair in names))[:MAX_NAMES]
    return Audit(OWN_CODE if strange else KNOWN_CLASSES, imports, tuple(sorted(strange)))


def _is_keras(module: str, name: str, node: dict[str, Any]) -> bool:
    if module == "builtins":
        return name in PLAIN
    config = node.get("config")
    vocabulary = config.get("vocabulary") if isinstance(config, dict) else None
    if name in KERAS_TABLES and isinstance(vocabulary, str):  # the path of a file to read
        return False
    functions = module in ("keras.activations", "keras.losses", "keras.metrics")
    plain = name[:1].isupper() or functions
    return plain and name not in KERAS_PROGRAMS and bool(KERAS_MODULES.fullmatch(module))
