"""Pipelines as files: what is read, how each fault is named, and what the order is."""

from __future__ import annotations

import textwrap
from datetime import date

import pytest

from pilothouse.kit.errors import Invalid
from pilothouse.kit.yaml_file import read_yaml
from pilothouse.pipelines.definitions.backfill import dates_of
from pilothouse.pipelines.definitions.definition import Definition, read_parameters
from pilothouse.pipelines.definitions.source_file import read_source
from pilothouse.pipelines.input_expressions import resolve

WEEKLY = """
name: weekly
description: Train on the newest rows.
parameters:
  dataset: churn
  day: {type: date, default: today}
  trials: {type: integer, default: 0}
steps:
  - name: propose
    uses: propose_promotion
    with: {model: churn, version: "${{ steps.register.version }}"}
  - name: data
    uses: dataset_version
    with: {dataset: "${{ parameters.dataset }}"}
  - name: train
    uses: train
    needs: check
    with:
      dataset: ${{ steps.data.dataset }}
      target: churned
      trials: ${{ parameters.trials }}
      name: run of ${{ parameters.day }}
  - name: check
    uses: check_contract
    with: {dataset: "${{ steps.data.dataset }}", against: churn@1}
  - name: register
    uses: register_version
    with: {model: churn, run: "${{ steps.train.run }}"}
"""
BUILT = """
from pilothouse.pipelines.builder import Pipeline

pipeline = Pipeline("weekly", "Train on the newest rows.")
dataset = pipeline.parameter("dataset", default="churn")
day = pipeline.parameter("day", "date", default="today")
trials = pipeline.parameter("trials", "integer", default=0)
data = pipeline.step("data", "dataset_version", {"dataset": dataset})
check = pipeline.step(
    "check", "check_contract", {"dataset": data["dataset"], "against": "churn@1"}
)
train = pipeline.step(
    "train",
    "train",
    {"dataset": data["dataset"], "target": "churned", "trials": trials, "name": f"run of {day}"},
    needs=[check],
)
register = pipeline.step("register", "register_version", {"model": "churn", "run": train["run"]})
pipeline.step("propose", "propose_promotion", {"model": "churn", "version": register["version"]})
"""


def read(text: str) -> Definition:
    return read_source(textwrap.dedent(text), "pipeline.yaml")


def faults(steps: str, parameters: str = "{}") -> dict[str, str]:
    text = f"name: weekly\nparameters: {parameters}\nsteps:\n{textwrap.dedent(steps)}"
    with pytest.raises(Invalid) as refused:
        read(text)
    return refused.value.fields


def test_steps_are_put_in_an_order_in_which_they_can_be_done() -> None:
    definition = read(WEEKLY)
    assert [step.name for step in definition.steps] == [
        *("data", "check", "train", "register", "propose")
    ]
    assert set(definition.edges) == {
        *(("data", "check"), ("check", "train"), ("data", "train")),
        *(("train", "register"), ("register", "propose")),
    }
    assert definition.after("train") == {"register", "propose"}
    assert definition.before("train") == {"data", "check"}
    assert Definition.from_json(definition.to_json()) == definition


def test_a_python_file_builds_the_same_definition_in_a_process_of_its_own() -> None:
    assert read_source(BUILT, "weekly.py") == read(WEEKLY)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise RuntimeError('no such table')", "RuntimeError: no such table"),
        ("pipelines = []", "makes 0 pipelines"),
    ],
)
def test_a_python_file_that_builds_none_is_refused_with_its_last_line(
    text: str, message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        read_source(text, "weekly.py")


def test_every_fault_is_named_with_its_line_step_and_field() -> None:
    wrong = faults(
        """
        - name: data
          uses: dataset_versoin
        - name: train
          uses: train
          with: {dataset: a, target: b}
          need: data
        - name: train
          uses: command
        """
    )
    assert wrong["steps[0].uses"].startswith(
        "line 6, step data: unknown kind of step 'dataset_versoin'; there are check_contract, "
    )
    assert wrong["steps[1].need"] == (
        "line 10, step train: unknown field; there are name, uses, with, needs"
    )
    assert wrong["steps[2].name"] == "line 11, step train: another step is called 'train'"


@pytest.mark.parametrize(
    ("step", "field", "message"),
    [
        ("with: {dataset: a}, needs: [b]", "needs", "needs 'b', and there is no such step"),
        ("with: {dataset: '${{ steps.b.run }}'}", "with.dataset", "an output of 'b', and there"),
        ("with: {dataset: '${{ steps.data.run }}'}", "with.dataset", "it has dataset, rows"),
        ("with: {dataset: '${{ parameters.x }}'}", "with.dataset", "there is no parameter 'x'"),
        ("with: {dataset: '${{ x + 1 }}'}", "with.dataset", "is not an expression. Write"),
        ("with: {dataset: '${{ steps.n.rows }}'}", "with.dataset", "a text, and this is integer"),
        ("with: {dataset: '${{ parameters.n }}'}", "with.dataset", "a text, and this is integer"),
        ("with: {dataset: 3}", "with.dataset", "dataset must be a text"),
        ("with: {}", "with", "dataset_version needs the input 'dataset'"),
        ("with: {dataset: a, row: 1}", "with.row", "has no input 'row'; it has dataset, min_rows"),
        ("with: {dataset: '${{ steps.data.dataset }}'}", "needs", "one another: data -> data"),
    ],
)
def test_a_wrong_input_or_edge_is_named(step: str, field: str, message: str) -> None:
    steps = (
        f"- {{name: data, uses: dataset_version, {step}}}\n"
        "- {name: n, uses: dataset_version, with: {dataset: a}}\n"
    )
    wrong = faults(steps, "{n: 3}")
    assert list(wrong) == [f"steps[0].{field}"]
    assert message in wrong[f"steps[0].{field}"]
    assert wrong[f"steps[0].{field}"].startswith("line 4, step data: ")


def test_a_longer_cycle_is_named_in_the_order_of_its_steps() -> None:
    wrong = faults(
        """
        - {name: a, uses: dataset_version, needs: c, with: {dataset: x}}
        - {name: b, uses: dataset_version, needs: a, with: {dataset: x}}
        - {name: c, uses: dataset_version, needs: b, with: {dataset: x}}
        """
    )
    assert next(iter(wrong.values())).endswith("steps need one another: a -> b -> c -> a")


def test_inputs_of_kinds_are_checked_when_nothing_runs_yet() -> None:
    wrong = faults(
        """
        - {name: a, uses: train, with: {dataset: x, target: y, trainer: magic}}
        - {name: b, uses: train, with: {dataset: x, target: y, options: {depth: 3}}}
        - {name: c, uses: command, with: {command: "echo ${{ parameters.n }}"}}
        """,
        "{n: 3}",
    )
    assert "no trainer named 'magic'" in wrong["steps[0].with"]
    assert "no option depth" in wrong["steps[1].with"]
    assert "Give the value under env" in wrong["steps[2].with"]


@pytest.mark.parametrize(
    ("parameters", "field", "message"),
    [
        ("{n: {type: integer, default: many}}", "n.default", "n must be a whole number"),
        ("{n: {type: moon}}", "n.type", "unknown type 'moon'"),
        ("{n: {type: date, default: 01.02.2026}}", "n.default", "a date such as 2026-03-01"),
        ("{n: {type: choice}}", "n.choices", "which needs them"),
        ("{N: 3}", "N", "a name has small letters"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: str, field: str, message: str) -> None:
    wrong = faults("- {name: a, uses: dataset_version, with: {dataset: x}}", parameters)
    assert list(wrong) == [f"parameters.{field}"]
    assert message in wrong[f"parameters.{field}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1, 2]\nb: *x\n", "line 1: anchors and aliases"),
        ("a: 1\na: 2\n", "line 2: 'a' stands here a second time"),
        ("a: " + "[" * 30 + "]" * 30, "nested deeper than 20"),
        ("a: [" + "1," * 30_000 + "]", "more than 20,000 values"),
        ("a: " + "x" * 300_000, "more than 200 kB"),
        ("a: [1\nb: 2", "line 2: this is not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: "),
        ("a: 1\n---\nb: 2", "line 2: this is not YAML"),
    ],
)
def test_a_file_that_could_do_harm_is_refused_by_its_line(text: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(text)
    assert message in refused.value.message


def test_texts_stay_texts() -> None:
    document = read_yaml("country: NO\nday: 2026-03-01\nopen: yes\nreally: true\n")
    assert document.value == {"country": "NO", "day": "2026-03-01", "open": "yes", "really": True}


def test_a_value_of_an_expression_keeps_its_type_unless_it_is_inside_of_a_text() -> None:
    inputs = {
        "n": "${{ parameters.n }}",
        "text": "n is ${{parameters.n}}",
        "list": ["${{ steps.a.b }}"],
    }
    resolved = resolve(inputs, {"n": 3}, {"a": {"b": {"c": 1}}})
    assert resolved == {"n": 3, "text": "n is 3", "list": [{"c": 1}]}


def test_parameters_of_a_run_are_read_all_at_once() -> None:
    definition = read(WEEKLY)
    today = date(2026, 3, 1)
    values = read_parameters(definition, {"trials": 4}, today)
    assert values == {"dataset": "churn", "day": "2026-03-01", "trials": 4}
    with pytest.raises(Invalid) as refused:
        read_parameters(definition, {"trials": "x", "day": "1 March", "rate": 1}, today)
    assert set(refused.value.fields) == {"parameters.trials", "parameters.day", "parameters.rate"}


def test_periods_of_a_backfill() -> None:
    days = [str(day) for day in dates_of(date(2026, 1, 31), date(2026, 4, 30), "month")]
    assert days == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
    weeks = dates_of(date(2026, 1, 5), date(2026, 1, 20), "week")
    assert [day.day for day in weeks] == [5, 12, 19]
    with pytest.raises(Invalid, match="more than 200 periods"):
        dates_of(date(2020, 1, 1), date(2026, 1, 1), "day")
    with pytest.raises(Invalid, match="is before"):
        dates_of(date(2026, 1, 2), date(2026, 1, 1), "day")
