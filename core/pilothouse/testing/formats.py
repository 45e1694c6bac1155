"""Contract of model formats: what every plugin of `pilothouse.models.formats` must do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

from pilothouse.kit.errors import Refused
from pilothouse.models.audit import DATA_ONLY, OWN_CODE
from pilothouse.models.formats import Columns, LoadedModel, ModelFormat, Rows, Versions
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import UNKNOWN, Signature

DIGEST = "0" * 64
LONGEST_START = 3_600.0


def check_format(name: str, kind: ModelFormat) -> None:
    """Raise AssertionError, with what is wrong, unless the format keeps every promise."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{name!r} is not a name for a plugin"
    assert kind.title.strip() == kind.title != "", f"{name} needs a title"
    assert kind.description.endswith("."), f"{name} needs a description: a sentence"
    assert kind.libraries, f"{name} must say which libraries it needs"
    assert kind.versions in get_args(Versions), f"{name}: versions is {kind.versions!r}"
    assert 0 < kind.start_seconds <= LONGEST_START, f"{name} needs a limit for its start"

    # It claims the files that it names, and no others.
    patterns = kind.file_names.split(", ")
    for pattern in patterns:
        package = _package(name, kind, pattern.replace("*", "model"))
        assert kind.claims(package), f"{name} does not claim {pattern}"
        _check_requirements(name, kind, package)
    other = _package(name, kind, "notes.nothing")
    assert not kind.claims(other), f"{name} claims a file that is none of its own"
    only = ModelPackage("", {"notes.nothing": DIGEST})
    assert not kind.claims(only), f"{name} claims a folder without a model"


def _package(name: str, kind: ModelFormat, path: str) -> ModelPackage:
    facts = {"library": kind.libraries[0], "loader_module": "some.loader"}
    return ModelPackage(name, {path: DIGEST}, facts)


def _check_requirements(name: str, kind: ModelFormat, package: ModelPackage) -> None:
    lines = kind.requirements(package)
    assert any(line.startswith("orjson") for line in lines), (
        f"{name} leaves out the runner's orjson"
    )
    named = [re.split(r"[^a-z0-9-]", line.lower())[0] for line in lines]
    assert len(set(named)) == len(named), f"{name} requires a library twice: {named}"
    assert len(named) > 1, f"{name} requires no library to load its files with"


def check_format_on(
    kind: ModelFormat,
    folder: Path,
    package: ModelPackage,
    signature: Signature,
    columns: Columns,
) -> Rows:
    """Assert the contract on one real model; its raw rows for the columns.

    Call it where the libraries of the format are installed. The rows are returned so that a test
    can compare them with what the library itself predicts.
    """
    assert kind.claims(package)
    audit = kind.audit(folder, package)
    if not kind.runs_code:
        assert audit.badge == DATA_ONLY, "a format that runs no code reads data only"
    if audit.badge == OWN_CODE:
        assert audit.unknown, "own code has names that are on no list"
        _check_refusal(kind, folder, package, signature)

    approved = audit.badge == OWN_CODE
    model = kind.load(folder, package, signature, approved=approved)
    rows = model.predict(columns)
    _check_rows(model, columns, rows)
    json.dumps(model.inspect())

    # Before a model is described, it is loaded without a signature, to ask what it is.
    described = replace(UNKNOWN, inputs=signature.inputs)
    unknown = kind.load(folder, package, described, approved=approved)
    assert len(unknown.predict(columns)) == len(rows)
    facts = unknown.inspect()
    json.dumps(facts)
    assert facts.get("gives", "value") in ("probability", "label", "value")
    return rows


def _check_refusal(
    kind: ModelFormat, folder: Path, package: ModelPackage, signature: Signature
) -> None:
    try:
        kind.load(folder, package, signature)
    except Refused as refused:
        hint = refused.hint
    else:
        raise AssertionError("own code is loaded without approval")
    assert hint, "a refusal says what to do"


def _check_rows(model: LoadedModel, columns: Columns, rows: Rows) -> None:
    assert len(rows) == len(columns[0]), "one raw row per input row"
    widths = {len(row) for row in rows}
    assert len(widths) == 1, f"rows have different widths: {sorted(widths)}"
    json.dumps(rows)
    assert model.predict(columns) == rows, "the same rows get another answer"
