"""Columns of yes and no in many spellings are boolean and keep their words."""

from __future__ import annotations

import pandas as pd
import pytest

from pilothouse.data import Data
from pilothouse.storage import Store


@pytest.fixture
def data(store: Store) -> Data:
    return Data(store)


@pytest.mark.parametrize(
    ("texts", "boolean_words", "values"),
    [
        (["yes", "no", "yes"], ("no", "yes"), [True, False, True]),
        (["Yes", "No", ""], ("No", "Yes"), [True, False, None]),
        (["J", "N", "N"], ("N", "J"), [True, False, False]),
        (["Ja", "Nein", "ja"], ("Nein", "Ja"), [True, False, True]),
        (["oui", "non", "oui"], ("non", "oui"), [True, False, True]),
        (["sí", "no", "no"], ("no", "sí"), [True, False, False]),
        (["True", "False", "True"], None, [True, False, True]),
    ],
)
def test_yes_no_texts_of_a_file_are_booleans_with_their_words(
    data: Data, texts: list[str], boolean_words: tuple[str, str] | None, values: list[bool | None]
) -> None:
    rows = "\n".join(f"{at},{text}" for at, text in enumerate(texts))
    version = data.register("answers", f"id,answer\n{rows}\n".encode())
    column = version.schema[1]
    assert (column.type, column.boolean_words) == ("boolean", boolean_words)
    assert data.version(version.ref).schema == version.schema
    assert data.frame(version.ref)["answer"].tolist() == values


@pytest.mark.parametrize("texts", [["yes", "no", "maybe"], ["yes", "yes", "yes"], ["N", "A", "J"]])
def test_other_texts_stay_texts(data: Data, texts: list[str]) -> None:
    version = data.register("answers", pd.DataFrame({"answer": texts}))
    assert version.schema[0].type == "string"


def test_a_column_declared_as_text_stays_text(data: Data) -> None:
    content = b"id,answer\n1,yes\n2,no\n"
    version = data.register("answers", content, types={"answer": "string"})
    assert data.frame(version.ref)["answer"].tolist() == ["yes", "no"]


def test_two_spellings_are_two_contents(data: Data) -> None:
    first = data.register("answers", b"id,answer\n1,yes\n2,no\n")
    second = data.register("answers", b"id,answer\n1,J\n2,N\n")
    assert first.content_hash != second.content_hash
    assert not second.existed


def test_a_later_version_keeps_the_words_of_its_parent(data: Data) -> None:
    first = data.register("answers", b"id,answer\n1,yes\n2,no\n")
    later = data.register(
        "live", pd.DataFrame({"id": [3, 4], "answer": [True, False]}), parent=first.ref
    )
    assert later.schema[1].boolean_words == ("no", "yes")


def test_a_contract_accepts_the_words_of_its_file(data: Data) -> None:
    version = data.register("answers", b"id,answer\n1,yes\n2,no\n")
    assert data.check(version.ref, pd.DataFrame({"id": [1, 2], "answer": ["no", "yes"]})).ok
    assert data.check(version.ref, pd.DataFrame({"id": [1], "answer": ["yes"]})).ok
    assert data.check(version.ref, pd.DataFrame({"id": [1, 2], "answer": [True, False]})).ok
