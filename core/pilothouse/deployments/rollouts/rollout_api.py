"""The Python API of rollouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.deployments import commands
from pilothouse.deployments.rollouts import rollout_commands
from pilothouse.deployments.rollouts.rollout_info import RolloutInfo, RolloutPreview, rollout_info
from pilothouse.deployments.rollouts.rollout_preview import check_settings, checked_plan, preview
from pilothouse.deployments.servable_versions import prepare_to_serve
from pilothouse.deployments.tables import Rollout, RolloutAnalysis
from pilothouse.kit.errors import NotFound
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

ROLLOUT_COLUMNS = (
    *("id", "strategy", "stable_version", "candidates", "chosen_version", "state", "hold"),
    *("step", "message", "reason", "by", "started_at", "ended_at"),
)


class RolloutCommands(Service):
    """Changes of version in steps."""

    def start_rollout(
        self,
        name: str,
        versions: int | Sequence[int],
        strategy: str = "canary",
        settings: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> RolloutInfo:
        """Try other versions of the deployment's model in steps; the worker moves it on.

        Raises NotFound for an unknown version or strategy, Invalid for settings that the strategy
        does not have or cannot honour, Conflict while another rollout is under way, Refused for a
        version that may not be served or whose callers would be refused.
        """
        candidates = _numbers(versions)
        with self._store.read() as session:
            model = commands.require(session, name).model
        checked_plan(strategy, settings or {}, len(candidates))
        for version in candidates:
            prepare_to_serve(self._store, model, version)
        with self._store.write() as session:
            plan = checked_plan(strategy, settings or {}, len(candidates))
            infos = [
                commands.require_servable(session, self._store, model, version)
                for version in candidates
            ]
            check_settings(session, name, infos, plan)
            rollout_commands.start(session, self._store, name, infos, plan, reason)
        return self.rollout(name)

    def preview_rollout(
        self,
        name: str,
        versions: int | Sequence[int],
        strategy: str = "canary",
        settings: Mapping[str, Any] | None = None,
        *,
        traffic: bool = False,
    ) -> RolloutPreview:
        """What `start_rollout` would do, step by step, and what it would refuse; nothing changes.

        With `traffic` it also says how many requests its verdicts need, and how long the requests
        of the last hour would take to be as many. Raises NotFound for an unknown deployment or
        strategy.
        """
        return preview(
            self._store, name, _numbers(versions), strategy, settings or {}, traffic=traffic
        )

    def rollout(self, name: str, rollout_id: str = "") -> RolloutInfo:
        """The newest rollout of a deployment, or the one of an id. Raises NotFound."""
        with self._store.read() as session:
            commands.require(session, name)
            if rollout_id:
                row: Rollout | None = rollout_commands.require(session, rollout_id)
            else:
                row = rollout_commands.newest_rollout(session, name)
            if row is None or row.deployment != name:
                raise NotFound(f"{name!r} has had no such rollout.")
            return _info(session, row)

    def active_rollout(self, name: str) -> RolloutInfo | None:
        """The rollout of a deployment that is running or held; None without one."""
        with self._store.read() as session:
            commands.require(session, name)
            row = rollout_commands.find_active(session, name)
            return None if row is None else _info(session, row)

    def rollouts(self, name: str) -> pd.DataFrame:
        """The rollouts of a deployment, newest first; columns as in `ROLLOUT_COLUMNS`."""
        import pandas as pd

        with self._store.read() as session:
            commands.require(session, name)
            rows = [
                [getattr(row, column) for column in ROLLOUT_COLUMNS]
                for row in rollout_commands.rollouts_of(session, name)
            ]
        frame = pd.DataFrame(rows, columns=list(ROLLOUT_COLUMNS))
        frame["candidates"] = [", ".join(map(str, versions)) for versions in frame["candidates"]]
        frame["step"] += 1
        frame["chosen_version"] = frame["chosen_version"].astype("Int64")
        return frame

    def hold_rollout(self, name: str, reason: str = "") -> RolloutInfo:
        """Keep a rollout in its step until a person continues it; faults still roll it back.

        Raises Conflict without a rollout under way.
        """
        with self._store.write() as session:
            rollout_commands.hold(session, self._store, name, reason)
        return self.rollout(name)

    def continue_rollout(
        self, name: str, reason: str = "", *, version: int | None = None
    ) -> RolloutInfo:
        """Go on with a held rollout: in its step when a person held it, else with the next step.

        After the last step the candidate takes over; of several, `version` says which one stays,
        and the stable version may be it. Raises Conflict for a rollout that is not held, Invalid
        for a version that is not one of its own.
        """
        with self._store.write() as session:
            rollout_commands.resume(session, self._store, name, reason, version)
        return self.rollout(name)

    def cancel_rollout(self, name: str, reason: str = "") -> RolloutInfo:
        """End a rollout as if it had not begun: the stable version gets all requests at once.

        `roll_back` does the same and says that the candidate was at fault.
        """
        with self._store.write(durable=True) as session:
            rollout_commands.cancel(session, self._store, name, reason)
        return self.rollout(name)


def _numbers(versions: int | Sequence[int]) -> tuple[int, ...]:
    return (versions,) if isinstance(versions, int) else tuple(versions)


def _info(session: Session, row: Rollout) -> RolloutInfo:
    query = select(RolloutAnalysis).where(RolloutAnalysis.rollout == row.id)
    analyses = session.exec(query.order_by(col(RolloutAnalysis.id).desc())).all()
    deployment = commands.require(session, row.deployment)
    return rollout_info(row, deployment, commands.replicas_of(session, row.deployment), analyses)
