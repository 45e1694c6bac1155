"""Registering a table or query of a database, after a look at its first rows."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pilothouse.data.sql.sql_connection import MAX_ROWS, MAX_SECONDS
from pilothouse.kit.names import DATASET
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.register_dataset import submit_and_wait

TABLE, QUERY = "Table", "Query"
PREVIEW = "_sql_preview"


@dataclass(frozen=True)
class SqlChoice:
    """What was typed: the URL, a table or a query, and where the password is."""

    url: str
    table: str
    query: str
    secret: str

    @property
    def missing(self) -> str:
        """What is needed first; empty when it can be tried."""
        if not self.url:
            return "Give the URL of a database first"
        return "" if self.table or self.query else "Give a table or a query first"

    def reading(self) -> dict[str, str]:
        """The arguments of a preview, beside the URL."""
        return {"table": self.table, "query": self.query, "secret": self.secret}


def register_sql_button() -> None:
    """The button that opens the dialog."""
    if st.button("From a database", icon=":material/database:", key="register_sql"):
        register_sql_dialog()


@st.dialog("Register from a database", width="large", icon=":material/database:")
def register_sql_dialog() -> None:
    """What is read, its first rows, and what it is called."""
    st.markdown(
        "The database is only read. Where the rows are from is kept, so that a refresh makes the "
        "next version."
    )
    choice = _choice()
    _preview(choice)
    guess = DATASET.suggest(choice.table.rpartition(".")[2]) if choice.table else ""
    name, missing = name_input(DATASET, guess, key=f"sql_name_{guess}")
    licence, max_rows, max_seconds = _limits()
    if not dialog_buttons("Register", "sql", missing=choice.missing or missing):
        return
    submit_and_wait(
        lambda: workspace().data.submit_sql(
            name,
            choice.url,
            **choice.reading(),
            max_rows=max_rows,
            max_seconds=max_seconds,
            licence=licence,
        )
    )


def _choice() -> SqlChoice:
    url = st.text_input(
        "URL", placeholder="postgresql://reader@host/shop or sqlite:////data/shop.db",
        live=True, key="sql_url",
    )  # fmt: skip
    way = st.segmented_control(
        "Read", [TABLE, QUERY], default=TABLE, required=True, key="sql_way",
        label_visibility="collapsed",
    )  # fmt: skip
    table = query = ""
    if way == TABLE:
        table = st.text_input("Table", placeholder="crm.customers", live=True, key="sql_table")
    else:
        query = st.text_area("Query", placeholder="select … from …", height=110, key="sql_query")
    secret = st.text_input(
        "Where the password is (optional)",
        placeholder="env:SHOP_PASSWORD or file:/run/secrets/shop",
        help="It is read there each time, by the worker too, and never stored.",
        key="sql_secret",
    )
    return SqlChoice(*(str(text or "").strip() for text in (url, table, query, secret)))


def _preview(choice: SqlChoice) -> None:
    if st.button(
        "Preview", icon=":material/visibility:", disabled=bool(choice.missing),
        help=choice.missing or None, key="sql_preview",
    ):  # fmt: skip
        st.session_state[PREVIEW] = None

        def read() -> None:
            frame = workspace().data.preview_sql(choice.url, **choice.reading())
            st.session_state[PREVIEW] = (choice, frame)

        with st.spinner("The database is asked"):
            run_or_show_error(read)
    tried, frame = st.session_state.get(PREVIEW) or (None, None)
    if tried == choice and frame is not None:
        section("First rows", plural(len(frame), "row"))
        st.dataframe(frame, height=210, row_height=30, hide_index=True, alt="The first rows")


def _limits() -> tuple[str, int, float]:
    left, middle, right = st.columns(3)
    with left:
        licence = st.text_input("Licence", key="sql_licence")
    with middle:
        rows = st.number_input("Most rows", 1, value=MAX_ROWS, step=100_000, key="sql_rows")
    with right:
        seconds = st.number_input("Most seconds", 1.0, value=MAX_SECONDS, key="sql_seconds")
    return (licence or "").strip(), int(rows), float(seconds)
