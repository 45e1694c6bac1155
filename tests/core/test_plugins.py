"""Every plugin, ours or a stranger's, keeps the promises of its kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pilothouse
from harness.reference_pages import ALL_KINDS
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.drift import BOTH, DriftTest, drift_tests
from pilothouse.registry.gates import Verdict, gates
from pilothouse.testing.drift import check_drift_test
from pilothouse.testing.gates import check_gate
from pilothouse.testing.plugin_kinds import KINDS
from pilothouse.testing.trainers import check_trainer
from pilothouse.testing.workflows import check_workflow
from pilothouse.training.trainers import Hyperparameter, trainers

PACKAGE = Path(pilothouse.__file__).parent
ALL = [
    pytest.param(kind.check, name, plugin, id=f"{kind.plugins.noun}: {name}")
    for kind in ALL_KINDS
    for name, plugin in kind.plugins.items()
]


@pytest.mark.parametrize(("check", "name", "plugin"), ALL)
def test_a_plugin_keeps_the_promises_of_its_kind(
    check: Callable[[str, Any], None], name: str, plugin: Any
) -> None:
    check(name, plugin)


def test_every_kind_of_plugin_has_a_contract() -> None:
    declared = set()
    for path in PACKAGE.rglob("*.py"):
        for package in re.findall(r"= Plugins\(([^,]+),", path.read_text(encoding="utf-8")):
            if path.parts[-2:] != ("kit", "plugins.py"):
                own = ".".join(("pilothouse", *path.parent.relative_to(PACKAGE).parts))
                declared.add(own if package == "__name__" else package.strip('"'))
    assert declared == {kind.plugins.package for kind in KINDS}


def broken_gate(verdict: Verdict) -> Any:
    """The gate `metric_threshold`, but for its one verdict on everything."""
    real: Any = gates.get("metric_threshold")

    class Broken(real):  # type: ignore[misc]  # a class that is only known at run time
        @staticmethod
        def evaluate(evidence: object, params: object) -> Verdict:
            return verdict

    return Broken


@pytest.mark.parametrize(
    ("name", "verdict", "message"),
    [
        ("lenient", Verdict("lenient", "passed", None, None, "fine"), "lets everything pass"),
        ("mute", Verdict("mute", "failed", None, None, " "), "gives no message"),
        ("nan", Verdict("nan", "failed", float("nan"), 1.0, "no number"), "is no figure"),
        ("other", Verdict("mute", "failed", None, None, "worse"), "signs as 'mute'"),
    ],
)
def test_a_gate_that_breaks_a_promise_is_told_which(
    name: str, verdict: Verdict, message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        check_gate(name, broken_gate(verdict))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": ""}, "needs a title"),
        ({"title": "a gate."}, "is not a title"),
        ({"description": "No sentence"}, "needs a description"),
        ({"unit": None}, "unit of its result"),
        ({"parameters": (Parameter("metric", "text", ""),)}, "sentence of help"),
        ({"parameters": (Parameter("margin", "number", 2, high=1, help="Much."),)}, "at most 1"),
        ({"parameters": (Parameter("way", "choice", "up", help="Which."),)}, "one of"),
        ({"parameters": (Parameter("metric", "text", required=True, help="It."),)}, "a default"),
    ],
)
def test_a_plugin_that_does_not_describe_itself_is_told_what_is_missing(
    changes: dict[str, Any], message: str
) -> None:
    real: Any = gates.get("metric_threshold")
    with pytest.raises((AssertionError, Invalid), match=message):
        check_gate("metric_threshold", type("Undescribed", (real,), changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"score": lambda pair: float("nan")}, "gives nan"),
        ({"kinds": frozenset({"time"}), "score": lambda pair: float("nan")}, "gives nan"),
        ({"score": lambda pair: -1.0}, "never negative"),
        ({"score": lambda pair: 1.0}, "for equal columns"),
        ({"score": lambda pair: 0}, "must give a float"),
        ({"limits": CheckLimits(warn=0.3, fail=0.2)}, "warn before it fails"),
        ({"kinds": frozenset({"picture"})}, "takes"),
    ],
)
def test_a_drift_test_that_breaks_a_promise_is_told_which(
    changes: dict[str, Any], words: str
) -> None:
    psi: DriftTest = drift_tests.get("psi")
    assert psi.kinds == BOTH
    with pytest.raises(AssertionError, match=words):
        check_drift_test("broken", replace(psi, **changes))


def test_a_trainer_that_breaks_a_promise_is_told_which() -> None:
    real: Any = trainers.get("logistic_regression")

    class Twice(real):  # type: ignore[misc]  # a class that is only known at run time
        parameters = (*real.parameters, real.parameters[0])

    class Helpless(real):  # type: ignore[misc]
        parameters = (*real.parameters, Hyperparameter("warmth", "number", 1.0, 0.0, 1.0))

    class Guesses(real):  # type: ignore[misc]
        @staticmethod
        def build(columns: Any, params: Any, seed: int, *rest: Any) -> Any:
            from sklearn.dummy import DummyClassifier
            from sklearn.pipeline import Pipeline

            encode = real.build(columns, params, seed)[0]
            return Pipeline([("encode", encode), ("guess", DummyClassifier())])

    for trainer, words in ((Twice, "twice"), (Helpless, "sentence"), (Guesses, "learned nothing")):
        with pytest.raises(AssertionError, match=words):
            check_trainer("broken", trainer)


def test_a_workflow_that_breaks_a_promise_is_told_which() -> None:
    text = Parameter("words", "text", required=True, help="What it says.")

    def nameless(job: object, *words: str) -> dict[str, Any]:
        return {}

    def jobless(words: str) -> dict[str, Any]:
        return {}

    def other(job: object, word: str) -> dict[str, Any]:
        return {}

    def optional(job: object, words: str = "") -> dict[str, Any]:
        return {}

    broken = (
        ("nameless", nameless, "by its name"),
        ("jobless", jobless, "job first"),
        ("Job Less", jobless, "not a name"),
        ("other", other, "its arguments are others"),
        ("optional", optional, "required in one place"),
    )
    for name, run, message in broken:
        workflow: Any = SimpleNamespace(
            title="Broken", description="It is broken.", parameters=(text,), run=run
        )
        with pytest.raises(AssertionError, match=message):
            check_workflow(name, workflow)
