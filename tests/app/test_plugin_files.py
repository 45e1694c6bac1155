"""A gate, a drift test, a trainer, a kind of rule, a workflow and a screen: one new file each.

Each file is put into a folder on the path of its package, and nothing else is edited.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from harness.policies import set_gates
from harness.reference_pages import ALL_KINDS, pages
from pilothouse.cli.options import PluginName
from pilothouse.cli.root import root
from pilothouse.jobs import JobContext, Progress, workflows
from pilothouse.jobs.functions import resolve_function
from pilothouse.kit.errors import Invalid, Refused
from pilothouse.kit.plugins import Plugins
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.drift import drift_tests
from pilothouse.monitoring.rules import rule_kinds
from pilothouse.registry.gates import gates
from pilothouse.registry.policy import GateRule
from pilothouse.training import TrainingSpec
from pilothouse.training.trainers import trainers
from pilothouse.workspace import Workspace
from pilothouse_app import screens as screens_package
from pilothouse_app.screens import all_screens, screens

FILES = Path(__file__).parent / "plugin_files"
ADDED: dict[str, tuple[Plugins[Any], str, str]] = {
    "gate": (gates, "enough_inputs", "Enough inputs"),
    "drift": (drift_tests, "mean_shift", "Shift of the mean"),
    "trainer": (trainers, "naive_bayes", "Naive Bayes"),
    "rule_kind": (rule_kinds, "outside", "Outside of a range"),
    "workflow": (workflows, "count_windows", "Window count"),
    "screen": (screens, "added_screen", "Lineup"),
}
Tour = Callable[..., Any]


@pytest.fixture(autouse=True)
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The six files, each in a folder that belongs to its package for the time of a test."""
    modules = []
    for file, (plugins, _, _) in ADDED.items():
        plugins.names()
        folder = tmp_path / "added" / plugins.package
        folder.mkdir(parents=True)
        shutil.copy(FILES / f"{file}.py", folder / f"added_{file}.py")

        package = importlib.import_module(plugins.package)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        monkeypatch.setattr(plugins, "_registered", dict(plugins._registered))
        monkeypatch.setattr(plugins, "_loaded", False)
        modules.append((package, f"added_{file}"))
    all_screens.cache_clear()

    yield

    all_screens.cache_clear()
    for package, name in modules:
        sys.modules.pop(f"{package.__name__}.{name}", None)
        if hasattr(package, name):
            delattr(package, name)


def policy_dialog() -> None:
    import streamlit as st

    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.policies.editor import DRAFT, begin_draft, edit_policy

    if DRAFT not in st.session_state:
        begin_draft(workspace().policies.policy("production").policy)
    edit_policy()


def rule_dialog() -> None:
    from pilothouse_app.features.monitoring.rules import add_rule

    add_rule("late")


def schedule_dialog() -> None:
    from pilothouse_app.features.pipelines.schedules import add_schedule

    add_schedule()


def dialog(script: Callable[[], None]) -> AppTest:
    """A dialog that stays open: AppTest runs a whole page where a browser runs a fragment."""
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    return page


def text(page: Any) -> str:
    return " ".join(str(element.value) for element in (*page.markdown, *page.caption))


@pytest.mark.parametrize("file", ADDED)
def test_one_file_is_a_plugin_with_its_docs_that_keeps_the_contract(file: str) -> None:
    plugins, name, title = ADDED[file]
    assert name in plugins.names()
    assert len((FILES / f"{file}.py").read_text().splitlines()) < (40 if file == "gate" else 100)
    kind = next(kind for kind in ALL_KINDS if kind.plugins is plugins)
    kind.check(name, plugins.get(name))
    row = next(r for r in pages()["plugins.md"].splitlines() if r.startswith(f"| `{name}` |"))
    assert f"**{title}**" in row
    for parameter in getattr(plugins.get(name), "parameters", ()):
        assert f"`{parameter.name}`" in row or file == "drift"


def test_a_gate_is_on_the_policy_screen_in_the_command_line_and_judges_promotions(
    tour: Tour, served: Workspace, tmp_path: Path
) -> None:
    page = dialog(policy_dialog)
    page.selectbox(key="policy_new_gate").select("enough_inputs")
    page.button(key="policy_add_gate").click().run()
    assert "The candidate has at least `count` inputs." in text(page)
    field = next(field for field in page.number_input if field.label == "Count")
    assert (field.value, field.min, field.max) == (2, 1, 500)

    field.set_value(9)
    page.button(key="policy_try").click().run()
    assert "Enough inputs" in page.table[0].value.columns
    page.text_input(key="policy_reason").set_value("few columns fit by luck").run()
    page.button(key="policy_go").click().run()
    rules = served.policies.applicable("late", "production").gates
    assert [rule.gate for rule in rules] == ["beats_champion", "enough_inputs"]
    assert rules[1].params == {"count": 9}
    with pytest.raises(Refused, match="it has 4 inputs, and 9 are needed"):
        served.registry.promote("late", 2, "production", "try")

    shown = tour("policy", name="production")
    assert not shown.exception
    assert "Enough inputs" in shown.table[0].value["Gate"].tolist()
    file = tmp_path / "policies.yaml"
    file.write_text(served.policies.export())
    judged = json.loads(command(served, "policies", "test", str(file)))
    assert "enough_inputs" in [verdict["gate"] for verdict in judged[0]["verdicts"]]
    assert "enough_inputs count=9" in command(served, "policies", "show", "production")


def command(served: Workspace, *words: str) -> str:
    options = ["--workspace", str(served.folder)]
    options += ["--json"] if "test" in words else []
    result = CliRunner().invoke(root, [*words, *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_gate_refuses_parameters_outside_of_its_limits(served: Workspace) -> None:
    with pytest.raises(Invalid, match="count must be between 1 and 500") as refusal:
        set_gates(served, "production", [GateRule("enough_inputs", {"count": 0})])
    assert list(refusal.value.fields) == ["gates[0].params.count"]
    set_gates(served, "production", [GateRule("enough_inputs", {"count": 4})])
    assert served.registry.promote("late", 2, "production", "better").status == "accepted"


def test_a_trainer_is_offered_with_its_parameters_and_trains(
    visit: Tour, workspace: Workspace, payments: str
) -> None:
    page = visit("dataset", ref=payments)
    page.session_state["train_target"] = "outcome"
    page.session_state["train_trainer"] = "naive_bayes"
    page.button(key="train").click().run()
    assert not page.exception
    assert "A normal distribution a column and class" in text(page)
    field = page.number_input(key="train_naive_bayes_smoothing")
    assert (field.label, field.help) == ("Smoothing", "Share of variance to add.")

    spec = TrainingSpec(payments, "outcome", trainer="naive_bayes", folds=2, evaluation="held_out")
    run = workspace.experiments.run(workspace.training.train_now(spec))
    assert run.status == "finished"
    plugin = next(info for info in workspace.training.trainers() if info.name == "naive_bayes")
    assert plugin.description.startswith("A normal distribution")


@pytest.fixture
def payments(workspace: Workspace) -> str:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=300), "kind": rng.choice(["a", "b"], 300)})
    frame["outcome"] = np.where(frame["x"] + rng.normal(0, 0.5, 300) > 0.9, "fraud", "legit")
    return workspace.data.register("payments", frame).ref


def judge_again(served: Workspace) -> str:
    served.monitoring.monitor("late", min_rows=100)  # of the same settings nothing is new
    newest = served.monitoring.windows("late").iloc[-1]
    return served.monitoring.evaluate("late", newest["start"], newest["end"])


def test_a_drift_test_judges_every_column_that_it_takes(tour: Tour, served: Workspace) -> None:
    served.monitoring.monitor("late", limits={"mean_shift": {"fail": 2.0}})
    results = served.monitoring.results(judge_again(served)).query("check == 'mean_shift'")
    features = results[results["signal"] == "feature_drift"].set_index("column")
    assert set(features.index) == {"temp", "hour", "gust"}
    assert features.loc["temp", "score"] == pytest.approx(4.0, abs=0.5)
    assert features.loc["temp", ["status", "threshold"]].tolist() == ["fail", 2.0]
    with pytest.raises(Invalid, match="has no parameter 'shift'"):
        served.monitoring.monitor("late", limits={"mean_shift": {"shift": 2.0}})


def test_a_rule_of_a_new_kind_on_a_new_check_is_made_in_the_form_and_fires(
    tour: Tour, served: Workspace
) -> None:
    page = dialog(rule_dialog)
    page.selectbox(key="rule_what").select("Drift (Mean shift) of any column").run()
    page.selectbox(key="rule_condition_mean_shift_feature_drift").select("outside").run()
    assert "farther from zero than the threshold" in text(page)
    field = page.number_input(key="rule_threshold_mean_shift_feature_drift_outside")
    assert (field.value, field.min) == (0.3, 0)

    page.number_input(key="rule_for").set_value(1)
    page.button(key="rule_go").click().run()
    assert not page.exception
    rules = served.monitoring.rules("late").set_index("condition")
    assert rules.loc["outside", "threshold"] == 0.3

    judge_again(served)
    alerts = served.monitoring.alerts("firing").set_index("name")
    message = alerts.loc[rules.loc["outside", "name"], "message"]
    assert message.startswith("the shift of the mean of temp was ")
    assert message.endswith("farther from zero than 0.3")


def test_a_kind_of_rule_says_which_thresholds_it_takes(served: Workspace) -> None:
    rule = AlertRuleSpec("far", "feature_drift", "mean_shift", "outside", -1.0)
    with pytest.raises(Invalid) as refusal:
        served.monitoring.add_rule("late", rule)
    assert refusal.value.fields == {"threshold": "at least 0"}
    assert PluginName(rule_kinds).convert("outside", None, None) == "outside"


def test_a_workflow_is_offered_as_a_schedule_and_runs(tour: Tour, served: Workspace) -> None:
    page = dialog(schedule_dialog)
    assert "Window count" in page.selectbox(key="schedule_kind").options

    def child(store: Any, job: str, reference: str, span: Any, args: dict[str, Any]) -> Any:
        return resolve_function(reference)(
            store, Progress(store, job, start=span[0], end=span[1]), **args
        )

    context = JobContext(served.store, "a-job", lambda _, act: act(), child)
    assert workflows.get("count_windows").run(context, deployment="late") == {"windows": 3}


def test_a_screen_is_in_the_menu_and_draws(tour: Tour) -> None:
    page = tour("lineup")
    assert not page.exception
    assert "All deployments in a row" in text(page)
    menu = [screen for screen, _ in all_screens() if screen.section == "Operate"]
    assert "Lineup" in [screen.title for screen in menu]
    assert screens_package.parent_list("lineup") is None
