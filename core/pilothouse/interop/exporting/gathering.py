"""From the workspace to an `ExportSubject`: the version's files, packages and deployment."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from pilothouse.deployments import Deployments
from pilothouse.deployments.access.call_rules import burst_of
from pilothouse.deployments.info import DeploymentInfo
from pilothouse.deployments.log_rules.rules import KEPT_FOR_EVER
from pilothouse.deployments.model_launch import is_approved, start_seconds
from pilothouse.deployments.model_server.server import Launch
from pilothouse.deployments.rollouts.rollout_info import RolloutInfo
from pilothouse.deployments.servable_versions import prepare_to_serve
from pilothouse.deployments.standalone.exported_model import FILES, ServerSettings
from pilothouse.environments import Environments
from pilothouse.interop.exporting.package_lock import (
    cleaned_lock,
    installed_lock,
    merged,
    packages_of_modules,
)
from pilothouse.interop.exporting.server_modules import SERVER_PACKAGES, server_modules
from pilothouse.interop.exporting.subject import CanaryStep, ExportSubject, ServingSettings
from pilothouse.kit import names
from pilothouse.kit.errors import Invalid, Refused
from pilothouse.models.audit.pickles import audit_pickle
from pilothouse.models.formats import format_of, formats
from pilothouse.models.formats.pilothouse_pipeline import FILE, KIND
from pilothouse.registry import code_audit
from pilothouse.registry.cards import model_card
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.masked_versions import masked_version
from pilothouse.storage import Store

CANARY = "canary"


def subject_of(store: Store, model: str, version: int, deployment: str = "") -> ExportSubject:
    """What exports of a version are made from.

    Raises NotFound, Refused for a version that cannot be served here, Invalid for a deployment of
    another model.
    """
    info = prepare_to_serve(store, model, version)
    with store.read() as session:
        info = replace(info, input_example=masked_version(session, info).input_example)
    served = _deployment(store, info, deployment) if deployment else None
    lock, notes, python = _packages(store, info)
    settings = store.settings
    limits = served.limits if served else None
    return ExportSubject(
        ref=info.ref,
        launch=_launch(store, info, deployment or names.DEPLOYMENT.suggest(model)),
        settings=ServerSettings(
            max_body_mb=settings.max_body_mb,
            max_rows=settings.max_rows,
            max_concurrent=limits.max_concurrent if limits else None,
            per_second=limits.per_second if limits else None,
            burst=burst_of(limits) if limits else 1,
            release=_release(),
        ),
        model_files=_files(store, info),
        server_files=server_modules(),
        python=python,
        lock=lock,
        lock_notes=notes,
        format_title=_format_title(info),
        is_own_code=_is_own_code(store, info),
        start_seconds=start_seconds(info),
        deployment=served,
        card=_card(store, info),
    )


def _card(store: Store, info: VersionInfo) -> str:
    with store.read() as session:
        return model_card.model_card(session, store, info.model, info.version).markdown()


def _release() -> str:
    """The version of Pilothouse, whose top package knows the highest rooms."""
    return str(sys.modules["pilothouse"].__version__)


def _launch(store: Store, info: VersionInfo, name: str) -> Launch:
    """As of a process here, with paths relative to the folder `model`."""
    launch = Launch(
        deployment=name,
        model=info.model,
        version=info.version,
        artifact="",
        digest=info.digest,
        socket="",
        signature=info.signature.to_json(),
        example=[dict(row) for row in info.input_example[:3]],
    )
    if info.package is None:
        return replace(launch, artifact=f"{FILES}/{FILE}", example=launch.example[:1])
    return replace(
        launch,
        folder=FILES,
        files=dict(info.package.files),
        package=info.package.to_json(),
        approved=is_approved(store, info),
        deadline_seconds=start_seconds(info),
    )


def _files(store: Store, info: VersionInfo) -> dict[str, Path]:
    """Path below `model/` -> the stored file. Raises NotFound or Unavailable without one."""
    stored = {FILE: info.digest} if info.package is None else dict(info.package.files)
    local = store.artifacts.local_path
    return {f"{FILES}/{path}": local(digest) for path, digest in stored.items()}


def _packages(store: Store, info: VersionInfo) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """The lock with what its server needs, notes on it, and the minor version of Python."""
    own = installed_lock(SERVER_PACKAGES)
    use = Environments(store).use(info.ref)
    if use is not None:
        environment = Environments(store).environment(use.environment)
        lock, notes = cleaned_lock(environment.lock.splitlines())
        return merged(lock, own), notes, environment.python
    running = "{}.{}".format(*sys.version_info[:2])
    if info.package is None:
        roots = [*formats.get(KIND).libraries, *_owners(_imports(store, info))]
    else:
        kind = format_of(info.package)
        audit = code_audit.audit(store, info.package)
        roots = [*kind.libraries, *_owners(audit.imports)]
        roots += [_name(line) for line in kind.requirements(info.package)]
    return merged(installed_lock(roots), own), (), running


def _imports(store: Store, info: VersionInfo) -> tuple[str, ...]:
    """What the file of a training imports. Raises Refused for a damaged one."""
    try:
        return audit_pickle(store.artifacts.read(info.digest)).imports
    except Invalid as damaged:
        raise Refused(f"{info.ref} cannot be exported: {damaged.message}") from damaged


def _owners(imports: tuple[str, ...]) -> tuple[str, ...]:
    modules = {name.partition(".")[0] for name in imports} - {"pilothouse", "builtins"}
    return packages_of_modules(sorted(modules))


def _name(line: str) -> str:
    from packaging.requirements import Requirement

    return Requirement(line).name


def _format_title(info: VersionInfo) -> str:
    kind = formats.get(KIND) if info.package is None else format_of(info.package)
    return kind.title


def _is_own_code(store: Store, info: VersionInfo) -> bool:
    return info.package is not None and code_audit.audit(store, info.package).is_own_code


def _deployment(store: Store, info: VersionInfo, name: str) -> ServingSettings:
    """How a deployment of the same model serves. Raises NotFound, Invalid."""
    deployments = Deployments(store)
    served = deployments.deployment(name)
    if served.external or served.model != info.model:
        of = "is served elsewhere" if served.external else f"serves {served.model!r}"
        raise Invalid(
            f"the deployment {name!r} {of}.",
            hint=f"Name a deployment of {info.model!r}, or none.",
            fields={"deployment": f"a deployment of {info.model}"},
        )
    rollout = deployments.active_rollout(name)
    rule = deployments.features(name)
    settings = ServingSettings(
        name=name,
        processes=deployments.process_limits(name),
        limits=deployments.limits(name),
        needs_key="predict" in deployments.needs_key(name),
        sleep_after_minutes=deployments.sleep_after(name),
        log_lines=_log_lines(deployments, name),
        looked_up=rule.names if rule else (),
        features_of=f"{rule.text} of the feature store {rule.store}" if rule else "",
        memory_mb=_memory(served, info.version),
        engine=_engine(served, info.version),
    )
    return settings if rollout is None else _with_rollout(settings, rollout, info.version)


def _log_lines(deployments: Deployments, name: str) -> tuple[str, ...]:
    rules = deployments.log_rules(name)
    return () if rules == KEPT_FOR_EVER else tuple(rules.lines())


def _memory(served: DeploymentInfo, version: int) -> float:
    return max((r.memory_mb for r in served.replicas if r.version == version), default=0.0)


def _engine(served: DeploymentInfo, version: int) -> str:
    engines = (r.engine.engine for r in served.replicas if r.engine and r.version == version)
    return next(engines, "")


def _with_rollout(settings: ServingSettings, rollout: RolloutInfo, version: int) -> ServingSettings:
    """With the steps of a canary that tries the exported version."""
    settings = replace(
        settings, rollout=rollout.strategy_title, stable_version=rollout.stable_version
    )
    if rollout.strategy != CANARY or version not in rollout.candidates:
        return settings
    shares = [
        (next(share.percent for share in step.shares if share.version == version), step.seconds)
        for step in rollout.steps
    ]
    steps = tuple(CanaryStep(percent, seconds) for percent, seconds in shares if percent)
    return replace(settings, canary=steps)
