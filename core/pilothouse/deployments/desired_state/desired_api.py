"""The Python API of the desired state: scale, export, diff, apply."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from pilothouse.deployments import commands, feature_rule_rows, stage_rules
from pilothouse.deployments.access import call_rules
from pilothouse.deployments.autoscaling import ProcessLimits
from pilothouse.deployments.desired_state import scaling, sleep_rule
from pilothouse.deployments.desired_state.desired import (
    NEVER,
    NO_STAGE,
    RUNNING,
    STOPPED,
    DeploymentChange,
    DeploymentState,
    DesiredDeployment,
    change,
)
from pilothouse.deployments.desired_state.desired_files import from_yaml, to_yaml
from pilothouse.deployments.log_rules import rules
from pilothouse.deployments.rollouts import rollout_commands
from pilothouse.deployments.rollouts.rollout_preview import check_settings, checked_plan
from pilothouse.deployments.servable_versions import prepare_to_serve
from pilothouse.deployments.tables import Deployment
from pilothouse.kit.errors import Conflict
from pilothouse.registry import versions
from pilothouse.storage.service import Service


class DesiredStateCommands(Service):
    """The desired state of deployments as a file."""

    def process_limits(self, name: str) -> ProcessLimits:
        """How many model processes a version has: a number, or two limits. Raises NotFound."""
        with self._store.read() as session:
            return scaling.process_limits(session, name)

    def scale(self, name: str, replicas: int, reason: str = "", *, most: int | None = None) -> None:
        """Set how many model processes a version has; one too many completes its requests first.

        With `most`, as many as its load needs, from `replicas` to that: more within seconds when
        its processes take 70 % of a core each or requests wait, fewer after a quiet minute. The
        number stays during a rollout. Raises NotFound, Invalid for a number that cannot be,
        Conflict for one served elsewhere.
        """
        limits = ProcessLimits(replicas, replicas if most is None else most)
        with self._store.write() as session:
            scaling.scale(session, self._store, name, limits, reason)

    def sleep_after(self, name: str) -> float | None:
        """After how many minutes without a request it sleeps; None for never. Raises NotFound."""
        with self._store.read() as session:
            return sleep_rule.sleep_after(session, name)

    def set_sleep(self, name: str, after_minutes: float | None, reason: str = "") -> None:
        """Let a deployment sleep while nobody asks it: its processes end, and free their memory.

        The next request starts them and waits for one, as long as the model takes to load. None:
        it never sleeps. It does not sleep during a rollout. Raises NotFound, Invalid for a time
        that cannot be, Conflict for one served elsewhere.
        """
        with self._store.write() as session:
            sleep_rule.set_sleep(session, self._store, name, after_minutes, reason)

    def stage(self, name: str) -> str:
        """The stage whose address a deployment answers; empty for none. Raises NotFound."""
        with self._store.read() as session:
            return stage_rules.stage_of(session, name)

    def in_stage(self, stage: str, model: str) -> str:
        """The deployment of a model that answers a stage's address; empty without one."""
        with self._store.read() as session:
            return stage_rules.deployment_in(session, stage, model)

    def set_stage(self, name: str, stage: str, reason: str = "") -> None:
        """Let a deployment answer the address of a stage; an empty stage ends that.

        From then on only versions that stand in the stage take its requests; a rollback is always
        possible. Raises NotFound, Invalid for a stage that no version is promoted to, Refused when
        the version that it serves does not stand there, Conflict when another deployment of the
        model has the stage or this one is served elsewhere.
        """
        with self._store.write() as session:
            deployment = commands.require(session, name)
            if stage:
                commands.refuse_external(deployment)
                served = versions.find(session, deployment.model, deployment.version)
                stage_rules.enter_stage(session, self._store, name, stage, served, reason)
            else:
                stage_rules.leave_stage(session, self._store, name, reason)

    def export(self, names: Sequence[str] = ()) -> str:
        """The desired state of deployments as YAML, all that are served here without names.

        `diff` of what was exported says that nothing changes. Raises NotFound, Conflict for one
        that is served elsewhere.
        """
        with self._store.read() as session:
            if not names:
                own = select(Deployment.name).where(col(Deployment.external).is_not(True))
                names = session.exec(own.order_by(col(Deployment.name))).all()
            return to_yaml([_desired(session, name) for name in names])

    def diff(self, text: str) -> tuple[DeploymentChange, ...]:
        """What applying a file would change, in its order. Raises as `apply` does."""
        return tuple(changed for _, changed, _ in self._changes(text))

    def apply(self, text: str, reason: str = "") -> tuple[DeploymentChange, ...]:
        """Make the deployments of a file so, in one transaction; applied again it changes nothing.

        What a file does not name stays, other deployments too. Raises Invalid with every fault and
        its line, NotFound, Conflict for another model, Refused for a version that cannot be served.
        """
        changes = self._changes(text)
        with self._store.write(durable=True) as session:
            for desired, changed, version in changes:
                if changed.lines:
                    self._apply(session, desired, version, reason)
        return tuple(changed for _, changed, _ in changes)

    def _changes(self, text: str) -> list[tuple[DesiredDeployment, DeploymentChange, int]]:
        """Each deployment of a file, what changes of it, and the version that it names."""
        result = []
        for desired in from_yaml(text):
            with self._store.read() as session:
                _refuse_other(session, desired)
                which = desired.alias or desired.version or 0
                served = versions.find(session, desired.model, which)
                version = served.version
                before = _state(session, desired, version)
                after = (before or DeploymentState(version)).after(desired, version)
                standing = (version, after.stage)
                if after.stage and (before is None or (before.version, before.stage) != standing):
                    stage_rules.check_entry(session, desired.name, after.stage, served)
                if after.features.store and (before is None or before.features != after.features):
                    feature_rule_rows.check_settings(session, after.features, served.signature)
            if before is None or before.version != version:
                prepare_to_serve(self._store, desired.model, version)
            result.append((desired, change(desired.name, before, after, desired.strategy), version))
        return result

    def _apply(
        self, session: Session, desired: DesiredDeployment, version: int, reason: str
    ) -> None:
        store, name = self._store, desired.name
        before = _state(session, desired, version)
        after = (before or DeploymentState(version)).after(desired, version)
        served = versions.find(session, desired.model, version)
        if before is None:
            served = commands.require_servable(session, store, desired.model, version)
            commands.launch(session, store, name, served, reason, after.processes.least)
        if after.stage:  # before another version takes over, which must stand there
            stage_rules.enter_stage(session, store, name, after.stage, served, reason)
        else:
            stage_rules.leave_stage(session, store, name, reason)
        if before is not None and before.version != version:
            self._change_version(session, desired, version, reason)
        scaling.scale(session, store, name, after.processes, reason)
        sleep_rule.set_sleep(session, store, name, after.sleep_after_minutes, reason)
        call_rules.set_limits(session, store, name, after.limits, reason)
        rules.set_rules(session, store, name, after.log, reason)
        feature_rule_rows.apply_settings(session, store, name, after.features, reason)
        state = RUNNING if before is None else before.state
        if state != after.state:
            act = commands.stop if after.state == STOPPED else commands.resume
            act(session, store, name, reason)

    def _change_version(
        self, session: Session, desired: DesiredDeployment, version: int, reason: str
    ) -> None:
        store, name = self._store, desired.name
        served = commands.require_servable(session, store, desired.model, version)
        if desired.strategy is None:
            stage_rules.require_in_stage(session, name, served)
            commands.switch_version(session, store, name, served, reason)
            return
        plan = checked_plan(desired.strategy.kind, desired.strategy.settings, 1)
        check_settings(session, name, [served], plan)
        rollout_commands.start(session, store, name, [served], plan, reason)


def _refuse_other(session: Session, desired: DesiredDeployment) -> None:
    """Raise Conflict for a deployment that a file cannot change."""
    deployment = session.get(Deployment, desired.name)
    if deployment is None:
        return
    _refuse_external(deployment)
    if deployment.model != desired.model:
        raise Conflict(
            f"{desired.name!r} serves the model {deployment.model!r}, not {desired.model!r}.",
            hint="A deployment keeps its model; launch another under a new name.",
        )


def _state(session: Session, desired: DesiredDeployment, version: int) -> DeploymentState | None:
    """The state of a deployment as it is; None when there is none of that name.

    A version that a rollout is trying now counts as served, so that it is not begun twice.
    """
    deployment = session.get(Deployment, desired.name)
    if deployment is None:
        return None
    active = rollout_commands.find_active(session, desired.name)
    under_way = active is not None and active.candidates == [version]
    return DeploymentState(
        version if under_way else deployment.version,
        scaling.process_limits(session, desired.name),
        deployment.desired_state,
        call_rules.limits_of(session, desired.name),
        rules.rules_of(session, desired.name),
        sleep_rule.sleep_after(session, desired.name),
        stage_rules.stage_of(session, desired.name),
        feature_rule_rows.settings_of(session, desired.name),
    )


def _desired(session: Session, name: str) -> DesiredDeployment:
    deployment = commands.require(session, name)
    _refuse_external(deployment)
    processes = scaling.process_limits(session, name)
    return DesiredDeployment(
        name=name,
        model=deployment.model,
        version=deployment.version,
        replicas=processes.least,
        max_replicas=processes.most,
        state=deployment.desired_state,
        limits=call_rules.limits_of(session, name),
        log=rules.rules_of(session, name),
        sleep_after_minutes=sleep_rule.sleep_after(session, name) or NEVER,
        stage=stage_rules.stage_of(session, name) or NO_STAGE,
        features=feature_rule_rows.settings_of(session, name),
    )


def _refuse_external(deployment: Deployment) -> None:
    if deployment.external:
        raise Conflict(
            f"{deployment.name!r} is served elsewhere: a file holds what is served here."
        )
