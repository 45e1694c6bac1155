"""The controller: reconciles the running model processes with the desired state.

The worker calls `tick_when_due()` ten times a second. All state is in the database and in the
processes themselves, so a new controller continues where a killed one stopped.
"""

from __future__ import annotations

import logging
import secrets
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlmodel import col, select

from pilothouse.activity import record
from pilothouse.activity.actors import CONTROLLER
from pilothouse.deployments import replica_states
from pilothouse.deployments.controller import model_processes, reconcile
from pilothouse.deployments.controller.memory_room import MemoryRoom
from pilothouse.deployments.controller.model_processes import ReplicaPaths
from pilothouse.deployments.model_launch import launch_of, memory_limit, start_seconds
from pilothouse.deployments.model_server.server import Launch
from pilothouse.deployments.replica_states import CRASH_LOOP, FAILED, NEW, READY, STARTING, STOPPING
from pilothouse.deployments.route_generation import generation, increment_generation
from pilothouse.deployments.served_versions import require_served
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.deployments.traffic_split import mirror_versions
from pilothouse.kit.errors import PilothouseError
from pilothouse.registry import versions
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.controller")
TICK_SECONDS = 0.5
QUICK_START_SECONDS = 10.0  # as long a process that starts is observed more often
START_SECONDS = 120.0
START_MARGIN_SECONDS = 10.0  # its own deadline ends it first, and says so in the log
HEALTHY_SECONDS = 300.0
MIN_DRAIN_SECONDS = 1.0  # five polls of the server's routing table: no new request arrives after it
MAX_DRAIN_SECONDS = 20.0
TERM_SECONDS = 5.0
BUSY_SECONDS = 60.0  # at one batch: its clients had their timeouts long ago
HEALTH_TIMEOUT_SECONDS = 2.0
HEALTH_CHECK_SECONDS = 2.0
MAX_MISSES = 3
MEMORY_CHECK_SECONDS = 5.0
MEMORY_RECORD_SECONDS = 20.0
MEMORY_GROWTH = 1.1  # is recorded at once: a rollout may be limited by it
Key = tuple[str, int, int]


@dataclass
class _Watch:
    """What this controller remembers of a process, and does not need to survive it."""

    checked_at: float = 0.0
    measured_at: float = 0.0
    recorded_at: float = 0.0
    ended_for: str = ""
    misses: int = 0
    started_at: float | None = None
    start_seconds: float | None = None
    gives_way: bool | None = None  # until this controller has said so
    entered: dict[str, float] = field(default_factory=dict)

    @property
    def is_starting(self) -> bool:
        """Whether its process was started by this controller just now and is not ready."""
        if self.started_at is None or self.entered.keys() - {STARTING}:
            return False
        return time.monotonic() - self.started_at < QUICK_START_SECONDS

    def seconds_in(self, state: str) -> float:
        """How long this controller has observed the process in a state.

        Measured with the monotonic clock: the wall clock may be set while a process drains.
        """
        now = time.monotonic()
        if state not in self.entered:
            self.entered = {state: now}
        return now - self.entered[state]


@dataclass
class Controller:
    """Reconciles one workspace's deployments with its model model_processes."""

    store: Store
    _watches: dict[str, _Watch] = field(default_factory=dict)
    _adopted: bool = False
    _ticked_at: float = float("-inf")
    _generation: int = -1

    def __post_init__(self) -> None:
        self._room = MemoryRoom(self.store.settings.serving_memory_mb << 20)

    def tick_when_due(self) -> None:
        """Tick every half second, and at once after a change of routes or while a process starts.

        Callers of a deployment that was woken, and whoever launched one, wait for it.
        """
        counter = generation(self.store.engine)  # before the tick: a later change is due again
        waited = time.monotonic() - self._ticked_at
        if waited < TICK_SECONDS and counter == self._generation and not self._is_starting():
            return
        self._generation, self._ticked_at = counter, time.monotonic()
        self.tick()

    def _is_starting(self) -> bool:
        return any(watch.is_starting for watch in self._watches.values())

    def tick(self) -> None:
        """Observe every process once and take the steps that follow."""
        if not self._adopted:
            self._adopt_running()
            self._adopted = True
        observed = self._read()
        everything = [replica for _, replicas in observed for replica in replicas]
        for deployment, replicas in observed:
            for replica in replicas:
                self._observe(replica)
            self._let_shadows_give_way(deployment, replicas)
            self._apply_plan(deployment, [r for r in replicas if r.state], everything)

    def _let_shadows_give_way(self, deployment: Deployment, replicas: list[Replica]) -> None:
        """Processes that get copies only run when those that answer callers leave them room."""
        shadows = mirror_versions(deployment.traffic)
        for replica in replicas:
            if replica.state != READY:
                continue
            watch, gives_way = self._watch(replica), replica.version in shadows
            if watch.gives_way == gives_way:
                continue
            if model_processes.give_way(replica, gives_way=gives_way):
                watch.gives_way = gives_way

    def stop_all(self, seconds: float = 10.0) -> None:
        """End every model process of this workspace; the desired state stays as it is."""
        for _, replicas in self._read():
            for replica in replicas:
                model_processes.send(replica, signal.SIGTERM)
        end = time.monotonic() + seconds
        while (left := model_processes.running_by_token(self.paths)) and time.monotonic() < end:
            for pid, _ in left.values():
                model_processes.exit_reason(pid)
            time.sleep(0.05)
        with suppress(OSError):  # not empty, or never made
            self.paths.sockets.rmdir()

    @property
    def paths(self) -> ReplicaPaths:
        """The paths of this workspace's model processes."""
        return ReplicaPaths(self.store.run_folder, self.store.log_folder)

    def _read(self) -> list[tuple[Deployment, list[Replica]]]:
        with self.store.read() as session:
            own = select(Deployment).where(col(Deployment.external).is_not(True))
            deployments = session.exec(own.order_by(Deployment.name)).all()
            replicas = session.exec(
                select(Replica).order_by(col(Replica.version), col(Replica.ordinal))
            ).all()
        return [(d, [r for r in replicas if r.deployment == d.name]) for d in deployments]

    def _adopt_running(self) -> None:
        """Adopt processes whose start an earlier controller did not record; terminate orphans."""
        running = model_processes.running_by_token(self.paths)
        for _, replicas in self._read():
            for replica in replicas:
                identity = running.pop(replica.token, None)
                if identity is not None and replica.pid is None:
                    replica.pid, replica.create_time = identity
                    self._save(replica)
        for token in running:
            log.warning("terminating an orphaned model process")
            model_processes.remove_files(token, self.paths)

    def _observe(self, replica: Replica) -> None:
        if replica.state in (FAILED, CRASH_LOOP, NEW):
            return
        self._watch(replica).seconds_in(replica.state)
        if not model_processes.is_running(replica):
            self._handle_exit(replica)
        elif replica.state == STARTING:
            self._check_start(replica)
        elif replica.state == READY:
            self._check_health(replica)
        else:
            self._check_drain(replica)

    def _handle_exit(self, replica: Replica) -> None:
        reason = model_processes.exit_reason(replica.pid)
        if not reason:
            return
        model_processes.remove_files(replica.token, self.paths)
        watch = self._watches.pop(replica.token, None)
        ended_for = watch.ended_for if watch is not None else ""
        if replica.state == STOPPING and not ended_for:
            self._remove(replica)
            return
        replica.last_exit = ended_for or reason
        self._count_crash(replica, self._age(replica, watch))
        log.warning("%s version %d: %s", replica.deployment, replica.version, replica.last_exit)
        self._save(replica, routes=True)

    def _age(self, replica: Replica, watch: _Watch | None) -> timedelta:
        """How old a process became, by the wall clock when an earlier controller started it."""
        if watch is not None and watch.started_at is not None:
            return timedelta(seconds=time.monotonic() - watch.started_at)
        return self.store.now() - (replica.started_at or self.store.now())

    def _watch(self, replica: Replica) -> _Watch:
        return self._watches.setdefault(replica.token, _Watch())

    def _count_crash(self, replica: Replica, age: timedelta) -> None:
        now = self.store.now()
        fast = age < reconcile.FAST_CRASH
        replica.fast_crashes = replica.fast_crashes + 1 if fast else 1
        replica.state = CRASH_LOOP if replica_states.is_looping(replica) else FAILED
        replica.start_after = now + reconcile.back_off(replica.fast_crashes)
        replica.restarts += 1
        if replica.state == CRASH_LOOP and replica.fast_crashes == replica_states.CRASH_LOOP_AFTER:
            self._record_crash_loop(replica)
        replica.pid, replica.create_time, replica.token = None, None, ""

    def _record_crash_loop(self, replica: Replica) -> None:
        """Record once per crash loop that a version does not stay up: attention lists it."""
        with self.store.write() as session:
            record(
                session,
                self.store.acting_as(CONTROLLER),
                replica_states.CRASH_LOOPED,
                "deployment",
                replica.deployment,
                after={"version": replica.version, "crashes": replica.fast_crashes},
                reason=replica.last_exit,
            )

    def _check_start(self, replica: Replica) -> None:
        now = self.store.now()
        state = model_processes.health(replica, HEALTH_TIMEOUT_SECONDS)
        if state is not None:
            replica.state, replica.ready_at = READY, now
            replica.engine = state.get("engine")
            replica.rss_bytes = model_processes.memory(replica.pid or 0)
            log.info("%s version %d is ready", replica.deployment, replica.version)
            self._save(replica, routes=True)
        elif self._watch(replica).seconds_in(STARTING) > (limit := self._start_seconds(replica)):
            self._kill(replica, f"killed: not ready within {limit:.0f} s")

    def _start_seconds(self, replica: Replica) -> float:
        """How long the model may take: that of its format, and a margin for the process itself."""
        if (seconds := self._watch(replica).start_seconds) is None:
            with self.store.read() as session:
                described = require_served(session, replica.deployment, replica.version)
                served = versions.find(session, described.model, replica.version)
            seconds = max(START_SECONDS, start_seconds(served) + START_MARGIN_SECONDS)
            self._watch(replica).start_seconds = seconds
        return seconds

    def _check_health(self, replica: Replica) -> None:
        watch = self._watch(replica)
        if time.monotonic() - watch.checked_at < HEALTH_CHECK_SECONDS:
            return
        watch.checked_at = time.monotonic()
        health = model_processes.health(replica, HEALTH_TIMEOUT_SECONDS)
        watch.misses = 0 if health is not None else watch.misses + 1
        stuck = health is not None and health.get("busy_seconds", 0.0) > BUSY_SECONDS
        if stuck:
            self._kill(replica, f"killed: it worked on one batch for over {BUSY_SECONDS:.0f} s")
        elif watch.misses >= MAX_MISSES:
            self._kill(replica, "killed: it did not respond")
        else:
            self._record_health(replica, watch)

    def _kill(self, replica: Replica, reason: str) -> None:
        """Kill a process for a reason, which its deployment then shows."""
        log.warning("%s version %d: %s", replica.deployment, replica.version, reason)
        watch = self._watch(replica)
        watch.ended_for = watch.ended_for or reason
        model_processes.send(replica, signal.SIGKILL)

    def _record_health(self, replica: Replica, watch: _Watch) -> None:
        now, healthy = time.monotonic(), watch.seconds_in(READY) > HEALTHY_SECONDS
        recovered = healthy and replica.fast_crashes > 0
        if now - watch.measured_at <= MEMORY_CHECK_SECONDS and not recovered:
            return
        watch.measured_at = now
        before, replica.rss_bytes = replica.rss_bytes, model_processes.memory(replica.pid or 0)
        grows = replica.rss_bytes > MEMORY_GROWTH * before
        limit = memory_limit(self.store.settings)
        if replica.rss_bytes > limit:
            self._replace(replica, limit)
            return
        due = now - watch.recorded_at > MEMORY_RECORD_SECONDS
        if due or recovered or grows:
            watch.recorded_at = now
            replica.fast_crashes = 0 if healthy else replica.fast_crashes
            self._save(replica)

    def _replace(self, replica: Replica, limit: int) -> None:
        """Let a process that takes too much memory complete its requests; another one follows."""
        used, most = replica.rss_bytes >> 20, limit >> 20
        reason = f"ended: it took {used:,} MB of memory; {most:,} MB are allowed"
        log.warning("%s version %d: %s", replica.deployment, replica.version, reason)
        self._watch(replica).ended_for = reason
        self._stop(replica)

    def _check_drain(self, replica: Replica) -> None:
        since = self._watch(replica).seconds_in(STOPPING)
        if since < MIN_DRAIN_SECONDS:
            return
        if since > MAX_DRAIN_SECONDS + TERM_SECONDS:
            model_processes.send(replica, signal.SIGKILL)
            return
        health = model_processes.health(replica, HEALTH_TIMEOUT_SECONDS)
        if health is None or not health["in_flight"] or since > MAX_DRAIN_SECONDS:
            model_processes.send(replica, signal.SIGTERM)

    def _apply_plan(
        self, deployment: Deployment, replicas: list[Replica], everything: list[Replica]
    ) -> None:
        steps = reconcile.plan(deployment, replicas, self.store.now())
        if steps.serving_version != deployment.serving_version:
            self._switch(deployment, steps.serving_version)
            steps = reconcile.plan(
                deployment, replicas, self.store.now()
            )  # which version is warm has changed
        by_key = {(r.version, r.ordinal): r for r in replicas}
        for key in steps.stops:
            self._stop(by_key[key])
        for version, ordinal in steps.starts:
            if not self._room.allows(deployment.name, everything):
                break
            started = self._start(deployment, by_key.get((version, ordinal)), version, ordinal)
            if (version, ordinal) not in by_key:
                everything.append(started)

    def _switch(self, deployment: Deployment, serving: int | None) -> None:
        """Route requests to another version; the one before stays warm for a while."""
        with self.store.write() as session:
            row = session.get_one(Deployment, deployment.name)
            if row.generation != deployment.generation:
                return  # the desired state changed meanwhile: decide again at the next tick
            if row.serving_version is not None and serving is not None:
                row.warm_until = self.store.now() + replica_states.WARM
            row.serving_version = deployment.serving_version = serving
            deployment.warm_until = row.warm_until
            increment_generation(session)
        log.info("%s is now served by version %s", deployment.name, serving)

    def _stop(self, replica: Replica) -> None:
        if replica.pid is None:
            self._remove(replica)
            return
        replica.state, replica.stopping_at = STOPPING, self.store.now()
        self._save(replica, routes=True)

    def _start(
        self, deployment: Deployment, replica: Replica | None, version: int, ordinal: int
    ) -> Replica:
        """Store the token, then spawn: after a kill in between, the next controller finds it."""
        replica = replica or Replica(
            deployment=deployment.name, version=version, ordinal=ordinal, state=NEW
        )
        token = secrets.token_hex(16)
        try:
            launch = self._launch(deployment.name, version, token)
        except PilothouseError as refused:  # the artifact is missing or damaged: tried again later
            replica.last_exit = str(refused)
            self._count_crash(replica, timedelta(0))
            self._save(replica)
            return replica

        replica.state, replica.token, replica.socket = STARTING, token, launch.socket
        replica.started_at, replica.ready_at, replica.start_after = self.store.now(), None, None
        replica.engine = None
        replica.observed_generation = deployment.generation
        self._save(replica)
        replica.pid, replica.create_time = model_processes.spawn(launch, token, self.paths, ordinal)
        self._watches[token] = _Watch(started_at=time.monotonic())
        self._save(replica)
        log.info("%s version %d: process %d", deployment.name, version, replica.pid)
        return replica

    def _launch(self, name: str, version: int, token: str) -> Launch:
        with self.store.read() as session:
            described = require_served(session, name, version)
            served = versions.find(session, described.model, version)
        folder, socket = self.paths.model_folder(token), self.paths.socket(token)
        try:
            launch = launch_of(self.store, served, folder, deployment=name, socket=socket)
        except BaseException:  # no row has the token, by which its files are removed otherwise
            model_processes.remove_files(token, self.paths)
            raise
        examples = described.example if launch.package is not None else described.example[:1]
        return replace(launch, signature=described.signature, example=examples[:3])

    def _save(self, replica: Replica, *, routes: bool = False) -> None:
        with self.store.write() as session:
            row = session.merge(replica)
            session.flush()
            replica.id = row.id
            if routes:
                increment_generation(session)

    def _remove(self, replica: Replica) -> None:
        with self.store.write() as session:
            row = session.get(Replica, replica.id)
            if row is not None:
                session.delete(row)
                increment_generation(session)
        replica.state = ""


def stop_all(store: Store) -> None:
    """End every model process of a workspace without a worker; the desired state stays."""
    Controller(store).stop_all()
