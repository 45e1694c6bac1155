"""Boolean columns written as words, such as yes/no, in several languages; the spelling is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.schema import Column

BooleanWords = tuple[str, str]
PLAIN: BooleanWords = ("false", "true")
PAIRS: frozenset[BooleanWords] = frozenset(
    {
        PLAIN,
        ("f", "t"),
        ("no", "yes"),
        ("n", "y"),
        ("off", "on"),
        ("nein", "ja"),
        ("n", "j"),
        ("falsch", "wahr"),
        ("non", "oui"),
        ("n", "o"),
        ("faux", "vrai"),
        ("no", "si"),
        ("no", "sí"),
        ("no", "sì"),
        ("n", "s"),
        ("falso", "verdadero"),
        ("falso", "vero"),
        ("não", "sim"),
        ("nao", "sim"),
        ("falso", "verdadeiro"),
        ("nee", "ja"),
        ("nej", "ja"),
        ("nei", "ja"),
        ("ei", "kyllä"),
        ("nie", "tak"),
        ("ne", "ano"),
        ("нет", "да"),
    }
)
MAX_SPELLINGS = 12  # of two words, in any case: a column with more distinct texts has other values


def read_booleans(
    column: pa.ChunkedArray, *, declared: bool = False
) -> tuple[pa.ChunkedArray, BooleanWords | None] | None:
    """Texts as booleans with their words (false, true), or None when they are not a known pair.

    Both words must occur, in any case; one is enough for a column that is declared to be boolean.
    "true" and "false" need no words of their own.
    """
    spellings = column.drop_null().unique()
    if not (1 if declared else 2) <= len(spellings) <= MAX_SPELLINGS:
        return None

    by_word: dict[str, list[str]] = {}
    for text in spellings.to_pylist():
        by_word.setdefault(text.strip().lower(), []).append(text)
    pair = _pair(set(by_word))
    if pair is None:
        return None

    values = pc.is_in(column, pa.array(by_word.get(pair[1], []), column.type))
    booleans = pc.if_else(pc.is_null(column), pa.scalar(None, pa.bool_()), values)
    if pair == PLAIN or len(by_word) == 1:
        return booleans, None
    false, true = (_usual_spelling(column, by_word[word]) for word in pair)
    return booleans, (false, true)


def _pair(spellings: set[str]) -> BooleanWords | None:
    """The pair that has all of the words, when there is one; no word means both yes and no."""
    return next((pair for pair in sorted(PAIRS) if spellings <= set(pair)), None)


def _usual_spelling(column: pa.ChunkedArray, spellings: list[str]) -> str:
    """The most frequent of several spellings of one word; of equals the first in order."""
    counts = Counter(
        {text: pc.sum(pc.equal(column, text)).as_py() or 0 for text in sorted(spellings)}
    )
    return counts.most_common(1)[0][0].strip()


def as_written(frame: pd.DataFrame, schema: Iterable[Column]) -> pd.DataFrame:
    """The frame with the words of its file in place of booleans; other columns as they are.

    Code that was written for the file, and a model that learnt from it, know the words only.
    """
    pairs = {c.name: c.boolean_words for c in schema if c.boolean_words and c.name in frame}
    spelt = {name: {False: pair[0], True: pair[1]} for name, pair in pairs.items()}
    return frame.assign(**{name: frame[name].map(pair) for name, pair in spelt.items()})
