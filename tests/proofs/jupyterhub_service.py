"""Proof of JupyterHub: the app as a service of a real hub, behind its proxy, in a browser.

    python tests/proofs/jupyterhub_service.py [FOLDER]

The hub comes from an environment of its own and its proxy from npm. `pilothouse up` is the command
of a service. Pages, their socket, links, a download and a figure are then opened below the prefix.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, Response, expect, sync_playwright
from prove import environment, plain_variables

from harness.programs import free_port
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.migrate import migrate
from pilothouse.workspace import Workspace

PACKAGES = ("jupyterhub==6.1.1",)
PROXY = "configurable-http-proxy@5.3.0"
PREFIX = "/services/pilothouse"
START_SECONDS = 120.0
CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/secret"
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.services = [{{
    "name": "pilothouse",
    "url": "http://127.0.0.1:{app}",
    "command": {command},
    "environment": {variables},
}}]
"""
FIGURE = {"data": [{"type": "bar", "x": ["a"], "y": [1]}], "layout": {"title": {"text": "Bars"}}}


def main(folder: Path) -> int:
    """Prove it; the number of what differs, 0 unless something raises."""
    python, proxy = environment(folder, PACKAGES), proxy_of(folder)
    with tempfile.TemporaryDirectory(prefix="hub-") as scratch:
        run = filled(Path(scratch) / "workspace")
        with hub(Path(scratch), python, proxy) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page()
            page.set_default_timeout(60_000)
            expect.set_options(timeout=60_000)
            refused: list[str] = []

            def note(answer: Response) -> None:
                # Streamlit asks for its socket at each place above a page, until one answers.
                if answer.status >= 400 and "/_stcore/" not in answer.url:
                    refused.append(f"{answer.status} {answer.url}")

            page.on("response", note)
            look(page, f"{address}{PREFIX}", run)
            assert not refused, refused
            browser.close()
    return 0


def look(page: Page, base: str, run: str) -> None:
    """Open pages by address and by link, a file and a figure. Raises AssertionError."""
    page.goto(f"{base}/")
    expect(page.get_by_role("link", name="Experiments")).to_be_visible()
    page.get_by_role("link", name="Experiments").click()
    page.wait_for_url(f"{base}/experiments**")
    expect(page.get_by_text("1 run").first).to_be_visible()
    page.goto(f"{base}/run?id={run}&run_view=Files")
    expect(page.get_by_text("calm-heron").first).to_be_visible()
    assert page.evaluate("document.fonts.check('14px Inter')"), "the fonts are ours"
    say("pages, their socket and links below the prefix")
    with urllib.request.urlopen(f"{base}/api/runs/{run}/files/notes.txt", timeout=30) as answer:
        assert answer.read() == b"a note", "a download"
    page.goto(f"{base}/run?id={run}&run_view=Files&run_path=figure.json")
    frame = page.frame_locator("iframe").first
    expect(frame.locator(".js-plotly-plot").first).to_be_visible()
    say("a download and a figure below the prefix")


def filled(folder: Path) -> str:
    """A workspace with a run that has files; its id."""
    store = open_store(Settings(workspace=folder, actor="ada"))
    migrate(store)
    experiments = Workspace(store).experiments
    run = experiments.start("late", "calm-heron")
    experiments.log_artifact(run, "notes.txt", b"a note")
    experiments.log_artifact(run, "figure.json", json.dumps(FIGURE).encode())
    experiments.finish(run)
    store.engine.dispose()
    return run


def proxy_of(folder: Path) -> Path:
    """The hub's proxy, installed once."""
    place = folder / "configurable-http-proxy"
    program = place / "node_modules" / ".bin" / "configurable-http-proxy"
    if not program.exists():
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", PROXY], cwd=place, check=True)
    return program


@contextmanager
def hub(scratch: Path, python: Path, proxy: Path) -> Iterator[str]:
    """The address of a hub with Pilothouse as its service."""
    port, app, server = free_port(), free_port(), free_port()
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "pilothouse.cli", "up", "--no-browser"]
    command += ["--workspace", str(scratch / "workspace")]
    command += ["--app-port", str(app), "--server-port", str(server)]
    config = CONFIG.format(
        port=port,
        hub=free_port(),
        api=free_port(),
        proxy=proxy,
        folder=scratch,
        app=app,
        command=command,
        variables={"PYTHONPATH": paths, "HOME": str(scratch)},
    )
    (scratch / "jupyterhub_config.py").write_text(config)
    variables = plain_variables()
    variables["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    log = (scratch / "hub.log").open("wb")
    with log, subprocess.Popen(
        [python, "-m", "jupyterhub", "-f", str(scratch / "jupyterhub_config.py")],
        env=variables, cwd=scratch, stdout=log, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        address, limit = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
        try:
            while not answers(f"{address}{PREFIX}/api/ready"):
                said = (scratch / "hub.log").read_text(errors="replace")[-3000:]
                assert time.monotonic() < limit, said
                assert process.poll() is None, said
                time.sleep(0.5)
            say("the hub has started the service")
            yield address
        finally:
            process.terminate()
            process.wait(60)


def answers(url: str) -> bool:
    """Whether an address answers that it is ready."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(json.loads(answer.read()) == {"status": "ready"})
    except (urllib.error.URLError, OSError, ValueError):
        return False


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs))
