"""Features that are looked up for requests with their keys: every protocol, cost, and failures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from harness.answering_gateway import AnswersRows, Served
from harness.feature_repositories import HOURS, feature_repository
from pilothouse.deployments import Deployments
from pilothouse.deployments.feature_rule import FeatureRule
from pilothouse.deployments.gateway import store_agent
from pilothouse.deployments.gateway.exposition import lookup_lines
from pilothouse.deployments.gateway.feature_lookups import lookup_figures
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse.deployments.model_server.framing import SUCCESS
from pilothouse.deployments.prediction_log import log
from pilothouse.features import FeatureRequest, store_rows
from pilothouse.features.tables import FeatureStoreRow
from pilothouse.interop.exporting.export_notes import left_out
from pilothouse.interop.exporting.subject import ServingSettings
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import Row
from pilothouse.storage import Store
from pilothouse.workspace import Workspace

Post = Callable[..., Awaitable[httpx.Response]]
SIGNATURE = Signature(
    inputs=(
        SignatureField("hour", "number"),
        SignatureField("trips", "number", nullable=True),
        SignatureField("rate", "number", nullable=True),
    ),
    target="late",
    classes=(0, 1),
    positive=1,
)
RULE = FeatureRule(
    store="drivers",
    features=(),
    service="driver_service",
    full_names=False,
    keys={"driver_id": "Int64"},
    names=("trips", "rate"),
    seconds=20.0,
)
INVOKE, INFER = "/deployments/d/invocations", "/v2/models/d/infer"
AGE = 13 * 3600  # from the last value to the noon that tests begin at
TWO = {"hour": [7.0, 8.0], "trips": [99.0, 8.0], "rate": [0.9, 0.8]}


def add_store(store: Store, folder: Path, catalog: dict[str, Any] | None = None) -> None:
    row = FeatureStoreRow(
        name="drivers", kind="feast", settings={"repository": str(folder)}, catalog=catalog or {},
        library="0.67.0", read_at=store.now(), created_at=store.now(), created_by="ada",
    )  # fmt: skip
    with store.write() as session:
        store_rows.add(session, store, row, "")


class LookedUp:
    """A gateway in front of a model, whose features come from a small Feast."""

    def __init__(self, workspace: Workspace, folder: Path, rule: FeatureRule = RULE) -> None:
        self.model = AnswersRows(SIGNATURE, [])
        self.model.reply = self.answer
        self.model.route = replace(self.model.route, features=rule)
        self.model.store = workspace.store  # type: ignore[attr-defined]
        self.gateway = Served(workspace.folder, self.model).gateway
        add_store(workspace.store, folder)
        workspace.features.materialize("drivers")

    def run(self, act: Callable[[Post], Awaitable[None]]) -> None:
        """Requests in one event loop, as in a server."""

        async def requests() -> None:
            transport = httpx.ASGITransport(cast(Any, self.gateway))
            async with httpx.AsyncClient(transport=transport, base_url="http://g") as caller:
                try:
                    await act(caller.post)
                finally:
                    await self.gateway.lookups.close()

        asyncio.run(requests())

    def answer(self, _rows: list[Row]) -> bytes:
        """A score for each row that the model was asked."""
        rows = self.model.requests[-1]["rows"]
        return SUCCESS + b"[%b]" % b",".join([b"[0.5, 0.5]"] * rows)

    def columns(self) -> dict[str, list[Any]]:
        """What the model was asked last."""
        return dict(zip(SIGNATURE.names, self.model.requests[-1]["columns"], strict=True))


@pytest.fixture
def looked_up(workspace: Workspace, tmp_path: Path) -> LookedUp:
    return LookedUp(workspace, feature_repository(tmp_path / "repository"))


def tensors(**columns: list[Any]) -> dict[str, Any]:
    kinds = {"driver_id": "INT64"}
    inputs = [
        {"name": name, "shape": [len(data)], "datatype": kinds.get(name, "FP64"), "data": data}
        for name, data in columns.items()
    ]
    return {"inputs": inputs}


def test_every_protocol_gets_the_features_of_its_keys(looked_up: LookedUp) -> None:
    records = [{"hour": 7.0, "driver_id": 1001}, {"hour": 8.0, "driver_id": 1002}]
    csv = "hour,driver_id\n7,1001\n8,1002\n"
    split = {"columns": ["driver_id", "hour"], "data": [[1001, 7.0], [1002, 8.0]]}

    async def requests(post: Post) -> None:
        for path, options in (
            (INVOKE, {"json": {"dataframe_records": records}}),
            (INVOKE, {"json": {"dataframe_split": split}}),
            (INVOKE, {"content": csv, "headers": {"content-type": "text/csv"}}),
            (INFER, {"json": tensors(driver_id=[1001, 1002], hour=[7.0, 8.0])}),
            ("/v1/models/d:predict", {"json": {"instances": records}}),
            ("/predictions/d", {"json": {"instances": records}}),
        ):
            await post(path, **options)
            assert looked_up.columns() == TWO, path

        figures = looked_up.gateway.lookups.figures["d"]
        assert (figures.count, figures.failed, figures.rows) == (6, 0, 12)
        assert figures.age_seconds == AGE
        assert figures.mean_ms is not None
        assert not looked_up.gateway.lookups.is_ready("others")
        assert looked_up.gateway.lookups.is_ready("drivers")
        await looked_up.gateway.keep_agents()

    looked_up.model.routes = lambda: [looked_up.model.route]  # type: ignore[attr-defined]
    looked_up.run(requests)
    folder = looked_up.model.store.run_folder  # type: ignore[attr-defined]
    stored = lookup_figures(folder, "d")
    assert stored is not None
    assert (stored["count"], stored["age_seconds"], stored["age_p99_seconds"]) == (6, AGE, AGE)
    assert 0 < stored["p50_ms"] <= stored["p99_ms"]
    assert lookup_figures(folder, "other") is None
    text = "\n".join(lookup_lines(looked_up.gateway.lookups.figures))
    assert 'pilothouse_feature_lookups_total{deployment="d",outcome="answered"} 6' in text
    assert 'pilothouse_feature_age_seconds{deployment="d"} 46800.000' in text
    assert 'pilothouse_feature_missing_rows_total{deployment="d"} 0' in text
    assert 'pilothouse_feature_lookup_seconds{deployment="d",quantile="0.99"}' in text
    logged = log.predictions(looked_up.gateway.workspace, "d")
    assert logged["driver_id"].tolist() == [1001, 1002] * 6
    assert logged["trips"].tolist() == [99.0, 8.0] * 6
    assert set(logged["features_at"]) == {HOURS[-1]}
    assert set(SIGNATURE.names) <= set(logged)


def test_what_is_sent_is_used_and_what_is_unknown_is_missing(looked_up: LookedUp) -> None:
    async def requests(post: Post) -> None:
        both = {"hour": 7.0, "trips": 1.0, "rate": 2.0}
        rows = [both, {**both, "driver_id": 7}]
        await post(INVOKE, json={"dataframe_records": rows})
        assert looked_up.columns() == {"hour": [7.0] * 2, "trips": [1.0] * 2, "rate": [2.0] * 2}
        await post(INVOKE, json={"dataframe_split": {"data": [[7.0, 1.0, 2.0]] * 2}})
        assert looked_up.columns()["trips"] == [1.0] * 2
        assert looked_up.gateway.lookups.figures == {}

        rows = [{"hour": 7.0, "rate": 2.0, "driver_id": key} for key in (1001, 7)]
        await post(INVOKE, json={"dataframe_records": rows})
        assert looked_up.columns() == {
            "hour": [7.0, 7.0],
            "trips": [99.0, None],
            "rate": [2.0, 2.0],
        }
        assert looked_up.gateway.lookups.figures["d"].missing_rows == 1

        odd = [{**both, "driver_id": {"nested": 1}}, {**both, "driver_id": "a"}]
        assert (await post(INVOKE, json={"dataframe_records": odd})).status_code == 200

        answer = await post(INVOKE, json={"dataframe_records": [{"hour": 7.0}]})
        assert answer.status_code == 422
        assert "Send them, or driver_id, by which they are looked up." in answer.text

    looked_up.run(requests)
    logged = log.predictions(looked_up.gateway.workspace, "d")
    keys = logged["driver_id"].astype(object).where(logged["driver_id"].notna(), None).tolist()
    assert keys == [None, 7, None, None, 1001, 7, None, None]  # nested ones are not logged
    assert logged["features_at"].isna().tolist() == [True] * 4 + [False] + [True] * 3


def test_a_store_that_does_not_answer_is_a_503_and_is_started_again(
    looked_up: LookedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_agent, "HANG_SECONDS", 0.2)
    monkeypatch.setattr(store_agent, "RESTART_SECONDS", 0.0)

    def body(key: int) -> dict[str, Any]:
        return {"dataframe_records": [{"hour": 7.0, "driver_id": key}] * 2}

    async def requests(post: Post) -> None:
        agent = looked_up.gateway.lookups._agent("drivers")
        await post(INVOKE, json=body(1001))
        looked_up.model.route = replace(looked_up.model.route, features=replace(RULE, seconds=0.3))
        late = await post(INVOKE, json=body(-1))
        assert late.status_code == 503
        assert "did not answer within 0.3 s" in late.text
        agent.keep_running()  # as the server does every second
        looked_up.model.route = replace(looked_up.model.route, features=RULE)
        await asyncio.wait_for(asyncio.shield(cast(Any, agent._running)), 10)
        await post(INVOKE, json=body(1001))
        assert looked_up.columns()["trips"] == [99.0, 99.0]
        ended = await post(INVOKE, json=body(-2))
        assert (ended.status_code, "has ended" in ended.text) == (503, True)
        assert looked_up.gateway.lookups.figures["d"].failed == 2

    looked_up.run(requests)


def test_a_store_that_cannot_be_opened_counts_as_failed_and_says_why(
    looked_up: LookedUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_agent, "FAILED_SECONDS", 0.0)
    store, library = looked_up.model.store, tmp_path / "repository" / "feast.py"  # type: ignore[attr-defined]
    sound = library.read_text()
    library.write_text("raise OSError('no disk')")

    async def requests(post: Post) -> None:
        lookups = looked_up.gateway.lookups
        await looked_up.gateway.keep_agents()
        assert not lookups.is_ready("drivers"), "it may become ready"
        agent = lookups._agent("drivers")
        await asyncio.wait_for(asyncio.shield(cast(Any, agent._running)), 60)
        agent._not_before = math.inf  # not tried again until the test says so
        await looked_up.gateway.keep_agents()
        assert lookups.is_ready("drivers"), "requests with every input are answered"
        refused = await post(INVOKE, json={"dataframe_records": [{"hour": 7.0, "driver_id": 1001}]})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
        assert "the feature store 'drivers' has failed: " in refused.text
        own = [{"hour": 7.0, "trips": 1.0, "rate": 0.5}]
        assert (await post(INVOKE, json={"dataframe_records": own})).status_code == 200
        figures = lookup_figures(store.run_folder, "d")
        assert figures is not None
        assert "no disk" in figures["store_failure"]

        library.write_text(sound)
        agent._not_before = 0.0
        agent.keep_running()
        await asyncio.wait_for(agent._ready.wait(), 60)
        await looked_up.gateway.keep_agents()
        assert lookup_figures(store.run_folder, "d")["store_failure"] == ""  # type: ignore[index]

    looked_up.model.routes = lambda: [looked_up.model.route]  # type: ignore[attr-defined]
    looked_up.run(requests)


def test_a_rule_names_features_that_the_model_takes(
    deployments: Deployments, registered: Store, tmp_path: Path
) -> None:
    features = [{"name": "wind", "type": "Float64"}, {"name": "age", "type": "Int64"}]
    view = {
        "name": "weather", "kind": "FeatureView", "description": "", "entities": ["place"],
        "keys": {"place": "String"}, "features": features, "request": [], "uses": [],
        "source": "", "ttl_seconds": None, "online": True, "materialized_until": None,
    }  # fmt: skip
    catalog = {"project": "p", "entities": [], "views": [view], "sources": [], "services": []}
    add_store(registered, tmp_path, catalog)
    deployments.launch("flights", "late", 1)
    wind = FeatureRequest(("weather:wind",))
    with pytest.raises(NotFound, match="no feature store"):
        deployments.set_features("flights", "other", wind)
    for request, message in (
        (FeatureRequest(("weather:age",)), "takes none of these features"),
        (FeatureRequest(("weather:rain",)), "the store has no weather:rain"),
        (FeatureRequest(), "features or a service"),
    ):
        with pytest.raises(Invalid, match=message):
            deployments.set_features("flights", "drivers", request)
    with pytest.raises(Invalid, match=r"between 0\.01 and 20"):
        deployments.set_features("flights", "drivers", wind, seconds=60)
    rule = deployments.set_features("flights", "drivers", wind, reason="weather by place")
    deployments.set_log_rules("flights", LogRules(hashed=("place",)))
    deployments.set_log_rules("flights", LogRules())
    assert (rule.names, dict(rule.keys)) == (("wind",), {"place": "String"})
    assert deployments.features("flights") == rule
    assert deployments.using_store("drivers") == ["flights"]
    deployments.remove_features("flights", "not used")
    assert deployments.features("flights") is None
    assert deployments.feature_lookups("flights") is None


RULE_IN_FILE = """
deployments:
- name: flights
  model: late
  version: 1
  features:
    store: drivers
    features: ["weather:wind"]
    seconds: 0.5
"""


def test_a_file_has_the_rule_and_an_export_names_it(
    deployments: Deployments, registered: Store, tmp_path: Path
) -> None:
    view = {
        "name": "weather", "kind": "FeatureView", "description": "", "entities": ["place"],
        "keys": {"place": "String"}, "features": [{"name": "wind", "type": "Float64"}],
        "request": [], "uses": [], "source": "", "ttl_seconds": None, "online": True,
        "materialized_until": None,
    }  # fmt: skip
    catalog = {"project": "p", "entities": [], "views": [view], "sources": [], "services": []}
    with pytest.raises(NotFound, match="no feature store"):
        deployments.diff(RULE_IN_FILE)
    add_store(registered, tmp_path, catalog)
    with pytest.raises(Invalid, match="weather:rain"):
        deployments.diff(RULE_IN_FILE.replace("wind", "rain"))
    [added] = deployments.apply(RULE_IN_FILE, "from Git")
    assert "+ features: weather:wind of drivers, within 0.5 s" in added.lines
    rule = deployments.features("flights")
    assert rule is not None
    assert (rule.names, rule.seconds) == (("wind",), 0.5)
    assert [change.kind for change in deployments.apply(RULE_IN_FILE)] == ["same"]
    exported = deployments.export(["flights"])
    assert "store: drivers" in exported
    assert [change.kind for change in deployments.diff(exported)] == ["same"]
    served = ServingSettings("flights", looked_up=rule.names, features_of="weather:wind")
    subject = SimpleNamespace(packages=["pyarrow"], version=1, deployment=served)
    left = left_out(cast(Any, subject))
    assert any("callers send these inputs themselves: `wind`" in line for line in left)

    with pytest.raises(Invalid) as faulty:
        deployments.diff(RULE_IN_FILE.replace("store: drivers", "shop: drivers"))
    assert any("store" in field for field in faulty.value.fields)
    nothing = RULE_IN_FILE[: RULE_IN_FILE.index("features:")] + "features: none\n"
    [removed] = deployments.apply(nothing)
    assert removed.lines == (
        "- features: weather:wind of drivers, within 0.5 s",
        "+ features: nothing",
    )
    assert deployments.features("flights") is None
    assert "features: none" in deployments.export(["flights"])
