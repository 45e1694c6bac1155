"""Settings: a default and a sentence each, from the environment or by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pilothouse.kit.errors import Invalid
from pilothouse.kit.settings import Settings, read_settings


def test_every_setting_has_a_default_and_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert not field.is_required(), name
        assert (field.description or "").endswith("."), name


def test_the_environment_is_read_and_what_is_given_goes_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PILOTHOUSE_WORKSPACE", "/somewhere")
    monkeypatch.setenv("PILOTHOUSE_SERVER_PORT", "6060")
    assert Settings().workspace == Path("/somewhere")
    assert Settings(server_port=7070).server_port == 7070
    assert Settings().server_port == 6060


def test_a_child_process_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Settings(workspace=Path("/here"), actor="ada", server_port=7070)
    monkeypatch.setenv("PILOTHOUSE_SERVER_PORT", "6060")
    assert Settings.model_validate_json(sent.model_dump_json()) == sent


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(server_prot=1)  # type: ignore[call-arg]  # the point of the test


def test_what_cannot_be_read_is_invalid_and_every_fault_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PILOTHOUSE_SERVER_PORT", "harbour")
    monkeypatch.setenv("PILOTHOUSE_COMPUTE_PROCESSES", "0")
    with pytest.raises(Invalid, match=r"server_port: .*integer") as wrong:
        read_settings(app_port=8600)
    assert sorted(wrong.value.fields) == ["compute_processes", "server_port"]


def test_nothing_given_leaves_the_environment_and_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PILOTHOUSE_ACTOR", "grace")
    read = read_settings(actor=None, app_port=8600)
    assert (read.actor, read.app_port, read.server_port) == ("grace", 8600, 5050)
