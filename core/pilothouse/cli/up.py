"""`pilothouse up`: starts and supervises the three processes, and opens the app."""

from __future__ import annotations

import signal
import socket
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Command
from pilothouse.cli.options import settings_of, workspace_option
from pilothouse.cli.ports import require_free
from pilothouse.cli.supervisor import Supervisor
from pilothouse.kit.processes import find
from pilothouse.kit.proxy import served_under

if TYPE_CHECKING:
    from pilothouse.kit.settings import Settings

READY_SECONDS = 60.0
ALONE_SECONDS = 4.0


class Stop(Exception):
    """The program was asked to end."""


@click.command(
    cls=Command,
    examples=("pilothouse up --demo", "pilothouse up --no-browser --app-port 8600"),
)
@workspace_option
@click.option("--demo", is_flag=True, help="Run the flights demo, once in a workspace.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--app-port", type=int, default=None, help="Port of the app  [default: 8501].")
@click.option("--server-port", type=int, default=None, help="Port of the server  [default: 5050].")
def up(
    workspace: Path | None,
    demo: bool,
    no_browser: bool,
    app_port: int | None,
    server_port: int | None,
) -> None:
    """Start app, server and worker, restart what fails, and open the app."""
    settings = settings_of(workspace, app_port=app_port, server_port=server_port)
    began = time.monotonic()
    _check_ports(settings)
    supervisor = Supervisor(settings)
    try:
        signal.signal(signal.SIGTERM, raise_stop)  # until here there is nothing to close
        supervisor.run("app", "--port", str(settings.app_port))
        _migrated(settings)
        # A person waits for the page, so the other processes are loaded after it.
        supervisor.wait(lambda: _answers(settings.folder), ALONE_SECONDS, tick=0.02)
        supervisor.run("server", "--port", str(settings.server_port))
        supervisor.run("worker")
        _greet(supervisor, settings, began, open_browser=not no_browser)
        if demo:
            _begin_demo(settings)
        _watch(supervisor)
    except (Stop, KeyboardInterrupt):
        click.echo("Closing. The workspace keeps everything; unfinished jobs continue next time.")
    finally:
        close(supervisor, settings)


def _watch(supervisor: Supervisor) -> None:
    """Supervise the processes until the program ends; report once which one does not stay up."""
    reported: set[str] = set()
    while True:
        supervisor.tend()
        for trouble in supervisor.troubles():
            if trouble not in reported:
                click.echo(f"pilothouse: {trouble}", err=True)
                reported.add(trouble)
        time.sleep(0.2)


def _check_ports(settings: Settings) -> None:
    """Check the ports before anything is started. Raises Unavailable that names the port."""
    run = settings.folder / "run"
    if find(run, "app") is None:
        require_free(settings.app_port, "app", "--app-port")
    if find(run, "server") is None:
        require_free(settings.server_port, "server", "--server-port")


def _migrated(settings: Settings) -> None:
    """Create or migrate the workspace while the app is loading. Raises what is wrong with it."""
    with _undisturbed():
        from pilothouse.workspace import open_workspace
    open_workspace(settings=settings).store.engine.dispose()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Block signals: an interrupted import leaves modules half initialised."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _greet(supervisor: Supervisor, settings: Settings, began: float, *, open_browser: bool) -> None:
    folder = settings.folder
    if not supervisor.wait(lambda: _answers(folder), READY_SECONDS):
        message = "; ".join(supervisor.troubles()) or "the app has not come up yet"
        click.echo(f"pilothouse: {message} (see {folder / 'logs' / 'app.log'})", err=True)
        return
    run = folder / "run"
    address, server = find(run, "app"), find(run, "server")
    url = address.url if address else f"http://127.0.0.1:{settings.app_port}"
    url += served_under(settings)
    programs = server.url if server else f"http://127.0.0.1:{settings.server_port}"
    click.echo(f"Pilothouse is open at {url} ({time.monotonic() - began:.1f} s). Ctrl-C closes it.")
    click.echo(f"Workspace {folder}; programs talk to {programs}.")
    if open_browser:
        webbrowser.open(url)


def _answers(folder: Path) -> bool:
    """Whether the app accepts connections: it writes its address a moment before."""
    address = find(folder / "run", "app")
    if address is None:
        return False
    with socket.socket() as line:
        line.settimeout(1.0)
        return line.connect_ex(("127.0.0.1", address.port)) == 0


def _begin_demo(settings: Settings) -> None:
    from pilothouse.workspace import open_workspace

    workspace = open_workspace(settings=settings)
    job = workspace.pipelines.start_demo()
    click.echo(f"The flights demo is running (job {job}); the home screen shows its progress.")
    workspace.store.engine.dispose()


def close(supervisor: Supervisor, settings: Settings) -> None:
    """End what was started; further signals are ignored until that is done."""
    ignored = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        supervisor.stop()
        stop_models(settings)
    finally:
        for number, handler in ignored.items():
            signal.signal(number, handler)


def stop_models(settings: Settings) -> None:
    """End the model processes of the workspace; the next worker starts them again."""
    from pilothouse.deployments.controller.controller import stop_all
    from pilothouse.workspace import open_workspace

    workspace = open_workspace(settings=settings)
    if find(workspace.store.run_folder, "worker") is None:
        stop_all(workspace.store)
    workspace.store.engine.dispose()


def raise_stop(_number: int, _frame: FrameType | None) -> None:
    """Handle SIGTERM as Ctrl-C is handled."""
    raise Stop
