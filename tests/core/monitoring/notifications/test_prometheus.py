"""Metrics and rule files for Prometheus: the format, and that each rule finds its metric."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilothouse.http.metrics import monitored
from pilothouse.kit.errors import NotFound, Unavailable
from pilothouse.monitoring.notifications.silences import SilenceSpec
from pilothouse.monitoring.prometheus import exposition

SAMPLE = re.compile(r"(?P<name>[a-z_]+)\{(?P<labels>.*)\} (?P<value>\S+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
PROMTOOL = shutil.which("promtool")


def metrics(ward: Any) -> str:
    with ward.store.read() as session:
        return exposition(session, ward.store.now())


def samples(ward: Any, name: str) -> list[tuple[dict[str, str], float]]:
    parsed = [SAMPLE.fullmatch(line) for line in metrics(ward).splitlines() if line[0] != "#"]
    assert all(parsed)
    return [
        (dict(LABEL.findall(match["labels"])), float(match["value"]))
        for match in parsed
        if match is not None and match["name"] == name
    ]


def firing(ward: Any) -> set[str]:
    """The alerts that the rule file raises on the metrics, by a reading of our own of PromQL."""
    raised = set()
    for group in yaml.safe_load(ward.workspace.monitoring.prometheus_rules())["groups"]:
        for rule in group["rules"]:
            name, matchers = re.fullmatch(r"([a-z_]+)\{(.*)\} == 1", rule["expr"]).groups()  # type: ignore[union-attr]
            matched = dict(LABEL.findall(matchers))
            for labels, value in samples(ward, name):
                matches = all(labels.get(k, "") == v for k, v in matched.items())
                if matches and value == 1:
                    raised.add(rule["alert"])
    return raised


def test_the_rule_file_has_the_form_that_prometheus_documents(ward: Any) -> None:
    ward.workspace.monitoring.monitor("churn")
    ward.rule('a "quoted" \\ rule', "performance")
    content = yaml.safe_load(ward.workspace.monitoring.prometheus_rules("churn"))
    assert list(content) == ["groups"]
    (group,) = content["groups"]
    assert set(group) == {"name", "rules"}
    assert len(group["rules"]) == 5
    for rule in group["rules"]:
        assert set(rule) == {"alert", "expr", "annotations"}
        assert all(isinstance(value, str) for value in rule["annotations"].values())
    names = [rule["alert"] for rule in group["rules"]]
    assert names == [
        'churn: a "quoted" \\ rule',
        *("churn: Absent inputs", "churn: Drift", "churn: Performance", "churn: Type change"),
    ]
    with pytest.raises(NotFound, match="nobody monitors"):
        ward.workspace.monitoring.prometheus_rules("absent")


def test_a_rule_raises_what_fires_and_is_not_muted(ward: Any) -> None:
    ward.rule("auc", "performance", severity="critical")
    ward.rule("columns", "feature_drift")
    ward.rule('odd "name"', "data_quality")
    ward.window(performance="ok", feature_drift="ok", data_quality="ok")
    assert firing(ward) == set()
    ward.window(performance="fail", feature_drift="fail", data_quality="fail")
    assert firing(ward) == {"churn: auc", 'churn: odd "name"'}  # drift has one cause with auc
    until = ward.clock.now().replace(year=2027)
    ward.notifications.add_silence(SilenceSpec("maintenance", until, rule="odd*"))
    assert firing(ward) == {"churn: auc"}
    by_rule = {labels["rule"]: labels for labels, _ in samples(ward, "pilothouse_alert_firing")}
    assert by_rule["columns"]["muted"] == "inhibited"
    assert by_rule["auc"]["severity"] == "critical"
    assert "muted" not in by_rule["auc"]


def test_the_newest_window_is_measured(ward: Any) -> None:
    ward.workspace.monitoring.monitor("churn")
    assert samples(ward, "pilothouse_window_rows") == []
    ward.window(performance="ok")
    ward.window(rows=500, performance="fail", estimated_performance="ok", feature_drift="ok")
    ((labels, rows),) = samples(ward, "pilothouse_window_rows")
    assert (labels, rows) == ({"deployment": "churn", "model": "", "version": "1"}, 500)
    performance = {
        labels["kind"]: (labels["metric"], value)
        for labels, value in samples(ward, "pilothouse_performance")
    }
    assert performance == {"realised": ("roc_auc", 0.1), "estimated": ("roc_auc", 0.9)}
    assert [value for _, value in samples(ward, "pilothouse_drifted_columns_ratio")] == [0.1]


@pytest.mark.skipif(PROMTOOL is None, reason="Prometheus' promtool is not installed")
def test_promtool_accepts_rules_and_metrics(ward: Any, tmp_path: Path) -> None:
    ward.workspace.monitoring.monitor("churn")
    ward.rule('a "quoted" \\ rule', "performance")
    ward.window(performance="fail", feature_drift="fail")
    file = tmp_path / "rules.yml"
    file.write_text(ward.workspace.monitoring.prometheus_rules())
    for command, text in (
        (["check", "rules", str(file)], ""),
        (["check", "metrics"], metrics(ward)),
    ):
        ended = subprocess.run(
            [str(PROMTOOL), *command], input=text, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_database_that_cannot_be_read_fails_no_scrape(
    ward: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> str:
        raise Unavailable("the database is away.")

    ward.rule("auc", "performance")
    assert b"pilothouse_alert_firing" in monitored(ward.store)
    monkeypatch.setattr("pilothouse.monitoring.prometheus.exposition", fail)
    assert monitored(ward.store) == b""
    assert "could not be read" in caplog.text
