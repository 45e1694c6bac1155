"""The audit of a skops file, by its schema."""

from __future__ import annotations

from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.audit import (
    KNOWN_CLASSES,
    MAX_DEPTH,
    MAX_NAMES,
    OWN_CODE,
    Audit,
    Names,
    audit_of_names,
    full_name,
    name_pair,
)
from pilothouse.models.audit.archives import json_member, open_zip
from pilothouse.models.audit.known_names import is_ufunc


def audit_skops(data: bytes) -> Audit:
    """The audit of a skops file, by its schema."""
    pairs, callables = _skops_names(json_member(open_zip(data), "schema.json"))
    audit = audit_of_names(pairs)
    strange = {full_name(*pair) for pair in callables if not is_ufunc(*pair)}
    imports = tuple(sorted({*audit.imports, *(full_name(*pair) for pair in callables)}))
    unknown = tuple(sorted({*audit.unknown, *strange}))[:MAX_NAMES]
    return Audit(OWN_CODE if unknown else KNOWN_CLASSES, imports[:MAX_NAMES], unknown)


# Nodes of skops that hold text, or call what a name means instead of making an object of a class.
SKOPS_TEXT = frozenset({"JsonNode", "SliceNode"})
SKOPS_CALLABLES = frozenset({"FunctionNode", "MethodNode", "OperatorFuncNode"})


def _skops_names(schema: Any) -> tuple[Names, Names]:
    """The (module, class) pairs of a schema, and those of functions and methods."""
    names: Names = set()
    callables: Names = set()
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Invalid("The schema of the skops file is nested too deep to be read.")
        if isinstance(value, dict):
            loader = value.get("__loader__")
            if ("__module__" in value or loader) and loader not in SKOPS_TEXT:
                (callables if loader in SKOPS_CALLABLES else names).add(_skops_pair(value))
            waiting += [(part, depth + 1) for part in value.values()]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
        if len(names) + len(callables) > MAX_NAMES:
            raise Invalid(f"The skops file names more than {MAX_NAMES} classes.")
    return names, callables


def _skops_pair(node: dict[str, Any]) -> tuple[str, str]:
    module, name, content = node.get("__module__"), node.get("__class__"), node.get("content")
    if node.get("__loader__") == "MethodNode" and isinstance(content, dict):
        return name_pair(module, f"{name}.{content.get('func')}")
    if isinstance(content, dict) and isinstance(content.get("module_path"), str):  # earlier files
        return name_pair(content["module_path"], content.get("function"))
    return name_pair(module, name)
