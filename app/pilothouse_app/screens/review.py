"""One review: a question at a time in large type, decided where it is read; then its minutes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import NotFound
from pilothouse_app.components.dialogs import run_from_callback
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import ago, plural, sentence, when
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.layout import large_type
from pilothouse_app.components.links import (
    ICONS,
    PageAddress,
    address,
    go_next,
    link,
    query_param,
    screen,
)
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.status import badge
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.attention.items import dismiss_dialog
from pilothouse_app.features.experiments.formatting import metric_title, metric_value
from pilothouse_app.features.monitoring.alerts import alert_buttons, alert_sentence
from pilothouse_app.features.monitoring.explanation import explanation_sentences
from pilothouse_app.features.pipelines.retraining import retraining_request
from pilothouse_app.features.registry.gates import verdict_summary, verdict_table
from pilothouse_app.features.registry.promote import consequence, current_evaluation, decide_buttons
from pilothouse_app.features.registry.votes import votes_section
from pilothouse_app.features.reviews.dialogs import end_review
from pilothouse_app.features.reviews.minutes_view import (
    changes_since,
    download_buttons,
    minutes_view,
    outcome_text,
    remarks,
)

if TYPE_CHECKING:
    from pilothouse.registry.info import PromotionInfo
    from pilothouse.reviews import AgendaItem, ItemMinutes, Minutes, ReviewInfo

SCREEN = Screen(
    title="Review",
    path="review",
    icon=":material/groups:",
    summary="One question at a time, decided in the meeting",
    parent="reviews",
)
MAX_METRICS = 4
QUESTIONS = {
    "promotion": "Promote {title}?",
    "retraining": "{title}",
    "alert": "{title}: what do we do?",
    "deployment": "{title}: what do we do?",
    "job": "{title} failed: does it matter?",
}


def render() -> None:
    """The review that the address names, at the item that it names."""
    review_id = query_param("id")
    back = ("Reviews", screen("reviews"))
    if not review_id:
        with header("Review", back=back):
            pass
        empty("Which review?", "The address names none.", to=("Open the reviews", back[1]))
        return

    minutes = workspace().reviews.minutes(review_id)
    review = minutes.review
    if not review.open:
        _ended(minutes, back)
        return

    number = _place(len(minutes.points))
    note = f"{number} of {len(minutes.points)}" if number else plural(len(minutes.points), "item")
    with header(review.title, note=note, back=back):
        _turn(review, number, len(minutes.points))
        if st.button("End the review", icon=":material/flag:", key="review_end"):
            end_review(minutes)
    refresh_when_changed(
        lambda: [point.outcome for point in workspace().reviews.minutes(review_id).points],
        key="review_live",
    )
    if number == 0:
        _agenda(minutes)
    else:
        _item(review, minutes.points[number - 1], number)


def _place(items: int) -> int:
    """The number of the item that the address names; 0 is the agenda."""
    text = query_param("item")
    return min(int(text), items) if text.isdecimal() and len(text) < 6 else 0


def _at(review: str, number: int) -> PageAddress:
    return screen("review", id=review, item=str(number))


def _turn(review: ReviewInfo, number: int, items: int) -> None:
    """Back and on by button or by the arrow keys."""
    st.button(
        "Previous",
        key="review_previous",
        shortcut="Left",
        disabled=number == 0,
        on_click=go_next,
        args=(_at(review.id, number - 1),),
    )
    st.button(
        "Next",
        type="primary",
        key="review_next",
        shortcut="Right",
        disabled=number == items,
        on_click=go_next,
        args=(_at(review.id, number + 1),),
    )


def _agenda(minutes: Minutes) -> None:
    """The first page: what is to be decided, and what changed since the last review."""
    review = minutes.review
    facts(
        {
            "Started": f"{ago(review.started_at)} by {literal(review.started_by)}",
            "People": literal(", ".join(review.people)),
        }
    )
    changes_since(minutes)
    if not minutes.points:
        empty("Nothing waits", "End the review: its minutes say so.", icon=":material/task_alt:")
        return
    for number, point in enumerate(minutes.points, 1):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.button(
                f"{number}. {literal(point.item.title)}",
                icon=ICONS.get(point.item.kind),
                type="tertiary",
                key=f"review_item_{number}",
                on_click=go_next,
                args=(_at(review.id, number),),
            )
            st.markdown(outcome_text(point, "waits"), width="content")


def _item(review: ReviewInfo, point: ItemMinutes, number: int) -> None:
    """One question with what is needed to answer it, and the buttons that answer it."""
    item = point.item
    question = QUESTIONS.get(item.kind, "{title}").format(title=item.title)
    with large_type("review"):
        _question(item, point, question, _at(review.id, number))
    _notes(review, point)


def _question(item: AgendaItem, point: ItemMinutes, question: str, here: PageAddress) -> None:
    st.title(literal(question), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(point.outcome if point.decisions else item.state)
        st.markdown(f":gray[waits since {when(item.at)}]", width="content")
        link(address(item.kind, item.ref), "Open its page", icon=ICONS.get(item.kind))

    drawing = {"alert": _alert, "retraining": _retraining}
    with suppress(NotFound):  # what was deleted since the start has its message only
        if item.kind == "promotion":
            _promotion(item, here)
        else:
            drawing.get(item.kind, _other)(item)


def _promotion(item: AgendaItem, here: PageAddress) -> None:
    promotion = workspace().registry.promotion(item.ref)
    _metrics(promotion)
    pending = promotion.status == "pending"
    verdicts = current_evaluation(promotion).verdicts if pending else promotion.newest_verdicts
    if pending:
        version = workspace().registry.version(promotion.model, promotion.version)
        st.markdown(f"#### {consequence(version, promotion.stage)}")
        with st.container(horizontal=True):
            decide_buttons(promotion, then=here, by_keyboard=True)
    votes_section(promotion)
    section("Gates now" if pending else "Gates at the decision", verdict_summary(verdicts))
    verdict_table(sorted(verdicts, key=lambda verdict: verdict.passed))


def _metrics(promotion: PromotionInfo) -> None:
    """The candidate's figures beside the champion's, on the same rows where there are such."""
    compared = promotion.evidence.get("comparison") or {}
    champion = promotion.evidence.get("champion") or {}
    own = compared.get("candidate") or promotion.evidence["candidate"]["metrics"]
    other = compared.get("champion") or champion.get("metrics") or {}
    rows = str(compared.get("rows") or "each on its own held-out rows")
    shared = [key for key in own if not other or key in other][:MAX_METRICS]
    kpi_row(
        [
            Kpi(
                metric_title(key),
                metric_value(key, own[key]),
                f"champion {metric_value(key, other[key])}" if key in other else "no champion",
            )
            for key in shared
        ]
    )
    st.caption(literal(rows))


def _alert(item: AgendaItem) -> None:
    monitoring = workspace().monitoring
    alert = monitoring.alert(item.ref)
    st.markdown(f"#### {literal(sentence(alert_sentence(item.message)))}")
    with suppress(NotFound):
        explanation_sentences(monitoring.explain(item.ref))
    with st.container(horizontal=True):
        alert_buttons(alert)


def _retraining(item: AgendaItem) -> None:
    st.markdown(f"#### {literal(sentence(item.message))}")
    retraining_request(item.ref)


def _other(item: AgendaItem) -> None:
    st.markdown(f"#### {literal(item.message) or 'No message'}")
    waiting = {other.id for other in workspace().attention.items()}
    if item.id in waiting and st.button("Dismiss", icon=":material/close:", key="review_dismiss"):
        dismiss_dialog([item.id])


def _notes(review: ReviewInfo, point: ItemMinutes) -> None:
    """What was done and said in this review, and a number to write more."""
    section("In this review")
    remarks((*point.decisions, *point.notes))
    key = f"review_note_{review.id}_{point.item.id}"
    text = st.text_area("Note for the minutes", key=key, height=80, max_chars=4000)
    st.button(
        "Add the note",
        icon=":material/edit_note:",
        key="review_note_add",
        disabled=not text.strip(),
        help=None if text.strip() else "Write a note first",
        on_click=_add_note,
        args=(review.id, point.item.id, key),
    )


def _add_note(review: str, item: str, key: str) -> None:
    text = str(st.session_state[key])
    if run_from_callback(lambda: workspace().reviews.note(review, item, text)):
        st.session_state[key] = ""


def _ended(minutes: Minutes, back: tuple[str, PageAddress]) -> None:
    review = minutes.review
    with header(review.title, status="ended", back=back):
        download_buttons(review.id)
    facts(
        {
            "Held": f"{when(review.started_at)} to {when(review.ended_at)}",
            "People": literal(", ".join(review.people)),
            "Decided": f"{minutes.decided} of {len(minutes.points)}",
            "Minutes": f"`{(review.minutes or '')[:12]}`",
        }
    )
    minutes_view(minutes)
