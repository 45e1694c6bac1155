"""What loading a model file would import, read from the file without loading it.

A pickle is a program. To see which names it asks for, it is run on a machine that has nothing to
run: every name becomes a hollow class, so that nothing is imported, called or built. Files of skops
and Keras name their classes in JSON. The badge that follows is one of three:

- data only: loading reads numbers and texts;
- classes of known libraries: it names only classes of the list in `known_names`, which build
  estimators;
- own code: anything else. Loading runs what the author wrote, so that a person must approve it.

A list that a model file carries of what may be trusted is never read. Classes narrow what a file
can do; they are no sandbox. Only the standard library is imported here: model processes use the
same list when they unpickle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pilothouse.kit.errors import Refused
from pilothouse.models.audit.known_names import is_known

Badge = Literal["data only", "classes of known libraries", "own code"]
DATA_ONLY: Badge = "data only"
KNOWN_CLASSES: Badge = "classes of known libraries"
OWN_CODE: Badge = "own code"

MAX_NAMES = 2_000
MAX_DEPTH = 200
UNREADABLE = "(part of the file that cannot be read without loading it)"
Names = set[tuple[str, str]]  # pairs of a module and a name within it


@dataclass(frozen=True)
class Audit:
    """The badge of a model, and the names that its files would import, sorted.

    `unknown` are those names that are on no list: why it is own code.
    """

    badge: Badge
    imports: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain JSON value."""
        return {"badge": self.badge, "imports": list(self.imports), "unknown": list(self.unknown)}


def unapproved(what: str) -> Refused:
    """The error for a file that asks for more than the classes of known libraries."""
    return Refused(
        what, hint="It is own code: a person has to approve it before this version is loaded."
    )


def audit_of_data() -> Audit:
    """The audit of a file that holds only data."""
    return Audit(DATA_ONLY)


def audit_of_code(*names: str) -> Audit:
    """The audit of files that are programs, with what they name."""
    listed = tuple(sorted(set(names)))[:MAX_NAMES]
    return Audit(OWN_CODE, listed, listed)


def audit_of_names(names: Iterable[tuple[str, str]]) -> Audit:
    """The audit of a file that imports these (module, name) pairs and nothing else."""
    pairs = set(names)
    imports = tuple(sorted(full_name(*pair) for pair in pairs))[:MAX_NAMES]
    unknown = tuple(sorted(full_name(*pair) for pair in pairs if not is_known(*pair)))[:MAX_NAMES]
    return Audit(OWN_CODE if unknown else KNOWN_CLASSES, imports, unknown)


def full_name(module: str, name: str) -> str:
    """A name with its module."""
    return f"{module}.{name}" if module else name


def name_pair(module: Any, name: Any) -> tuple[str, str]:
    """A module and a name as a file spells them, or that they cannot be read."""
    if isinstance(module, str) and isinstance(name, str):
        return module, name
    return "", UNREADABLE
