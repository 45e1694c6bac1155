"""The data and the logs as this browser sees them: masked, but for what a person has revealed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.formats import plural
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import chosen_name, workspace

if TYPE_CHECKING:
    from pilothouse.data.personal_data.masked_data import MaskedData
    from pilothouse.data.personal_data.masking import Masking
    from pilothouse.deployments.masked_log import MaskedLog
    from pilothouse.monitoring import Monitoring

REVEALED = "_revealed"  # in the session: (kind, name, person) of what is not masked
DATASET, DEPLOYMENT = "dataset", "deployment"


def masked_data() -> MaskedData:
    """The datasets as this browser sees them; every screen reads rows and profiles here."""
    return workspace().data.masked(_revealed(DATASET))


def masked_log() -> MaskedLog:
    """The prediction logs as this browser sees them."""
    return workspace().deployments.masked(_revealed(DEPLOYMENT))


def shown_monitoring() -> Monitoring:
    """Monitoring as this browser sees it: true values of the deployments that are revealed."""
    return workspace().monitoring.revealing(_revealed(DEPLOYMENT))


def dataset_notice(ref: str, columns: Iterable[str]) -> None:
    """Say which of some columns of a dataset are masked, and offer to reveal or hide them."""
    dataset = ref.partition("@")[0]
    masking = workspace().data.masked().masking(dataset)
    _notice(DATASET, dataset, masking, columns, workspace().data.reveal)


def log_notice(name: str, columns: Iterable[str]) -> None:
    """The same of the inputs in a deployment's log."""
    masking = workspace().deployments.masked().masking(name)
    _notice(DEPLOYMENT, name, masking, columns, workspace().deployments.reveal)


def _notice(
    kind: str,
    name: str,
    masking: Masking,
    columns: Iterable[str],
    reveal: Callable[[str, str], object],
) -> None:
    titles = masking.titles(columns)
    if not titles:
        return
    is_revealed = name in _revealed(kind)
    names = ", ".join(f"{literal(column)} ({what})" for column, what in titles.items())
    state = "Personal data is shown" if is_revealed else "Masked as personal data"
    icon = ":material/visibility:" if is_revealed else ":material/visibility_off:"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":small[:gray[{icon} {state}: {names}.]]", width="content")
        label = "Mask" if is_revealed else "Reveal"
        if st.button(label, type="tertiary", key=f"reveal_{kind}"):
            if is_revealed:
                _keep(kind, name, revealed=False)
                st.rerun()
            _reveal(kind, name, len(titles), reveal)


def _reveal(kind: str, name: str, columns: int, reveal: Callable[[str, str], object]) -> None:
    def act(reason: str) -> None:
        reveal(name, reason)
        _keep(kind, name, revealed=True)

    confirm(
        "Reveal personal data",
        f"The values of {plural(columns, 'column')} of **{literal(name)}** are shown in this "
        "browser until it is closed or *Mask* is pressed. Your name and reason are recorded in the "
        "audit log (Activity). It needs the right *personal_data*.",
        verb="Reveal",
        command=act,
        done="Personal data is shown in this browser",
        icon=":material/visibility:",
    )


def _keep(kind: str, name: str, *, revealed: bool) -> None:
    entries = set(st.session_state.get(REVEALED, ()))
    entry = (kind, name, chosen_name())
    st.session_state[REVEALED] = entries | {entry} if revealed else entries - {entry}


def _revealed(kind: str) -> list[str]:
    """What the person who is chosen now has revealed; another person begins with masks."""
    person = chosen_name()
    entries = st.session_state.get(REVEALED, ())
    return [name for of, name, by in entries if (of, by) == (kind, person)]
