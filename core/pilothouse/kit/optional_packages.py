"""Packages that only some kinds need: whether they are there, and how to install them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

from pilothouse.kit.errors import Unavailable


class NeedsPackage(Protocol):
    """A kind that may need a package which Pilothouse alone does not install."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def needs(self) -> str:
        """The package that it imports beside Pilothouse's own, by its import name; "" for none."""
        ...

    @property
    def extra(self) -> str:
        """The extra of Pilothouse that installs that package."""
        ...


def is_installed(kind: NeedsPackage) -> bool:
    """Whether the package that a kind needs is installed."""
    return not kind.needs or find_spec(kind.needs) is not None


def how_to_install(kind: NeedsPackage) -> str:
    """The command that installs the package which a kind needs."""
    package = f"pilothouse[{kind.extra}]" if kind.extra else kind.needs
    return f'pip install "{package}"'


def require_package(kind: NeedsPackage) -> None:
    """Raise Unavailable, naming the extra, when the package that a kind needs is not there."""
    if not is_installed(kind):
        raise Unavailable(
            f"{kind.title} needs the package {kind.needs}, which is not installed here.",
            hint=f"Install it with `{how_to_install(kind)}`, for the worker too.",
        )
