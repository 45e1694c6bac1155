"""Model processes as the operating system knows them: spawn, identify, query, signal, reap.

A process outlives the controller that spawned it. The next controller identifies it by its pid, its
create time and the token in its command line.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from pilothouse.deployments.model_server.framing import STATE, SUCCESS, request
from pilothouse.deployments.model_server.server import Launch
from pilothouse.deployments.model_server.start import (
    home_folder,
    is_model_process,
    start_command,
)
from pilothouse.deployments.tables import Replica
from pilothouse.kit import processes
from pilothouse.kit.errors import Refused

MAX_SOCKET_FOLDER = 80  # bytes; `sun_path` of a unix socket has 108
MAX_LOG_BYTES = 4 * 1024 * 1024
USUAL_SHARE, LEAST_SHARE = 0, 19  # of a session, as nice values


@dataclass(frozen=True)
class ReplicaPaths:
    """The files of the model processes of one workspace."""

    run: Path
    logs: Path

    def launch_file(self, token: str) -> Path:
        """The launch file of a process; removing it ends the process."""
        return self.run / "models" / f"{token}.json"

    def model_folder(self, token: str) -> Path:
        """The folder of a process for the files of a model from elsewhere."""
        return self.run / "models" / token

    def log_file(self, deployment: str, version: int, ordinal: int) -> Path:
        """The log of a process."""
        return self.logs / "deployments" / f"{deployment}-v{version}-{ordinal}.log"

    def socket(self, token: str) -> str:
        """The socket of a process: a short path in a folder that only this user may enter."""
        _make_private(self.sockets)
        return str(self.sockets / f"{token[:12]}.sock")

    @property
    def sockets(self) -> Path:
        """In the workspace, or in the temporary folder when the workspace's path is long."""
        folder = self.run / "sockets"
        if len(os.fsencode(folder)) < MAX_SOCKET_FOLDER:
            return folder
        mark = hashlib.sha256(os.fsencode(self.run)).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"pilothouse-{os.getuid()}-{mark}"


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or folder.is_symlink():
        raise Refused(f"{folder} belongs to somebody else.", hint="Remove it or set TMPDIR.")
    folder.chmod(0o700)


def spawn(launch: Launch, token: str, paths: ReplicaPaths, ordinal: int) -> tuple[int, float]:
    """Start a model process in a session of its own; return its pid and create time."""
    launch_file = paths.launch_file(token)
    launch_file.parent.mkdir(parents=True, exist_ok=True)
    command = start_command(launch, launch_file, "--token", token)
    log_file = paths.log_file(launch.deployment, launch.version, ordinal)
    _rotate_log(log_file)
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command.arguments[0],
        command.arguments,
        command.variables,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log_file), appending, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )

    return pid, psutil.Process(pid).create_time()


def is_running(replica: Replica) -> bool:
    """Whether the row's own process still runs: same pid, create time and token, not a zombie."""
    if replica.pid is None or replica.create_time is None:
        return False
    if not processes.is_running(replica.pid, replica.create_time):
        return False
    try:
        command = psutil.Process(replica.pid).cmdline()
        return (
            not command or replica.token in command
        )  # an exiting process has no command line left
    except psutil.Error:
        return False


def exit_reason(pid: int | None) -> str:
    """How a process exited; empty while its threads are still exiting.

    A child of this process is reaped. The exit status of any other process cannot be known.
    """
    if pid is None:
        return "never started"
    try:
        ended_pid, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return "exited while no worker was running"
    if ended_pid == 0:
        return ""
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def health(replica: Replica, timeout: float) -> dict[str, Any] | None:
    """The state that the process reports, or None when it does not respond with its own token."""
    try:
        answer = request(replica.socket, STATE, timeout)
    except OSError:
        return None
    state: dict[str, Any] = orjson.loads(answer[1:]) if answer[:1] == SUCCESS else {}
    return state if state.get("token") == replica.token else None


def memory(pid: int) -> int:
    """Resident bytes of a process, 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def give_way(replica: Replica, *, gives_way: bool) -> bool:
    """Let other processes have the CPU first, or treat this one as any other.

    By ways that a process without privileges can take back: the scheduling policy for batch work,
    and the share of the session that the process leads, where Linux shares the CPU by sessions
    (`sched(7)`, autogroups), so that the policy alone says little. Other systems change nothing.
    Returns whether that is done: Linux takes a few changes of shares a second.
    """
    if not hasattr(os, "SCHED_BATCH") or replica.pid is None or not is_running(replica):
        return True
    policy = os.SCHED_BATCH if gives_way else os.SCHED_OTHER
    with suppress(psutil.Error, OSError):  # it ended, or belongs to somebody else
        for thread in psutil.Process(replica.pid).threads():
            if os.sched_getscheduler(thread.id) != policy:
                os.sched_setscheduler(thread.id, policy, os.sched_param(0))
    try:
        session_share = Path(f"/proc/{replica.pid}/autogroup")
        session_share.write_text(str(LEAST_SHARE if gives_way else USUAL_SHARE))
    except BlockingIOError:
        return False
    except OSError:  # Linux without autogroups
        pass
    return True


def send(replica: Replica, signal_number: signal.Signals) -> None:
    """Signal the row's own process, never another one that has got its pid."""
    if replica.pid is not None and is_running(replica):
        os.kill(replica.pid, signal_number)


def running_by_token(paths: ReplicaPaths) -> dict[str, tuple[int, float]]:
    """Every model process of this workspace: token to pid and create time."""
    folder = str(paths.run / "models")
    running = {}
    for process in psutil.process_iter(["cmdline", "create_time"]):
        command = process.info["cmdline"] or []
        if (
            is_model_process(command)
            and "--token" in command
            and any(w.startswith(folder) for w in command)
        ):
            token = command[command.index("--token") + 1]
            running[token] = (process.pid, float(process.info["create_time"]))
    return running


def remove_files(token: str, paths: ReplicaPaths) -> None:
    """Remove the files of a process; one that still runs exits when its launch file is gone."""
    if token:
        paths.launch_file(token).unlink(missing_ok=True)
        shutil.rmtree(paths.model_folder(token), ignore_errors=True)
        shutil.rmtree(home_folder(paths.launch_file(token)), ignore_errors=True)
        Path(paths.socket(token)).unlink(missing_ok=True)


def _rotate_log(log_file: Path) -> None:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    if log_file.exists() and log_file.stat().st_size > MAX_LOG_BYTES:
        log_file.replace(log_file.with_suffix(".old"))
