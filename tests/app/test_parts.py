"""The parts: addresses of every kind, figures in words, ticks by id, the fill rule, the theme."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from streamlit import config as options
from streamlit.testing.v1 import AppTest

from pilothouse_app.components import formats, layout
from pilothouse_app.components.links import PAGES, address, compare
from pilothouse_app.components.status import COLOURS, colour, status_title
from pilothouse_app.components.table import table_key
from pilothouse_app.screens import all_screens
from pilothouse_app.theme import FONTS, configuration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("kind", sorted(PAGES))
def test_every_kind_of_object_has_a_page_that_exists(kind):
    assert address(kind, "x").page in {screen.path for screen, _ in all_screens()}


def test_an_address_can_be_shared():
    assert address("dataset", "flights@1").url == "/dataset?ref=flights%401"
    assert compare(["a", "b"], baseline="a").url == "/compare?runs=a%2Cb&baseline=a"


def test_an_unknown_kind_is_found_on_activity():
    assert address("tag", "x").url == "/activity?activity_q=x"


def test_every_screen_has_its_own_address_and_says_what_it_is():
    screens = [screen for screen, _ in all_screens()]
    assert len({screen.path for screen in screens}) == len(screens)
    assert all(screen.summary for screen in screens)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.084, "84 ms"), (4.26, "4.3 s"), (42, "42 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds, told):
    assert formats.duration(seconds) == told


@pytest.mark.parametrize(
    ("value", "told"), [(950, "950"), (48_600, "48.6k"), (336_776, "337k"), (2_500_000, "2.5M")]
)
def test_a_large_count_is_short(value, told):
    assert formats.compact(value) == told


def test_what_is_missing_is_a_dash_and_never_nan():
    for write in (formats.number, formats.count, formats.share, formats.size, formats.duration):
        assert write(None) == write(math.nan) == formats.DASH


def test_a_difference_of_nothing_has_no_sign():
    assert formats.signed(0.0001, 3) == "0.000"
    assert formats.signed(0.25, 2) == "+0.25"


def test_an_instant_is_told_from_now():
    assert formats.ago(NOW - timedelta(minutes=5), NOW) == "5 min ago"
    assert formats.ago(NOW - timedelta(seconds=2), NOW) == "just now"


def test_raw_keys_become_words():
    assert formats.title("max_leaf_nodes") == "Max leaf nodes"
    assert formats.title("p95_ms") == "p95 (ms)"
    assert formats.parameter("0.03991401344") == "0.03991401344"
    assert formats.parameter("007") == "007"


def test_every_status_has_words_and_a_colour():
    assert all(status_title(status) and colour(status) for status in COLOURS)
    assert colour("never heard of") == "gray"


def test_the_key_of_a_table_changes_with_its_rows():
    assert table_key("runs", ["a", "b"]) != table_key("runs", ["b", "a"])


def test_a_table_that_fills_the_window_ends_with_a_whole_row():
    def page() -> None:
        import streamlit as st

        from pilothouse_app.components.layout import fill_window

        with fill_window("x", reserve=12):
            st.write("a table")

    run = AppTest.from_function(page).run()
    styles = "".join(str(each.proto.body) for each in run.get("html"))
    assert "round(down,100vh - 12rem - 33px,30px) + 33px" in styles


def test_the_fill_rule_bounds_the_block_by_the_window():
    rule = layout.RULE.format(key="fill_x", height="calc(100vh - 12rem)")
    assert "stLayoutWrapper]:has(> .st-key-fill_x){height:calc(100vh - 12rem)!important" in rule


def test_the_configuration_names_options_that_streamlit_has_and_calls_nobody():
    chosen = configuration(8501)
    assert set(chosen) <= set(options._config_options_template)
    assert chosen["browser.gatherUsageStats"] is False
    assert chosen["server.address"] == "127.0.0.1"
    assert all(face["url"].startswith("app/static/") for face in chosen["theme.fontFaces"])
    assert "http" not in str(chosen)
    assert len(chosen["theme.fontFaces"]) == len(FONTS)


def test_a_name_that_somebody_gave_is_no_key_of_ours():
    from pilothouse.experiments.metrics.kinds import METRICS
    from pilothouse_app.components.diff import readable

    message = "my_data@2 breaks the contract of my_data@1: wind_dir"
    assert readable(message, METRICS) == message
    assert readable("log_loss is worse than roc_auc", METRICS) == "Log loss is worse than ROC AUC"


def test_a_file_is_read_once_and_another_one_anew():
    def page() -> None:
        import streamlit as st

        from pilothouse_app.components.uploads import read_once

        def read() -> str:
            if name == "broken":
                raise ValueError(name)
            st.session_state["reads"] = st.session_state.get("reads", 0) + 1
            return f"content of {name}"

        name = st.text_input("Name", "a", key="name")
        try:
            st.markdown(read_once("_kept", name, read))
        except ValueError:
            st.markdown("refused")

    app = AppTest.from_function(page).run().run()
    assert (app.markdown[0].value, app.session_state["reads"]) == ("content of a", 1)
    app.text_input(key="name").set_value("broken").run()
    assert app.markdown[0].value == "refused"
    app.text_input(key="name").set_value("a").run().run()
    assert (app.markdown[0].value, app.session_state["reads"]) == ("content of a", 2)
