"""The calls that are sent to Pilothouse and to MLflow's own server alike, good ones and bad ones.

A call is written as the protocol sees it. `$name` stands for what an earlier answer held: it is
put in before sending, and what an answer says of it is written as `$name` again before comparing,
so that ids which each server draws for itself compare as equal. A call that is answered
differently on purpose names its entry in `differences.DIFFERENCES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PAGES = "/ajax-api/2.0/mlflow/"  # what MLflow's own pages call
FILES = "/api/2.0/mlflow-artifacts/artifacts"
NOBODY = "0" * 32
AT = 1_772_366_400_000
KINDS = {"text": "word", "number": 7, "float": 1.5, "yes": True, "list": ["a"], "object": {"a": 1}}


@dataclass(frozen=True)
class Call:
    """One request; `kept` says which variables are filled from where in its answer."""

    method: str
    path: str
    fields: Any = field(default_factory=dict)
    content: bytes | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    differs: str = ""

    def __str__(self) -> str:
        given = self.content if self.content is not None else self.fields
        return f"{self.method} {self.path} {str(given)[:160]}"

    def keeps(self, **kept: str) -> Call:
        """Keep parts of the answer, by dotted paths, as variables."""
        return replace(self, kept=kept)

    def but(self, difference: str) -> Call:
        """Say that this one is answered differently, and by which entry of the list."""
        return replace(self, differs=difference)


def get(path: str, /, **fields: Any) -> Call:
    """A GET; lists are repeated keys."""
    return Call("GET", path, fields)


def post(path: str, /, **fields: Any) -> Call:
    """A POST of JSON."""
    return Call("POST", path, fields)


def patch(path: str, /, **fields: Any) -> Call:
    """A PATCH of JSON."""
    return Call("PATCH", path, fields)


def delete(path: str, /, **fields: Any) -> Call:
    """A DELETE with JSON."""
    return Call("DELETE", path, fields)


def raw(method: str, path: str, content: bytes = b"") -> Call:
    """A request with these bytes as body."""
    return Call(method, path, content=content)


def pairs(**words: str) -> list[dict[str, str]]:
    """Tags or params as the protocol lists them."""
    return [{"key": key, "value": value} for key, value in words.items()]


def calls() -> Iterator[Call]:
    """Every call, in the order in which they are sent."""
    yield from about_the_server()
    yield from experiments()
    yield from experiments_refused()
    yield from runs()
    yield from runs_refused()
    yield from logging()
    yield from logging_refused()
    yield from batches()
    yield from histories()
    yield from inputs()
    yield from searching_runs()
    yield from artifacts()
    yield from logged_models()
    yield from models()
    yield from models_refused()
    yield from versions()
    yield from versions_refused()
    yield from searching_the_registry()
    yield from webhooks()
    yield from bodies()
    yield from champion()
    yield from taken_by_one()


def about_the_server() -> Iterator[Call]:
    yield get("/health")
    yield get("/version")
    yield get("/api/3.0/mlflow/server-info").but("server-info")
    yield get("experiments/get", experiment_id="0")
    yield get("no/such/route").but("page")
    yield post("no/such/route").but("page")
    yield get("runs/create").but("page")


def experiments() -> Iterator[Call]:
    yield post("experiments/create", name="first").keeps(exp="experiment_id")
    yield get("experiments/get", experiment_id="$exp")
    yield get("experiments/get-by-name", experiment_name="first")
    yield post("experiments/create", name="first")
    yield post("experiments/create", name="tagged", tags=pairs(a="b", c="d")).keeps(
        tagged="experiment_id"
    )
    yield get("experiments/get", experiment_id="$tagged")
    yield post("experiments/create", name="spaced name/with slash ü").keeps(odd="experiment_id")
    yield get("experiments/get-by-name", experiment_name="spaced name/with slash ü")
    yield post("experiments/create", name="elsewhere", artifact_location="s3://bucket/x").keeps(
        elsewhere="experiment_id"
    )
    yield get("experiments/get", experiment_id="$elsewhere")
    query = "s3://bucket/x?endpoint=inner&region=eu"
    yield post("experiments/create", name="queried", artifact_location=query).keeps(
        queried="experiment_id"
    )
    yield get("experiments/get", experiment_id="$queried")
    yield post("runs/create", experiment_id="$queried", run_name="q", start_time=AT).keeps(
        of_queried="run.info.run_id"
    )
    yield get("runs/get", run_id="$of_queried")
    yield post("logged-models", experiment_id="$queried", name="q").keeps(
        lm_queried="model.info.model_id"
    )
    where = "s3://bucket/x/$of_queried/artifacts?endpoint=inner&region=eu"
    yield post(
        "runs/search", experiment_ids=["$queried"], filter=f"attributes.artifact_uri = '{where}'"
    )
    for chosen in (["$exp"], ["999999"], [], [str(number) for number in range(21)]):
        yield post(f"{PAGES}experiments/search-datasets", experiment_ids=chosen)
    yield post("experiments/set-experiment-tag", experiment_id="$exp", key="k", value="v")
    yield post("experiments/set-experiment-tag", experiment_id="$exp", key="k", value="again")
    yield post("experiments/set-experiment-tag", experiment_id="$exp", key="empty", value="")
    yield post("experiments/set-experiment-tag", experiment_id="$exp", key="long", value="x" * 5000)
    yield get("experiments/get", experiment_id="$exp")
    yield post("experiments/delete-experiment-tag", experiment_id="$exp", key="k")
    yield post("experiments/delete-experiment-tag", experiment_id="$exp", key="k")
    yield post("experiments/delete-experiment-tag", experiment_id="$exp", key="long")
    yield get("experiments/get", experiment_id="$exp")
    yield post("experiments/update", experiment_id="$exp", new_name="renamed")
    yield get("experiments/get-by-name", experiment_name="first")
    yield get("experiments/get-by-name", experiment_name="renamed")
    yield post("experiments/update", experiment_id="$exp", new_name="tagged").but("database-words")
    yield post("experiments/update", experiment_id="$exp", new_name="renamed")
    yield post("experiments/delete", experiment_id="$odd")
    yield get("experiments/get", experiment_id="$odd")
    yield get("experiments/get-by-name", experiment_name="spaced name/with slash ü")
    yield post("experiments/delete", experiment_id="$odd")
    yield post("experiments/set-experiment-tag", experiment_id="$odd", key="k", value="v")
    yield post("experiments/update", experiment_id="$odd", new_name="zombie").but("fault")
    yield post("experiments/create", name="spaced name/with slash ü")
    yield post("experiments/search", max_results=10)
    yield post("experiments/search", max_results=10, view_type="DELETED_ONLY")
    yield post("experiments/search", max_results=10, view_type="ALL")
    yield get("experiments/search", max_results=10, view_type="ACTIVE_ONLY")
    yield post("experiments/restore", experiment_id="$odd")
    yield post("experiments/restore", experiment_id="$odd")
    yield post("experiments/search", max_results=2, order_by=["name ASC"])
    yield post("experiments/search", max_results=2, order_by=["experiment_id DESC"])
    yield post("experiments/search", max_results=10, filter="name = 'tagged'")
    yield post("experiments/search", max_results=10, filter="name LIKE '%agg%'")
    yield post("experiments/search", max_results=10, filter="tags.a = 'b'")
    yield post("experiments/search", max_results=10, filter="tags.a != 'b'")
    yield post("experiments/search", max_results=10, filter="creation_time > 0", order_by=["name"])
    yield post("experiments/search", max_results=1, order_by=["name ASC"]).keeps(
        next="next_page_token"
    )
    yield post("experiments/search", max_results=9, order_by=["name ASC"], page_token="$next")


def experiments_refused() -> Iterator[Call]:
    yield post("experiments/create")
    yield post("experiments/create", name="")
    for kind, value in KINDS.items():
        if kind != "text":
            yield post("experiments/create", name=value)
            yield get("experiments/get", experiment_id=value)
    yield post("experiments/create", name="n" * 501)
    yield post("experiments/create", name="x", artifact_location="s3://b/x#f")
    yield post("experiments/create", name="x", tags=[{"value": "v"}])
    yield post("experiments/create", name="x", tags="no list")
    yield post("experiments/create", name="y", tags=pairs(**{"k" * 251: "v"}))
    yield post("experiments/create", name="z", tags=pairs(k="v" * 20_001))
    yield get("experiments/get")
    yield get("experiments/get", experiment_id="999999")
    yield get("experiments/get", experiment_id="-1")
    yield get("experiments/get-by-name")
    yield get("experiments/get-by-name", experiment_name="nope")
    yield post("experiments/update", experiment_id="$exp")
    yield post("experiments/update", experiment_id="999999", new_name="x")
    yield post("experiments/update", experiment_id="$exp", new_name="n" * 501)
    yield post("experiments/delete")
    yield post("experiments/delete", experiment_id="999999")
    yield post("experiments/restore", experiment_id="$exp")
    yield post("experiments/restore", experiment_id="999999")
    yield post("experiments/set-experiment-tag", experiment_id="$exp")
    yield post("experiments/set-experiment-tag", experiment_id="$exp", key="k" * 251, value="v")
    yield post("experiments/set-experiment-tag", experiment_id="$exp", key="k", value="v" * 20_001)
    yield post("experiments/set-experiment-tag", experiment_id="999999", key="k", value="v")
    yield post("experiments/set-experiment-tag", experiment_id="$exp", key=5, value="v")
    yield post("experiments/search")
    yield post("experiments/search", max_results=0)
    yield post("experiments/search", max_results=-1)
    yield post("experiments/search", max_results=50_001)
    yield post("experiments/search", max_results="abc")
    yield post("experiments/search", max_results=5, page_token="zz")
    yield post("experiments/search", max_results=5, page_token="e30=")
    yield post("experiments/search", max_results=5, filter="nope = 'x'")
    yield post("experiments/search", max_results=5, filter="name =")
    yield post("experiments/search", max_results=5, filter="name = x")
    yield post("experiments/search", max_results=5, filter="name > 'x'")
    yield post("experiments/search", max_results=5, filter="creation_time = 'x'")
    yield post("experiments/search", max_results=5, order_by=["nope ASC"])
    yield post("experiments/search", max_results=5, order_by=["name UP"])
    yield post("experiments/search", max_results=5, order_by="name")
    yield post("experiments/search", max_results=5, view_type="NO_SUCH_VIEW")


def runs() -> Iterator[Call]:
    yield post(
        "runs/create",
        experiment_id="$exp",
        user_id="ada",
        run_name="one",
        start_time=AT,
        tags=pairs(team="red"),
    ).keeps(run="run.info.run_id")
    yield get("runs/get", run_id="$run")
    yield get("runs/get", run_uuid="$run")
    yield post("runs/create", experiment_id="$exp", start_time=AT + 1).keeps(
        unnamed="run.info.run_id", unnamed_name="run.info.run_name"
    )
    yield post("runs/create", start_time=AT + 2).but("default-experiment")
    yield post("runs/create", experiment_id="$exp", start_time=str(AT + 3)).keeps(
        texty="run.info.run_id", texty_name="run.info.run_name"
    )
    yield post(
        "runs/create", experiment_id="$exp", start_time=5, tags=pairs(**{"mlflow.runName": "tag"})
    ).keeps(bytag="run.info.run_id")
    yield post(
        "runs/create",
        experiment_id="$exp",
        start_time=6,
        run_name="child",
        tags=pairs(**{"mlflow.parentRunId": "$run", "mlflow.source.name": "train.py"}),
    ).keeps(child="run.info.run_id")
    yield get("runs/get", run_id="$child")
    yield post("runs/create", experiment_id="$exp").keeps(
        bare="run.info.run_id", bare_name="run.info.run_name"
    )
    yield post("runs/update", run_id="$run", status="FINISHED", end_time=AT + 500)
    yield get("runs/get", run_id="$run")
    yield post("runs/update", run_id="$run", status="RUNNING").but("resumed")
    yield get("runs/get", run_id="$run").but("resumed")
    yield post("runs/update", run_uuid="$run", status="FAILED", end_time=AT + 600)
    yield post("runs/update", run_id="$run", status="KILLED", end_time=AT + 700)
    yield post("runs/update", run_id="$run", run_name="one again")
    yield get("runs/get", run_id="$run")
    yield post("runs/update", run_id="$run", status="SCHEDULED").but("resumed")
    yield post("runs/update", run_id="$run", status=3, end_time=AT + 800)
    yield post("runs/update", run_id="$run")
    yield post("runs/set-tag", run_id="$run", key="mlflow.note.content", value="a note")
    yield post("runs/set-tag", run_id="$run", key="mlflow.runName", value="by tag")
    yield get("runs/get", run_id="$run")
    yield post("runs/delete-tag", run_id="$run", key="mlflow.note.content")
    yield get("runs/get", run_id="$run")
    yield post("runs/delete", run_id="$unnamed")
    yield get("runs/get", run_id="$unnamed")
    yield post("runs/delete", run_id="$unnamed")
    yield post("runs/log-param", run_id="$unnamed", key="p", value="v").but("page")
    yield post("runs/log-parameter", run_id="$unnamed", key="p", value="v")
    yield post("runs/log-metric", run_id="$unnamed", key="m", value=1, timestamp=1)
    yield post("runs/log-batch", run_id="$unnamed", metrics=[], params=pairs(a="b"))
    yield post("runs/set-tag", run_id="$unnamed", key="k", value="v")
    yield post("runs/update", run_id="$unnamed", status="FINISHED")
    yield post("runs/search", experiment_ids=["$exp"], max_results=50, order_by=["start_time"])
    yield post(
        "runs/search", experiment_ids=["$exp"], run_view_type="DELETED_ONLY", order_by=["run_id"]
    )
    yield post("runs/restore", run_id="$unnamed")
    yield post("runs/restore", run_id="$unnamed")
    yield get("runs/get", run_id="$unnamed")
    yield post("runs/create", experiment_id="$exp", start_time=8, run_name="files").keeps(
        files="run.info.run_id"
    )
    yield post("experiments/create", name="doomed").keeps(doomed="experiment_id")
    yield post("runs/create", experiment_id="$doomed", start_time=1).keeps(
        doomed_run="run.info.run_id", doomed_name="run.info.run_name"
    )
    yield post("experiments/delete", experiment_id="$doomed")
    yield get("runs/get", run_id="$doomed_run")
    yield post("runs/create", experiment_id="$doomed", start_time=1)
    yield post("runs/search", experiment_ids=["$doomed"])
    yield post("experiments/restore", experiment_id="$doomed")
    yield get("runs/get", run_id="$doomed_run")


def runs_refused() -> Iterator[Call]:
    for kind, value in KINDS.items():
        if kind != "text":
            yield post("runs/create", experiment_id=value)
            yield post("runs/create", experiment_id="$exp", run_name=value)
    yield post("runs/create", experiment_id="$exp", start_time="word")
    yield post("runs/create", experiment_id="$exp", start_time=True).but("unchecked")
    yield post("runs/create", experiment_id="$exp", start_time=["a"]).but("fault")
    yield post("runs/create", experiment_id="$exp", start_time={"a": 1}).but("fault")
    yield post("runs/create", experiment_id="999999")
    yield post("runs/create", experiment_id="abc")
    yield post("runs/create", experiment_id="$exp", tags="x").but("unchecked")
    yield post("runs/create", experiment_id="$exp", tags=[{"value": "x"}]).but("unchecked")
    yield post("runs/create", experiment_id="$exp", start_time=-1).but("instants")
    yield post(
        "runs/create",
        experiment_id="$exp",
        run_name="a",
        tags=pairs(**{"mlflow.runName": "b"}),
    )
    yield post("runs/create", experiment_id="$exp", tags=pairs(**{"k" * 251: "v"})).but("unchecked")
    yield get("runs/get")
    yield get("runs/get", run_id=NOBODY)
    yield get("runs/get", run_id="")
    yield post("runs/update")
    yield post("runs/update", run_id=NOBODY, status="FINISHED")
    yield post("runs/update", run_id="$run", status="NO_SUCH")
    yield post("runs/update", run_id="$run", status="FINISHED", end_time="soon")
    yield post("runs/delete")
    yield post("runs/delete", run_id=NOBODY)
    yield post("runs/restore")
    yield post("runs/restore", run_id=NOBODY)
    yield post("runs/set-tag", run_id="$run")
    yield post("runs/set-tag", run_id="$run", key="", value="v")
    yield post("runs/set-tag", run_id="$run", key="k", value=7)
    yield post("runs/set-tag", run_id="$run", key="k" * 251, value="v")
    yield post("runs/set-tag", run_id=NOBODY, key="k", value="v")
    yield post("runs/set-tag", key="k", value="v")
    yield post("runs/delete-tag", run_id="$run", key="never set")
    yield post("runs/delete-tag", run_id="$run")
    yield post("runs/delete-tag", run_id=NOBODY, key="k")


def logging() -> Iterator[Call]:
    yield post("runs/create", experiment_id="$exp", start_time=AT, run_name="logs").keeps(
        log="run.info.run_id"
    )
    point = {"run_id": "$log", "timestamp": AT}
    yield post("runs/log-metric", **point, key="loss", value=0.5, step=0)
    yield post("runs/log-metric", **point, key="loss", value=0.25, step=1)
    yield post("runs/log-metric", **point, key="loss", value=0.25, step=1)
    yield post("runs/log-metric", **point, key="loss", value=0.125, step=1)
    yield post("runs/log-metric", **point, key="whole", value=7)
    yield post("runs/log-metric", **point, key="texty", value="1.5", step="3")
    yield post("runs/log-metric", **point, key="nan", value="NaN")
    yield post("runs/log-metric", **point, key="nan2", value=1.0)
    yield post("runs/log-metric", **point, key="nan2", value="NaN", step=1)
    yield post("runs/log-metric", **point, key="back", value=1.0, step=5)
    yield post("runs/log-metric", **point, key="back", value=2.0, step=4)
    yield post("runs/log-metric", run_id="$log", key="older", value=1, timestamp=10, step=1)
    yield post("runs/log-metric", run_id="$log", key="older", value=2, timestamp=5, step=1)
    yield post("runs/log-metric", **point, key="minus", value=-1e-300, step=-5)
    yield post("runs/log-metric", **point, key="a/b.c-d e_f:g", value=1e300)
    yield post("runs/log-metric", run_uuid="$log", key="old id", value=1, timestamp=1)
    yield get("runs/get", run_id="$log")
    yield post("runs/log-parameter", run_id="$log", key="depth", value="3")
    yield post("runs/log-parameter", run_id="$log", key="depth", value="3")
    yield post("runs/log-parameter", run_id="$log", key="depth", value="4")
    yield post("runs/log-parameter", run_id="$log", key="empty", value="")
    yield post("runs/log-parameter", run_id="$log", key="long", value="p" * 6000)
    yield post("runs/log-parameter", run_id="$log", key="longer", value="p" * 6001)
    yield post("runs/log-parameter", run_id="$log", key="a/b.c-d e_f:g", value="x")
    yield post("runs/log-parameter", run_id="$log", key="no value")
    yield post("runs/set-tag", run_id="$log", key="any $ key ü", value="any value ü")
    yield post("runs/set-tag", run_id="$log", key="long", value="t" * 8001)
    yield post("runs/set-tag", run_id="$log", key="no value")
    yield get("runs/get", run_id="$log")
    yield post("runs/create", experiment_id="$exp", start_time=7, run_name="apart").keeps(
        apart="run.info.run_id"
    )
    point = {"run_id": "$apart", "timestamp": AT}
    yield post("runs/log-metric", **point, key="inf", value="Infinity")
    yield post("runs/log-metric", **point, key="minus inf", value="-Infinity")
    yield get("metrics/get-history", run_id="$apart", metric_key="inf").but("infinity")
    yield get("metrics/get-history", run_id="$apart", metric_key="minus inf").but("infinity")


def logging_refused() -> Iterator[Call]:
    good = {"run_id": "$log", "key": "m", "value": 1, "timestamp": 1}
    for name in good:
        yield post("runs/log-metric", **{k: v for k, v in good.items() if k != name})
        for kind in ("list", "object"):
            wrong = post("runs/log-metric", **good | {name: KINDS[kind]})
            yield wrong.but("fault") if name in ("value", "timestamp") else wrong
    yield post("runs/log-metric", **good | {"run_id": True})
    yield post("runs/log-metric", **good | {"key": True})
    yield post("runs/log-metric", **good | {"value": "abc"})
    yield post("runs/log-metric", **good | {"value": ""})
    yield post("runs/log-metric", **good | {"value": None})
    yield post("runs/log-metric", **good | {"timestamp": "abc"})
    yield post("runs/log-metric", **good | {"timestamp": -1})
    apart = good | {"run_id": "$apart"}
    yield post("runs/log-metric", **apart | {"timestamp": 1.5}).but("unchecked")
    yield post("runs/log-metric", **good | {"timestamp": 2.0})
    yield post("runs/log-metric", **apart | {"timestamp": 10**17}).but("instants")
    yield post("runs/log-metric", **apart | {"timestamp": 10**19}).but("unchecked")
    yield post("runs/log-metric", **good | {"step": "abc"})
    yield post("runs/log-metric", **apart | {"step": 10**19}).but("unchecked")
    yield post("runs/log-metric", **apart | {"step": 1.5}).but("unchecked")
    yield post("runs/log-metric", **good | {"run_id": NOBODY})
    for key in ("../m", "/m", "m/", "a//b", "./m", "a$b", "k" * 251, "", "a/../b"):
        yield post("runs/log-metric", **good | {"key": key})
        yield post("runs/log-parameter", run_id="$log", key=key, value="v")
    yield post("runs/log-metric", **apart | {"key": "m\n"}).but("newline")
    yield post("runs/log-parameter", run_id="$apart", key="m\n", value="v").but("newline")
    for kind in ("number", "list", "object", "yes"):
        yield post("runs/log-parameter", run_id="$log", key="p", value=KINDS[kind])
        yield post("runs/log-parameter", run_id="$log", key=KINDS[kind], value="v")
    yield post("runs/log-parameter", run_id="$log", value="v")
    yield post("runs/log-parameter", key="p", value="v")
    yield post("runs/log-parameter", run_id=NOBODY, key="p", value="v")
    yield get("runs/get", run_id="$log")


def batches() -> Iterator[Call]:
    yield post("runs/create", experiment_id="$exp", start_time=AT, run_name="batch").keeps(
        batch="run.info.run_id"
    )

    def metrics(count: int) -> list[dict[str, Any]]:
        return [{"key": "m", "value": i / 7, "timestamp": AT + i, "step": i} for i in range(count)]

    some = pairs(**{f"p{i}": str(i) for i in range(101)})
    yield post("runs/log-batch", run_id="$batch", metrics=metrics(5), params=some[:3])
    yield post("runs/log-batch", run_id="$batch", tags=pairs(a="b", c="d"))
    yield post("runs/log-batch", run_id="$batch")
    yield post("runs/log-batch", run_id="$batch", metrics=[], params=[], tags=[])
    yield get("runs/get", run_id="$batch")
    yield post("runs/log-batch", run_id="$batch", metrics=metrics(1000))
    yield post("runs/log-batch", run_id="$batch", metrics=metrics(1001))
    yield post("runs/log-batch", run_id="$batch", params=some[:100])
    yield post("runs/log-batch", run_id="$batch", params=some)
    yield post("runs/log-batch", run_id="$batch", tags=some)
    yield post("runs/log-batch", run_id="$batch", metrics=metrics(951), params=some[:50])
    yield post("runs/log-batch", run_id="$batch", params=pairs(p0="other"))
    yield post("runs/log-batch", run_id="$batch", params=[*pairs(q="1"), *pairs(q="1")])
    yield post("runs/log-batch", run_id="$batch", params=[*pairs(q="1"), *pairs(q="2")])
    yield post("runs/log-batch", run_id="$batch", tags=[*pairs(t="1"), *pairs(t="2")])
    bad = {"key": "bad$key", "value": 1, "timestamp": 1}
    yield post("runs/log-batch", run_id="$batch", metrics=[*metrics(2), bad])
    yield post("runs/log-batch", run_id="$batch", metrics=[{"value": 1, "timestamp": 1}])
    yield post("runs/log-batch", run_id="$batch", metrics=[{"key": "m", "timestamp": 1}])
    yield post("runs/log-batch", run_id="$batch", metrics=[{"key": "m", "value": 1}])
    yield post("runs/log-batch", run_id="$batch", metrics="x")
    yield post("runs/log-batch", run_id="$batch", metrics=[1]).but("fault")
    yield post("runs/log-batch", run_id="$batch", metrics={"key": "m"})
    yield post("runs/log-batch", run_id="$batch", params=[{"value": "x"}])
    unread = [{"key": "x", "value": 5}]
    yield post("runs/log-batch", run_id="$apart", params=unread).but("unchecked")
    yield post("runs/log-batch", run_id="$batch", params=pairs(**{"k" * 251: "v"}))
    yield post("runs/log-batch", run_id="$batch", params=pairs(lv="v" * 6001))
    yield post("runs/log-batch", run_id="$batch", tags=[{"value": "x"}])
    yield post("runs/log-batch", run_id="$batch", tags=pairs(**{"k" * 251: "v"}))
    yield post("runs/log-batch", run_id="$batch", tags=pairs(lt="v" * 8001))
    yield post("runs/log-batch", metrics=metrics(1))
    yield post("runs/log-batch", run_id=NOBODY, metrics=metrics(1))
    nan = [{"key": "nan", "value": "NaN", "timestamp": 1, "step": 1}]
    yield post("runs/log-batch", run_id="$batch", metrics=nan)
    yield get("runs/get", run_id="$batch")


def histories() -> Iterator[Call]:
    yield get("metrics/get-history", run_id="$log", metric_key="loss")
    yield get("metrics/get-history", run_id="$log", metric_key="nan2")
    yield get("metrics/get-history", run_id="$log", metric_key="back")
    yield get("metrics/get-history", run_id="$log", metric_key="older")
    yield get("metrics/get-history", run_uuid="$log", metric_key="loss")
    yield get("metrics/get-history", run_id="$log", metric_key="never")
    yield get("metrics/get-history", run_id="$log")
    yield get("metrics/get-history", metric_key="loss")
    yield get("metrics/get-history", run_id=NOBODY, metric_key="loss")
    yield get("metrics/get-history", run_id="$batch", metric_key="m", max_results=3).keeps(
        page="next_page_token"
    )
    yield get(
        "metrics/get-history", run_id="$batch", metric_key="m", max_results=3, page_token="$page"
    )
    yield get("metrics/get-history", run_id="$batch", metric_key="m", max_results=0)
    yield get("metrics/get-history", run_id="$batch", metric_key="m", max_results=-1)
    yield get("metrics/get-history", run_id="$batch", metric_key="m", page_token="zz")
    bulk = f"{PAGES}metrics/get-history-bulk"
    yield get(bulk, run_id=["$batch"], metric_key="m")
    yield get(bulk, run_id=["$log"], metric_key="nope")
    yield get(bulk, metric_key="m")
    yield get(bulk, run_id=["$log"])
    yield get(bulk, run_id=[f"r{number}" for number in range(101)], metric_key="m")
    bulk = "metrics/get-history-bulk-interval"
    yield get(bulk, run_ids=[f"r{number}" for number in range(101)], metric_key="m")
    yield get(bulk, run_ids=["$batch", "$log"], metric_key="m", max_results=4).but("sampling")
    yield get(bulk, run_ids=["$batch"], metric_key="m", start_step=10, end_step=13)
    yield get(bulk, run_ids=["$batch"], metric_key="m", max_results=1)
    yield get(bulk, run_ids=["$batch"], metric_key="m", max_results=2)
    yield get(bulk, run_ids=["$batch", NOBODY], metric_key="m", max_results=2)
    yield get(bulk, run_ids=["$log"], metric_key="loss", max_results=100)
    yield get(bulk, run_ids=["$log"], metric_key="never", max_results=100)
    yield get(bulk, metric_key="m")
    yield get(bulk, run_ids=["$log"])
    yield get(bulk, run_ids=["$log"], metric_key="m", start_step=1)
    yield get(bulk, run_ids=["$log"], metric_key="m", start_step=5, end_step=1)
    yield get(bulk, run_ids=["$log"], metric_key="m", max_results=0)
    yield get(bulk, run_ids=["$log"], metric_key="m", max_results=2501)
    yield get(bulk, run_ids=["$log"] * 101, metric_key="m")


def inputs() -> Iterator[Call]:
    data = {"name": "tiny", "digest": "abc", "source_type": "local", "source": "{}"}
    more = {"schema": '{"a": 1}', "profile": "{}"}
    context = pairs(**{"mlflow.data.context": "training"})
    yield post(
        "runs/log-inputs", run_id="$log", datasets=[{"dataset": data | more, "tags": context}]
    )
    yield post("runs/log-inputs", run_id="$log", datasets=[{"dataset": data}])
    yield post("runs/log-inputs", run_id="$log", datasets=[])
    yield post("runs/log-inputs", run_id="$log")
    yield get("runs/get", run_id="$log")
    yield post("runs/log-inputs", datasets=[{"dataset": data}])
    yield post("runs/log-inputs", run_id=NOBODY, datasets=[{"dataset": data}])
    yield post("runs/log-inputs", run_id="$log", datasets=[{"tags": context}])
    for name in data:
        rest = {key: value for key, value in data.items() if key != name}
        yield post("runs/log-inputs", run_id="$log", datasets=[{"dataset": rest}])
    unread = [{"dataset": data | {"name": 5}}]
    yield post("runs/log-inputs", run_id="$apart", datasets=unread).but("unchecked")
    yield post("runs/log-inputs", run_id="$log", datasets="x")
    yield post("runs/log-inputs", run_id="$log", datasets=[{"dataset": data | {"name": "n" * 501}}])
    unread = [{"dataset": data, "tags": [{}]}]
    yield post("runs/log-inputs", run_id="$apart", datasets=unread).but("unchecked")
    model = '{"run_id": "x", "artifact_path": "model", "flavors": {}, "utc_time_created": "now"}'
    yield post("runs/log-model", run_id="$files", model_json=model)
    yield get("runs/get", run_id="$files").but("log-model")
    yield post("runs/log-model", run_id="$log", model_json="{nope")
    yield post("runs/log-model", run_id="$log", model_json="{}")
    yield post("runs/log-model", run_id="$log")
    yield get("runs/get", run_id="$log")


def searching_runs() -> Iterator[Call]:
    yield post("experiments/create", name="searched").keeps(found="experiment_id")
    for number, (auc, kind) in enumerate([(0.5, "linear"), (0.7, "tree"), (0.9, "tree")]):
        yield post(
            "runs/create", experiment_id="$found", start_time=100 + number, run_name=f"r{number}"
        ).keeps(**{f"s{number}": "run.info.run_id"})
        yield post(
            "runs/log-batch",
            run_id=f"$s{number}",
            metrics=[{"key": "auc", "value": auc, "timestamp": 1}],
            params=pairs(kind=kind),
            tags=pairs(team="red" if number else "blue"),
        )
    yield post("runs/update", run_id="$s2", status="FINISHED", end_time=500)
    searched = {"experiment_ids": ["$found"], "order_by": ["start_time ASC"]}
    for claim in (
        "metrics.auc > 0.6",
        "metrics.auc >= 0.7 and params.kind = 'tree'",
        "metrics.auc != 0.7",
        "params.kind != 'tree'",
        "params.kind LIKE 't%'",
        "params.kind ILIKE 'T%'",
        "tags.team = 'blue'",
        "tags.missing != 'x'",
        "attributes.status = 'FINISHED'",
        "status = 'RUNNING'",
        "run_name = 'r1'",
        "attributes.start_time >= 101",
        "end_time > 1",
        "run_id IN ('a', 'b')",
        "params.kind IS NOT NULL",
        "tags.team IS NULL",
        'metrics."auc" < 1',
        "metrics.`auc` < 1",
        "",
    ):
        yield post("runs/search", **searched, filter=claim)
    for claim in (
        "metrics.auc = 'x'",
        "params.kind = 5",
        "params.kind > 'x'",
        "nope.x = 1",
        "attributes.nope = 'x'",
        "metrics.auc >",
        "metrics.auc",
        "= 5",
        "status LIKE 5",
    ):
        yield post("runs/search", **searched, filter=claim)
    yield post("runs/search", **searched, filter="metrics.auc > 0.5 and").but("half-filter")
    for claim in ("metrics.auc < 0.6 OR tags.team = 'red'", "NOT (metrics.auc < 0.6)"):
        yield post("runs/search", **searched, filter=claim).but("more-grammar")
    for order in ("metrics.auc DESC", "params.kind ASC", "run_name DESC", "attributes.end_time"):
        yield post("runs/search", experiment_ids=["$found"], order_by=[order, "start_time ASC"])
    for order in ("metrics.auc UP", "nope.x", "metrics.", ""):
        yield post("runs/search", experiment_ids=["$found"], order_by=[order])
    yield post("runs/search", **searched, max_results=2).keeps(rest="next_page_token")
    yield post("runs/search", **searched, max_results=2, page_token="$rest")
    yield post("runs/search", **searched, max_results=0)
    yield post("runs/search", **searched, max_results=-5)
    yield post("runs/search", **searched, max_results=50_001)
    yield post("runs/search", **searched, page_token="zz")
    yield post("runs/search", experiment_ids="$found")
    yield post("runs/search", experiment_ids=["999999"])
    yield post("runs/search", experiment_ids=["abc"]).but("no-number")
    yield post("runs/search")
    yield post("runs/search", experiment_ids=["$found"], run_view_type="ALL")
    yield post("runs/search", experiment_ids=["$found"], run_view_type="NOPE")


def artifacts() -> Iterator[Call]:
    root = f"{FILES}/$exp/$files/artifacts"
    yield get("artifacts/list", run_id="$files")
    yield raw("PUT", f"{root}/a.txt", b"hello")
    yield get("artifacts/list", run_id="$files")
    yield get(FILES, path="$exp/$files/artifacts")
    yield raw("PUT", f"{root}/a.txt", b"hello again")
    yield raw("PUT", f"{root}/dir/b.json", b'{"a": 1}')
    yield raw("PUT", f"{root}/dir/deep/c.bin", b"\0\1\2")
    yield raw("PUT", f"{root}/none/empty.txt", b"")
    yield get("artifacts/list", run_id="$files", path="none").but("empty-file")
    yield raw("PUT", f"{root}/sp ace %26 100%25.txt", b"odd")
    yield raw("PUT", f"{root}/%C3%BC.txt", b"umlaut")
    yield raw("PUT", f"{root}/page.html", b"<script>alert(1)</script>")
    yield get("artifacts/list", run_id="$files")
    yield get("artifacts/list", run_uuid="$files")
    yield get("artifacts/list", run_id="$files", path="dir")
    yield get("artifacts/list", run_id="$files", path="dir/")
    yield get("artifacts/list", run_id="$files", path="dir/deep")
    yield get("artifacts/list", run_id="$files", path="a.txt")
    yield get("artifacts/list", run_id="$files", path="no")
    yield get("artifacts/list", run_id="$files", path="../x")
    yield get("artifacts/list", run_id="$files", path="/etc")
    yield get("artifacts/list", run_id="$files", path="%2e%2e/x")
    yield get("artifacts/list")
    yield get("artifacts/list", run_id=NOBODY)
    yield get(FILES, path="$exp/$files/artifacts")
    yield get(FILES, path="$exp/$files/artifacts/dir")
    yield get(FILES, path="$exp/$files/artifacts/no")
    yield get(FILES, path="../x")
    for name in ("a.txt", "dir/deep/c.bin", "none/empty.txt", "%C3%BC.txt"):
        yield raw("GET", f"{root}/{name}")
    upload = f"{PAGES}upload-artifact"
    yield raw("POST", f"{upload}?run_uuid=$files&path=small.txt", b"small")
    yield raw("POST", f"{upload}?run_uuid=$files&path=none.txt", b"")
    yield raw("POST", f"{upload}?run_uuid=$files", b"small")
    yield raw("POST", f"{upload}?path=small.txt", b"small")
    yield raw("POST", f"{upload}?run_uuid=$files&path=../small.txt", b"small")
    yield raw("POST", f"{upload}?run_uuid={NOBODY}&path=small.txt", b"small")
    yield get("artifacts/list", run_id="$files")
    for name in ("dir/b.json", "page.html"):
        yield raw("GET", f"{root}/{name}").but("artifact-types")
    yield raw("GET", f"{root}/no.txt")
    yield raw("GET", f"{root}/dir").but("page")
    yield raw("GET", f"{FILES}/..%2fx")
    yield raw("GET", f"{FILES}/%252e%252e/x")
    yield raw("PUT", f"{FILES}/..%2fx", b"x")
    yield raw("PUT", f"{FILES}/a%5c..%5cx", b"x").but("backslash")
    yield raw("DELETE", f"{FILES}/..%2fx")
    yield get("/get-artifact", run_id="$files", path="a.txt")
    yield get("/get-artifact", run_id="$files", path="page.html").but("artifact-types")
    yield get("/get-artifact", run_id="$files", path="no.txt")
    yield get("/get-artifact", run_id="$files", path="../../x")
    yield get("/get-artifact", run_id=NOBODY, path="a.txt")
    yield raw("DELETE", f"{root}/a.txt")
    yield raw("GET", f"{root}/a.txt")
    yield raw("DELETE", f"{root}/dir")
    yield raw("DELETE", f"{root}/no.txt")
    yield get("artifacts/list", run_id="$files")


def logged_models() -> Iterator[Call]:
    made = {"experiment_id": "$exp", "name": "lr", "source_run_id": "$log"}
    yield post(
        "logged-models", **made, model_type="classifier", params=pairs(C="1"), tags=pairs(a="b")
    ).keeps(lm="model.info.model_id")
    yield get("logged-models/$lm")
    yield post("logged-models", experiment_id="$exp").keeps(
        lm2="model.info.model_id", lm2_name="model.info.name"
    )
    yield patch("logged-models/$lm", model_id="$lm", status="LOGGED_MODEL_READY")
    yield patch("logged-models/$lm2", model_id="$lm2", status="LOGGED_MODEL_UPLOAD_FAILED")
    yield patch("logged-models/$lm/tags", model_id="$lm", tags=pairs(c="d", a="again"))
    yield post("logged-models/$lm/params", model_id="$lm", params=pairs(depth="3"))
    yield post("logged-models/$lm/params", model_id="$lm", params=pairs(depth="4")).but(
        "database-words"
    )
    yield get("logged-models/$lm")
    yield delete("logged-models/$lm/tags/c")
    yield delete("logged-models/$lm/tags/c")
    yield post("runs/outputs", run_id="$log", models=[{"model_id": "$lm", "step": 2}])
    yield post("runs/outputs", run_id="$log", models=[])
    yield post("runs/outputs", run_id="$log")
    yield post("runs/outputs", models=[{"model_id": "$lm", "step": 2}])
    yield post("runs/outputs", run_id=NOBODY, models=[{"model_id": "$lm", "step": 2}])
    yield post("runs/log-inputs", run_id="$batch", models=[{"model_id": "$lm"}])
    yield get("runs/get", run_id="$batch")
    point = {"run_id": "$log", "key": "auc", "value": 0.5, "timestamp": AT, "model_id": "$lm"}
    yield post("runs/log-metric", **point)
    yield post("runs/log-metric", **point, step=1, dataset_name="tiny", dataset_digest="abc")
    yield post("runs/log-metric", **point | {"model_id": "m-" + NOBODY}).but("database-words")
    yield get("logged-models/$lm")
    yield raw("PUT", f"{FILES}/$exp/models/$lm/artifacts/MLmodel", b"flavors: {}")
    yield get("logged-models/$lm/artifacts/directories")
    yield get("logged-models/$lm/artifacts/directories", artifact_directory_path="no")
    yield get("logged-models/$lm/artifacts/directories", artifact_directory_path="../x")
    yield raw("GET", f"{FILES}/$exp/models/$lm/artifacts/MLmodel")
    for claim in (
        "name = 'lr'",
        "attributes.model_type = 'classifier'",
        "params.C = '1'",
        "tags.a = 'again'",
        "metrics.auc > 0.1",
        "source_run_id = 'x'",
    ):
        yield post("logged-models/search", experiment_ids=["$exp"], filter=claim)
    tiny = {"dataset_name": "tiny"}
    for dataset in (
        tiny,
        tiny | {"dataset_digest": "abc"},
        tiny | {"dataset_digest": "other"},
        {"dataset_name": "nope"},
        {"dataset_digest": "abc"},
    ):
        chosen = {"experiment_ids": ["$exp"], "datasets": [dataset]}
        for more in ({}, {"filter": "metrics.auc > 0.1"}, {"filter": "name = 'lr'"}):
            search = post("logged-models/search", **chosen, **more)
            yield search.but("dataset-name") if dataset == tiny else search
    yield post("logged-models/search", experiment_ids=["$exp"], max_results=1).keeps(
        more="next_page_token"
    )
    yield post("logged-models/search", experiment_ids=["$exp"], filter="nope = 'x'").but("fault")
    yield post("logged-models/search", experiment_ids=["$exp"], filter="name =")
    yield post("logged-models/search")
    yield post("logged-models/search", experiment_ids=["$exp"], max_results=0)
    order = [{"field_name": "metrics.auc", "ascending": False}]
    yield post("logged-models/search", experiment_ids=["$exp"], order_by=order)
    for number, (value, at) in enumerate(((0.9, AT + 1), (0.2, AT + 2))):
        newer = {"key": "auc", "value": value, "timestamp": at, "step": number}
        yield post("runs/log-metric", run_id="$log", model_id="$lm2", **newer)
    for ascending in (True, False):
        by = {"field_name": "metrics.auc", "ascending": ascending}
        yield post("logged-models/search", experiment_ids=["$exp"], order_by=[by])
        yield post("logged-models/search", experiment_ids=["$exp"], order_by=[by | tiny])
    yield get(f"{PAGES}logged-models/$lm/artifacts/files", artifact_file_path="MLmodel")
    yield post("logged-models", experiment_id="$exp", name="a/b")
    yield post("logged-models", experiment_id="$exp", name="a.b")
    yield post("logged-models")
    yield post("logged-models", experiment_id="999999", name="x")
    unread = {"experiment_id": "$doomed", "name": "x", "params": [{"value": "v"}]}
    yield post("logged-models", **unread).but("unchecked")
    yield post("logged-models", experiment_id="$exp", name=5)
    yield patch("logged-models/$lm", model_id="$lm")
    yield patch("logged-models/$lm2", model_id="$lm2", status="NOPE").but("unchecked")
    yield patch("logged-models/m-nope", model_id="m-nope", status="LOGGED_MODEL_READY")
    yield get("logged-models/m-nope")
    yield patch("logged-models/m-nope/tags", model_id="m-nope", tags=pairs(a="b"))
    yield post("logged-models/m-nope/params", model_id="m-nope", params=pairs(a="b"))
    yield delete("logged-models/m-nope")
    yield delete("logged-models/$lm2")
    yield get("logged-models/$lm2")
    yield delete("logged-models/$lm2")


def models() -> Iterator[Call]:
    yield post("registered-models/create", name="m", description="first", tags=pairs(a="b"))
    yield get("registered-models/get", name="m")
    yield post("registered-models/create", name="m")
    yield post("registered-models/create", name="spaced name")
    yield post("registered-models/create", name="plain")
    yield patch("registered-models/update", name="m", description="second")
    yield patch("registered-models/update", name="plain", description="")
    yield patch("registered-models/update", name="plain")
    yield post("registered-models/set-tag", name="m", key="k", value="v")
    yield post("registered-models/set-tag", name="m", key="k", value="again")
    yield post("registered-models/set-tag", name="m", key="empty", value="")
    yield post("registered-models/set-tag", name="m", key="no value")
    yield get("registered-models/get", name="m")
    yield delete("registered-models/delete-tag", name="m", key="k")
    yield delete("registered-models/delete-tag", name="m", key="k")
    yield get("registered-models/get-latest-versions", name="m")
    yield post("registered-models/get-latest-versions", name="m", stages=["Production"])
    yield post("registered-models/rename", name="spaced name", new_name="renamed")
    yield get("registered-models/get", name="spaced name")
    yield get("registered-models/get", name="renamed")
    yield delete("registered-models/delete", name="renamed")
    yield get("registered-models/get", name="renamed")
    yield post("registered-models/create", name="renamed")
    yield raw("GET", "registered-models/get", b'{"name": "m"}')
    yield raw("GET", "registered-models/search", b'{"max_results": 1}')
    yield raw("GET", "registered-models/get", b'{"name": "nope"}')
    yield raw("GET", "registered-models/get", b"{}")
    yield raw("GET", "registered-models/get?name=plain", b'{"name": "m"}')
    yield raw("POST", "registered-models/get-latest-versions", b'"{\\"name\\": \\"m\\"}"')


def models_refused() -> Iterator[Call]:
    yield post("registered-models/create")
    yield post("registered-models/create", name="")
    yield post("registered-models/create", name="a/b")
    yield post("registered-models/create", name="a:b")
    yield post("registered-models/create", name=5)
    yield post("registered-models/create", name="x", tags="y")
    yield post("registered-models/create", name="x1", tags=[{"value": "v"}])
    yield post("registered-models/create", name="x2", tags=pairs(**{"k" * 251: "v"}))
    yield post("registered-models/create", name="x3", tags=pairs(k="v" * 100_001))
    yield get("registered-models/get")
    yield get("registered-models/get", name="nope")
    yield patch("registered-models/update", description="x")
    yield patch("registered-models/update", name="nope", description="x")
    yield patch("registered-models/update", name="m", description=5)
    yield post("registered-models/rename", name="m")
    yield post("registered-models/rename", name="nope", new_name="x")
    yield post("registered-models/rename", name="m", new_name="plain")
    yield post("registered-models/rename", name="m", new_name="a/b")
    yield delete("registered-models/delete")
    yield delete("registered-models/delete", name="nope")
    yield post("registered-models/set-tag", name="m")
    yield post("registered-models/set-tag", name="nope", key="k", value="v")
    yield post("registered-models/set-tag", name="m", key="k" * 251, value="v")
    yield post("registered-models/set-tag", name="m", key="k", value=5)
    yield delete("registered-models/delete-tag", name="nope", key="k")
    yield delete("registered-models/delete-tag", name="m")
    yield get("registered-models/get-latest-versions", name="nope")
    yield get("registered-models/get-latest-versions")
    yield post("registered-models/get-latest-versions", name="m", stages=["Nope"])


def versions() -> Iterator[Call]:
    source = {"source": "runs:/$files/model", "run_id": "$files"}
    yield post(
        "model-versions/create",
        name="m",
        **source,
        description="one",
        tags=pairs(k="v"),
        run_link="http://x",
    )
    yield get("model-versions/get", name="m", version="1")
    yield post("model-versions/create", name="m", **source)
    yield post("model-versions/create", name="m", source="models:/$lm", model_id="$lm")
    yield get("logged-models/$lm")
    yield post("model-versions/create", name="m", source="s3://bucket/key")
    yield post("model-versions/create", name="plain", source="models:/m/1")
    yield post("model-versions/create", name="plain", **source)
    yield get("registered-models/get", name="m")
    yield get("model-versions/get-download-uri", name="m", version="1").but("download")
    yield get("model-versions/get-download-uri", name="m", version="3")
    yield get("model-versions/get-download-uri", name="m", version="4")
    yield patch("model-versions/update", name="m", version="2", description="two")
    yield patch("model-versions/update", name="m", version="2")
    yield get("model-versions/get", name="m", version="2")
    yield post("model-versions/set-tag", name="m", version="1", key="t", value="u")
    yield post("model-versions/set-tag", name="m", version="1", key="empty", value="")
    yield get("model-versions/get", name="m", version="1")
    yield delete("model-versions/delete-tag", name="m", version="1", key="t")
    yield delete("model-versions/delete-tag", name="m", version="1", key="t")
    yield post("registered-models/alias", name="m", alias="best", version="1")
    yield get("registered-models/alias", name="m", alias="best")
    yield post("registered-models/alias", name="m", alias="best", version="2")
    yield get("registered-models/alias", name="m", alias="best")
    yield post("registered-models/alias", name="m", alias="Other-1_x", version="2")
    yield get("model-versions/get", name="m", version="2")
    yield get("registered-models/get", name="m")
    yield delete("registered-models/alias", name="m", alias="best")
    yield delete("registered-models/alias", name="m", alias="best")
    yield get("registered-models/alias", name="m", alias="best")
    move = {"name": "m", "archive_existing_versions": False}
    yield post("model-versions/transition-stage", **move, version="1", stage="Archived")
    yield post("model-versions/transition-stage", **move, version="2", stage="archived")
    yield post("registered-models/get-latest-versions", name="m", stages=["Archived"])
    yield post("registered-models/get-latest-versions", name="m", stages=["None", "Archived"])
    yield get("registered-models/get-latest-versions", name="m")
    archive = {"name": "m", "archive_existing_versions": True}
    staged = post("model-versions/transition-stage", **archive, version="3", stage="Staging")
    yield staged.but("gates")
    yield get("model-versions/get", name="m", version="1")
    yield post("model-versions/transition-stage", **move, version="3", stage="Archived")
    yield post("model-versions/transition-stage", **move, version="3", stage="None")
    yield get("registered-models/get", name="m")
    yield delete("model-versions/delete", name="m", version="4")
    yield get("model-versions/get", name="m", version="4")
    yield delete("model-versions/delete", name="m", version="4")
    yield post("registered-models/rename", name="m", new_name="m2")
    yield get("model-versions/get", name="m2", version="2")
    yield get("model-versions/get", name="m", version="2")
    yield post("registered-models/rename", name="m2", new_name="m")
    yield get("model-versions/search", filter="name = 'm' and version_number = 2")
    yield delete("registered-models/alias", name="m", alias="Other-1_x")
    yield get("registered-models/get", name="m")


def versions_refused() -> Iterator[Call]:
    source = {"source": "runs:/$files/model", "run_id": "$files"}
    yield post("model-versions/create", **source)
    yield post("model-versions/create", name="m")
    yield post("model-versions/create", name="nope", **source)
    yield post("model-versions/create", name="m", source="runs:/$files/model")
    yield post("model-versions/create", name="m", source="runs:/$log/model", run_id="$files")
    yield post("model-versions/create", name="m", source="/etc/passwd")
    yield post("model-versions/create", name="m", source="/etc/passwd", run_id="$files")
    yield post("model-versions/create", name="m", source="file:///etc", run_id="$files")
    yield post("model-versions/create", name="m", source="//proc/self/root", run_id="$files")
    root = "mlflow-artifacts:/$exp/$files/artifacts"
    yield post("model-versions/create", name="plain", source=f"{root}/x", run_id="$files")
    yield post("model-versions/create", name="m", source=f"{root}/../x", run_id="$files")
    yield post("model-versions/create", name="m", source=f"{root}/%2e%2e/x", run_id="$files")
    yield post("model-versions/create", name="m", source=f"{root}/%252e%252e/x", run_id="$files")
    yield post("model-versions/create", name="m", source=f"{root}/x")
    gone = {"source": "models:/m-nope", "model_id": "m-nope"}
    yield post("model-versions/create", name="m", **gone).but("fault")
    yield post("model-versions/create", name="m", source="models:/$lm", model_id="m-nope")
    yield post("model-versions/create", name="m", source="models:/$lm")
    yield post("model-versions/create", name="m", source="models:/nope/1")
    yield post("model-versions/create", name="m", source="http://inner/x")
    yield post("model-versions/create", name="m", source="ftp://inner/x")
    yield post("model-versions/create", name="m", source="s3://b/../x")
    yield post("model-versions/create", name="m", source="s3://b/p?x=/../y")
    yield post("registered-models/create", name="others")
    elsewhere = {"name": "others", "source": "runs:/nobody/model"}
    yield post("model-versions/create", **elsewhere).but("other-runs")
    yield post("model-versions/create", **elsewhere, run_id="nobody else").but("other-runs")
    yield post("model-versions/create", **elsewhere, run_id="$files")
    yield delete("registered-models/delete", name="others")
    yield post("model-versions/create", name="renamed", source="s3://b/p?x=1")
    yield get("model-versions/get-download-uri", name="renamed", version="2")
    yield post("model-versions/create", name="m", **source, tags=[{"value": "v"}])
    yield post("model-versions/create", name="m", **source, tags=pairs(**{"k" * 251: "v"}))
    yield post("model-versions/create", name="m", source=5)
    for method, path, more in (
        ("GET", "get", {}),
        ("GET", "get-download-uri", {}),
        ("PATCH", "update", {"description": "x"}),
        ("DELETE", "delete", {}),
        ("POST", "set-tag", {"key": "k", "value": "v"}),
        ("DELETE", "delete-tag", {"key": "k"}),
        ("POST", "transition-stage", {"stage": "Staging", "archive_existing_versions": False}),
    ):
        full = f"model-versions/{path}"
        yield Call(method, full, {"name": "m"} | more)
        yield Call(method, full, {"version": "1"} | more)
        yield Call(method, full, {"name": "m", "version": "99"} | more)
        yield Call(method, full, {"name": "nope", "version": "1"} | more)
        yield Call(method, full, {"name": "m", "version": "abc"} | more)
    yield post("model-versions/transition-stage", name="m", version="1", stage="Nope")
    yield post("model-versions/transition-stage", name="m", version="1")
    archived = {"stage": "Archived", "archive_existing_versions": True}
    yield post("model-versions/transition-stage", name="m", version="1", **archived).but("fault")
    for alias in ("latest", "LATEST", "v1", "V22", "a b", "a/b", "", "a" * 256):
        yield post("registered-models/alias", name="m", alias=alias, version="1")
    yield post("registered-models/alias", name="m", alias="best")
    yield post("registered-models/alias", name="m", alias="best", version="99")
    yield post("registered-models/alias", name="nope", alias="best", version="1")
    yield get("registered-models/alias", name="m", alias="nope")
    yield get("registered-models/alias", name="nope", alias="best")
    yield get("registered-models/alias", name="m")
    yield delete("registered-models/alias", name="nope", alias="best")


def searching_the_registry() -> Iterator[Call]:
    yield get("registered-models/search")
    yield get("registered-models/search", max_results=1).keeps(models="next_page_token")
    yield get("registered-models/search", max_results=1, page_token="$models")
    for claim in ("name = 'm'", "name LIKE 'p%'", "name ILIKE 'P%'", "tags.a = 'b'"):
        yield get("registered-models/search", filter=claim)
    yield get("registered-models/search", filter="tag.`mlflow.prompt.is_prompt` != 'true'")
    for order in ("name DESC", "timestamp ASC", "last_updated_timestamp ASC"):
        yield get("registered-models/search", order_by=[order], filter="name = 'm'")
    for orders in (["creation_timestamp ASC"], ["name DESC", "name ASC"]):
        yield get("registered-models/search", order_by=orders).but("orders")
    yield get("model-versions/search", filter="name = 'm'", order_by=["version_number ASC"])
    yield get("model-versions/search", filter="name = 'm'", max_results=1).keeps(
        versions="next_page_token"
    )
    for claim in ("run_id = '$files'", "source_path = 's3://bucket/key'", "tags.k = 'v'"):
        order = ["name ASC", "version_number ASC"]
        yield get("model-versions/search", filter=claim, order_by=order)
    for path in ("registered-models/search", "model-versions/search"):
        yield get(path, filter="nope = 'x'")
        yield get(path, filter="name =")
        yield get(path, filter="name = 5")
        yield get(path, filter="name > 'x'")
        yield get(path, order_by=["nope ASC"])
        yield get(path, order_by=["name UP"])
        for size in (0, -1):
            odd = get(path, max_results=size)
            yield odd.but("page-size") if path.startswith("registered") else odd
        yield get(path, max_results="abc")
        yield get(path, page_token="zz")
    yield get("registered-models/search", max_results=1001)
    yield get("model-versions/search", max_results=200_001)


def webhooks() -> Iterator[Call]:
    event = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    hook = {"name": "hook", "url": "https://93.184.215.14/x", "events": event}
    yield get("webhooks")
    yield post("webhooks", **hook, description="d", secret="hush").keeps(hook="webhook.webhook_id")
    yield get("webhooks/$hook")
    yield get("webhooks")
    yield patch("webhooks/$hook", status="DISABLED")
    yield patch("webhooks/$hook", name="other", description="")
    yield patch("webhooks/$hook", secret="new")
    yield patch("webhooks/$hook")
    yield patch(
        "webhooks/$hook",
        events=[
            {"entity": "MODEL_VERSION", "action": "CREATED"},
            {"entity": "MODEL_VERSION_ALIAS", "action": "DELETED"},
        ],
    )
    yield post("webhooks", **hook | {"name": "off"}, status="DISABLED").keeps(
        off="webhook.webhook_id"
    )
    yield delete("webhooks/$off")
    yield get("webhooks/$off")
    budget = [{"entity": "BUDGET_POLICY", "action": "EXCEEDED"}]
    yield post("webhooks", **hook | {"events": budget}).keeps(budget="webhook.webhook_id")
    yield delete("webhooks/$budget")
    for entity in ("PROMPT", "PROMPT_VERSION", "MODEL_VERSION_TAG"):
        given = [{"entity": entity, "action": "CREATED"}]
        yield post("webhooks", **hook | {"events": given}).keeps(passing="webhook.webhook_id")
        yield delete("webhooks/$passing")
    for name in hook:
        yield post("webhooks", **{key: value for key, value in hook.items() if key != name})
        yield post("webhooks", **hook | {name: 5})
        yield post("webhooks", **hook | {name: ""})
    for name in ("-x", "x-", "n" * 63, "n" * 64, "a b", "ü"):
        yield post("webhooks", **hook | {"name": name})
    for url in (
        "ftp://example.com/x",
        "https://",
        "no url",
        "https://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest",
        "https://2130706433/",
    ):
        yield post("webhooks", **hook | {"url": url})
        yield patch("webhooks/$hook", url=url)
    yield post("webhooks", **hook | {"events": []})
    yield post("webhooks", **hook | {"events": [{"entity": "MODEL_VERSION", "action": "SET"}]})
    unread: tuple[Any, ...] = ({"entity": "NOPE", "action": "CREATED"}, event[0] | {"action": ""})
    for wrong in (*unread, {"entity": "MODEL_VERSION"}, {}, "x"):
        yield post("webhooks", **hook | {"events": [wrong]}).but("fault")
    yield post("webhooks", **hook, description=5)
    yield get("webhooks", max_results=0)
    yield get("webhooks", max_results=-1)
    yield get("webhooks", max_results=1001)
    yield get("webhooks", page_token="zz")
    yield get("webhooks/nope")
    yield patch("webhooks/nope", name="x")
    yield delete("webhooks/nope")
    yield post("webhooks/nope/test")
    yield delete("webhooks/$hook")
    yield get("webhooks/$hook")
    yield post("webhooks", **hook, status="NOPE").but("unchecked")
    plain = hook | {"url": "http://93.184.215.14/x"}
    yield post("webhooks", **plain).but("webhook-http")
    named = hook | {"url": "https://ada:pw@93.184.215.14/x"}
    yield post("webhooks", **named).but("webhook-credentials")


def bodies() -> Iterator[Call]:
    yield raw("POST", "experiments/create", b"")
    yield raw("POST", "experiments/create", b"   ")
    yield raw("POST", "experiments/create", b"{}")
    yield raw("POST", "experiments/create", b"null")
    yield raw("POST", "experiments/create", b"{nope")
    yield raw("POST", "experiments/create", b"\xff\xfe")
    for content in (b"[1]", b'"text"', b"5"):
        yield raw("POST", "experiments/create", content).but("fault")
    yield raw("POST", "experiments/search", b'{"max_results": 5')
    yield raw("POST", "runs/search", b"{nope").but("no-json")
    yield raw("POST", "experiments/create", b'{"name": "twice", "name": "wins"}')
    yield raw("POST", "experiments/create", b'{"name": "unknown field", "nope": 1}')
    yield raw("POST", "experiments/create", b'{"name": null}')
    yield raw("POST", "experiments/create", b'{"name": "\\ud800"}')
    yield raw("POST", "experiments/create", b'{"name": "deep", "tags": ' + b"[" * 200 + b"]" * 200)
    bare = b'{"run_id": "$apart", "key": "bare", "value": NaN, "timestamp": 1}'
    yield raw("POST", "runs/log-metric", bare)
    yield get("metrics/get-history", run_id="$apart", metric_key="bare").but("bare-nan")


def champion() -> Iterator[Call]:
    moved = {"name": "plain", "version": "1", "archive_existing_versions": False}
    yield post("model-versions/transition-stage", **moved, stage="Production").but("gates")
    yield get("registered-models/alias", name="plain", alias="champion")
    aliased = post("registered-models/alias", name="plain", alias="champion", version="2")
    yield aliased.but("gates")
    yield get("registered-models/alias", name="plain", alias="champion").but("gates")


def taken_by_one() -> Iterator[Call]:
    """What only one of the two takes; it comes last, because its traces differ from then on."""
    climbing = "file:///tmp/../x"
    yield post("experiments/create", name="climbs", artifact_location=climbing).but("location")
    yield post("registered-models/create", name="n" * 257).but("long-name")
    nul = b'{"name": "nul\\u0000"}'
    yield raw("POST", "experiments/create", nul).but("nul")
