"""A text becomes a tree and a tree a text; what cannot be read is told in its place."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.experiments import query
from pilothouse.experiments.query import (
    MATCH_ALL,
    And,
    FieldReference,
    Not,
    Now,
    Or,
    ParseError,
    Predicate,
    Tree,
    parse,
    write,
)
from pilothouse.experiments.query.syntax_tree import PARTS

AUC = Predicate(FieldReference("metrics", "auc"), ">", 0.8)
FOREST = Predicate(FieldReference("", "text"), "CONTAINS", "forest")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
KEYS = st.one_of(
    st.sampled_from(
        ["auc", "f1 score", "a.b", "and", "now", "nan", "null", "`", '"', "x'y", "val/a"]
    ),
    TEXTS.filter(bool),
)
FIELDS = st.one_of(
    st.builds(FieldReference, st.just(""), KEYS),
    st.builds(FieldReference, st.sampled_from(["metrics", "params", "tags", "größe", "x_1"]), KEYS),
    st.builds(FieldReference, st.just("metrics"), KEYS, st.sampled_from(PARTS)),
)
SPANS = st.timedeltas(timedelta(0), timedelta(days=90_000))
MOMENTS = st.builds(Now, st.timedeltas(timedelta(days=-90_000), timedelta(days=90_000)))
NUMBERS = st.floats(allow_nan=False)
SINGLES = st.one_of(TEXTS, NUMBERS, SPANS, MOMENTS)
SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "=~", "!~"])
CLAIMS = st.one_of(
    st.builds(Predicate, FIELDS, SIGNS, SINGLES),
    st.builds(
        Predicate,
        FIELDS,
        st.sampled_from([f"{no}{word}" for no in ("", "NOT ") for word in ("LIKE", "CONTAINS")]),
        SINGLES,
    ),
    st.builds(Predicate, FIELDS, st.sampled_from(["IN", "NOT IN"]), st.lists(SINGLES).map(tuple)),
    st.builds(
        Predicate,
        FIELDS,
        st.sampled_from(["IS NULL", "IS NOT NULL", "IS NAN", "IS NOT NAN"]),
        st.none(),
    ),
)


def branches(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, parts))


TREES = st.one_of(st.just(MATCH_ALL), st.recursive(CLAIMS, branches, max_leaves=8))


@given(TREES)
def test_what_is_written_is_read_as_the_same(tree: Tree) -> None:
    assert parse(write(tree)) == tree


@given(TREES)
def test_writing_is_canonical(tree: Tree) -> None:
    assert write(parse(write(tree))) == write(tree)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    refused = None
    try:
        tree = parse(text)
    except ParseError as unreadable:
        refused = unreadable
    if refused is None:
        assert parse(write(tree)) == tree
    else:
        assert 1 <= refused.column <= len(text) + 1
        assert refused.fields["filter"].startswith(f"column {refused.column}: ")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", MATCH_ALL),
        ("  \n ", MATCH_ALL),
        ("metrics.auc > 0.8", AUC),
        ("metrics.auc>8e-1", AUC),
        ('metrics."auc" > .8', AUC),
        ("metrics.`auc` > 0.80", AUC),
        ("forest", FOREST),
        ("'forest'", FOREST),
        ('"forest"', FOREST),
        ("text contains 'forest'", FOREST),
        ("metrics.auc > 0.8 and forest", And((AUC, FOREST))),
        ("forest OR metrics.auc > 0.8 AND forest", Or((FOREST, And((AUC, FOREST))))),
        ("(forest OR forest) and forest", And((Or((FOREST, FOREST)), FOREST))),
        ("NOT NOT forest", Not(Not(FOREST))),
        ("not forest and forest", And((Not(FOREST), FOREST))),
        ("best(metrics.auc) > 1", Predicate(FieldReference("metrics", "auc", "best"), ">", 1.0)),
        (
            "BEST( metrics.`a b` ) > 1",
            Predicate(FieldReference("metrics", "a b", "best"), ">", 1.0),
        ),
        ('`run name` == "it\'s"', Predicate(FieldReference("", "run name"), "=", "it's")),
        ("tags.a.b <> 'it''s'", Predicate(FieldReference("tags", "a.b"), "!=", "it's")),
        ("params.x in ('a', 2)", Predicate(FieldReference("params", "x"), "IN", ("a", 2.0))),
        ("id not  in ('a')", Predicate(FieldReference("", "id"), "NOT IN", ("a",))),
        ("name not like 'a%'", Predicate(FieldReference("", "name"), "NOT LIKE", "a%")),
        ("name =~ '^a'", Predicate(FieldReference("", "name"), "=~", "^a")),
        ("metrics.loss is nan", Predicate(FieldReference("metrics", "loss"), "IS NAN", None)),
        ("metrics.loss = -inf", Predicate(FieldReference("metrics", "loss"), "=", float("-inf"))),
        ("duration > 1h30m", Predicate(FieldReference("", "duration"), ">", timedelta(hours=1.5))),
        (
            "created > now - 7d",
            Predicate(FieldReference("", "created"), ">", Now(-timedelta(days=7))),
        ),
        (
            "created > NOW-1w",
            Predicate(FieldReference("", "created"), ">", Now(-timedelta(days=7))),
        ),
        ("created < now", Predicate(FieldReference("", "created"), "<", Now())),
        ("nowhere", Predicate(FieldReference("", "text"), "CONTAINS", "nowhere")),
        ("order = 'a'", Predicate(FieldReference("", "order"), "=", "a")),
    ],
)
def test_a_filter_becomes_a_tree(text: str, tree: Tree) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("metrics.auc>.5 or (forest and name='a')", "metrics.auc > 0.5 OR 'forest' AND name = 'a'"),
        ("metrics.`auc` is not null", "metrics.auc IS NOT NULL"),
        ("duration > 5400s", "duration > 90m"),
        ("created > now-48h", "created > now - 2d"),
        ("a IN (1.0, 'x')", "a IN (1, 'x')"),
    ],
)
def test_a_tree_is_written_in_one_way(text: str, canonical: str) -> None:
    assert write(parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("metrics.auc > ", 14, "at its end: expected a value"),
        ("metrics.auc > kaese", 15, "near 'kaese': string values must be quoted: 'kaese'"),
        ("metrics.auc 0.8", 13, "near '0.8': expected an operator"),
        ("metrics. > 1", 1, "a key is expected after the dot"),
        ("name = 'a' name = 'b'", 12, "expected AND, OR or the end"),
        ("(name = 'a'", 12, "at its end: expected AND, OR or a closing"),
        ("name = 'a')", 11, r"near '\)': expected AND, OR or the end"),
        ("name = 'a", 8, "the quote ' is never closed"),
        ("name in 'a'", 9, "expected a list such as"),
        ("name in ('a' 'b')", 14, "a comma or the "),
        ("name = ('a')", 8, "a list needs IN"),
        ("name not 'a'", 10, "after NOT"),
        ("name is 3", 9, "expected NULL, NAN or NOT"),
        ("name = 'a' && name = 'b'", 12, "try AND"),
        ("created > 7days", 11, "neither a number nor a duration"),
        ("created > now - 7", 15, "neither a number nor a duration|expected"),
        ("and", 1, "expected a comparison such as"),
        ("name = 'a' and", 15, "at its end: expected a comparison"),
        ("duration > 9999999999999999999w", 12, "this duration is too long"),
        (f"duration > {'1' * 9_000}d", 12, "this duration is too long"),
        ("name = 'a\0'", 10, "not allowed"),
        ("(" * 51 + "a", 51, "nests deeper than 50 levels"),
        ("not " * 51 + "a", 201, "nests deeper than 50 levels"),
        ("a and " * 300 + "a", 1797, "more than 300 conditions"),
        ("a in (" + "1," * 10_002 + "1)", 20_008, "more than 10,000 values"),
        ("a" * 100_001, 100_001, "at most 100,000 characters"),
    ],
)
def test_what_cannot_be_read_is_told_in_its_place(text: str, column: int, message: str) -> None:
    with pytest.raises(ParseError, match="the filter cannot be read") as refused:
        parse(text)
    assert re.search(message, str(refused.value))
    assert refused.value.column == column
    assert refused.value.fields["filter"].startswith(f"column {column}: ")


def test_brackets_that_close_do_not_add_up() -> None:
    assert parse(" and ".join(["(a = 1)"] * 100)) == And((parse("a = 1"),) * 100)
    assert parse("(" * 50 + "a = 1" + ")" * 50) == parse("a = 1")


def test_a_builder_takes_flat_filters_apart_and_puts_them_together() -> None:
    assert query.flat_predicates(parse("metrics.auc > 0.8 and forest")) == ("AND", [AUC, FOREST])
    assert query.flat_predicates(parse("metrics.auc > 0.8 or forest")) == ("OR", [AUC, FOREST])
    assert query.flat_predicates(parse("forest")) == ("AND", [FOREST])
    assert query.flat_predicates(parse("")) == ("AND", [])
    assert query.flat_predicates(parse("not forest")) is None
    assert query.flat_predicates(parse("forest and (forest or forest)")) is None
    assert query.join_predicates("OR", [AUC, FOREST]) == "metrics.auc > 0.8 OR 'forest'"
    assert query.join_predicates("AND", [AUC]) == "metrics.auc > 0.8"
    assert query.join_predicates("AND", []) == ""


@pytest.mark.parametrize(
    "column", ["name", "metrics.auc", "metrics.f1 score@best", "tags.a.b", "params.x@y"]
)
def test_a_column_of_a_run_table_is_a_field(column: str) -> None:
    assert FieldReference.of(column).column == column
    [claim] = query.flat_predicates(
        parse(query.join_predicates("AND", [Predicate(FieldReference.of(column), "=", "a")]))
    )[1]  # type: ignore[index]
    assert claim.field == FieldReference.of(column)
