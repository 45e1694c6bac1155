"""What can be done with a dataset version: correct, supersede, archive, restore, delete it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import plural
from pilothouse_app.components.links import ICONS, address, link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.retention import retention_dialog

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo

NO_EVENT_TIME = "None"
MAX_USES = 8
ALWAYS = ("Edit details", "Track with DVC", "Retention", "Delete")
BY_STATUS = {  # the other commands, of a version of this status
    "active": ("Mark as superseded", "Archive"),
    "held": ("Release", "Mark as superseded", "Archive"),
}


def version_menu(version: DatasetVersionInfo) -> None:
    """The commands of a version, in one menu."""
    own = BY_STATUS.get(version.status, ("Restore",))
    names = [name for name in _COMMANDS if name in (*ALWAYS, *own)]
    picked = st.menu_button(
        "More",
        names,
        icon=":material/more_horiz:",
        format_func=lambda name: f"{_COMMANDS[name][0]} {name}",
        key="dataset_more",
    )
    if picked:
        _COMMANDS[picked][1](version)


def state_notice(version: DatasetVersionInfo) -> None:
    """Show that a version is archived, superseded, or was registered despite a violation."""
    if version.status == "archived":
        st.info(
            "This version is archived: it is hidden from lists, and its name does not resolve "
            "to it.",
            icon=":material/archive:",
        )
    elif version.superseded_by:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(":orange[:material/warning: This version is superseded.]", width="content")
            link(address("dataset", version.superseded_by), f"Open {version.superseded_by}",
                 icon=ICONS["dataset"])  # fmt: skip
    elif version.status == "held":
        _held_notice(version)
    elif version.held_for:
        st.markdown(
            ":small[:orange[:material/fact_check: Released although quality checks failed:] "
            f":gray[{literal(version.held_for)}. {literal(version.released_by or '')}: "
            f"{literal(version.release_reason or '')}]]"
        )
    erased = sum(item.rows for item in workspace().data.erasures(version.ref))
    if erased:
        st.markdown(
            f":small[:gray[:material/person_remove: {plural(erased, 'row')} of this version "
            "were erased on request; its hash is that of the rows that are left.]]"
        )
    if version.breach:
        st.markdown(
            ":small[:orange[:material/rule: Registered despite a contract violation:] "
            f":gray[{literal(version.breach)}]]"
        )


def _held_notice(version: DatasetVersionInfo) -> None:
    """What holds the version back, and the two ways on."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":orange[:material/fact_check: Held back by its quality checks:] "
            f"{literal(version.held_for)}.",
            width="stretch",
        )
        if st.button("Release", icon=":material/lock_open:", key="held_release"):
            _release(version)
        if st.button("Archive", icon=":material/archive:", key="held_archive"):
            _archive(version)


def _release(version: DatasetVersionInfo) -> None:
    confirm(
        "Release this version",
        f"**{literal(version.ref)}** fails a blocking quality check: "
        f"{literal(version.held_for)}.\n\nReleased, it is in use, and if it is the newest, the "
        f"name **{literal(version.dataset)}** resolves to it. Its results stay as they are.",
        verb="Release",
        command=lambda reason: workspace().data.release(version.ref, reason),
        done=f"{version.ref} is in use",
        icon=":material/lock_open:",
    )


@st.dialog("Edit details", width="large", icon=":material/edit:")
def _edit(version: DatasetVersionInfo) -> None:
    """Edit the metadata of a version; its content never changes."""
    key = f"dataset_edit_{version.ref}"
    times = [column.name for column in version.schema if column.type == "time"]
    left, right = st.columns(2)

    with left:
        origin = st.text_input("Source", version.source, key=f"{key}_origin")
        event_time = st.selectbox(
            "Column of the event time",
            [NO_EVENT_TIME, *times],
            index=1 + times.index(version.event_time) if version.event_time in times else 0,
            key=f"{key}_event_time",
            help="When each row happened. Only a column of times can be it.",
        )

    with right:
        licence = st.text_input("Licence", version.licence, key=f"{key}_licence")
        tags = _tags(version, key)
    note = st.text_area("Description", version.note, key=f"{key}_note", height=90)
    reason = reason_input(f"{key}_reason")
    chosen = None if event_time == NO_EVENT_TIME else event_time
    after = ((origin or "").strip(), (licence or "").strip(), chosen, tags, (note or "").strip())
    before = (version.source, version.licence, version.event_time, dict(version.tags), version.note)
    missing = "" if reason else "Give a reason first"
    if after == before:
        missing = "No changes yet"

    if dialog_buttons("Save", key, missing=missing) and run_or_show_error(
        lambda: workspace().data.edit(
            version.ref,
            origin=after[0],
            licence=after[1],
            event_time=after[2],
            tags=after[3],
            note=after[4],
            reason=reason,
        )
    ):
        _done(f"The details of {version.ref} are saved")


def _tags(version: DatasetVersionInfo, key: str) -> dict[str, str]:
    before = [f"{name}={value}" for name, value in version.tags.items()]
    chosen = st.multiselect(
        "Tags",
        before,
        default=before,
        accept_new_options=True,
        placeholder="name=value, then Enter",
        key=f"{key}_tags",
    )
    pairs = (str(text).partition("=") for text in chosen)
    return {name.strip(): value.strip() for name, _, value in pairs}


@st.dialog("Track with DVC", icon=":material/commit:")
def _write_dvc(version: DatasetVersionInfo) -> None:
    """Write the content into the cache of a repository of DVC, and the file that names it."""
    key = f"dataset_dvc_{version.ref}"
    st.markdown(
        "The content goes into the cache of a repository on this machine, and a `.dvc` file names "
        "it. `dvc checkout` then makes the file."
    )
    path = st.text_input(
        "Path of the data",
        placeholder="/repository/data/sales.parquet",
        live=True,
        key=f"{key}_path",
    )
    path = (path or "").strip()
    missing = "" if path else "Give a path in a repository first"
    if dialog_buttons("Write", key, missing=missing) and run_or_show_error(
        lambda: workspace().data.write_dvc(version.ref, path)
    ):
        _done(f"{version.ref} is tracked as {path}.dvc")


@st.dialog("Mark as superseded", icon=":material/move_down:")
def _supersede(version: DatasetVersionInfo) -> None:
    frame = workspace().data.versions(version.dataset)
    others = [
        ref
        for ref, state in zip(frame["ref"], frame["status"], strict=True)
        if state == "active" and ref != version.ref
    ]
    if not others:
        st.markdown(f"**{literal(version.dataset)}** has no other active version.")
        return

    st.markdown(
        f"The name **{literal(version.dataset)}** no longer resolves to this version; it can "
        "still be read by its version number. *Restore* undoes this."
    )
    by = st.selectbox("Superseded by", others, key="dataset_supersede_by")
    reason = reason_input("dataset_supersede_reason")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons(
        "Mark as superseded", "dataset_supersede", missing=missing
    ) and run_or_show_error(lambda: workspace().data.supersede(version.ref, by, reason)):
        _done(f"{version.ref} is superseded by {by}")


def _archive(version: DatasetVersionInfo) -> None:
    confirm(
        "Archive this version",
        f"**{literal(version.ref)}** will be hidden from lists, and the name "
        f"**{literal(version.dataset)}** resolves to the newest remaining version. Nothing is "
        "deleted: what uses it still works, and it can be restored from this page.",
        verb="Archive",
        command=lambda reason: workspace().data.archive(version.ref, reason),
        done=f"{version.ref} is archived",
        icon=":material/archive:",
    )


def _restore(version: DatasetVersionInfo) -> None:
    confirm(
        "Restore this version",
        f"**{literal(version.ref)}** becomes active again. If it is the newest version, the name "
        f"**{literal(version.dataset)}** resolves to it.",
        verb="Restore",
        command=lambda reason: workspace().data.restore(version.ref, reason),
        done=f"{version.ref} is active again",
        icon=":material/unarchive:",
    )


def _delete(version: DatasetVersionInfo) -> None:
    uses = workspace().data.uses(version.ref)
    if uses:
        _uses_dialog(version)
        return
    confirm(
        "Delete this version",
        f"Nothing uses **{literal(version.ref)}**. Deleting cannot be undone, and its number is "
        "not used again. The audit log (Activity) keeps its entries. The file stays in the "
        "artifact store, where other versions may share it.",
        verb="Delete",
        command=lambda reason: workspace().data.delete(version.ref, reason),
        done=f"{version.ref} is deleted",
        icon=":material/delete:",
        type_to_confirm=version.ref,
        then=screen("data"),
    )


@st.dialog("This version is used", icon=":material/delete:")
def _uses_dialog(version: DatasetVersionInfo) -> None:
    """What uses the version, each a link; such a version can only be archived."""
    uses = workspace().data.uses(version.ref)
    st.markdown(
        f"**{literal(version.ref)}** cannot be deleted: {plural(len(uses), 'object')} "
        f"{'uses' if len(uses) == 1 else 'use'} it. Archive it instead."
    )

    for use in uses[:MAX_USES]:
        with st.container(horizontal=True, vertical_alignment="center"):
            link(address(use.kind, use.ref), literal(use.name), icon=ICONS.get(use.kind))
            st.markdown(f":small[:gray[{use.how}]]", width="content")

    if len(uses) > MAX_USES:
        st.markdown(f":small[:gray[and {len(uses) - MAX_USES} more]]")
    if st.button("Close", key="dataset_used_close"):
        st.rerun()


def _done(message: str) -> None:
    toast_next(literal(message))
    st.rerun()


_COMMANDS: Mapping[str, tuple[str, Callable[[DatasetVersionInfo], None]]] = {
    "Edit details": (":material/edit:", _edit),
    "Track with DVC": (":material/commit:", _write_dvc),
    "Release": (":material/lock_open:", _release),
    "Mark as superseded": (":material/move_down:", _supersede),
    "Archive": (":material/archive:", _archive),
    "Restore": (":material/unarchive:", _restore),
    "Retention": (":material/auto_delete:", lambda version: retention_dialog(version.dataset)),
    "Delete": (":material/delete:", _delete),
}
