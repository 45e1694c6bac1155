"""The processes of the workspace."""

from __future__ import annotations

from pilothouse.kit.processes import find
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks


@checks.register("processes")
def processes(store: Store) -> CheckVerdict:
    """Which of app, server and worker run; one that does not is nothing wrong."""
    running = {name: find(store.run_folder, name) for name in ("app", "server", "worker")}
    states = ", ".join(f"{n} {'runs' if a else 'does not run'}" for n, a in running.items())
    pids = {name: address.pid if address else None for name, address in running.items()}
    return CheckVerdict(True, states, {"pids": pids})
