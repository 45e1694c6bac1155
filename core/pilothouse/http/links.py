"""Redirects of the links that MLflow's clients print, such as `/#/experiments/1/runs/…`.

A browser does not send what follows `#`: the script of the page at `/` passes it to `/open`, which
redirects to the same object in the app.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, unquote, urlencode

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.tables import Experiment, LoggedModel
from pilothouse.kit.asgi import Response
from pilothouse.kit.processes import find
from pilothouse.storage import Store

ROOT, OPEN = "/", "/open"
MAX_URL_LENGTH, MAX_NUMBER_LENGTH = 2000, 18
SCRIPT = 'location.replace("/open?at=" + encodeURIComponent(location.hash.slice(1)));'
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = f"default-src 'none'; script-src 'sha256-{_HASH}'; frame-ancestors 'none'"
HTML = b"text/html; charset=utf-8"
EXPERIMENTS = "experiments"
Target = tuple[str, Mapping[str, str]]  # a page of the app and its parameters


def owns(path: str) -> bool:
    """Whether a path is one of these links."""
    return path in (ROOT, OPEN)


def answer(store: Store, path: str, query: str) -> Response:
    """The page at `/`, or the redirect of `/open`."""
    if path == ROOT:
        noscript = "Your browser runs no scripts, so this link cannot be followed."
        html = f"<script>{SCRIPT}</script><noscript>{noscript}</noscript>"
        return _page(200, html)

    app = find(store.run_folder, "app")
    if app is None:
        html = "The app of this workspace is not running. Start it with <code>pilothouse up</code>"
        return _page(503, f"{html}, then reload this page.")

    at = parse_qs(query).get("at", [""])[0][:MAX_URL_LENGTH]
    with store.read() as session:
        page, params = target(session, at)

    url = f"{app.url}/{page}{f'?{urlencode(params)}' if params else ''}"
    headers = (b"location", url.encode()), (b"cache-control", b"no-store")
    return Response(302, b"", headers, content_type=HTML)


def target(session: Session, at: str) -> Target:
    """The page of the app for an address of MLflow's pages."""
    path, _, query = at.partition("?")
    parts = [unquote(part) for part in path.strip("/").split("/") if part]
    for pattern, page in _PAGES:
        if len(parts) >= len(pattern) and all(map(_matches, pattern, parts)):
            return page(session, parts, query)
    return "", {}


def _matches(name: str, part: str) -> bool:
    return name == "*" or name == part


def _run(session: Session, parts: list[str], query: str) -> Target:
    return "run", {"id": parts[3]}


def _logged_model(session: Session, parts: list[str], query: str) -> Target:
    """A logged model is shown with the run that made it."""
    model = session.get(LoggedModel, parts[3])
    if model is None or not model.run_id:
        return _experiment(session, parts, query)
    return "run", {"id": model.run_id, "run_view": "models", "run_model": model.id}


def _experiment(session: Session, parts: list[str], query: str) -> Target:
    experiment_id = parts[1]
    if not experiment_id.isdecimal() or len(experiment_id) > MAX_NUMBER_LENGTH:
        return EXPERIMENTS, {}
    name = session.scalars(
        select(col(Experiment.name)).where(col(Experiment.id) == int(experiment_id))
    )
    first = name.first()
    return EXPERIMENTS, {"experiment": first} if first else {}


def _compare(session: Session, parts: list[str], query: str) -> Target:
    runs = re.findall(r"[0-9a-f]{32}", parse_qs(query).get("runs", [""])[0])
    return ("compare", {"runs": ",".join(runs)}) if runs else (EXPERIMENTS, {})


_PAGES: tuple[tuple[tuple[str, ...], Callable[[Session, list[str], str], Target]], ...] = (
    (("experiments", "*", "runs", "*"), _run),
    (("experiments", "*", "models", "*"), _logged_model),
    (("experiments", "*"), _experiment),
    (("experiments",), lambda session, parts, query: (EXPERIMENTS, {})),
    (("compare-runs",), _compare),
    (
        ("models", "*", "versions", "*"),
        lambda session, parts, query: ("version", {"ref": f"{parts[1]}@{parts[3]}"}),
    ),
    (("models", "*"), lambda session, parts, query: ("model", {"name": parts[1]})),
    (("models",), lambda session, parts, query: ("registry", {})),
)


def _page(status: int, html: str) -> Response:
    body = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Pilothouse</title>{html}'
    headers = (
        (b"content-security-policy", POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    )
    return Response(status, body.encode(), headers, content_type=HTML)
