"""What every kind of feature store promises."""

from __future__ import annotations

from pilothouse.features.stores import FeatureStoreKind
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.parameters import Params
from pilothouse.testing.parameters import check_described


def check_feature_store(name: str, kind: FeatureStoreKind) -> None:
    """Raise AssertionError, with what is wrong, unless the kind keeps every promise."""
    check_described(name, kind)
    assert kind.package, f"{name}: people must know what to install"
    program = kind.agent.read_text(encoding="utf-8")
    assert "pilothouse" not in program, f"{name}: its agent runs where Pilothouse is not installed"
    values = {p.name: "/nowhere/at/all" if p.required else p.default for p in kind.parameters}
    settings = Params(values)
    assert kind.place(settings), f"{name} says where it is"
    assert isinstance(list(kind.arguments(settings)), list)
    try:
        kind.check(settings)
    except PilothouseError:
        return
    raise AssertionError(f"{name} takes a place that is not there")
