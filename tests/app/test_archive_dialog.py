"""The archive on History: what is in it and what is not, the download, the job of a large one."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.kit.errors import Conflict
from pilothouse.workspace import Workspace
from pilothouse_app.features.archives import workspace_archive

NO_BYTES = 0


def dialog() -> None:
    from pilothouse_app.features.archives.workspace_archive import archive_dialog

    archive_dialog()


def opened() -> AppTest:
    page = AppTest.from_function(dialog, default_timeout=30).run()
    assert not page.exception
    return page


def seen(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in (*page.markdown, *page.caption))


def test_history_has_the_button(visit: Any) -> None:
    assert visit("history").button(key="archive").label == "Archive"


def test_what_is_in_it_and_what_is_not_is_said_before(visit: Any, workspace: Workspace) -> None:
    visit("history")
    page = opened()
    assert "rows of tables" in seen(page)
    assert "the URLs of channels" in seen(page)
    [download] = page.get("download_button")
    assert download.proto.label == "Write and download"


def test_a_large_workspace_is_written_by_a_job(
    visit: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit("history")
    monkeypatch.setattr(workspace_archive, "AT_ONCE", NO_BYTES)
    opened().button(key="archive_start").click().run()
    [job] = workspace.jobs.active()
    assert job.kind == workspace_archive.KIND
    page = opened()
    assert not page.get("download_button")
    assert not page.button  # no second one meanwhile
    with pytest.raises(Conflict):
        workspace.archives.start()


def test_an_archive_that_is_there_is_offered(
    visit: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit("history")
    from pilothouse.interop.archives.export_job import KeptArchive, kept_path

    path = kept_path(workspace.store)
    path.parent.mkdir()
    path.write_bytes(b"zip")
    kept = KeptArchive(path, 3, "ab" * 32, workspace.store.now(), "j")
    monkeypatch.setattr(type(workspace.archives), "newest", lambda _self: kept)
    page = opened()
    assert str(path) in seen(page)
    assert kept.manifest in seen(page)
    labels = [button.proto.label for button in page.get("download_button")]
    assert labels == ["Download this one", "Write and download"]
