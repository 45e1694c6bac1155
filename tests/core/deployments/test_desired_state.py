"""Deployments as a file: exported, compared and applied, with every fault named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.deployments.tables import Deployment
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.registry.api import Registry
from pilothouse.registry.description import Description
from pilothouse.storage import Store

FILE = """
deployments:
  - name: flights
    model: late
    version: 1
    replicas: 2
    limits: {needs_key: true, per_second: 50}
"""


def verbs(store: Store) -> list[str]:
    return list(Activity(store).entries(kind="deployment", ref="flights")["verb"])


def test_a_file_is_applied_once_and_again_without_effect(
    deployments: Deployments, registered: Store
) -> None:
    (planned,) = deployments.diff(FILE)
    assert planned.kind == "added"
    assert "+ version: 1" in planned.lines
    assert deployments.deployments().empty
    assert deployments.apply(FILE, "from Git") == (planned,)
    info = deployments.deployment("flights")
    assert (info.version, info.replica_count) == (1, 2)
    assert deployments.limits("flights") == CallLimits(needs_key=True, per_second=50)
    assert verbs(registered) == ["limited", "launched"]
    assert [change.kind for change in deployments.apply(FILE)] == ["same"]
    assert verbs(registered) == ["limited", "launched"]


def test_only_what_a_file_says_is_changed(deployments: Deployments, registered: Store) -> None:
    deployments.apply(FILE)
    changed = FILE.replace("version: 1", "version: 2").replace("replicas: 2", "state: stopped")
    (change,) = deployments.apply(changed, "a better model")
    assert change.text.splitlines() == [
        "flights: changed",
        "  - version: 1",
        "  + version: 2",
        "  - state: running",
        "  + state: stopped",
        "  version 2 takes over once it is ready",
        "  it is stopped",
    ]
    info = deployments.deployment("flights")
    assert (info.version, info.replica_count, info.desired_state) == (2, 2, "stopped")
    assert verbs(registered)[:2] == ["stopped", "swapped"]
    assert Activity(registered).verify().intact


def test_what_was_exported_changes_nothing(deployments: Deployments) -> None:
    deployments.apply(FILE)
    deployments.launch("plain", "late", 2)
    described = Description(task="regression", target="y", inputs={"x": "number"})
    deployments.add_external("elsewhere", description=described)
    text = deployments.export()
    assert "elsewhere" not in text
    assert {change.kind for change in deployments.diff(text)} == {"same"}
    assert deployments.export(["flights"]).count("name:") == 1
    with pytest.raises(Conflict, match="is served elsewhere"):
        deployments.export(["elsewhere"])
    with pytest.raises(NotFound):
        deployments.export(["none"])


def test_an_alias_names_the_version(deployments: Deployments, registered: Store) -> None:
    registry = Registry(registered)
    registry.set_alias("late", "live", 1)
    file = FILE.replace("version: 1", "alias: live")
    deployments.apply(file)
    registry.set_alias("late", "live", 2)
    (change,) = deployments.diff(file)
    assert "+ version: 2" in change.lines


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("deployments: []", "file", "needs a list"),
        ("name: x", "file", "needs a list"),
        (FILE.replace("version: 1", ""), "deployments[0].version", "or `alias`"),
        (FILE + "    alias: live\n", "deployments[0].version", "or `alias`"),
        (FILE.replace("replicas: 2", "replicas: 9"), "deployments[0].replicas", "1 and 8"),
        (FILE.replace("replicas: 2", "replicas: yes"), "deployments[0].replicas", "whole number"),
        (FILE.replace("name: flights", "name: A B"), "deployments[0].name", "has a space"),
        (FILE.replace("per_second: 50", "per_second: -1"), "limits.per_second", "above 0"),
        (FILE.replace("per_second", "per_hour"), "limits.per_hour", "unknown; there are needs_key"),
        (FILE.replace("true", "maybe"), "limits.needs_key", "true or false"),
        (FILE + "    state: paused\n", "deployments[0].state", "running or stopped"),
        (FILE + FILE.split("\n", 2)[2], "deployments[1].name", "is there twice"),
    ],
)
def test_a_fault_is_named_with_its_field_and_line(
    deployments: Deployments, text: str, field: str, message: str
) -> None:
    with pytest.raises(Invalid) as refused:
        deployments.apply(text)
    faults = {name: said for name, said in refused.value.fields.items() if name.endswith(field)}
    assert any(message in said for said in faults.values()), refused.value.fields
    assert deployments.deployments().empty


def test_nothing_is_applied_when_one_of_them_cannot_be(deployments: Deployments) -> None:
    second = FILE.split("\n", 2)[2].replace("flights", "other").replace("version: 1", "version: 7")
    with pytest.raises(NotFound):
        deployments.apply(FILE + second)
    assert deployments.deployments().empty
    deployments.apply(FILE)
    with pytest.raises(Conflict, match="serves the model 'late', not 'early'"):
        deployments.apply(FILE.replace("model: late", "model: early"))


def test_another_version_takes_over_by_the_strategy_of_the_file(
    deployments: Deployments, registered: Store
) -> None:
    deployments.apply(FILE)
    with registered.write() as session:
        session.get_one(Deployment, "flights").serving_version = 1
    file = FILE.replace("version: 1", "version: 2")
    file += "    strategy: {kind: canary, settings: {steps: [10, 50]}}\n"
    (change,) = deployments.apply(file, "by Git")
    assert change.steps == ("a rollout (canary) of version 2 begins",)
    rollout = deployments.active_rollout("flights")
    assert rollout is not None
    assert (rollout.candidates, rollout.settings["steps"]) == ((2,), [10, 50])
    assert [again.kind for again in deployments.apply(file)] == ["same"]
    with pytest.raises(Invalid, match="growing percentages"):
        deployments.diff(file.replace("[10, 50]", "[50, 10]"))
    with pytest.raises(Invalid, match="does not replace the version"):
        deployments.diff(FILE + "    strategy: shadow\n")
    with pytest.raises(Invalid, match="slowly"):
        deployments.diff(file.replace("canary", "slowly"))


def test_scaling_is_recorded_and_refused_in_words(
    deployments: Deployments, registered: Store, tmp_path: Path
) -> None:
    deployments.launch("flights", "late", 1)
    deployments.scale("flights", 3, "the sale begins")
    assert deployments.deployment("flights").replica_count == 3
    deployments.scale("flights", 3)
    assert verbs(registered) == ["scaled", "launched"]
    with pytest.raises(Invalid, match="between 1 and 8"):
        deployments.scale("flights", 0)
