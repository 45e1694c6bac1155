"""Naming rules: one for each kind of object, for forms, commands and the core alike.

A rule says what is wrong with a name, quotes it as it was typed, and makes a valid name of any
text: what a form suggests is never refused afterwards.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import count

from pilothouse.kit.errors import Invalid

# What a decomposition into base letters and accents does not take apart.
LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L"}
)


@dataclass(frozen=True)
class NameRule:
    """How objects of a kind may be called: letters, digits, dots, dashes and underscores."""

    noun: str
    max_length: int = 100
    lower: bool = False
    field: str = "name"

    @property
    def allowed(self) -> str:
        """The rule as text."""
        letters = "small letters" if self.lower else "letters"
        return (
            f"{letters} (a to z), digits, dots, dashes and underscores, "
            f"with a letter or digit first, at most {self.max_length} characters"
        )

    def problem(self, name: str) -> str:
        """What is wrong with a name; empty when nothing is."""
        if not name:
            return "a name is needed"
        if len(name) > self.max_length:
            return f"has {len(name)} characters, and {self.max_length} are allowed"

        letters = "a-z" if self.lower else "A-Za-z"
        wrong = re.sub(rf"[{letters}0-9._-]", "", name)
        if any(char.isspace() for char in wrong):
            return "has a space in it"
        if wrong:
            strange = ", ".join(dict.fromkeys(wrong))
            return f"has {strange} in it"
        if not re.match(rf"[{letters}0-9]", name):
            return f"begins with {name[0]}"
        return ""

    def check(self, name: str) -> None:
        """Raise Invalid when an object of this kind cannot have the name."""
        problem = self.problem(name)
        if not problem:
            return
        if not name:
            message, example = f"{self.noun} needs a name.", ""
        else:
            message = f"{self.noun} cannot be called {name!r}: it {problem}."
            example = f" For example: {self.suggest(name)}"
        hint = f"Use {self.allowed}.{example}"
        raise Invalid(message, hint=hint, fields={self.field: problem})

    def suggest(self, text: str, taken: Container[str] = ()) -> str:
        """A valid name that is as near to the text as can be, and not one of those taken."""
        plain = unicodedata.normalize("NFKD", text.translate(LETTERS))
        plain = plain.lower() if self.lower else plain
        plain = "".join(char for char in plain if not unicodedata.combining(char))
        letters = "a-z" if self.lower else "A-Za-z"
        plain = re.sub(rf"[^{letters}0-9._-]+", "_", plain).strip("._-")
        base = plain[: self.max_length] or self._fallback()
        if base not in taken:
            return base
        return next(name for name in self._numbered(base) if name not in taken)

    def _fallback(self) -> str:
        return self.noun.rpartition(" ")[2]

    def _numbered(self, base: str) -> Iterator[str]:
        for number in count(2):
            ending = f"-{number}"
            yield base[: self.max_length - len(ending)] + ending


DATASET = NameRule("a dataset")
MODEL = NameRule("a model", field="model")
ALIAS = NameRule("an alias", field="alias")
DEPLOYMENT = NameRule("a deployment", max_length=63, lower=True)
