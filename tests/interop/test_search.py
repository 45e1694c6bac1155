"""The search language: a test per cell of MLflow's grammar, and what goes beyond it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.tracking_calls import Caller

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)

RUNS = [
    ("metrics.auc > 0.5", "bc"),
    ("metric.auc >= 0.7", "bc"),
    ("metrics.auc = 0.7", "b"),
    ("metrics.auc != 0.7", "ac"),
    ("metrics.auc < 0.7", "a"),
    ("metrics.auc <= 7e-1", "ab"),
    ("metrics.`f1 score` > 0", "a"),
    ('metrics."f1 score" > 0', "a"),
    ("params.kind = 'tree'", "ab"),
    ("param.kind != 'tree'", "c"),
    ("parameters.kind LIKE 'tr%'", "ab"),
    ("parameter.kind like 'TR%'", ""),
    ("params.kind ILIKE 'TR__'", "ab"),
    ("params.depth = '3'", "a"),
    ("params.depth IS NULL", "bc"),
    ("params.depth is not null", "a"),
    ("params.odd = 'x*[y'", "c"),
    ("params.odd LIKE '%*[_'", "c"),
    ("params.odd LIKE 'x?%'", ""),
    ("tags.team = 'red'", "a"),
    ("tag.team != 'red'", "b"),
    ("tags.`dotted.key` = 'it''s'", "b"),
    ("tags.dotted.key LIKE 'it%'", "b"),
    ("tags.team IS NULL", "c"),
    ("attributes.status = 'FINISHED'", "a"),
    ("status != 'FINISHED'", "bc"),
    ("attr.status ILIKE 'run%'", "bc"),
    ("run_name = 'a'", "a"),
    ("`run name` = 'a'", "a"),
    ("run.run_name LIKE '_'", "abc"),
    ("user_id = 'ada'", "ab"),
    ("artifact_uri LIKE 'mlflow-artifacts:/%/artifacts'", "abc"),
    ("start_time > 1000", "bc"),
    ("created <= 1000", "a"),
    ("attributes.end_time < 10000", "a"),
    ("metrics.auc > 0.5 AND params.kind = 'tree'", "b"),
    ("metrics.auc > 0.5 and tags.team = 'blue' and user_id = 'ada'", "b"),
    # beyond MLflow's grammar
    ("tags.team = 'red' OR tags.team = 'blue'", "ab"),
    ("NOT params.kind = 'tree'", "c"),
    ("(tags.team = 'red' OR metrics.auc > 0.8) AND NOT status = 'FINISHED'", "c"),
    ("tags.team IN ('red', 'green')", "a"),
    ("run_name NOT IN ('a')", "bc"),
    ("metrics.`f1 score` IS NULL", "bc"),
    ("", "abc"),
]
ORDERS = [
    (["metrics.auc"], "abc"),
    (["metrics.auc DESC"], "cba"),
    (["metrics.`f1 score` ASC", "run_name"], "abc"),
    (["params.depth desc", "attributes.run_name DESC"], "acb"),
    (["tags.team", "run_name"], "bac"),
    (["attributes.start_time ASC"], "abc"),
    (["user_id", "start_time DESC"], "bac"),
    ([], "cba"),
]
REFUSED = [
    ("metrics.auc > '0'", "Expected numeric value type for metric. Found '0'"),
    ("params.kind = 1", "Expected a quoted string value for parameter (e.g. 'my-value')."),
    ("tags.team = 1", "Expected a quoted string value for tag (e.g. 'my-value')."),
    ("params.kind > '1'", "Invalid comparator '>' not one of"),
    ("metrics.auc", "Invalid clause(s) in filter string:"),
    ("metrics.auc >", "Invalid clause(s) in filter string:"),
    ("(metrics.auc > 1", "Invalid clause(s) in filter string:"),
    ("metrics.auc > 1 AND", "Invalid clause(s) in filter string:"),
    ("status = 'X", "Invalid clause(s) in filter string:"),
    ("status = tree", "Use either single or double quotes."),
    ("   ", "Could not be parsed."),
    ("attributes.foo = 'a'", "Invalid attribute key 'foo' specified."),
    ("foo.bar = 1", "Invalid entity type 'foo'."),
    ("dataset.foo = 'd'", "Invalid dataset key 'foo' specified."),
    ("start_time > '0'", "Expected numeric value type for numeric attribute: start_time."),
    ("run_id IN ()", "expected a non-empty list of string values, but got empty list"),
    ("run_id IN (1, 2)", "but got different type in list: (1, 2)"),
    ("(" * 5000 + "status = 'x'", "nests deeper"),
    ("status = 'x'; DROP TABLE experiments_run", "Invalid clause(s) in filter string:"),
]


@pytest.fixture
def runs(caller: Caller) -> Caller:
    """Runs a, b and c, as the cells above know them."""
    a = caller.run(run_name="a", user_id="ada")
    b = caller.post("runs/create", experiment_id="0", run_name="b", user_id="ada", start_time=2000)
    c = caller.post("runs/create", experiment_id="0", run_name="c", user_id="bob", start_time=3000)
    ids = a, b["run"]["info"]["run_id"], c["run"]["info"]["run_id"]
    for run, auc in zip(ids, (0.5, 0.7, 0.9), strict=True):
        caller.post("runs/log-metric", run_id=run, key="auc", value=auc, timestamp=1)
    caller.post("runs/log-metric", run_id=ids[0], key="f1 score", value=0.1, timestamp=1)
    for run, key, value in (
        *((ids[0], "kind", "tree"), (ids[1], "kind", "tree"), (ids[2], "kind", "linear")),
        *((ids[0], "depth", "3"), (ids[2], "odd", "x*[y")),
    ):
        caller.post("runs/log-parameter", run_id=run, key=key, value=value)
    caller.post("runs/set-tag", run_id=ids[0], key="team", value="red")
    caller.post("runs/set-tag", run_id=ids[1], key="team", value="blue")
    caller.post("runs/set-tag", run_id=ids[1], key="dotted.key", value="it's")
    caller.post("runs/update", run_id=ids[0], status="FINISHED", end_time=5000)
    return caller


def names(caller: Caller, **fields: object) -> str:
    found = caller.post("runs/search", experiment_ids=["0"], **fields).get("runs", [])
    return "".join(run["info"]["run_name"] for run in found)


def test_every_cell_of_the_grammar_for_runs(runs: Caller) -> None:
    wrong = {
        claim: found
        for claim, expected in RUNS
        if (found := "".join(sorted(names(runs, filter=claim)))) != expected
    }
    assert wrong == {}


def test_every_order_of_runs(runs: Caller) -> None:
    wrong = {
        str(order): found
        for order, expected in ORDERS
        if (found := names(runs, order_by=order)) != expected
    }
    assert wrong == {}


def test_nan_and_then_missing_values_come_last_in_both_directions(runs: Caller) -> None:
    [c] = runs.post("runs/search", experiment_ids=["0"], filter="run_name = 'c'")["runs"]
    run = c["info"]["run_id"]
    runs.post("runs/log-metric", run_id=run, key="f1 score", value="NaN", timestamp=1)
    for direction in ("ASC", "DESC"):
        assert names(runs, order_by=[f"metrics.`f1 score` {direction}"]) == "acb"


def test_what_cannot_be_read_is_400_in_words(runs: Caller) -> None:
    for claim, words in REFUSED:
        fields = {"experiment_ids": ["0"], "filter": claim}
        status, code, message = runs.refused("POST", "runs/search", json=fields)
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE"), claim
        assert words in message
    for clause in ("foo", "metrics.auc sideways", "metrics.auc ASC extra", "", "dataset.name"):
        fields = {"experiment_ids": ["0"], "order_by": [clause]}
        assert runs.refused("POST", "runs/search", json=fields)[0] == 400


def test_pages_of_runs_hang_together(runs: Caller) -> None:
    seen, token = "", ""
    while True:
        fields = {"experiment_ids": ["0"], "max_results": 2, "page_token": token}
        found = runs.post("runs/search", **fields)
        seen += "".join(run["info"]["run_name"] for run in found["runs"])
        token = found.get("next_page_token", "")
        if not token:
            break
    assert seen == "cba"


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("name = 'alpha'", ["alpha"]),
        ("name LIKE 'al%'", ["alpha"]),
        ("name ILIKE 'AL%'", ["alpha"]),
        ("name != 'alpha'", ["Default", "beta"]),
        ("experiment_id IN ('1', '2')", ["alpha", "beta"]),
        ("experiment_id NOT IN ('1')", ["Default", "beta"]),
        ("experiment_id = '1'", ["alpha"]),
        ("creation_time > 0 AND last_update_time > 0", ["Default", "alpha", "beta"]),
        ("attribute.creation_time < 5", []),
        ("tags.a = 'b'", ["alpha"]),
        ("tags.a IS NULL", ["Default", "beta"]),
        ("tag.a LIKE 'b%' OR name = 'beta'", ["alpha", "beta"]),
    ],
)
def test_experiments_are_found(caller: Caller, claim: str, expected: list[str]) -> None:
    caller.post("experiments/create", name="alpha", tags=[{"key": "a", "value": "b"}])
    caller.experiment("beta")
    fields = {"max_results": 10, "filter": claim, "order_by": ["name ASC"]}
    found = caller.post("experiments/search", **fields).get("experiments", [])
    assert [each["name"] for each in found] == expected


class TestDatasetsOfLoggedModels:
    """`datasets` restricts a search to figures on them, or to models that have any."""

    @pytest.fixture
    def models(self, caller: Caller) -> tuple[str, str]:
        run = caller.run()
        made = [
            str(
                caller.post("logged-models", experiment_id="0", name=name)["model"]["info"][
                    "model_id"
                ]
            )
            for name in ("first", "second")
        ]
        for model, step, value, name, digest in (
            (made[0], 0, 0.9, "train", "a"),
            (made[0], 1, 0.5, "test", "b"),
            (made[1], 0, 0.6, "test", "c"),
            (made[1], 1, 0.4, "test", "c"),
        ):
            fields = {"run_id": run, "key": "auc", "value": value, "timestamp": step, "step": step}
            on = {"dataset_name": name, "dataset_digest": digest}
            caller.post("runs/log-metric", **fields, **on, model_id=model)
        return made[0], made[1]

    def names(self, caller: Caller, **fields: Any) -> list[str]:
        told = caller.post("logged-models/search", experiment_ids=["0"], **fields)
        return [model["info"]["name"] for model in told.get("models", [])]

    def test_without_a_claim_about_a_metric(self, caller: Caller, models: Any) -> None:
        for dataset, found in (
            ({"dataset_name": "train"}, ["first"]),
            ({"dataset_name": "test"}, ["second", "first"]),
            ({"dataset_name": "test", "dataset_digest": "b"}, ["first"]),
            ({"dataset_name": "train", "dataset_digest": "c"}, []),
            ({"dataset_name": "nope"}, []),
        ):
            assert self.names(caller, datasets=[dataset]) == found
        both = [{"dataset_name": "train"}, {"dataset_name": "test", "dataset_digest": "c"}]
        assert self.names(caller, datasets=both) == ["second", "first"]
        assert self.names(caller, datasets=both, filter="name = 'first'") == ["first"]

    def test_with_a_claim_about_a_metric(self, caller: Caller, models: Any) -> None:
        on_test = [{"dataset_name": "test"}]
        assert self.names(caller, datasets=on_test, filter="metrics.auc > 0.55") == ["second"]
        assert self.names(caller, filter="metrics.auc > 0.8") == ["first"]

    def test_order_is_by_the_newest_figure(self, caller: Caller, models: Any) -> None:
        order = {"field_name": "metrics.auc", "ascending": False}
        assert self.names(caller, order_by=[order]) == ["first", "second"]  # .5, .4: not .9, .6
        on_train = order | {"dataset_name": "train"}
        assert self.names(caller, order_by=[on_train]) == ["first", "second"]
        by_digest = order | {"dataset_digest": "c", "ascending": True}
        assert self.names(caller, order_by=[by_digest]) == ["second", "first"]
