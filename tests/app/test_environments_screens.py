"""Environments on screen: the list, the way on after a failure, and no button that is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from harness.environments import end_job
from pilothouse.environments import EnvironmentInfo, EnvironmentRequest
from pilothouse.environments.failure import KINDS
from pilothouse.environments.folders import FolderSize
from pilothouse.environments.states import set_built, set_failed, set_state
from pilothouse.workspace import Workspace

Visit = Callable[..., AppTest]
REQUESTED = EnvironmentRequest(requirements=("alpha==1.0",), python="3.11")


def buttons(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


@pytest.fixture
def info(workspace: Workspace) -> EnvironmentInfo:
    return workspace.environments.request(REQUESTED, "churn@3")


def test_without_environments_the_page_says_what_they_are(visit: Visit) -> None:
    page = visit("environments")
    assert not page.exception
    assert "No environments yet" in "\n".join(str(text.value) for text in page.markdown)
    assert "Free disk space" not in buttons(page)


def test_the_list_has_state_size_and_versions(
    visit: Visit, workspace: Workspace, info: EnvironmentInfo
) -> None:
    set_built(workspace.store, info.id, FolderSize(261_000_000, 4_000_000), packages=15)
    page = visit("environments")
    assert not page.exception
    row = page.dataframe[0].value.iloc[0]
    assert (row["python"], row["packages"], row["bytes"]) == ("3.11", 15, 261_000_000)
    assert row["name"] == "churn@3"
    assert "Free disk space" in buttons(page)
    page = visit("environments", environments_state="Failed")
    assert "No environments match" in "\n".join(str(text.value) for text in page.markdown)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_failure_has_its_title_message_and_hint(
    visit: Visit, workspace: Workspace, info: EnvironmentInfo, kind: str
) -> None:
    set_failed(workspace.store, info.id, kind, "alpha==1.0 is not there.")
    end_job(workspace, info, "failed")
    page = visit("environment", id=info.id)
    assert not page.exception
    assert "alpha==1.0 is not there." in page.error[0].value.replace("\\", "")
    assert KINDS[kind].title == workspace.environments.environment(info.id).failure_title
    assert {"Build again", "Change requirements", "Remove"} <= set(buttons(page))


def test_while_it_is_built_nothing_is_offered(
    visit: Visit, workspace: Workspace, info: EnvironmentInfo
) -> None:
    set_state(workspace.store, info.id, "building")
    page = visit("environment", id="churn@3")
    assert not page.exception
    assert not {"Build again", "Change requirements", "Remove"} & set(buttons(page))


def test_of_a_deployed_version_nothing_is_offered(
    visit: Visit, workspace: Workspace, info: EnvironmentInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_built(workspace.store, info.id, FolderSize(1, 1))
    end_job(workspace, info)
    deployed: Any = lambda _session: ["churn@3"]  # noqa: E731
    monkeypatch.setattr(workspace.environments, "_deployed", deployed)
    page = visit("environment", id="churn@3")
    assert not page.exception
    assert not {"Build again", "Change requirements", "Remove"} & set(buttons(page))


@pytest.mark.parametrize("view", ["Lock", "Requirements", "Details"])
def test_every_view_is_drawn(
    visit: Visit, workspace: Workspace, info: EnvironmentInfo, view: str
) -> None:
    set_built(workspace.store, info.id, FolderSize(1, 1), lock="alpha==1.0\norjson==3.10.0")
    page = visit("environment", id=info.id, environment_view=view)
    assert not page.exception
