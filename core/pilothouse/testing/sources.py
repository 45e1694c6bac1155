"""What every source of data promises."""

from __future__ import annotations

from pilothouse.data.sources import DataSource
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.optional_packages import require_package
from pilothouse.kit.parameters import Params
from pilothouse.testing.parameters import check_described


def check_source(name: str, source: DataSource) -> None:
    """Raise AssertionError, with what is wrong, unless the source keeps every promise."""
    check_described(name, source)
    assert not source.extra or source.needs, f"{name}: an extra installs a package that it needs"
    assert any(parameter.required for parameter in source.parameters), f"{name}: nothing is needed"
    values = {p.name: "/nowhere/at/all" if p.required else p.default for p in source.parameters}
    settings = Params(values)
    reason = _refusal(source, settings)
    assert reason, f"{name} reads what is not there, or does not say what is wrong"


def _refusal(source: DataSource, settings: Params) -> str:
    """Why there is nothing to read; empty when something was read."""
    try:
        source.check(settings)
        assert set(source.following(settings)) == set(settings), "a refresh has other settings"
        assert source.place(settings), "it says where it reads"
        require_package(source)
        source.read(settings, most_rows=1)
    except PilothouseError as refused:
        return str(refused)
    return ""
