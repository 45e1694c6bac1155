"""The maturity of the workspace: its levels, the checks as a table, and one check in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.governance.maturity.checks import AREAS
from pilothouse.governance.maturity.scoring import LEVEL_TITLES, LEVELS, REST
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.empty_state import nothing_found
from pilothouse_app.components.filters import choose_or_all, filter_bar, search, switch
from pilothouse_app.components.formats import plural, sentence, title
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import ICONS, PageAddress, address, link, query_param, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge
from pilothouse_app.components.table import status_column, table, text_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.governance.maturity.scoring import CheckedItem, LevelScore, MaturityReport
    from pilothouse.governance.maturity.verdicts import EvidenceLink

NEXT, MISSING, EVERY = "next", "missing", "every"
VIEWS = {NEXT: "To the next level", MISSING: "All that is missing", EVERY: "All checks"}
COLUMNS = {
    "title": text_column("Check", width=272),
    "state": status_column("State", width=96),
    "level": text_column("Level", width=62),
    "area": text_column("Area", width=96),
    "effort": text_column("Work", width=66, help="To mend it: minutes, hours or days"),
}
MAX_LINKS = 8
# What else the address of a section of an object's page has.
SECTIONS = {
    "card": {"version_view": "Card"},
    "datasheet": {"dataset_view": "Datasheet"},
    "retraining": {"deployment_view": "Retraining"},
    "labels": {"deployment_view": "Labels"},
}
PAGES = {
    "channels": screen("monitoring", monitoring_view="Notifications"),
    "attention": screen("attention"),
}
ATTESTED_HERE = "maturity"
TEST_SCORE = (
    "Half a point for what a person attests and one for what evidence shows, by section: data, "
    "model, infrastructure, monitoring. The score is the least of the four, of 7 each "
    "(Breck et al., 2017)."
)


def ml_test_score(report: MaturityReport) -> None:
    """The ML Test Score, with its sections when one points at it."""
    sections = ", ".join(f"{name} {points:g}" for name, points in report.sections.items())
    text = f":gray[ML Test Score] **{report.test_score:g}** :gray[of 7]"
    st.markdown(text, help=f"{sections}. {TEST_SCORE}", width="content")


def level_tiles(report: MaturityReport) -> None:
    """The level of the workspace, and that of each area."""
    areas = [
        Kpi(title(area), str(level), LEVEL_TITLES[level]) for area, level in report.areas.items()
    ]
    kpi_row([Kpi("Level", f"{report.level} of 4", report.title), *areas])


def level_line(report: MaturityReport) -> None:
    """What the next level still needs, in a sentence."""
    if report.level == LEVELS[-1]:
        st.markdown("Every level is reached. :gray[It is scored anew from what is stored.]")
        return
    following = report.levels[report.level]
    st.markdown(
        f"**To level {following.level}, {following.title.lower()}:** {_needs(following)} "
        ":gray[Levels help to collect evidence; they certify nothing.]"
    )


def _needs(level: LevelScore) -> str:
    must, rest = level.must - level.must_passed, REST * level.rest
    parts = []
    if must:
        parts.append(f"{plural(must, 'check')} of {level.must} that must pass")
    if level.points < rest:
        parts.append(
            f"{rest - level.points:.2g} more points of the other {level.rest} checks, of which "
            f"{REST:.0%} are needed"
        )
    return (", and ".join(parts) or "a lower level is missing") + "."


def checks_view(report: MaturityReport) -> None:
    """The checks that the filters leave, and the ticked one beside them."""
    items = _chosen(report)
    if not items:
        nothing_found("checks", key="no_checks")
        return
    left, right = st.columns([70, 30], gap="medium")
    with left, table_height("maturity", len(items), reserve=22) as height:
        ticked = table(
            _frame(items), COLUMNS, key="maturity", alt="Maturity checks", ids="name",
            select="one", height=height,
        )  # fmt: skip
    named = [*ticked[-1:], query_param("check")]
    with right:
        check_detail(next((i for i in items if i.name in named), items[0]), report)


def _chosen(report: MaturityReport) -> Sequence[CheckedItem]:
    with filter_bar():
        start = EVERY if query_param("check") else NEXT
        view = switch(
            "maturity_view", tuple(VIEWS), "Show", default=start, format_func=VIEWS.__getitem__
        )
        levels = [str(level) for level in LEVELS]
        level = choose_or_all(
            "maturity_level", levels, "Every level", format_func=_level_title, width=190
        )
        area = choose_or_all("maturity_area", AREAS, "Every area", format_func=title, width=150)
        text = search("maturity_search", "Search checks", width=180).lower()
    items = {NEXT: report.next_steps, MISSING: report.missing, EVERY: report.items}[view]
    return [
        item
        for item in items
        if level in ("", str(item.check.level))
        and area in ("", item.check.area)
        and text in f"{item.name} {item.check.title} {item.verdict.message}".lower()
    ]


def _level_title(level: str) -> str:
    return f"Level {level}: {LEVEL_TITLES[int(level)].lower()}"


def _frame(items: Sequence[CheckedItem]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": item.name,
            "title": item.check.title,
            "state": "attested" if item.verdict.attested else item.verdict.state,
            "level": f"{item.check.level}{', must' if item.check.must else ''}",
            "area": title(item.check.area),
            "effort": title(item.check.effort) if item.is_missing else "",
        }
        for item in items
    )


def check_detail(item: CheckedItem, report: MaturityReport) -> None:
    """What a check asks, the evidence, and where it is mended."""
    check, verdict = item.check, item.verdict
    with st.container(border=True, key="maturity_check"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{check.number}. {literal(check.title)}**")
            badge("attested" if verdict.attested else verdict.state)
        st.markdown(f":gray[{check.description}]")
        st.markdown(literal(sentence(verdict.message)))
        _mend(item)
        _links("Lacking", verdict.gaps)
        _links("Proved by", verdict.proofs)
        must = "must pass" if check.must else "counts among the rest"
        st.caption(f"Level {check.level}, {check.area}; {must}. {_tags(check.tags)}")
    _attest_button(item, report)


def _tags(tags: Sequence[str]) -> str:
    return f"Asked by {', '.join(tags)}." if tags else ""


def _links(heading: str, links: Sequence[EvidenceLink]) -> None:
    """The objects below each other; what all of them lack is said once."""
    if not links:
        return
    texts = {item.text for item in links}
    alike = next(iter(texts)) if len(texts) == 1 else ""
    st.markdown(f":gray[{heading}{f': {literal(alike)}' if alike else ''}]")
    with st.container(key=f"lines_{heading.split()[0].lower()}"):
        for item in links[:MAX_LINKS]:
            link(address(item.kind, item.ref), item.title, icon=ICONS.get(item.kind))
            if item.text and not alike:
                st.caption(literal(item.text))
    if len(links) > MAX_LINKS:
        st.markdown(f":gray[and {len(links) - MAX_LINKS} more]")


def _mend(item: CheckedItem) -> None:
    """The way to where it is mended; nothing when there is nothing to mend."""
    mend = item.check.mend
    if not item.is_missing or (mend.page == ATTESTED_HERE and not mend.kind):
        return
    link(_mended_at(item), mend.label, icon=":material/build:")


def _mended_at(item: CheckedItem) -> PageAddress:
    mend = item.check.mend
    gap = next((gap for gap in item.verdict.gaps if gap.kind == mend.kind), None)
    if gap is None:
        return PAGES.get(mend.page) or screen(mend.page)
    own = address(gap.kind, gap.ref)
    return PageAddress(own.page, {**own.params, **SECTIONS.get(mend.section, {})})


def _attest_button(item: CheckedItem, report: MaturityReport) -> None:
    if item.check.attest_days is None or not (item.is_missing or item.verdict.attested):
        return
    models = report.models if item.check.of_models else ("",)
    if not models:
        return
    label = "Attest it again" if item.verdict.attested else "Attest it"
    if st.button(label, icon=":material/draw:", key="maturity_attest"):
        attest_dialog(item, models)


@st.dialog("Attest a check", icon=":material/draw:")
def attest_dialog(item: CheckedItem, models: Sequence[str]) -> None:
    """State that what a check asks is so, for how long, and where one can see it."""
    check = item.check
    st.markdown(f"**{literal(check.title)}**  \n:gray[{check.description}]")
    model = models[0]
    if check.of_models:
        model = st.selectbox("Model", models, key="attest_model")
    text = st.text_area(
        "Statement", key="attest_text",
        placeholder="What is so, and where one can see it: a link, a document, a CI run",
    )  # fmt: skip
    days = st.number_input(
        "Days that it holds", 1, check.attest_days, check.attest_days, key="attest_days"
    )
    st.caption("It counts half, is signed with your name, and is kept in the audit log.")
    written, holds = (text or "").strip(), int(days or check.attest_days or 1)

    def attest() -> None:
        workspace().governance.attest(item.name, written, model=model, days=holds)

    missing = "" if written else "Write what is so first"
    if dialog_buttons("Attest", "attest", missing=missing) and run_or_show_error(attest):
        toast_next(f"{check.title} is attested")
        st.rerun()
