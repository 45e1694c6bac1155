"""The request of an environment: plain values that any room can give."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from pilothouse.environments.package_files import read_package_files
from pilothouse.environments.requirement_lines import stored_lines
from pilothouse.kit.errors import Invalid

Kind = Literal["locked", "verbatim", "house", "named"]
KIND_TITLES: Mapping[str, str] = {
    "locked": "What the model needs, at the author's versions",
    "verbatim": "Every requirement as it is written",
    "house": "Pilothouse's own environment",
    "named": "An interpreter of this machine",
}
OLDEST, NEWEST = (3, 10), (3, 14)


@dataclass(frozen=True)
class EnvironmentRequest:
    """What an environment must have.

    `kind` is `locked` (what the model needs, at the author's versions), `verbatim` (every
    requirement as it is written), `house` (Pilothouse's own environment must have them) or `named`
    (`interpreter` must have them; the path of a program). `python` is a minor version such as
    "3.11", empty for the one that Pilothouse runs on. Packages that were uploaded after `logged_at`
    are not chosen. `imports` are top-level modules that the model's file or format names, which
    keeps their packages in a locked environment; `conda` are packages that only conda has.
    """

    requirements: tuple[str, ...] = ()
    python: str = ""
    logged_at: datetime | None = None
    kind: Kind = "locked"
    interpreter: str = ""
    imports: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise Invalid for a kind, a Python version or an instant that is none."""
        if self.kind not in get_args(Kind):
            raise Invalid(f"{self.kind!r} is not a kind of environment.", fields={"kind": "?"})
        if self.python and _version(self.python) is None:
            hint = 'Give its major and minor version, such as "3.11".'
            raise Invalid(f"{self.python!r} is not a Python version.", hint=hint)
        if self.logged_at is not None and self.logged_at.tzinfo is None:
            raise Invalid("an instant without a time zone says nothing.", hint="Give it in UTC.")
        if (self.kind == "named") != bool(self.interpreter):
            hint = "An interpreter is given for a named environment, and only there."
            raise Invalid("the kind and the interpreter do not fit.", hint=hint)

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], **values: Any) -> EnvironmentRequest:
        """The request of a model's requirements.txt, conda.yaml and python_env.yaml.

        Other values, such as `kind` and `logged_at`, are given beside the files.
        """
        content = read_package_files(files)
        return cls(
            requirements=content.requirements,
            conda=content.conda,
            python=values.pop("python", "") or content.python,
            **values,
        )

    @property
    def minor(self) -> str:
        """The minor version of Python: the requested one, or the one that runs now."""
        return self.python or "{}.{}".format(*sys.version_info[:2])

    @property
    def is_supported(self) -> bool:
        """Whether the model process runs on that Python."""
        return OLDEST <= (_version(self.minor) or (0, 0)) <= NEWEST

    @property
    def digest(self) -> str:
        """A short digest of everything in it."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """The plain values that are stored: no address and no credentials."""
        return {
            "requirements": list(stored_lines(self.requirements)),
            "python": self.minor,
            "logged_at": self.logged_at.astimezone(UTC).isoformat() if self.logged_at else None,
            "kind": self.kind,
            "interpreter": self.interpreter,
            "imports": sorted(set(self.imports)),
            "conda": list(stored_lines(self.conda)),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EnvironmentRequest:
        """The request that was stored."""
        logged_at = values.get("logged_at")
        return cls(
            requirements=tuple(values["requirements"]),
            python=values["python"],
            logged_at=datetime.fromisoformat(logged_at) if logged_at else None,
            kind=values["kind"],
            interpreter=values["interpreter"],
            imports=tuple(values["imports"]),
            conda=tuple(values["conda"]),
        )


def _version(text: str) -> tuple[int, int] | None:
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None
