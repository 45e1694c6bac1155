"""The links that MLflow's clients print lead to the app's page of the same thing."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from urllib.parse import parse_qs, quote, urlparse

import pytest

from pilothouse.experiments.tables import Experiment, LoggedModel
from pilothouse.http import links
from pilothouse.kit.processes import announce
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

RUN = "0123456789abcdef" * 2


@pytest.fixture
def workspace(new_folder: Path) -> Workspace:
    opened = open_workspace(settings=Settings(workspace=new_folder, actor="ada"))
    now = opened.store.now()
    with opened.store.write() as session:
        session.add(Experiment(id=7, name="flights & more", created_at=now, created_by="ada"))
        session.flush()
        for model, run in (("m-1", RUN), ("m-2", "")):
            times = {"created_at": now, "updated_at": now}
            fields = {"name": "lr", "status": "LOGGED_MODEL_READY"}
            session.add(LoggedModel(id=model, experiment_id=7, run_id=run, **fields, **times))
    return opened


EXPERIMENT = ("experiments", {"experiment": "flights & more"})


@pytest.mark.parametrize(
    ("at", "page"),
    [
        (f"/experiments/7/runs/{RUN}", ("run", {"id": RUN})),
        (f"/experiments/7/runs/{RUN}/artifacts/model", ("run", {"id": RUN})),
        ("/experiments/7", EXPERIMENT),
        ("/experiments/7/overview", EXPERIMENT),
        ("/experiments/7?searchFilter=x", EXPERIMENT),
        ("/experiments/99", ("experiments", {})),
        ("/experiments/x", ("experiments", {})),
        ("/experiments", ("experiments", {})),
        (
            "/experiments/7/models/m-1",
            ("run", {"id": RUN, "run_view": "models", "run_model": "m-1"}),
        ),
        ("/experiments/7/models/m-2", EXPERIMENT),
        ("/models", ("registry", {})),
        ("/models/late%20flights", ("model", {"name": "late flights"})),
        ("/models/late/versions/3", ("version", {"ref": "late@3"})),
        (
            f"/compare-runs?runs=%5B%22{RUN}%22%5D&experiments=7",
            ("compare", {"runs": RUN}),
        ),
        ("/prompts/x", ("", {})),
        ("", ("", {})),
    ],
)
def test_an_address_of_mlflows_pages_is_a_page_of_the_app(
    workspace: Workspace, at: str, page: links.Target
) -> None:
    with workspace.store.read() as session:
        assert links.target(session, at) == page


def test_the_way_leads_into_this_workspaces_app_and_nowhere_else(workspace: Workspace) -> None:
    store = workspace.store
    answer = links.answer(store, "/open", f"at={quote(f'/experiments/7/runs/{RUN}')}")
    assert answer.status == 503
    assert b"pilothouse up" in answer.body
    announce(store.run_folder, "app", 8765)
    for at in (
        "/experiments/7",
        "//evil.test/x",
        "https://evil.test",
        "/../\\evil.test",
    ):
        answer = links.answer(store, "/open", f"at={quote(at)}")
        where = urlparse(dict(answer.headers)[b"location"].decode())
        assert (answer.status, where.netloc) == (302, "127.0.0.1:8765")
    answer = links.answer(store, "/open", f"at=/experiments/7/runs/{RUN}")
    where = urlparse(dict(answer.headers)[b"location"].decode())
    assert (where.path, parse_qs(where.query)) == ("/run", {"id": [RUN]})


def test_the_page_at_the_root_hands_over_what_stands_behind_the_hash(workspace: Workspace) -> None:
    answer = links.answer(workspace.store, "/", "")
    assert answer.status == 200
    script = re.search(rb"<script>(.*)</script>", answer.body)
    assert script is not None
    assert b"location.hash" in script[1]
    assert b"/open?at=" in script[1]
    policy = dict(answer.headers)[b"content-security-policy"].decode()
    digest = base64.b64encode(hashlib.sha256(script[1]).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
