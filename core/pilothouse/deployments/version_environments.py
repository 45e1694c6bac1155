"""The interpreter that a version from elsewhere runs on: that of Pilothouse, or its environment's.

Versions that need libraries as Pilothouse has them run on its interpreter. Any other one runs in
the environment that a person requested for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from sqlmodel import Session

from pilothouse.environments import requests
from pilothouse.environments.locations import interpreter_of, program
from pilothouse.environments.request import EnvironmentRequest, Kind
from pilothouse.environments.requirement_lines import unmet
from pilothouse.environments.tables import FAILED, EnvironmentUse
from pilothouse.kit.errors import Conflict, Refused
from pilothouse.models.formats import ModelFormat, format_of
from pilothouse.models.package import ModelPackage
from pilothouse.models.requirements import SAME_IMPORT, library_of
from pilothouse.registry import code_audit
from pilothouse.registry.code_audit import AuditInfo
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

IMPORT_NAMES: Mapping[str, str] = {"scikit-learn": "sklearn"}
MAX_NAMED = 5
BUILD = "Build its environment on the version's page, or with `pilothouse models environment`."


def requested(session: Session, version: VersionInfo) -> EnvironmentUse | None:
    """The environment that a person requested for a version; None without one."""
    return session.get(EnvironmentUse, version.ref)


def request_of(store: Store, version: VersionInfo, kind: Kind = "locked") -> EnvironmentRequest:
    """The request for what a version needs, at the date at which it was logged.

    Raises Conflict for a version that was trained here, or whose files no format can load.
    """
    package = version.package
    if package is None:
        raise Conflict(f"{version.ref} runs on Pilothouse's own interpreter.")
    imports = code_audit.audit(store, package).imports
    return EnvironmentRequest(
        requirements=format_of(package).requirements(package),
        python=_minor(package.python) if kind == "locked" else "",
        logged_at=_instant(package.logged_at),
        kind=kind,
        imports=needed_modules(package, imports),
    )


def needed_modules(package: ModelPackage, imports: Iterable[str]) -> tuple[str, ...]:
    """The top-level modules that the imports of a file and its format need, sorted."""
    libraries = format_of(package).libraries
    own = (name.removesuffix("-cpu").replace("-", "_") for name in libraries)
    return tuple(sorted({name.partition(".")[0] for name in (*imports, *own)}))


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def unmet_requirements(store: Store, version: VersionInfo) -> tuple[str, ...]:
    """What a version needs and Pilothouse's own interpreter does not have, for people to read."""
    if version.package is None:
        return ()
    audit = code_audit.audit(store, version.package)
    return unmet_by(version.package, audit, _installed(version.package))


def unmet_by(
    package: ModelPackage, audit: AuditInfo, installed: Mapping[str, str]
) -> tuple[str, ...]:
    """What a package needs and a set of installed packages (name -> version) does not have.

    A format that is stable needs its libraries in the recorded version or a newer one, a pickle in
    the same minor version. A pickle of known classes needs no package that it does not name.
    """
    model_format = format_of(package)
    lines = []
    for line in model_format.requirements(package):
        relaxed = _relaxed(line, model_format, audit)
        if relaxed is not None:
            lines.append(_available(relaxed, installed))
    absent, differing = unmet(lines, installed)
    return (*absent, *differing, *_python(package, model_format, audit))


def _relaxed(line: str, model_format: ModelFormat, audit: AuditInfo) -> Requirement | None:
    """The requirement as closely as the format asks for it; None when it is not needed."""
    requirement = _read(line)
    if requirement is None:
        return None
    name = canonicalize_name(requirement.name)
    own = {library_of(library) for library in model_format.libraries}
    if model_format.versions == "as recorded":
        return requirement
    if model_format.versions == "any newer":
        return _at_least(requirement)
    if library_of(name) in own or audit.is_own_code:
        return _same_minor(requirement)
    module = IMPORT_NAMES.get(name, name.replace("-", "_"))
    imported = {path.partition(".")[0] for path in audit.imports}
    return _at_least(requirement) if module in imported or name == "orjson" else None


def _read(line: str) -> Requirement | None:
    try:
        return Requirement(line)
    except InvalidRequirement:
        return None


def _pinned(requirement: Requirement) -> Version | None:
    pins = [part.version for part in requirement.specifier if part.operator == "=="]
    try:
        return Version(pins[0]) if len(pins) == 1 else None
    except InvalidVersion:
        return None


def _at_least(requirement: Requirement) -> Requirement:
    version = _pinned(requirement)
    if version is not None:
        requirement.specifier = SpecifierSet(f">={version.public}")
    return requirement


def _same_minor(requirement: Requirement) -> Requirement:
    version = _pinned(requirement)
    if version is not None:
        requirement.specifier = SpecifierSet(f"=={version.major}.{version.minor}.*")
    return requirement


def _available(requirement: Requirement, installed: Mapping[str, str]) -> str:
    """The requirement by the name of the build that is installed: any of a library's is enough."""
    if canonicalize_name(requirement.name) not in installed:
        builds = _builds(requirement.name)
        requirement.name = next(filter(installed.__contains__, builds), requirement.name)
    return str(requirement)


def _builds(name: str) -> tuple[str, ...]:
    """The distributions that are a build of the same library, in their canonical names."""
    library = library_of(name)
    return (library, *(build for build, plain in SAME_IMPORT.items() if plain == library))


def _python(package: ModelPackage, model_format: ModelFormat, audit: AuditInfo) -> tuple[str, ...]:
    """Functions that a pickle holds are byte code, which is that of one minor version."""
    minor, running = _minor(package.python), "{}.{}".format(*sys.version_info[:2])
    if not minor or minor == running or not (model_format.runs_code and audit.is_own_code):
        return ()
    return (f"Python {minor} (has {running})",)


def _installed(package: ModelPackage) -> dict[str, str]:
    """The versions that are installed here of what a package names, whichever build it is.

    PERF: only these are looked up; reading the metadata of all packages takes 0.2 s.
    """
    requirements = map(_read, format_of(package).requirements(package))
    names = {build for line in requirements if line is not None for build in _builds(line.name)}
    versions = {name: _installed_version(name) for name in names}
    return {name: version for name, version in versions.items() if version}


def _installed_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def reason_not_ready(store: Store, version: VersionInfo) -> str:
    """Why a version has no interpreter to run on now, as a clause; empty when it has one."""
    if version.package is None:
        return ""
    with store.read() as session:
        use = requested(session, version)
        if use is not None:
            return _reason_against_use(session, store, version, use)
    needed = unmet_requirements(store, version)
    more = " and more" if len(needed) > MAX_NAMED else ""
    return f"it needs {', '.join(needed[:MAX_NAMED])}{more}" if needed else ""


def _reason_against_use(
    session: Session, store: Store, version: VersionInfo, use: EnvironmentUse
) -> str:
    row = requests.require(session, version.ref)
    path = program(store, row)
    if row.state == FAILED:
        return f"its environment failed: {row.message.rstrip('.')}"
    if requests.is_lost(session, row):
        return "the job of its environment ended before it was built"
    if path is None:
        return "its environment is being built"
    if not path.exists():
        return "the folder of its environment is gone"
    if use.state == FAILED:
        return f"it does not answer in its environment: {use.message.rstrip('.')}"
    return ""


def interpreter(store: Store, version: VersionInfo) -> str:
    """The program that runs a version; "" for Pilothouse's own. Raises Refused without one."""
    require_ready(store, version)
    if version.package is None:
        return ""
    with store.read() as session:
        use = requested(session, version)
    path = interpreter_of(store, version.ref) if use is not None else Path(sys.executable)
    return "" if path == Path(sys.executable) else str(path)


def require_ready(store: Store, version: VersionInfo) -> None:
    """Raises Refused, which says what the version needs, unless it has an interpreter."""
    reason = reason_not_ready(store, version)
    if reason:
        raise Refused(f"{version.ref} cannot run here: {reason}.", hint=BUILD)
