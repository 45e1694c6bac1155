"""Packages with their versions, as `pip install -r` reads them: no addresses, no options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name


def installed_lock(roots: Iterable[str]) -> tuple[str, ...]:
    """What is installed here of packages and of all that they need; absent ones are left out."""
    versions: dict[NormalizedName, str] = {}
    todo = [canonicalize_name(name) for name in roots]
    while todo:
        name = todo.pop()
        if name in versions:
            continue
        try:
            found_version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        versions[name] = found_version.partition("+")[0]  # no index has a local version
        todo += _needed_by(name)
    return tuple(f"{name}=={versions[name]}" for name in sorted(versions))


def _needed_by(name: str) -> list[NormalizedName]:
    """What a package requires on this platform, without its extras."""
    result = []
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            result.append(canonicalize_name(requirement.name))
    return result


def packages_of_modules(modules: Iterable[str]) -> tuple[str, ...]:
    """The distributions that top-level modules are of, as installed here."""
    owners = _owners()
    return tuple(sorted({owner for module in modules for owner in owners.get(module, ())}))


@lru_cache(maxsize=1)
def _owners() -> Mapping[str, Sequence[str]]:
    """PERF: the file lists of all packages are read for it, which takes half a second."""
    return metadata.packages_distributions()


def cleaned_lock(lines: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pins of a lock, sorted, and notes on lines that are not as they were."""
    pins: dict[str, str] = {}
    notes = []
    for line in lines:
        plain = line.partition(" #")[0].partition(" --hash")[0].strip(" \\")
        if not plain or plain.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(plain)
        except InvalidRequirement:
            requirement = None
        if requirement is None or requirement.url:
            name = plain.partition("@")[0].partition("=")[0].strip()
            notes.append(
                f"{name} was installed from an address, which is not in requirements.txt: add it "
                "from a package index or as a wheel."
            )
            continue
        version, _, local = str(requirement.specifier).partition("+")
        if local:
            notes.append(
                f"{requirement.name} is the build {local} here; requirements.txt has its plain "
                "version, which package indexes have."
            )
        pins[canonicalize_name(requirement.name)] = version
    return tuple(f"{name}{pins[name]}" for name in sorted(pins)), tuple(notes)


def merged(lock: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """A lock with the pins of another for packages that it does not have."""
    pins = {line.partition("==")[0]: line for line in more}
    pins |= {line.partition("==")[0]: line for line in lock}
    return tuple(pins[name] for name in sorted(pins))
