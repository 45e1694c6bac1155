"""Pages of a window and of a period: right figures, safe text, one small file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from pilothouse import __version__
from pilothouse.activity import record
from pilothouse.cli.root import root
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.pages.markup import Html, clip, tag
from pilothouse.kit.pages.svg_axes import Scale, ticks
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.performance import MonitoredMetric
from pilothouse.monitoring.report_pages.period_page import MAX_MAPPED, read_period
from pilothouse.monitoring.report_pages.svg_timeline import status_map
from pilothouse.monitoring.report_pages.value_text import MetricText
from pilothouse.monitoring.windows import Span

ROWS = 1_500
MAX_BYTES = 300_000
INJECTED = "<script>alert('1')</script>"


def frame_of_week(desk: Any, number: int, *, missing: bool = False) -> pd.DataFrame:
    """The rows of a week; a third of the hours may be missing, the scores worth nothing."""
    frame = desk.draw(ROWS, seed=100 + number, skill=0.0 if missing else 1.0)
    if missing:
        frame["hour"] = frame["hour"].astype("float64").where(np.arange(ROWS) % 3 > 0)
    return frame


def week(desk: Any, number: int, *, missing: bool = False) -> str:
    """Log and evaluate a week."""
    desk.log(frame_of_week(desk, number, missing=missing), desk.week(number))
    desk.clock.advance(timedelta(minutes=1))
    return str(desk.evaluate(desk.week(number))["window"])


def parsed(page: bytes) -> ElementTree.Element:
    """The page as a tree: it is well-formed XML, which no text of a column can break."""
    return ElementTree.fromstring(page)


def text_of(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def rows_of(tree: ElementTree.Element, title: str) -> list[list[str]]:
    """The rows of the table below a heading."""
    main = tree.find("body/main")
    assert main is not None
    parts = list(main)
    start = next(i for i, part in enumerate(parts) if part.tag == "h2" and text_of(part) == title)
    body = next(part for part in parts[start:] if part.find(".//tbody") is not None)
    return [[text_of(cell) for cell in row] for row in body.findall(".//tbody/tr")]


def tiles_of(tree: ElementTree.Element) -> dict[str, list[str]]:
    tiles = [part for part in tree.iter("div") if part.get("class") == "tile"]
    return {text_of(part[0]): [text_of(line) for line in part[1:]] for part in tiles}


def share(value: float) -> str:
    return f"{value * 100:.1f} %"


@pytest.fixture
def story(desk: Any) -> tuple[Any, list[str]]:
    """Two good weeks, another version deployed, and two bad weeks."""
    good = [week(desk, number) for number in range(2)]
    desk.clock.advance(desk.week(2) - timedelta(days=2) - desk.clock.now())
    with desk.store.write() as session:
        record(session, desk.store, "swapped", "deployment", "late", after={"version": "late@1"})
    return desk, [*good, *(week(desk, number, missing=True) for number in (2, 3))]


def test_the_page_of_a_window_has_its_figures(story: Any) -> None:
    desk, windows = story
    tree = parsed(desk.monitoring.window_page(windows[-1]))
    whole = text_of(tree)
    assert "late, 25 to 31 Mar 2013" in whole
    assert "late@1" in whole
    for sentence in desk.monitoring.explain_window(windows[-1]).sentences:
        assert sentence in whole

    frame = frame_of_week(desk, 3, missing=True)
    area = roc_auc_score(frame["late"], frame["score"])
    metric = desk.monitoring.explain_window(windows[-1]).metric
    tiles = tiles_of(tree)
    assert tiles["Predictions"][0] == "1,500"
    assert tiles["Labelled"] == ["1,500", "100.0 % of the predictions"]
    assert tiles["ROC AUC"] == [
        f"{area:.4f}",
        f"{metric.low:.4f} to {metric.high:.4f} (95 %)",
        f"reference {metric.reference:.4f}",
    ]
    assert tiles["ROC AUC, estimated"][0] == f"{metric.estimated:.4f}"
    assert "Missing: 0 % → 33 %" in whole
    assert "OK Share of drifted columns: 0.000, limit 0.50" in whole
    assert f"by Pilothouse {__version__}." in whole
    assert "6,000 held-out rows" in whole
    assert "Another version was deployed (late@1), by" in whole


def test_columns_come_by_harm_and_metrics_as_they_were_evaluated(story: Any) -> None:
    desk, windows = story
    tree = parsed(desk.monitoring.window_page(windows[-1]))
    ranking = desk.monitoring.drift_ranking(windows[-1])
    rows = rows_of(tree, "Columns by harm")
    assert [row[0] for row in rows] == list(ranking["column"])
    first = ranking.iloc[0]
    assert rows[0][:5] == [
        "hour", "Failing", share(first["changed_share"]), "0.2000", f"{first['harm']:.4f}",
    ]  # fmt: skip

    results = desk.monitoring.results(windows[-1])
    observed = results[results["signal"] == "performance"].set_index("check")
    metrics = {row[0]: row for row in rows_of(tree, "Performance")}
    brier = observed.loc["brier"]
    with_error = f"{brier['score']:.4f} ± {brier['standard_error']:.2g}"
    assert metrics["Brier score"][2] == with_error
    assert metrics["Brier score"][4] == f"{brier['reference']:.4f}"
    assert metrics["Share of labelled rows"][2] == "100.0 %"


def test_breaches_of_data_quality_are_in_words(story: Any) -> None:
    desk, windows = story
    results = desk.monitoring.results(windows[-1])
    missing = results[(results["check"] == "missing") & (results["column"] == "hour")].iloc[0]
    whole = text_of(parsed(desk.monitoring.window_page(windows[-1])))
    note = f"(score {missing['score']:.3f}, limit {missing['threshold']:.2f})"
    assert f"Failing hour · Missing: {missing['message']} {note}" in whole


def test_a_distribution_is_drawn_to_scale(story: Any) -> None:
    """The bars of carrier: 58 of 340 units are the largest share, the rest in proportion."""
    desk, windows = story
    tree = parsed(desk.monitoring.window_page(windows[-1]))
    label = "Shares of carrier in the reference and in the window"
    chart = next(part for part in tree.iter("svg") if part.get("aria-label") == label)
    bins = desk.monitoring.distributions(windows[-1], "carrier")
    for side, name in (("reference", "before"), ("current", "after")):
        widths = [float(bar.get("width", 0)) for bar in chart if bar.get("class") == name]
        highest = bins[["reference", "current"]].to_numpy().max()
        assert widths == pytest.approx(list(bins[side] / highest * 150), abs=0.06)


def test_a_page_is_made_without_rows_and_needs_nothing(story: Any) -> None:
    desk, windows = story
    before = desk.monitoring.window_page(windows[-1])
    for tree in ("predictions", "labels"):
        shutil.rmtree(desk.store.folder / tree)
    page = desk.monitoring.window_page(windows[-1])
    assert page == before
    text = page.decode()
    assert not re.search(r"https?:|<script|<link|@import|url\(|\bsrc=|\bon\w+=", text)
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert "prefers-color-scheme:dark" in text
    assert "@page{size:A4" in text


def test_a_good_window_and_one_without_labels_have_a_page(desk: Any) -> None:
    good = text_of(parsed(desk.monitoring.window_page(week(desk, 0))))
    assert "No breach;" in good
    assert "No deployment, data version, promotion or retraining." in good

    desk.log(desk.draw(ROWS, seed=1).drop(columns="late"), desk.week(1))
    window = str(desk.evaluate(desk.week(1))["window"])
    tiles = tiles_of(parsed(desk.monitoring.window_page(window)))
    assert tiles["ROC AUC"][0] == "–"  # noqa: RUF001
    assert tiles["ROC AUC, estimated"][0].startswith("0.")

    empty = str(desk.evaluate(desk.week(2))["window"])
    assert "0" in tiles_of(parsed(desk.monitoring.window_page(empty)))["Predictions"]
    with pytest.raises(NotFound):
        desk.monitoring.window_page("nothing")


def inputs_of(columns: int) -> Signature:
    """As many inputs, every third a category; of both kinds one has a name that is markup."""
    names = [f"a rather long name of column {index}" for index in range(columns)]
    names[0], names[1] = f"{INJECTED}0", f"\"'>&{INJECTED}\x01"
    fields = [
        SignatureField(name, "string" if index % 3 == 0 else "number")
        for index, name in enumerate(names)
    ]
    return Signature(inputs=tuple(fields), target="late", classes=(0, 1), positive=1)


def draw_inputs(desk: Any, signature: Signature, seed: int, *, moved: bool) -> pd.DataFrame:
    """Rows of these inputs; moved ones have other numbers, and categories that are markup."""
    rng = np.random.default_rng(seed)
    base = desk.draw(ROWS, seed=seed)
    categories = [f"{INJECTED} category {index} of forty" for index in range(40)]
    new = f"</text></svg>{INJECTED}"
    shares = [0.95, *[0.05 / 40] * 40] if moved else [0.0, *[1 / 40] * 40]
    columns: Mapping[str, Any] = {
        field.name: rng.choice([new, *categories], ROWS, p=shares)
        if field.type == "string"
        else rng.normal(3.0 if moved else 0.0, 1, ROWS)
        for field in signature.inputs
    }
    return pd.DataFrame(columns).assign(score=base["score"], late=base["late"])


def test_text_of_users_is_text_and_sixty_columns_stay_small(desk: Any) -> None:
    signature = inputs_of(60)
    wide = desk.register(3, draw_inputs(desk, signature, 1, moved=False), signature)
    wide.log(draw_inputs(desk, signature, 2, moved=True), desk.week(0))
    window = str(wide.evaluate(desk.week(0))["window"])
    page = desk.monitoring.window_page(window)
    assert len(page) < MAX_BYTES

    tree = parsed(page)
    assert not list(tree.iter("script"))
    assert b"<script" not in page
    names = [row[0] for row in rows_of(tree, "Columns by harm")]
    assert len(names) == 60
    assert clip(f"{INJECTED}0", 80) in names
    assert "\"'>&<script>alert('1')</script>\ufffd" in names
    assert f"{INJECTED} category" in text_of(tree)
    assert clip(f"</text></svg>{INJECTED}", 18) in text_of(tree)

    period = desk.monitoring.period_page("late", desk.week(0), desk.week(1))
    assert len(period) < MAX_BYTES
    assert b"<script" not in period
    assert parsed(period).find("body/main") is not None


def test_the_page_of_a_period_has_its_windows(story: Any) -> None:
    desk, windows = story
    page = desk.monitoring.period_page("late", desk.week(0), desk.week(4))
    assert len(page) < MAX_BYTES
    tree = parsed(page)
    whole = text_of(tree)
    assert "late, 4 to 31 Mar 2013" in whole
    assert "4 windows: 2 failing." in whole
    assert tiles_of(tree)["Predictions"][0] == "6,000"

    frame = desk.monitoring.windows("late")
    rows = rows_of(tree, "Windows")
    assert [row[0] for row in rows][-1] == "25 to 31 Mar 2013"
    assert [row[2] for row in rows] == ["OK", "OK", "Failing", "Failing"]
    assert [row[4] for row in rows] == [f"{value:.4f}" for value in frame["value"]]
    alerts = rows_of(tree, "Alerts")
    assert alerts[0][:5] == [
        "Performance", "Critical", "Firing", "18 to 24 Mar 2013", "25 to 31 Mar 2013",
    ]  # fmt: skip
    assert "Another version was deployed (late@1)" in whole
    points = list(tree.iter("circle"))
    assert [part.get("class") for part in points] == ["s-ok", "s-ok", "s-fail", "s-fail"]
    assert len(windows) == len(points)


def test_a_column_has_the_state_that_its_ranking_has(story: Any) -> None:
    desk, windows = story
    with desk.store.read() as session:
        columns = dict(read_period(session, "late", Span(desk.week(0), desk.week(4))).columns)
    for position, window in enumerate(windows):
        ranking = desk.monitoring.drift_ranking(window)
        statuses = {name: column[position] for name, column in columns.items()}
        assert statuses == dict(zip(ranking["column"], ranking["status"], strict=True))
    assert next(iter(columns)) == "hour"
    assert columns["hour"] == ["ok", "ok", "fail", "fail"]


def test_a_period_has_the_windows_that_begin_in_it(story: Any) -> None:
    desk, _ = story
    begun = desk.week(1) + timedelta(hours=1)
    page = desk.monitoring.period_page("late", begun, desk.week(3))
    assert [row[0] for row in rows_of(parsed(page), "Windows")] == ["18 to 24 Mar 2013"]
    with pytest.raises(NotFound) as error:
        desk.monitoring.period_page("late", desk.week(9), desk.week(10))
    assert "2013-03-04 to 2013-03-25" in (error.value.hint or "")
    with pytest.raises(Invalid):
        desk.monitoring.period_page("late", desk.week(1), desk.week(1))
    with pytest.raises(NotFound):
        desk.monitoring.period_page("nothing", desk.week(0), desk.week(1))


def test_a_year_of_days_of_sixty_columns_stays_small(desk: Any) -> None:
    """However often each column changes its state."""
    rng = np.random.default_rng(1)
    spans = [Span(start := desk.week(0) + timedelta(days=day), start + timedelta(days=1))
             for day in range(MAX_MAPPED)]  # fmt: skip
    columns = [
        (f"column {index}", list(rng.choice(["ok", "warn", "fail"], len(spans))))
        for index in range(60)
    ]
    drawn = status_map(columns, spans, label="States")
    assert len(drawn) < 200_000
    counts = [text_of(part) for part in ElementTree.fromstring(drawn) if part.tag == "text"]
    breached = sum(status != "ok" for status in columns[0][1])
    assert counts[1] == f"{breached} of {MAX_MAPPED}"


def test_commands_write_the_pages(story: Any, tmp_path: Path) -> None:
    desk, windows = story
    page, period = tmp_path / "window.html", tmp_path / "period.html"
    span = ("--from", "2013-03-04", "--to", "2013-04-01")
    for arguments in (
        ("page", windows[-1], "--output", str(page)),
        ("period-page", "late", *span, "--output", str(period)),
    ):
        options = ("--workspace", str(desk.store.folder), "--json")
        result = CliRunner().invoke(root, ["monitors", *arguments, *options])
        assert result.exit_code == 0, result.output
        assert json.loads(result.output)["file"] == arguments[-1]
    assert "late, 25 to 31 Mar 2013" in text_of(parsed(page.read_bytes()))
    assert len(rows_of(parsed(period.read_bytes()), "Windows")) == 4


def test_markup_escapes_whatever_is_not_markup() -> None:
    assert tag("b", "<i>", Html("<i/>"), title='"&', stroke_width=1.25) == (
        '<b title="&quot;&amp;" stroke-width="1.2">&lt;i&gt;<i/></b>'
    )
    assert clip("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.5, 1]), (0, 0.34, [0, 0.2]), (-3, 7, [0, 5]), (2, 2, [2])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, 3) == pytest.approx(expected)
    assert Scale(0, 2, 100, 0)(0.5) == 75


def test_a_metric_has_the_unit_of_its_target() -> None:
    minutes = MonitoredMetric(
        "mae", "Mean absolute error", "above", 0.25, True, ".4g", "minutes", True
    )
    metrics = MetricText((minutes,))
    assert metrics.value("mae", 1.5) == "1.5 minutes"
    assert metrics.with_error("mae", 1.5, 0.25) == "1.5 ± 0.25 minutes"
    assert metrics.interval("mae", 1.5, 0.25) == "1.01 to 1.99 minutes (95 %)"
    assert metrics.value("label_coverage", 0.5) == "50.0 %"
    assert metrics.value("accuracy", 0.5) == "0.5000"
    assert metrics.with_error("accuracy", None, 0.1) == "–"  # noqa: RUF001
