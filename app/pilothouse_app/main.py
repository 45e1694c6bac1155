"""The script Streamlit runs for every visitor: page frame, navigation, the chosen screen."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.charting import dark
from pilothouse_app.components.errors import error_boundary
from pilothouse_app.components.layout import inject_css
from pilothouse_app.components.links import follow_pending
from pilothouse_app.components.person import ask_for_pending, person_button
from pilothouse_app.components.toasts import show_toasts
from pilothouse_app.components.workspace import workspace
from pilothouse_app.screens import pages, parent_list

STATIC = "/app/static"  # as files are served: handed over as files, they were read at every run


def main() -> None:
    """Draw the frame and run the screen the address names."""
    follow_pending()
    st.set_page_config(
        page_title="Pilothouse",
        page_icon=f"{STATIC}/favicon.png",
        layout="wide",
        initial_sidebar_state=232,
    )

    st.logo(
        f"{STATIC}/logo-{'dark' if dark() else 'light'}.svg",
        icon_image=f"{STATIC}/icon.svg",
        size="medium",
    )

    page = st.navigation(pages(), expanded=True)
    inject_css()
    show_toasts()
    with error_boundary(parent_list(page.url_path)):
        st.sidebar.markdown(f":small[:gray[Workspace: {workspace().folder.name}]]")
        with st.sidebar:
            person_button()
        ask_for_pending()
        page.run()


main()
