"""The Grafana dashboard: its form, and that every query finds its metric and labels."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.metrics import GatewayMetrics, LookupFigures
from pilothouse.http.metrics import exposition, monitored
from pilothouse.kit.errors import NotFound

PROMTOOL = shutil.which("promtool")
NAME = re.compile(r"\bpilothouse_[a-z_]+")
MATCHER = re.compile(r'([a-z_]+)(=~|=)"([^"]*)"')
SELECTOR = re.compile(r"(pilothouse_[a-z_]+)\{([^}]*)\}")
GROUPING = re.compile(r"by \(([a-z_, ]+)\)")


@pytest.fixture
def watched(ward: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A deployment whose newest window has a metric with both limits, and a drifted feature."""
    make = ward._result

    def result(window: Any, signal: str, status: str) -> Any:
        made = make(window, signal.removesuffix("_of_age"), status)
        made.warn = 0.6
        if signal == "feature_drift_of_age":
            made.check, made.column = "wasserstein", "age"
        return made

    monkeypatch.setattr(ward, "_result", result)
    ward.rule("auc", "performance", severity="critical")
    ward.window(
        performance="fail", estimated_performance="ok", feature_drift="warn",
        feature_drift_of_age="warn",
    )  # fmt: skip
    ward.workspace.monitoring.monitor("churn")
    return ward


def dashboard(ward: Any, deployment: str | None = None) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(ward.workspace.monitoring.grafana_dashboard(deployment))
    return content


def expressions(content: dict[str, Any]) -> Iterator[str]:
    for panel in content["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def samples(ward: Any) -> dict[str, list[dict[str, str]]]:
    """The labels of each metric that a scrape of a server with some traffic gives."""
    metrics = GatewayMetrics()
    metrics.count("churn", 1, 200, 3, 4.0)
    metrics.count("churn", 1, 503, 1, 4.0)
    metrics.count_rows("churn", 1, 2, 2)
    routes = SimpleNamespace(names=lambda: ["churn"], is_ready=lambda name: True)
    parts = {"metrics": metrics, "routes": routes, "waiting_bytes": dict}
    lookups = SimpleNamespace(figures={"churn": LookupFigures(count=3, age_seconds=5.0)})
    gateway = cast(Gateway, SimpleNamespace(**parts, lookups=lookups))
    text = exposition(gateway).decode() + monitored(ward.store).decode()
    scraped: dict[str, list[dict[str, str]]] = {}
    for line in text.splitlines():
        if match := re.match(r"(pilothouse_[a-z_]+)(?:\{(.*)\})? ", line):
            labels = dict(re.findall(r'([a-z_]+)="([^"]*)"', match[2] or ""))
            scraped.setdefault(match[1], []).append(labels)
    return scraped


def test_every_query_finds_samples_with_its_labels(watched: Any) -> None:
    scraped, content = samples(watched), dashboard(watched)
    for expression in expressions(content):
        names = set(NAME.findall(expression))
        assert names
        assert names <= set(scraped), expression
        for name, matchers in SELECTOR.findall(expression):
            text = matchers.replace("$deployment", "churn")
            matched = [
                labels
                for labels in scraped[name]
                if all(
                    re.fullmatch(value if how == "=~" else re.escape(value), labels.get(key, ""))
                    for key, how, value in MATCHER.findall(text)
                )
            ]
            assert matched, f"{expression} finds nothing"
            for grouping in GROUPING.findall(expression):
                assert set(grouping.split(", ")) <= set(matched[0])
    variable = content["templating"]["list"][1]["definition"]
    assert set(NAME.findall(variable)) <= set(scraped)


def test_the_legends_name_labels_of_their_metrics(watched: Any) -> None:
    scraped = samples(watched)
    for panel in dashboard(watched)["panels"]:
        for target in panel["targets"]:
            (name,) = set(NAME.findall(target["expr"]))
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert legend <= set(scraped[name][0]), target


def test_the_dashboard_has_the_form_that_grafana_documents(watched: Any) -> None:
    content = dashboard(watched)
    assert content["schemaVersion"] == 39
    assert content["uid"] == "pilothouse"
    panels = content["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        grid = panel["gridPos"]
        assert 0 <= grid["x"] <= grid["x"] + grid["w"] <= 24
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
    for first, second in combinations([panel["gridPos"] for panel in panels], 2):
        beside = first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
        above = first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
        assert beside or above
    variables = {variable["name"]: variable for variable in content["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["deployment"]["includeAll"]


def test_one_deployment_has_a_dashboard_of_its_own(watched: Any) -> None:
    content = dashboard(watched, "churn")
    variable = content["templating"]["list"][1]
    assert (content["uid"], variable["type"]) == ("pilothouse-churn", "custom")
    assert variable["current"]["value"] == "churn"
    assert list(expressions(content)) == list(expressions(dashboard(watched)))
    with pytest.raises(NotFound, match="nobody monitors"):
        watched.workspace.monitoring.grafana_dashboard("absent")


@pytest.mark.skipif(PROMTOOL is None, reason="Prometheus' promtool is not installed")
def test_promtool_parses_every_query(watched: Any, tmp_path: Path) -> None:
    rules = [
        {"record": f"query_{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(expressions(dashboard(watched)))
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    ended = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
