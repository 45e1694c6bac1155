"""A model version that another program logged, on its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pilothouse.experiments.signature import UNKNOWN
from pilothouse.registry.versions import Source
from pilothouse.workspace import Workspace


def test_a_version_without_a_signature_of_ours_says_so(
    workspace: Workspace, visit: Callable[..., Any]
) -> None:
    digest = workspace.store.artifacts.put_bytes(b"{}")
    source = Source(digest, UNKNOWN, [], {"auc": 0.9}, imported="MLflow: models:/m-1")
    workspace.registry.register_import("theirs", source)
    page = visit("version", ref="theirs@1")
    assert not page.exception
    words = " ".join(str(part.value) for part in (*page.markdown, *page.caption))
    assert "Logged by another program" in words
    assert not visit("model", name="theirs").exception
