"""Filters find the runs that they mean, the same ones on every database."""

from __future__ import annotations

from itertools import cycle
from typing import ClassVar

import pytest

from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.query import runs
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store
from pilothouse.workspace import Workspace

EXPECTED_RUNS = [
    # metrics, and what is known of their history
    ("metrics.auc > 0.7", "b"),
    ("metrics.auc >= 0.7", "ab"),
    ("metrics.auc = 0.7", "a"),
    ("metric.auc != 0.7", "b"),
    ("metrics.auc < 0.75 and metrics.auc <= 0.7", "a"),
    ("metrics.auc in (0.7, 0.8)", "ab"),
    ("metrics.auc not in (0.7, 1)", "b"),
    ("best(metrics.auc) > 0.85", "a"),
    ("max(metrics.auc) = 0.9", "a"),
    ("min(metrics.auc) = 0.5", "a"),
    ("first(metrics.auc) = 0.5 or first(metrics.auc) = 0.8", "ab"),
    ("last(metrics.auc) = 0.7", "a"),
    ("count(metrics.auc) = 3", "a"),
    ("count(metrics.auc) is null", "c"),
    ("metrics.auc is null", "c"),
    ("metrics.auc is not null", "ab"),
    ("metrics.loss is nan", "a"),
    ("metrics.loss is not nan", "bc"),
    ("metrics.loss is not null", "abc"),
    ("metrics.loss != 0.2", "c"),
    ("metrics.loss < 0", "c"),
    ("metrics.top = inf", "a"),
    ("metrics.top < inf", ""),
    ("metrics.top <= inf and metrics.top > -inf and metrics.top != -inf", "a"),
    ("metrics.loss < -inf or metrics.loss <= -inf or metrics.loss = -inf", ""),
    ("metrics.`f1 score` > 0", "a"),
    ('metrics."f1 score" > 0', "a"),
    ("metrics.nobody > 0", ""),
    ("not metrics.auc > 0.75", "ac"),
    # parameters are numbers where the value is one
    ("params.depth > 3", "b"),
    ("params.depth >= 3.0", "ab"),
    ("params.depth = 3", "a"),
    ("params.depth != 3", "b"),
    ("params.depth = '3'", "a"),
    ("params.depth = '3.0'", ""),
    ("params.depth in (3, 10)", "ab"),
    ("params.lr in (0.1, 'auto')", "ab"),
    ("params.lr not in (0.1, 'x')", "b"),
    ("params.lr != 0.2", "a"),
    ("params.kind = 'tree'", "a"),
    ("param.kind like 't%'", "a"),
    ("params.kind like 'T%'", ""),
    ("params.kind not like 't%'", "b"),
    ("params.kind ilike 'T%'", "a"),
    ("params.kind not ilike 'T%'", "b"),
    ("params.kind contains 'RE'", "a"),
    ("params.odd like '50%_[x]*'", "a"),
    ("params.odd like '%[y]%'", ""),
    ("params.odd contains '%_['", "a"),
    ("params.odd contains '0_'", ""),
    ("params.odd like '50\\%%'", ""),
    ("params.depth =~ '^1?[03]$'", "ab"),
    ("params.lr is null", "c"),
    ("not params.lr = 'auto'", "ac"),
    # tags
    ("tags.team = 'red'", "a"),
    ("tags.team != 'red'", "b"),
    ("tags.team in ('red', 'blue')", "ab"),
    ("tags.dotted.key = 'it''s'", "a"),
    ('tags.`dotted.key` =~ "\'"', "a"),
    ("tags.team is null", "c"),
    ("tags.pilothouse.starred = 'yes'", "a"),
    ("starred = 'yes'", "a"),
    ("starred != 'yes'", "bc"),
    # the run's own facts, by our names and MLflow's
    ("name = 'a'", "a"),
    ("attributes.run_name in ('a', 'c')", "ac"),
    ("run.`run name` != 'a'", "bc"),
    ("status = 'finished'", "a"),
    ("status = 'FINISHED' or status = 'Failed'", "ab"),
    ("status in ('running', 'SCHEDULED')", "c"),
    ("status != 'KILLED'", "abc"),
    ("user = 'bob'", "c"),
    ("user_id =~ 'A'", ""),
    ("experiment = 'flights'", "ab"),
    ("experiment like 'deep/%'", "c"),
    ("experiment_id = '1'", "ab"),
    ("trainer = 'linear'", "b"),
    ("trainer != 'linear'", "a"),
    ("not trainer = 'linear'", "ac"),
    ("trainer is null", "c"),
    ("not (trainer = 'linear' or user = 'bob')", "a"),
    ("parent is not null", "b"),
    ("commit =~ '^c0'", "a"),
    ("dirty = 'yes'", "a"),
    ("dirty = 'no'", "b"),
    ("dirty is null", "c"),
    ("seed = 7", "a"),
    ("seed in (6, 7)", "a"),
    ("job = 'j1'", "a"),
    ("note is not null", "a"),
    ("note ilike '%best%'", "a"),
    ("error contains 'memory'", "b"),
    ("note != 'x'", "a"),
    ("not note = 'x'", "abc"),
    ("error is null", "ac"),
    # words by themselves
    ("forest", "a"),
    ("FOREST or linear", "ab"),
    ("'best one'", "a"),
    ("not best", "bc"),
    ("text not contains 'best'", "bc"),
    ("'%'", ""),
    # time: a runs from 12:00 to 12:30, b from 13:00 to 13:05, c since 14:00; now it is 15:00
    ("created > '2026-03-01 12:30'", "bc"),
    ("created >= '2026-03-01 13:00'", "bc"),
    ("created = '2026-03-01'", "abc"),
    ("created > '2026-03-01'", ""),
    ("created != '2026-03-01'", ""),
    ("created <= '2026-03-01'", "abc"),
    ("created < '2026-03-01'", ""),
    ("created = '2026-03'", "abc"),
    ("started = '2026-03-01T13:00:00Z'", "b"),
    ("started = '2026-03-01 14:00+01:00'", "b"),
    ("started = '2026-03-01 13:00:00.000001'", ""),
    ("start_time = 1772366400000", "a"),
    ("start_time > 1772366400000", "bc"),
    ("created >= now - 2h", "bc"),
    ("created > now - 2h", "c"),
    ("created < now - 90m", "ab"),
    ("ended > now - 7d", "ab"),
    ("ended > now", ""),
    ("created < now + 1d", "abc"),
    ("ended is null", "c"),
    ("not ended < now", "c"),
    ("duration > 10m", "ac"),
    ("duration = 300", "b"),
    ("duration >= 1h", "c"),
    # datasets: ours and those that clients describe
    ("datasets.name = 'flights'", "a"),
    ("datasets.name in ('flights', 'pixels')", "ac"),
    ("dataset.version = 'flights@2'", "a"),
    ("datasets.digest = 'd1'", "c"),
    ("datasets.context = 'training' or datasets.context = 'eval'", "ac"),
    ("datasets.name is null", "b"),
    ("not datasets.name = 'pixels'", "ab"),
    # rooms above
    ("models.name = 'late'", "ab"),
    ("model.version = 2", "b"),
    ("models.version >= 1 and models.version < 2", "a"),
    ("models.stage = 'Production'", "a"),
    ("models.stage != 'production'", "b"),
    ("models.alias = 'champion'", "a"),
    ("models.alias is null", "bc"),
    ("models.name is null", "c"),
    ("not models.name = 'late'", "c"),
    ("deployments.name like 'li%'", "a"),
    ("deployments.model = 'late'", "a"),
    ("deployments.version = 1", "a"),
    ("deployments.state = 'running'", "a"),
    ("deployments.name is null", "bc"),
    # joined
    ("metrics.auc > 0 and (params.kind = 'tree' or tags.team = 'blue') and not seed = 7", "b"),
    ("name = 'a' or name = 'b' and name = 'c'", "a"),
    ("", "abc"),
]

REFUSED = [
    ("foo = 1", 1, r"there is no field 'foo'\. Known: name, id.* A metric is metrics\.foo"),
    ("statu = 'x'", 1, r"there is no field 'statu'; did you mean status"),
    ("a and user_i = 'x'", 7, "did you mean user_id or user"),
    ("metricss.auc > 1", 1, r"there is no group of fields 'metricss'; did you mean metrics\.auc"),
    ("zzz.auc > 1", 1, "Known before a dot: metrics, params, tags, datasets, models, dep"),
    ("models.stag = 'x'", 1, r"did you mean models\.stage"),
    ("datasets.foo = 'x'", 1, r"Known: datasets\.name"),
    ("best(params.x) > 1", 1, r"best\(\) takes a metric"),
    ("bets(metrics.x) > 1", 1, r"there is no bets\(\); did you mean best\(\)\?"),
    ("metrics.auc > '0.7'", 15, "is a number; write it without quotes"),
    ("metrics.auc in ('a')", 13, "is a number; write it without quotes"),
    ("metrics.auc in ()", 13, "the list is empty"),
    ("metrics.auc > now", 15, "is a number"),
    ("metrics.auc like 'a'", 1, r"metrics\.auc takes the operators =, !=, >"),
    ("params.x > '3'", 12, "compares numbers; write the number without quotes"),
    ("params.x like 3", 15, "params.x is a text: write '3'"),
    ("tags.x > 'a'", 1, "tags.x takes the operators =, !=, CONTAINS"),
    ("tags.x = 3", 10, "is a text: write '3'"),
    ("tags.x in (3)", 8, "put each value of the list in quotes"),
    ("name in ()", 6, r"the list is empty: write IN \('a', 'b'\)"),
    ("status = 'done'", 10, "status is one of 'queued', 'running'"),
    ("status like 'f%'", 1, "status takes the operators =, !=, IN"),
    ("created > 'yesterday'", 11, "is an instant such as '2026-03-01'"),
    ("created > '2026-02-30'", 11, "there is no such day"),
    ("created > '0000-01'", 11, "there is no such day"),
    ("created > '9999-12'", 11, "there is no such day"),
    ("created > 5m", 11, "is an instant such as"),
    ("created contains '2026'", 1, "created takes the operators"),
    ("name =~ '(a'", 9, "the regular expression cannot be read at its end"),
    (f"name like '{'a' * 1001}'", 11, "at most 1000 characters"),
    ("metrics.auc", 1, r"expected an operator after metrics\.auc"),
    ("name and status", 1, "expected an operator after name"),
    ("text = 'x'", 1, "text takes only CONTAINS"),
    ("metrics.auc >", 14, "expected a value"),
]


def names(workspace: Workspace, query: str) -> str:
    return "".join(sorted(workspace.experiments.runs(RunFilter(query=query))["name"]))


def test_every_filter_finds_the_runs_that_it_means(fleet: Workspace) -> None:
    wrong = {
        claim: actual
        for claim, expected in EXPECTED_RUNS
        if (actual := names(fleet, claim)) != expected
    }
    assert wrong == {}


def test_count_and_table_agree_however_it_is_sorted(fleet: Workspace) -> None:
    room = fleet.experiments
    sorts = cycle(("metrics.auc", "experiment", "params.depth", "tags.team"))
    for (claim, expected), sort in zip(EXPECTED_RUNS, sorts, strict=False):
        filter = RunFilter(query=claim)
        assert room.count(filter) == len(expected), claim
        assert set(room.runs(filter, sort=sort)["name"]) == set(expected), (claim, sort)


def test_every_filter_and_its_opposite_are_the_whole(fleet: Workspace) -> None:
    for claim, expected in EXPECTED_RUNS:
        if claim:
            rest = names(fleet, f"not ({claim})")
            assert sorted(rest + expected) == ["a", "b", "c"], claim


def test_many_runs_are_looked_for_in_another_way_and_are_the_same(
    fleet: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MAX_FEW_RUNS", -1)
    wrong = {
        claim: actual
        for claim, expected in EXPECTED_RUNS
        if (actual := names(fleet, claim)) != expected
    }
    assert wrong == {}


@pytest.mark.parametrize(("claim", "column", "message"), REFUSED)
def test_what_cannot_be_meant_is_told_in_its_place(
    fleet: Workspace, claim: str, column: int, message: str
) -> None:
    with pytest.raises(Invalid, match=message) as refused:
        fleet.experiments.count(RunFilter(query=claim))
    assert refused.value.fields["filter"].startswith(f"column {column}: ")
    assert refused.value.exit_code == 2


def test_a_filter_is_one_part_of_many(fleet: Workspace) -> None:
    room = fleet.experiments
    filter = RunFilter(query="metrics.auc > 0", experiment="flights", statuses=("failed",))
    assert room.runs(filter)["name"].tolist() == ["b"]
    assert room.count(RunFilter(query="forest", archived=True)) == 0


def test_nothing_of_a_filter_is_ever_run(fleet: Workspace) -> None:
    assert names(fleet, "name = ''' OR 1=1 --'") == ""
    assert names(fleet, "tags.`'); DROP TABLE experiments_run; --` = 'x'") == ""
    assert names(fleet, "name in ('a', '); SELECT 1 --')") == "a"


def test_patterns_mean_the_same_on_every_database(fleet: Workspace) -> None:
    for pattern, expected in (
        ("^c0ffee$", "a"),
        ("(?i)^BEEF", "b"),
        ("^(c0|be)[a-f]{2,4}$", "ab"),
        ("^[^c]", "b"),
        ("\\d\\w", "a"),
        ("(?:^)*b", "b"),
        ("f.*f|x{2,}|^$", "a"),
        ("e{2}f?$", "ab"),
        ("a|", "ab"),
        ("()e(|f)", "ab"),
        ("[\\]\\-^.]", ""),
        ("\\W|\\D$", "ab"),
    ):
        assert names(fleet, f"commit =~ '{pattern}'") == expected, pattern
        assert names(fleet, f"commit !~ '{pattern}'") == "".join(sorted(set("ab") - set(expected)))


def test_a_list_of_many_values_is_read(fleet: Workspace) -> None:
    many = ", ".join(f"'{number}'" for number in range(9_000))
    assert names(fleet, f"name in ({many}, 'a')") == "a"
    assert names(fleet, " or ".join(["name = 'a'"] * 300)) == "a"
    assert names(fleet, f"{'(' * 49}name = 'a'{')' * 49}") == "a"
    assert names(fleet, f"{'not ' * 50}name = 'a'") == "a"


class TestExactParameters:
    """Values that differ as they were logged are different ones, whatever a float makes of them."""

    VALUES: ClassVar[dict[str, tuple[str, str]]] = {
        "batch": ("16383", "16384"),
        "day": ("20240131", "20240130"),
        "build": ("007", "7"),
        "seed": ("9007199254740993", "9007199254740992"),
        "rate": ("0.1", "0.10"),
        "minus": ("-07", "-7"),
        "zero": ("00", "0"),
    }

    @pytest.fixture
    def room(self, store: Store) -> Experiments:
        room = Experiments(store)
        for index, name in enumerate("ab"):
            run = room.start("exact", name, code=UNKNOWN)
            room.log_params(run, {key: pair[index] for key, pair in self.VALUES.items()})
        return room

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("params.batch = 16383", "a"),
            ("params.batch != 16383", "b"),
            ("params.batch > 16383", "b"),
            ("params.day in (20240131, 1)", "a"),
            ("params.day not in (20240131, 1)", "b"),
            ("params.build = 7", "b"),
            ("params.build = 007", "a"),
            ("params.build = '007'", "a"),
            ("params.build = 7.0", "b"),
            ("params.build != 7", "a"),
            ("params.build in (7, 8)", "b"),
            ("params.build > 6", "ab"),
            ("params.seed = 9007199254740993", "a"),
            ("params.seed = 9007199254740992", "b"),
            ("params.seed in (9007199254740992)", "b"),
            ("params.rate = 0.1", "ab"),
            ("params.rate = '0.1'", "a"),
            ("params.minus = -7", "b"),
            ("params.zero = 0", "b"),
            ("params.zero = 00", "a"),
        ],
    )
    def test_are_found_as_they_were_logged(
        self, room: Experiments, text: str, expected: str
    ) -> None:
        frame = room.runs(RunFilter(query=text))
        assert "".join(sorted(frame["name"])) == expected
