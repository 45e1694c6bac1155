"""Errors: each a state that HTTP, the shell and a reader understand."""

from __future__ import annotations

import pickle

import pytest

from pilothouse.kit import errors
from pilothouse.kit.errors import Cancelled, Invalid, PilothouseError, Refused

KINDS = [errors.NotFound, errors.Conflict, errors.Invalid, errors.Refused, errors.Unavailable]


def test_every_state_has_its_own_status_exit_code_and_code() -> None:
    for attribute in ("status", "exit_code", "code"):
        assert len({getattr(kind, attribute) for kind in KINDS}) == len(KINDS)
    assert all(400 <= kind.status < 600 and kind.exit_code > 1 for kind in KINDS)


def test_the_tree_at_the_top_of_the_module_tells_the_truth() -> None:
    drawn = errors.__doc__ or ""
    for kind in KINDS:
        [line] = [row for row in drawn.splitlines() if row.split()[:1] == [kind.__name__]]
        assert f" {kind.status} " in line
        assert f" exit {kind.exit_code} " in line


def test_an_error_says_what_is_wrong_and_then_what_to_do() -> None:
    assert str(errors.NotFound("no such model.", hint="Register it.")) == (
        "no such model. Register it."
    )
    assert str(errors.NotFound("no such model.")) == "no such model."


def test_cancelled_is_a_refusal_of_its_own() -> None:
    assert issubclass(Cancelled, Refused)
    assert Cancelled.code == "cancelled"


@pytest.mark.parametrize("kind", [PilothouseError, *KINDS, Cancelled])
def test_an_error_crosses_a_process_with_all_it_says(kind: type[PilothouseError]) -> None:
    sent = kind("it is so.", hint="Do this.")
    if isinstance(sent, Invalid):
        sent.fields = {"name": "needed"}
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is kind
    assert vars(received) == vars(sent)
    assert str(received) == "it is so. Do this."
