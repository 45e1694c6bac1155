"""A model version that another program logged, on its page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pilothouse.models.signature import UNKNOWN
from pilothouse.registry.versions import Origin, VersionSource, register_import
from pilothouse.workspace import Workspace


def test_a_version_without_a_signature_of_ours_says_so(
    workspace: Workspace, visit: Callable[..., Any]
) -> None:
    digest = workspace.store.artifacts.put_bytes(b"{}")
    source = VersionSource(digest, UNKNOWN, [], {"auc": 0.9}, imported="MLflow: models:/m-1")
    workspace.registry.register_import("theirs", source)
    page = visit("version", ref="theirs@1")
    assert not page.exception
    words = " ".join(str(part.value) for part in (*page.markdown, *page.caption))
    assert "no model format can load its files" in words
    assert not visit("model", name="theirs").exception


def test_a_version_of_another_program_shows_what_it_kept_and_offers_no_launch(
    workspace: Workspace, visit: Callable[..., Any]
) -> None:
    store = workspace.store
    model = (
        "flavors:\n  sklearn:\n    sklearn_version: '1.7'\nsignature:\n"
        '  inputs: \'[{"name": "age", "type": "long", "required": true}]\'\n'
    )
    listed = [
        {"path": "MLmodel", "sha256": store.artifacts.put_bytes(model.encode()), "bytes": 90},
        {"path": "model.pkl", "sha256": "0" * 64, "bytes": 1000},
    ]
    manifest = {"source": "runs:/a/model", "location": "", "files": listed}
    digest = store.artifacts.put_bytes(json.dumps(manifest).encode())
    source = VersionSource(
        digest,
        UNKNOWN,
        [],
        {"auc": 0.9},
        imported="MLflow: runs:/a/model",
        origin=Origin("runs:/a/model", location=""),
        tags={"team": "risk"},
    )
    with store.write() as session:
        register_import(session, store, "theirs", source)
    page = visit("version", ref="theirs@1")
    assert not page.exception
    cells = " ".join(frame.value.to_string() for frame in (*page.dataframe, *page.table))
    for part in ("age", "long", "MLmodel", "model.pkl", "risk"):
        assert part in cells
    words = " ".join(str(part.value) for part in (*page.markdown, *page.caption))
    assert "Threshold" not in words
    assert page.button(key="launch").disabled
    page = visit("deployments")
    page.button(key="launch").click().run()
    assert not page.exception
    assert not [box for box in page.selectbox if str(box.key).startswith("launch_number")]
