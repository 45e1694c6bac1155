"""A filter is parsed once, however many statements the page and the count of its runs take."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.query import Tree
from pilothouse.experiments.query.runs import Condition, RunLanguage
from pilothouse.experiments.run_table.filters import compiled_query
from pilothouse.storage import Store

PARSING = import_module("pilothouse.experiments.query.parse")  # the package has a function `parse`


@pytest.fixture
def room(store: Store) -> Experiments:
    experiments = Experiments(store)
    for index in range(6):
        run = experiments.start("flights", f"run-{index}")
        experiments.log_params(run, {"kind": "tree"})
        experiments.log_metrics(run, {"auc": index / 10} if index else {"loss": 1.0})
    return experiments


@pytest.mark.parametrize("sort", ["created", "name", "metrics.auc", "metrics.auc@best"])
def test_a_page_with_its_count_parses_the_filter_once(
    room: Experiments, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    parsed: list[str] = []
    translated: list[Tree] = []
    parser, of_tree = PARSING._lark(), RunLanguage.of_tree

    class Counting:
        def parse(self, text: str) -> Any:
            parsed.append(text)
            return parser.parse(text)

    def counted(language: RunLanguage, tree: Tree) -> Condition:
        translated.append(tree)
        return of_tree(language, tree)

    monkeypatch.setattr(PARSING, "_lark", Counting)
    monkeypatch.setattr(RunLanguage, "of_tree", counted)
    PARSING.parse.cache_clear()
    filter = RunFilter(query="params.kind = 'tree' and (metrics.auc > 0.2 or metrics.loss > 0)")

    page = room.runs(filter, sort, size=2)
    assert len(page) == 2
    assert len(translated) <= 2  # for the walk along an index, and for a full read
    assert room.count(filter) == 4
    assert parsed == [filter.query]


def test_another_query_is_never_answered_with_the_parsed_form_of_the_first() -> None:
    from dataclasses import replace
    from datetime import UTC, datetime

    language = RunLanguage(datetime(2026, 3, 1, tzinfo=UTC))
    first = RunFilter(query="name = 'a'", compiled=language.compile("name = 'a'"))
    second = replace(first, query="name = 'b'")
    assert compiled_query(first) is first.compiled
    assert compiled_query(second).text == "name = 'b'"
