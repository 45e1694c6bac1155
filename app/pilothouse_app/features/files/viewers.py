"""Viewers of files: each kind is drawn from a bounded, checked part, or says why it is not.

Pages and images are served by the app under a policy that lets them reach nothing (`server.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from pilothouse.experiments.files import preview
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.base_path import under_base
from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import count, plural, size
from pilothouse_app.components.header import section
from pilothouse_app.components.layout import fill_window, white_background
from pilothouse_app.components.markdown import literal, safe_markdown
from pilothouse_app.components.table import ROW, table, text_column
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.personal_data.masked import masked_data

if TYPE_CHECKING:
    from pilothouse.data.personal_data.masking import Masking
    from pilothouse.experiments.details import ArtifactInfo
    from pilothouse.experiments.files.browse import RunFiles
    from pilothouse.models.mlmodel import ColumnInfo

RESERVE = 17
FIELD_TITLES = {
    "model_uuid": "UUID",
    "mlflow_version": "MLflow",
    "utc_time_created": "Created at (UTC)",
    "model_size_bytes": "Size in bytes",
    "is_signature_from_type_hint": "Signature from type hints",
}


def file_url(owner: str, file: ArtifactInfo, *, inline: bool = False, figure: bool = False) -> str:
    """Where the app serves a file of a run or of a logged model; a figure is drawn on a page."""
    kind = "logged-models" if owner.startswith("m-") else "runs"
    # The digest makes a replaced file another address, which the browser does not know yet.
    query = f"?{'shown&' if inline else ''}{'figure&' if figure else ''}v={file.digest[:8]}"
    return under_base(f"/api/{kind}/{quote(owner)}/files/{quote(file.path)}{query}")


def viewer(owner: str, file: ArtifactInfo) -> None:
    """One file: its name, a way to download it, and what is in it."""
    kind = preview.kind_of(file.path)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section(literal(file.path), f"{size(file.size)} · `{file.digest[:12]}`")
        st.link_button(
            "Download", file_url(owner, file), icon=":material/download:", key="file_download"
        )
    try:
        _VIEWERS[kind](workspace().experiments.files, owner, file)
    except PilothouseError as refusal:
        error_box(refusal)


def _image(files: RunFiles, owner: str, file: ArtifactInfo) -> None:
    files.image(owner, file.path)  # says what is wrong with it, before a browser is asked
    name = literal(file.path.rpartition("/")[2])
    st.markdown(f"![{name}]({file_url(owner, file, inline=True)})")


def _table(files: RunFiles, owner: str, file: ArtifactInfo) -> None:
    rows = files.table(owner, file.path)
    frame = _masking(owner, rows.frame.columns).frame(rows.frame)
    _rows(frame, rows.rows, rows.whole, rows.columns, file.path)


def _masking(owner: str, columns: Iterable[str] = ()) -> Masking:
    """What is masked of a run's tables: columns of the datasets it used, by their names.

    The notice names those of some columns.
    """
    masking = masked_data().masking_of(_datasets_of(owner))
    if titles := masking.titles(columns):
        names = ", ".join(map(literal, titles))
        st.markdown(
            f":small[:gray[:material/visibility_off: Masked as personal data: {names}. "
            "The download is not masked.]]"
        )
    return masking


def _datasets_of(owner: str) -> list[str]:
    """The dataset versions that a run used; none of a logged model."""
    if owner.startswith("m-"):
        return []
    return [source.dataset for source in workspace().experiments.run(owner).inputs]


def _rows(frame: pd.DataFrame, total: int | None, whole: bool, columns: int, path: str) -> None:
    text = plural(len(frame) if total is None else total, "row")
    if not whole:
        first = f"The first {count(len(frame))}"
        text = f"{first} rows" if total is None else f"{first} of {text}"
    text += f", {plural(columns, 'column')}"
    if columns > len(frame.columns):
        text += f"; the first {len(frame.columns)} columns"
    st.markdown(f":gray[{text}]")

    with fill_window(
        "file_rows", reserve=RESERVE + 2, least=300, most=34 + ROW * max(len(frame), 1)
    ):
        st.dataframe(
            frame,
            hide_index=True,
            height="stretch",
            row_height=ROW,
            alt=f"Rows of {path}",
            placeholder="–",  # noqa: RUF001
        )


def _json(files: RunFiles, owner: str, file: ArtifactInfo) -> None:
    value = _masking(owner).document(files.document(owner, file.path))
    rows = preview.rows_of(value)
    if rows is not None:
        _rows(rows.frame, rows.rows, rows.whole, rows.columns, file.path)
        return
    if preview.figure_of(value) is not None:
        _framed(file, file_url(owner, file, inline=True, figure=True), "figure")
        with st.expander("Raw file", icon=":material/code:"):
            st.json(value, expanded=1)
        return
    st.json(value, expanded=2)


def _text(files: RunFiles, owner: str, file: ArtifactInfo) -> None:
    content = files.text(owner, file.path)
    _code(content.text, content.language or None, file, content.whole)


def _patch(files: RunFiles, owner: str, file: ArtifactInfo) -> None:
    content = files.text(owner, file.path)
    _code(content.text, "diff", file, content.whole)


def _code(text: str, language: str | None, file: ArtifactInfo, whole: bool) -> None:
    _note_if_truncated(file, whole)
    code_block(text, language, key="file_code", reserve=RESERVE)


def code_block(text: str, language: str | None, *, key: str, reserve: float) -> None:
    """Lines of code in the window less `reserve` rem.

    The block around the lines is what scrolls, so that the keyboard can reach it.
    """
    lines = text.count("\n") + 1
    with (
        fill_window(key, reserve=reserve, least=300, most=70 + 20 * lines),
        st.container(height="stretch", border=False),
    ):
        st.code(text or " ", language=language, line_numbers=True, wrap_lines=True)


def _markdown(files: RunFiles, owner: str, file: ArtifactInfo) -> None:
    content = files.text(owner, file.path)
    _note_if_truncated(file, content.whole)
    with st.container(border=True):
        markdown_text(content.text)


def markdown_text(text: str) -> None:
    """A note or a file in Markdown; as plain text when a browser might choke on it."""
    safe = safe_markdown(text)
    if safe is not None:
        st.markdown(safe)
        return
    st.markdown(":gray[Shown as plain text: it is too large or too complex for Markdown.]")
    st.code(text, language=None, wrap_lines=True, height=420)


def _note_if_truncated(file: ArtifactInfo, whole: bool) -> None:
    if not whole:
        text = f"The first {size(preview.MAX_TEXT)} of {size(file.size)}; download it for more."
        st.markdown(f":gray[{text}]")


def _html(files: RunFiles, owner: str, file: ArtifactInfo) -> None:
    files.info(owner, file.path)
    st.markdown(
        ":gray[Shown in a sandbox: its scripts can reach neither this app nor the network.]"
    )
    _framed(file, file_url(owner, file, inline=True), "page")


def _framed(file: ArtifactInfo, url: str, what: str) -> None:
    white_background("file_html")
    with fill_window("file_html", reserve=RESERVE + 1, least=420):
        st.iframe(url, height="stretch", alt=f"The {what} {file.path}")


def _model(files: RunFiles, owner: str, file: ArtifactInfo) -> None:
    model = files.model(owner, file.path)
    pairs_table(
        {FIELD_TITLES.get(name, name): value for name, value in model.facts.items()}, alt="Model"
    )
    left, right = st.columns(2, gap="medium")
    with left:
        _columns("Inputs", model.inputs)
        _columns("Outputs", model.outputs)

    with right:
        for name, settings in model.flavors.items():
            section("Flavor", name)
            pairs_table(settings, alt=f"Flavor {name}")

    with st.expander("Raw file", icon=":material/code:"):
        st.code(files.text(owner, file.path).text, language="yaml", wrap_lines=True)


def _columns(title: str, columns: tuple[ColumnInfo, ...]) -> None:
    section(title, plural(len(columns), "column") if columns else "none recorded")
    if columns:
        columns_table(columns, alt=title)


def columns_table(columns: tuple[ColumnInfo, ...], *, alt: str) -> None:
    """Columns of a signature or a schema, a row each."""
    frame = pd.DataFrame(
        {
            "name": [column.name for column in columns],
            "type": [c.type if c.required else f"{c.type} or missing" for c in columns],
        }
    )
    looks = {"name": text_column("Column"), "type": text_column("Type")}
    height = limited_height(len(frame), 10)
    table(frame, looks, key=f"columns_{alt}", ids="name", alt=alt, height=height)


def _unsupported(_files: RunFiles, _owner: str, file: ArtifactInfo) -> None:
    what = "A PDF" if file.path.lower().endswith(".pdf") else "A file of this kind"
    st.markdown(f":gray[{what} cannot be previewed, and nothing in it is run. Download it.]")


_VIEWERS: dict[str, Callable[[RunFiles, str, ArtifactInfo], Any]] = {
    preview.IMAGE: _image,
    preview.TABLE: _table,
    preview.JSON: _json,
    preview.MARKDOWN: _markdown,
    preview.TEXT: _text,
    preview.PATCH: _patch,
    preview.HTML: _html,
    preview.MODEL: _model,
    preview.PDF: _unsupported,
    preview.OTHER: _unsupported,
}
