"""A screen of the app as a visitor's address opens it, drawn without a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.workspace import Workspace

Visit = Callable[..., AppTest]


def script() -> None:
    """What `main.py` does, for the screen that the test asks for."""
    import streamlit as st

    from pilothouse_app.parts.errors import guarded
    from pilothouse_app.parts.links import follow
    from pilothouse_app.parts.toasts import show_toasts
    from pilothouse_app.screens import all_screens, pages

    st.navigation(pages())
    follow()
    show_toasts()
    with guarded():
        wanted = st.session_state["_test_path"]
        next(render for screen, render in all_screens() if screen.path == wanted)()


@pytest.fixture
def visit(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """`visit("job", id="...")` opens a page with these parameters in its address."""
    monkeypatch.setattr("pilothouse_app.parts.workspace.opened", lambda _path: workspace)

    def at(path: str, **params: Any) -> AppTest:
        page = AppTest.from_function(script, default_timeout=30)
        page.session_state["_test_path"] = path
        for name, value in params.items():
            page.query_params[name] = str(value)
        return page.run()

    return at
