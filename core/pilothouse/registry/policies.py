"""The API of policies, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.models.tasks import tasks
from pilothouse.registry import built_in_policy, policy_files, policy_rows, stage_changes
from pilothouse.registry.default_gates import GatedVersion, built_in
from pilothouse.registry.policy import EVERY, Policy, PolicyInfo
from pilothouse.registry.policy_check import checked
from pilothouse.registry.policy_dry_run import JudgedVersion, judge_versions
from pilothouse.registry.policy_files import PolicyChange
from pilothouse.registry.stage_ladder import LadderStage, check_stage, ladder, stage_names
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "name",
    "version",
    "stage",
    "models",
    "gates",
    "needed",
    "four_eyes",
    "changed_at",
    "changed_by",
    "reason",
)


class Policies(Service):
    """What is asked of a version before a stage: gates, and who must accept."""

    def policies(self) -> pd.DataFrame:
        """The policies that hold: name, version, stage, models, gates, needed, changed_at, …

        A built-in one has version 0; it is listed where no policy of its stage is for all models.
        """
        with self._store.read() as session:
            return _frame(_with_built_in(session, policy_rows.current_policies(session)))

    def policy(self, name: str, version: int | None = None) -> PolicyInfo:
        """A policy, or one of its versions. Raises NotFound."""
        with self._store.read() as session:
            return policy_rows.find(session, name, version)

    def applicable(self, model: str, stage: str, version: int | None = None) -> PolicyInfo:
        """The policy that a model meets before a stage; its `why` says why it is that one.

        A policy that names the model comes first, then the pattern with the most characters, then
        the one for all models, then the built-in one, whose gates are those of the `version`, by
        default the newest.
        """
        with self._store.read() as session:
            return policy_rows.applicable_policy(session, model, stage, version)

    def edition(self) -> str:
        """The edition of the built-in policy that holds: "recommended" or "basic"."""
        with self._store.read() as session:
            return built_in_policy.edition(session)

    def use_edition(self, edition: str, reason: str) -> None:
        """Let "recommended" or "basic" be the built-in policy from now on.

        A workspace of before there was a recommended one keeps the basic one until somebody does
        this. Raises Invalid for another name or without a reason, PersonNeeded when nobody is
        chosen, Refused for whoever may not edit policies.
        """
        with self._store.write(durable=True) as session:
            built_in_policy.choose(session, self._store, edition, reason)

    def built_in(self, stage: str, task: str = "", *, elsewhere: bool = False) -> PolicyInfo:
        """What the built-in policy asks before a stage of versions of a task.

        Without a task, what it asks of every version; `elsewhere` it was trained. Raises NotFound
        for a task, Invalid for a stage that no version is promoted to.
        """
        with self._store.read() as session:
            check_stage(session, stage)
        signature = tasks.get(task).example.signature if task else None
        version = None if signature is None else GatedVersion(signature, not elsewhere)
        return built_in(stage, self.edition(), version)

    def stages(self) -> tuple[LadderStage, ...]:
        """The stages that versions are promoted to, lowest first; the last one is production."""
        with self._store.read() as session:
            return ladder(session)

    def set_stages(self, stages: Sequence[LadderStage], reason: str) -> tuple[LadderStage, ...]:
        """Let these be the stages from now on, lowest first; the last one is production.

        Raises Invalid with each field that is wrong, Conflict where a stage that would go is used
        by a version, a waiting promotion or a policy, PersonNeeded when nobody is chosen, Refused
        for whoever may not edit policies.
        """
        with self._store.write(durable=True) as session:
            return stage_changes.set_stages(session, self._store, stages, reason)

    def history(self, name: str) -> pd.DataFrame:
        """Every version of a policy, newest first: version, stage, models, gates, removed, changes.

        `changes` are the lines that differ from the version before. Raises NotFound.
        """
        with self._store.read() as session:
            infos = policy_rows.versions(session, name)
        before = [info.policy if not info.removed else None for info in infos[1:]]
        frame = _frame(infos).assign(removed=[info.removed for info in infos])
        frame["changes"] = [
            [] if info.removed else list(policy_files.change(old, info.policy).lines)
            for info, old in zip(infos, [*before, None], strict=True)
        ]
        return frame

    def save(self, policy: Policy, reason: str) -> PolicyInfo:
        """Store a policy, as its next version where it is there already; equal content stays.

        Raises Invalid with each field that is wrong, Conflict when another policy before the stage
        is for one of its models or patterns, PersonNeeded when nobody is chosen, Refused for
        whoever may not edit policies.
        """
        with self._store.write(durable=True) as session:
            return policy_rows.save(session, self._store, policy, reason)

    def remove(self, name: str, reason: str) -> None:
        """Remove a policy; promotions that it judged still name it. Raises NotFound."""
        with self._store.write(durable=True) as session:
            policy_rows.remove(session, self._store, name, reason)

    def export(self, names: Sequence[str] = ()) -> str:
        """Policies as a YAML file, all of them unless `names` are given. Raises NotFound."""
        with self._store.read() as session:
            infos = [policy_rows.find(session, name) for name in names]
            infos = infos or policy_rows.current_policies(session)
        return policy_files.to_yaml([info.policy for info in infos])

    def diff(self, text: str, *, prune: bool = False) -> tuple[PolicyChange, ...]:
        """What `apply` would change. Raises Invalid with each field of the file that is wrong."""
        with self._store.read() as session:
            policies = policy_files.from_yaml(text, stage_names(session))
            return policy_files.changes(
                policy_rows.current_policies(session), policies, prune=prune
            )

    def apply(self, text: str, reason: str, *, prune: bool = False) -> tuple[PolicyChange, ...]:
        """Store the policies of a YAML file, all or none; applied again it changes nothing.

        With `prune`, policies that the file does not name are removed. Raises Invalid with each
        field of the file that is wrong, Conflict when two policies are for the same models.
        """
        with self._store.write(durable=True) as session:
            policies = policy_files.from_yaml(text, stage_names(session))
            current = policy_rows.current_policies(session)
            result = policy_files.changes(current, policies, prune=prune)
            self._remove_pruned(session, result, reason)
            for policy in policies:
                policy_rows.save(session, self._store, policy, reason)
        return result

    def _remove_pruned(
        self, session: Session, changes: Sequence[PolicyChange], reason: str
    ) -> None:
        """First, so that what replaces a policy may have its patterns."""
        for change in changes:
            if change.kind == policy_files.REMOVED:
                policy_rows.remove(session, self._store, change.name, reason)

    def judge(self, draft: Policy, *, model: str = "", size: int = 50) -> list[JudgedVersion]:
        """What a draft would say of the newest versions that it is for, and what holds today.

        It reads stored evidence and changes nothing; archived versions are left out. Raises
        Invalid with each field that is wrong.
        """
        with self._store.read() as session:
            # The built-in one is judged too.
            content = checked(replace(draft, name="draft"), stage_names(session))
            draft = replace(content, name=draft.name)
            return judge_versions(session, self._store, draft, model, size)


def _with_built_in(session: Session, infos: list[PolicyInfo]) -> list[PolicyInfo]:
    covered = {info.stage for info in infos if EVERY in info.models}
    edition, names = built_in_policy.edition(session), stage_names(session)
    return [*infos, *(built_in(stage, edition) for stage in names if stage not in covered)]


def _frame(infos: Sequence[PolicyInfo]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (
            info.name,
            info.version,
            info.stage,
            list(info.models),
            [policy_files.rule_text(rule) for rule in info.gates],
            info.approvals.needed,
            info.approvals.four_eyes,
            info.changed_at,
            info.changed_by,
            info.reason,
        )
        for info in infos
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(changed_at=pd.to_datetime(frame["changed_at"], utc=True))
