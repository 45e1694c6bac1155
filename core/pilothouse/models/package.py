"""The files of a model as another program wrote them, and what is needed to load them.

A package is neutral: whoever reads a model's folder (MLflow's, or a file that was uploaded) writes
one, and the formats of `models/formats` read it. Only the standard library is imported here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pilothouse.kit.errors import Invalid

MAX_FILES = 5_000
MAX_PATH = 1_000
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PackageExample:
    """Rows that the author logged with the model: `columns` are the names, in order.

    `kind` is "frame" when the columns have names of their own, "tensor" when they are numbered.
    """

    kind: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class ModelPackage:
    """Which format a model has, its files with their SHA-256, and what its author recorded.

    `facts` are the format's own, such as the name of the main file (`data`), the class of the
    model (`model_class`) and the method that the author serves (`predict_method`). `requirements`
    are lines of a requirements file, `python` the version that wrote the model, `logged_at` an ISO
    instant in UTC; empty where nobody recorded it.
    """

    format: str
    files: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    python: str = ""
    logged_at: str = ""
    example: PackageExample | None = None

    def fact(self, name: str) -> str:
        """A fact as text; "" where it is absent."""
        value = self.facts.get(name)
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)

    def to_json(self) -> dict[str, Any]:
        """A plain JSON value that `from_json` reads back unchanged."""
        value = asdict(self) | {"files": dict(self.files), "facts": dict(self.facts)}
        value["requirements"] = list(self.requirements)
        if self.example is not None:
            value["example"] = {
                "kind": self.example.kind,
                "columns": list(self.example.columns),
                "rows": [list(row) for row in self.example.rows],
            }
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ModelPackage:
        """The package written by `to_json`. Raises Invalid when a part is missing or wrong."""
        try:
            return cls(
                format=str(value["format"]),
                files=_checked_files(value["files"]),
                facts=dict(value.get("facts") or {}),
                requirements=tuple(str(line) for line in value.get("requirements") or ()),
                python=str(value.get("python") or ""),
                logged_at=str(value.get("logged_at") or ""),
                example=_example(value.get("example")),
            )
        except KeyError as missing:
            raise Invalid(f"The model package has no {missing.args[0]!r}.") from missing
        except (TypeError, ValueError, AttributeError) as wrong:
            raise Invalid(f"The model package cannot be read: {wrong}.") from wrong


def _checked_files(files: Mapping[str, Any]) -> dict[str, str]:
    if not files:
        raise Invalid("The model package lists no files.")
    if len(files) > MAX_FILES:
        raise Invalid(f"The model package lists {len(files)} files; {MAX_FILES} are allowed.")

    for path, digest in files.items():
        check_path(path)
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise Invalid(f"The model package has no SHA-256 of {path!r}.")
    return {str(path): str(digest) for path, digest in files.items()}


def check_path(path: str) -> None:
    """Raises Invalid unless the path is relative, plain and stays inside the model's folder."""
    parts = PurePosixPath(path).parts
    plain = "/".join(parts) == path and not path.startswith("/") and ".." not in parts
    if not plain or not path or len(path) > MAX_PATH or "\\" in path or not path.isprintable():
        raise Invalid(
            f"The model package names the file {path[:200]!r}, which is outside its folder or "
            "cannot be stored.",
            hint="File names are relative, with / between folders, and without .. parts.",
        )


def _example(value: Mapping[str, Any] | None) -> PackageExample | None:
    if value is None:
        return None
    columns = tuple(str(name) for name in value["columns"])
    rows = tuple(tuple(row) for row in value["rows"])
    if any(len(row) != len(columns) for row in rows):
        raise Invalid("A row of the model package's example does not fit its columns.")
    return PackageExample(str(value.get("kind") or "frame"), columns, rows)
