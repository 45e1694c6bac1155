"""A test per cell of MLflow's search grammar: entity, key and operator, allowed and refused.

Where Pilothouse understands more than MLflow, the cell says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from harness.tracking_calls import Caller
from pilothouse.experiments.provenance.git import CodeIdentity
from pilothouse.workspace import Workspace

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)

ORDERS = ("=", "!=", ">", ">=", "<", "<=")
TEXTS = ("=", "!=", "LIKE", "ILIKE")
NOT_MLFLOWS = ("=~", "!~", "CONTAINS", "NOT CONTAINS", "NOT LIKE", "NOT ILIKE")
BAD = (400, "INVALID_PARAMETER_VALUE")
COMPARATOR = "Invalid comparator '{}' not one of"
Cell = tuple[str, str]  # a filter, and what it finds or the words that refuse it
Search = Callable[[str], str]


def texts(key: str, one: str, other: str, both: str) -> list[Cell]:
    """The cells of a text that is `one` in `both`'s first thing and `other` in its second."""
    first, second = both
    found = [
        (f"{key} = '{one}'", first),
        (f'{key} = "{one}"', first),
        (f"{key} != '{one}'", second),
        (f"{key} LIKE '%{one[1:]}'", first),
        (f"{key} like '%{other[1:]}'", second),
        (f"{key} ILIKE '%{one[1:].upper()}'", first),
    ]
    if one[1:].upper() != one[1:]:
        found.append((f"{key} LIKE '%{one[1:].upper()}'", ""))
    return found


def lists(key: str, one: str, other: str, both: str) -> list[Cell]:
    """The cells of lists."""
    return [
        (f"{key} IN ('{one}', 'nobody')", both[0]),
        (f"{key} in ('{one}', '{other}')", both),
        (f"{key} NOT IN ('{one}')", both[1]),
    ]


def more(key: str, one: str, both: str) -> list[Cell]:
    """What MLflow does not know of texts."""
    return [
        (f"{key} =~ '{one[1:]}$'", both[0]),
        (f"{key} !~ '{one[1:]}$'", both[1]),
        (f"{key} CONTAINS '{one.upper()}'", both[0]),
        (f"{key} NOT CONTAINS '{one}'", both[1]),
        (f"{key} NOT LIKE '{one}'", both[1]),
        (f"{key} NOT ILIKE '{one.upper()}'", both[1]),
    ]


def numbers(key: str, low: float, high: float, both: str) -> list[Cell]:
    """The cells of a number that is `low` in the first thing and `high` in the second."""
    return [
        (f"{key} = {low}", both[0]),
        (f"{key} != {low}", both[1]),
        (f"{key} > {low}", both[1]),
        (f"{key} >= {low}", both),
        (f"{key} < {high}", both[0]),
        (f"{key} <= {high}", both),
    ]


def no_text(key: str, noun: str) -> list[Cell]:
    """What a text refuses."""
    found = [(f"{key} {sign} 'a'", COMPARATOR.format(sign)) for sign in (">", ">=", "<", "<=")]
    wanted = f"Expected a quoted string value for {noun}"
    found += [(f"{key} {operator} 1", wanted) for operator in TEXTS]
    return [
        *found,
        (f"{key} IN ()", "but got empty list"),
        (f"{key} IN (1)", "but got different type in list: (1)"),
        (f"{key} = bare", "Use either single or double quotes."),
    ]


def no_number(key: str, wanted: str) -> list[Cell]:
    """What a number refuses."""
    found = [(f"{key} {operator} '1'", wanted) for operator in (*ORDERS, "LIKE", "ILIKE")]
    found += [(f"{key} {operator} 1", COMPARATOR.format(operator)) for operator in NOT_MLFLOWS]
    return [*found, (f"{key} IN ('1')", wanted)]


def checked(search: Search, cells: Iterable[Cell]) -> dict[str, str]:
    """The cells that find something else, each with what they find."""
    return {claim: found for claim, meant in cells if (found := search(claim)) != meant}


def admitted(
    caller: Caller, method: str, path: str, cells: Iterable[Cell], **more: Any
) -> list[Any]:
    """The cells that are not refused in the words that MLflow has for it."""
    wrong = []
    for claim, words in cells:
        given = {"filter": claim, **more}
        told = {"json": given} if method == "POST" else {"params": given}
        status, code, message = caller.refused(method, path, **told)
        if (status, code) != BAD or words not in message:
            wrong.append((claim, status, code, message))
    return wrong


@pytest.fixture
def runs(caller: Caller) -> Caller:
    """Runs a and b; only a has what is called `alone`."""
    for name, user, number in (("a", "ada", 1), ("b", "bob", 2)):
        made = caller.post(
            "runs/create",
            experiment_id="0",
            run_name=f"{name}-run",
            user_id=user,
            start_time=1000 * number,
        )["run"]["info"]["run_id"]
        caller.post("runs/log-metric", run_id=made, key="auc", value=number / 2, timestamp=1)
        caller.post("runs/log-metric", run_id=made, key="f1 score", value=number, timestamp=1)
        for key in ("kind", "a b", "dotted.key"):
            value = {"a": "tree", "b": "line"}[name]
            caller.post("runs/log-parameter", run_id=made, key=key, value=value)
            caller.post("runs/set-tag", run_id=made, key=key, value=value)
        caller.post("runs/log-parameter", run_id=made, key="depth", value=str(9 + number))
        dataset = {
            "name": f"{name}-data",
            "digest": f"{name}-digest",
            "source_type": "local",
            "source": "{}",
        }
        tags = [{"key": "mlflow.data.context", "value": f"{name}-context"}]
        caller.post("runs/log-inputs", run_id=made, datasets=[{"tags": tags, "dataset": dataset}])
        ended = {"a": "FINISHED", "b": "FAILED"}[name]
        if name == "a":
            caller.post("runs/log-metric", run_id=made, key="alone", value=1, timestamp=1)
            caller.post("runs/log-parameter", run_id=made, key="alone", value="x")
            caller.post("runs/set-tag", run_id=made, key="alone", value="x")
        caller.post("runs/update", run_id=made, status=ended, end_time=5000 * number)
    return caller


def runs_found(caller: Caller) -> Search:
    def search(claim: str) -> str:
        found = caller.post("runs/search", experiment_ids=["0"], filter=claim).get("runs", [])
        return "".join(sorted(run["info"]["run_name"][0] for run in found))

    return search


def test_every_cell_of_runs(runs: Caller) -> None:
    cells: list[Cell] = []
    for entity in ("metric", "metrics"):
        cells += numbers(f"{entity}.auc", 0.5, 1, "ab")
        cells += numbers(f"{entity}.`f1 score`", 1, 2, "ab")
        cells += numbers(f'{entity}."f1 score"', 1, 2, "ab")
    for entity in ("param", "params", "parameter", "parameters", "tag", "tags"):
        for key in ("kind", "`a b`", '"a b"', "`dotted.key`", "dotted.key", '"dotted.key"'):
            cells += texts(f"{entity}.{key}", "tree", "line", "ab")
            cells += [(f"{entity}.{key} IS NULL", ""), (f"{entity}.{key} is not null", "ab")]
    for prefix in ("", "attribute.", "attributes.", "attr.", "run."):
        for key in ("run_name", "`run name`", "`Run name`", "`Run Name`"):
            claims = texts(f"{prefix}{key}", "a-run", "b-run", "ab")
            cells += [(claim, found) for claim, found in claims if "'%-" not in claim]
        cells += [(f"{prefix}run_name LIKE 'a-%'", "a"), (f"{prefix}run_name ILIKE 'A%'", "a")]
        cells += texts(f"{prefix}status", "FINISHED", "FAILED", "ab")
        cells += texts(f"{prefix}user_id", "ada", "bob", "ab")
        cells += numbers(f"{prefix}end_time", 5000, 10_000, "ab")
        for key in ("start_time", "created", "Created"):
            cells += numbers(f"{prefix}{key}", 1000, 2000, "ab")
        cells += [(f"{prefix}artifact_uri LIKE 'mlflow-artifacts:/0/%'", "ab")]
        cells += [(f"{prefix}artifact_uri ILIKE '%ARTIFACTS'", "ab")]
        cells += [(f"{prefix}artifact_uri = 'x'", ""), (f"{prefix}artifact_uri != 'x'", "ab")]
    for entity in ("dataset", "datasets"):
        for key in ("name", "digest", "context"):
            word = {"name": "data"}.get(key, key)
            claims = texts(f"{entity}.{key}", f"a-{word}", f"b-{word}", "ab")
            cells += [(claim, found) for claim, found in claims if "'%-" not in claim]
            cells += lists(f"{entity}.{key}", f"a-{word}", f"b-{word}", "ab")
    assert checked(runs_found(runs), cells) == {}


def test_every_run_id_is_a_cell(runs: Caller) -> None:
    found = runs.post("runs/search", experiment_ids=["0"], order_by=["start_time"])["runs"]
    a, b = (run["info"]["run_id"] for run in found)
    for prefix in ("", "attribute.", "attributes.", "attr.", "run."):
        key = f"{prefix}run_id"
        cells = [
            *((f"{key} = '{a}'", "a"), (f"{key} != '{a}'", "b"), (f"{key} LIKE '{a[:9]}%'", "a")),
            *((f"{key} ILIKE '{a.upper()}'", "a"), (f"{key} IN ('{a}', '{b}')", "ab")),
            *((f"{key} NOT IN ('{a}')", "b"), (f"{key} LIKE '%'", "ab")),
        ]
        assert checked(runs_found(runs), cells) == {}


def test_every_cell_that_runs_refuse(runs: Caller) -> None:
    cells: list[Cell] = []
    for entity in ("metric", "metrics"):
        cells += no_number(f"{entity}.auc", "Expected numeric value type for metric")
    for entity in ("param", "params", "parameter", "parameters"):
        cells += no_text(f"{entity}.kind", "parameter")
    for entity in ("tag", "tags"):
        cells += no_text(f"{entity}.kind", "tag")
    for prefix in ("", "attribute.", "attributes.", "attr.", "run."):
        for key in ("run_id", "run_name", "status", "user_id", "artifact_uri"):
            cells += no_text(f"{prefix}{key}", "attribute")
        for key in ("start_time", "end_time", "created"):
            wanted = f"Expected numeric value type for numeric attribute: {key}"
            cells += [(f"{prefix}{key} {each} 'x'", wanted) for each in (*ORDERS, "LIKE", "ILIKE")]
            cells += [(f"{prefix}{key} LIKE 1", COMPARATOR.format("LIKE"))]
        cells += [(f"{prefix}foo = 'a'", "Invalid attribute key 'foo' specified.")]
    for entity in ("dataset", "datasets"):
        for key in ("name", "digest", "context"):
            cells += no_text(f"{entity}.{key}", "dataset")
        cells += [(f"{entity}.source = 'a'", "Invalid dataset key 'source' specified.")]
    cells += [("foo.bar = 1", "Invalid entity type 'foo'."), ("a b", "Invalid clause(s)")]
    cells += [("metrics.auc", "Invalid clause(s)"), ("forest", "Invalid clause(s)")]
    assert admitted(runs, "POST", "runs/search", cells, experiment_ids=["0"]) == []


def test_what_runs_answer_beyond_mlflow(runs: Caller) -> None:
    cells: list[Cell] = []
    for key in ("params.kind", "tags.kind"):
        cells += [*lists(key, "tree", "line", "ab"), *more(key, "tree", "ab")]
    cells += [*lists("user_id", "ada", "bob", "ab")[:2], *more("user_id", "ada", "ab")]
    cells += [
        ("metrics.auc IN (0.5, 3)", "a"),
        ("metrics.auc NOT IN (0.5, 3)", "b"),
        ("metrics.alone IS NULL", "b"),
        ("metrics.auc IS NAN", ""),
        ("best(metrics.auc) > 0.5", "b"),
        ("count(metrics.auc) = 1 AND min(metrics.auc) <= 0.5", "a"),
        ("params.depth > 10", "b"),
        ("params.depth <= 11", "ab"),
        ("status = 'finished'", "a"),
        ("status IN ('failed', 'RUNNING')", "b"),
        ("start_time < now - 7d", "ab"),
        ("end_time > now", ""),
        ("start_time < '1970-01-02'", "ab"),
        ("attributes.end_time IS NOT NULL", "ab"),
        ("duration > 5s", "b"),
        ("experiment = 'Default' AND user = 'ada'", "a"),
        ("trainer IS NULL", "ab"),
        ("datasets.version IS NULL", "ab"),
        ("models.name IS NULL AND deployments.name IS NULL", "ab"),
        ("models.stage = 'of nobody'", ""),  # a workspace has stages of its own
        ("(tags.kind = 'tree' OR user_id = 'bob') AND NOT status = 'FINISHED'", "b"),
    ]
    assert checked(runs_found(runs), cells) == {}
    refused = [
        ("trainer > 'a'", "trainer takes the operators"),
        ("bets(metrics.auc) > 1", "did you mean best()?"),
        ("tags.kind =~ '('", "the regular expression cannot be read"),
        ("metrics.auc > 1 AND kaese = 'a'", "Invalid attribute key 'kaese' specified."),
    ]
    assert admitted(runs, "POST", "runs/search", refused, experiment_ids=["0"]) == []


def test_what_our_own_runs_say_in_a_column_is_asked_as_a_tag(
    caller: Caller, ours: Workspace
) -> None:
    room = ours.experiments
    a = room.start("Default", "a-run", source="train.py", code=CodeIdentity("c0ffee"))
    room.start("Default", "b-run", parent=a, source="tune.py", code=CodeIdentity())
    room.annotate(a, "the best")
    cells = [
        ("tags.mlflow.runName = 'a-run'", "a"),
        (f"tags.`mlflow.parentRunId` = '{a}'", "b"),
        ("tags.mlflow.parentRunId IS NULL", "a"),
        ("tags.mlflow.parentRunId IS NOT NULL", "b"),
        ("tags.mlflow.source.name LIKE 'train%'", "a"),
        ("tags.mlflow.source.git.commit = 'c0ffee'", "a"),
        ("tags.mlflow.source.git.commit IS NULL", "b"),
        ("tags.mlflow.note.content ILIKE '%BEST'", "a"),
    ]
    assert checked(runs_found(caller), cells) == {}


def test_every_order_of_runs(runs: Caller) -> None:
    def order(*clauses: str) -> str:
        found = runs.post("runs/search", experiment_ids=["0"], order_by=clauses)["runs"]
        return "".join(run["info"]["run_name"][0] for run in found)

    ascending = {
        **{f"{entity}.auc": "ab" for entity in ("metric", "metrics")},
        **{f"metrics.{key}": "ab" for key in ("`f1 score`", '"f1 score"')},
        **{f"{entity}.kind": "ba" for entity in ("param", "params", "parameter", "parameters")},
        **{f"{entity}.`a b`": "ba" for entity in ("tag", "tags")},
    }
    for prefix in ("", "attribute.", "attributes.", "attr.", "run."):
        for key in ("run_name", "`run name`", "user_id", "start_time", "Created", "end_time"):
            ascending[prefix + key] = "ab"
        ascending[f"{prefix}status"] = "ba"
    for key, found in ascending.items():
        assert [order(key), order(f"{key} ASC"), order(f"{key} desc")] == [
            *(found, found, found[::-1])
        ], key
    for key in ("metrics.alone", "params.alone", "tags.alone"):
        assert [order(key), order(f"{key} DESC")] == ["ab", "ab"], "missing values come last"
    ids = [run["info"]["run_id"] for run in runs.post("runs/search", experiment_ids=["0"])["runs"]]
    for key in ("run_id", "artifact_uri"):
        assert order(key) == ("ba" if ids == sorted(ids) else "ab")  # newest first without order
    for clause in ("foo", "foo.bar", "dataset.name", "metrics.auc sideways", "metrics.auc ASC x"):
        told = {"experiment_ids": ["0"], "order_by": [clause]}
        assert runs.refused("POST", "runs/search", json=told)[:2] == BAD, clause


def test_every_cell_of_experiments(caller: Caller) -> None:
    for name, value in (("alpha", "tree"), ("bravo", "line")):
        tags = [{"key": key, "value": value} for key in ("kind", "a b")]
        caller.post("experiments/create", name=name, tags=tags)

    def search(claim: str) -> str:
        given = {"max_results": 10, "filter": f"{claim} AND name != 'Default'"}
        found = caller.post("experiments/search", **given).get("experiments", [])
        return "".join(sorted(each["name"][0] for each in found))

    cells: list[Cell] = []
    for prefix in ("", "attribute.", "attributes."):
        cells += texts(f"{prefix}name", "alpha", "bravo", "ab")
        cells += [(f"{prefix}name ILIKE 'A%'", "a"), (f"{prefix}experiment_id LIKE '1'", "a")]
        cells += [(f"{prefix}experiment_id ILIKE '2'", "b"), (f"{prefix}experiment_id = '1'", "a")]
        cells += [
            (f"{prefix}experiment_id != '1'", "b"),
            *lists(f"{prefix}experiment_id", "1", "2", "ab"),
        ]
        for key in ("creation_time", "last_update_time"):
            cells += [(f"{prefix}{key} {each} 5", "ab") for each in ("!=", ">", ">=")]
            cells += [(f"{prefix}{key} {each} 5", "") for each in ("=", "<", "<=")]
    for entity in ("tag", "tags"):
        for key in ("kind", "`a b`", '"a b"'):
            cells += texts(f"{entity}.{key}", "tree", "line", "ab")
            cells += [(f"{entity}.{key} IS NOT NULL", "ab"), (f"{entity}.{key} IS NULL", "")]
    cells += [*more("name", "alpha", "ab"), *more("tags.kind", "tree", "ab")]
    cells += [("creation_time > now - 1h", "ab"), ("name IN ('alpha') OR tags.kind = 'line'", "ab")]
    assert checked(search, cells) == {}

    wanted = "Expected numeric value type for numeric attribute: creation_time"
    refused = [
        *no_text("name", "attribute"),
        *no_text("experiment_id", "attribute"),
        *no_text("tags.kind", "tag"),
        *((f"creation_time {each} 'x'", wanted) for each in (*ORDERS, "LIKE")),
        ("foo = 'a'", "Invalid attribute key 'foo' specified."),
        ("metrics.auc > 1", "Invalid entity type 'metrics'."),
        ("name", "Invalid clause(s)"),
    ]
    assert admitted(caller, "POST", "experiments/search", refused, max_results=9) == []

    def order(*clauses: str) -> str:
        given = {"max_results": 10, "order_by": clauses, "filter": "name != 'Default'"}
        return "".join(
            e["name"][0] for e in caller.post("experiments/search", **given)["experiments"]
        )

    for key in ("name", "experiment_id", "attributes.name", "attribute.experiment_id"):
        assert [order(key), order(f"{key} ASC"), order(f"{key} DESC")] == ["ab", "ab", "ba"]
    assert order("creation_time ASC", "last_update_time ASC") == "ab"
    for clause in ("foo", "tags.kind", "metrics.auc", "name sideways"):
        told = {"max_results": 5, "order_by": [clause]}
        assert caller.refused("POST", "experiments/search", json=told)[:2] == BAD, clause


def test_every_cell_of_registered_models(caller: Caller) -> None:
    for name, value in (("alpha", "tree"), ("bravo", "line")):
        tags = [{"key": key, "value": value} for key in ("kind", "a b")]
        caller.post("registered-models/create", name=name, tags=tags)

    def search(claim: str) -> str:
        found = caller.get("registered-models/search", filter=claim).get("registered_models", [])
        return "".join(each["name"][0] for each in found)

    cells: list[Cell] = []
    for prefix in ("", "attribute.", "attributes."):
        cells += [*texts(f"{prefix}name", "alpha", "bravo", "ab")]
        cells += [*lists(f"{prefix}name", "alpha", "bravo", "ab")]
    for entity in ("tag", "tags"):
        for key in ("kind", "`a b`", '"a b"'):
            cells += texts(f"{entity}.{key}", "tree", "line", "ab")
        cells += [(f"{entity}.`mlflow.prompt.is_prompt` != 'true'", "ab")]
    cells += [*more("name", "alpha", "ab"), ("tags.kind IS NULL OR name = 'bravo'", "b")]
    assert checked(search, cells) == {}

    refused = [
        *(
            (f"name {each} 'a'", f"Invalid comparator for attribute: {each}")
            for each in (">", "<=")
        ),
        ("name = 1", "Expected a quoted string value for attribute"),
        ("name IN (1)", "but got different type in list: (1)"),
        *no_text("tags.kind", "tag"),
        ("foo = 'a'", "Invalid attribute key 'foo' specified."),
        ("metrics.auc > 1", "Invalid entity type 'metrics'."),
    ]
    assert admitted(caller, "GET", "registered-models/search", refused) == []

    def order(clause: str) -> str:
        found = caller.get("registered-models/search", order_by=clause)["registered_models"]
        return "".join(each["name"][0] for each in found)

    for key in ("name", "timestamp", "creation_timestamp", "last_updated_timestamp"):
        assert [order(f"{key} ASC"), order(f"{key} DESC")] == ["ab", "ba"], key
    for clause in ("foo", "tags.kind", "name sideways"):
        told = {"order_by": clause}
        assert caller.refused("GET", "registered-models/search", params=told)[:2] == BAD, clause


def test_every_cell_of_model_versions(caller: Caller) -> None:
    for name, value in (("alpha", "tree"), ("bravo", "line")):
        caller.post("registered-models/create", name=name)
        tags = [{"key": key, "value": value} for key in ("kind", "a b")]
        caller.post("model-versions/create", name=name, source=f"s3://{name}/x", tags=tags)
    run = caller.run()
    caller.post("model-versions/create", name="bravo", source=f"runs:/{run}/m", run_id=run)

    def search(claim: str) -> str:
        found = caller.get("model-versions/search", filter=claim).get("model_versions", [])
        return " ".join(sorted(each["name"][0] + each["version"] for each in found))

    cells: list[Cell] = []
    for prefix in ("", "attribute.", "attributes."):
        claims = [*texts(f"{prefix}name", "alpha", "bravo", "ab")]
        claims += [*lists(f"{prefix}name", "alpha", "bravo", "ab")]
        every = {"a": "a1", "b": "b1 b2", "ab": "a1 b1 b2", "": ""}
        cells += [(claim, every[found]) for claim, found in claims]
        key = f"{prefix}run_id"
        cells += [(f"{key} = '{run}'", "b2"), (f"{key} != '{run}'", "a1 b1")]
        cells += [(f"{key} LIKE '{run[:8]}%'", "b2"), (f"{key} ILIKE '{run.upper()}'", "b2")]
        cells += [(f"{key} IN ('{run}')", "b2"), (f"{key} NOT IN ('{run}')", "a1 b1")]
        key = f"{prefix}source_path"
        cells += [(f"{key} = 's3://alpha/x'", "a1"), (f"{key} != 's3://alpha/x'", "b1 b2")]
        cells += [(f"{key} LIKE 's3:%'", "a1 b1"), (f"{key} ILIKE 'S3://B%'", "b1")]
        key = f"{prefix}version_number"
        cells += [(f"{key} = 2", "b2"), (f"{key} != 2", "a1 b1"), (f"{key} > 1", "b2")]
        cells += [(f"{key} >= 1", "a1 b1 b2"), (f"{key} < 2", "a1 b1"), (f"{key} <= 1", "a1 b1")]
        cells += [(f"{key} = '2'", "b2"), (f"{key} IN (2, 3)", "b2"), (f"{key} IN ('1')", "a1 b1")]
    for entity in ("tag", "tags"):
        for key in ("kind", "`a b`", '"a b"'):
            found = texts(f"{entity}.{key}", "tree", "line", "ab")
            cells += [(claim, {"a": "a1", "b": "b1", "": ""}[each]) for claim, each in found]
        cells += [(f"{entity}.`mlflow.prompt.is_prompt` != 'true'", "a1 b1 b2")]
    cells += [("tags.kind IS NULL", "b2"), ("tags.kind =~ '^t' OR version_number = 2", "a1 b2")]
    assert checked(search, cells) == {}

    refused = [
        *no_text("name", "attribute"),
        *no_text("run_id", "attribute"),
        *no_text("source_path", "attribute"),
        *no_text("tags.kind", "tag"),
        ("version_number = 'x'", "Expected numeric value type for version_number"),
        ("version_number LIKE 1", COMPARATOR.format("LIKE")),
        ("foo = 'a'", "Invalid attribute key 'foo' specified."),
        ("params.x = 'a'", "Invalid entity type 'params'."),
    ]
    assert admitted(caller, "GET", "model-versions/search", refused) == []

    def order(*clauses: str) -> str:
        found = caller.get("model-versions/search", order_by=clauses)["model_versions"]
        return " ".join(each["name"][0] + each["version"] for each in found)

    assert order("name ASC", "version_number ASC") == "a1 b1 b2"
    assert order("name DESC", "version_number DESC") == "b2 b1 a1"
    assert order("creation_timestamp ASC", "name ASC") == "a1 b1 b2"
    assert order("last_updated_timestamp DESC", "version_number DESC") == "b2 b1 a1"
    for clause in ("foo", "tags.kind", "run_id", "name sideways"):
        told = {"order_by": clause}
        assert caller.refused("GET", "model-versions/search", params=told)[:2] == BAD, clause


def test_every_cell_of_logged_models(caller: Caller) -> None:
    run = caller.run()
    ids = {}
    for name, value, auc in (("alpha", "tree", 0.5), ("bravo", "line", 1)):
        words = [{"key": key, "value": value} for key in ("kind", "a b")]
        made = caller.post(
            "logged-models",
            experiment_id="0",
            name=name,
            model_type=f"{name}-type",
            source_run_id=run,
            params=words,
            tags=words,
        )
        ids[name] = made["model"]["info"]["model_id"]
        point = {"key": "auc", "value": auc, "timestamp": 5, "step": 1, "model_id": ids[name]}
        on = {"dataset_name": f"{name}-data", "dataset_digest": "d"}
        caller.post("runs/log-batch", run_id=run, metrics=[point | on])
    caller.patch(f"logged-models/{ids['bravo']}", status="LOGGED_MODEL_READY")

    def search(claim: str, **more: Any) -> str:
        given = {"experiment_ids": ["0"], "filter": claim, **more}
        found = caller.post("logged-models/search", **given).get("models", [])
        return "".join(sorted(each["info"]["name"][0] for each in found))

    cells: list[Cell] = []
    for prefix in ("", "attributes."):
        cells += [*texts(f"{prefix}name", "alpha", "bravo", "ab")]
        cells += [*lists(f"{prefix}name", "alpha", "bravo", "ab")]
        key = f"{prefix}model_id"
        cells += [(f"{key} = '{ids['alpha']}'", "a"), (f"{key} != '{ids['alpha']}'", "b")]
        cells += [(f"{key} LIKE 'm-%'", "ab"), (f"{key} ILIKE 'M-%'", "ab")]
        cells += lists(key, ids["alpha"], ids["bravo"], "ab")
        cells += [*lists(f"{prefix}model_type", "alpha-type", "bravo-type", "ab")]
        cells += [
            (f"{prefix}model_type = 'alpha-type'", "a"),
            (f"{prefix}model_type LIKE 'b%'", "b"),
        ]
        cells += [
            (f"{prefix}source_run_id = '{run}'", "ab"),
            (f"{prefix}source_run_id != '{run}'", ""),
        ]
        cells += [(f"{prefix}source_run_id IN ('{run}')", "ab")]
        for key in (
            *("creation_timestamp", "creation_time"),
            *("last_updated_timestamp", "last_updated_time"),
        ):
            cells += [(f"{prefix}{key} {each} 5", "ab") for each in ("!=", ">", ">=")]
            cells += [(f"{prefix}{key} {each} 5", "") for each in ("=", "<", "<=")]
    cells += numbers("metrics.auc", 0.5, 1, "ab")
    for entity in ("params", "tags"):
        for key in ("kind", "`a b`", '"a b"'):
            cells += [*texts(f"{entity}.{key}", "tree", "line", "ab")]
            cells += [*lists(f"{entity}.{key}", "tree", "line", "ab")]
    cells += [*more("name", "alpha", "ab"), ("NOT metrics.auc > 0.5 OR name = 'bravo'", "ab")]
    assert checked(search, cells) == {}
    assert search("metrics.auc > 0", datasets=[{"dataset_name": "alpha-data"}]) == "a"
    assert search("metrics.auc > 0", datasets=[{"dataset_name": "zeta"}]) == ""
    digested = [{"dataset_name": "bravo-data", "dataset_digest": "d"}]
    assert search("metrics.auc > 0", datasets=digested) == "b"

    operator = "Invalid comparison operator for {}: '{}'. Expected one of"
    refused = [
        *((f"name {each} 'a'", operator.format("attributes.name", each)) for each in (">", "<")),
        *((f"params.kind {each} 'a'", operator.format("params.kind", each)) for each in (">", "<")),
        *(
            (f"metrics.auc {each} 1", operator.format("metrics.auc", each))
            for each in ("LIKE", "=~")
        ),
        ("metrics.auc > 'x'", "Expected numeric value type for metric"),
        ("creation_time LIKE 1", operator.format("attributes.creation_time", "LIKE")),
        ("creation_time > 'x'", "Expected numeric value type for numeric attribute"),
        ("foo = 'a'", "Invalid attribute key 'foo' specified."),
        ("foo.bar = 'a'", "Invalid entity type 'foo'."),
    ]
    assert admitted(caller, "POST", "logged-models/search", refused, experiment_ids=["0"]) == []

    def order(field: str, ascending: bool) -> str:
        by = [{"field_name": field, "ascending": ascending}]
        found = caller.post("logged-models/search", experiment_ids=["0"], order_by=by)["models"]
        return "".join(each["info"]["name"][0] for each in found)

    for field in ("name", "attributes.name", "model_type", "creation_time", "metrics.auc"):
        assert [order(field, True), order(field, False)] == ["ab", "ba"], field
    told = {"experiment_ids": ["0"], "order_by": [{"field_name": "foo"}]}
    assert caller.refused("POST", "logged-models/search", json=told)[:2] == BAD
