"""Names of people, by the column's name and the shape of its values."""

from __future__ import annotations

import re

from pilothouse.data.personal_kinds import (
    ColumnSample,
    Match,
    by_value,
    personal_kinds,
    without_marks,
    words_in,
)

PART = r"[^\W\d_][^\W\d_'\u2019.\-]*(?:['\u2019.\-][^\W\d_]*)*"
ONE = re.compile(rf"{PART}(?:,? {PART}){{0,4}}")
SEVERAL = re.compile(rf"{PART}(?:,? {PART}){{1,4}}")
WHOLE = frozenset(
    [
        "firstname",
        "lastname",
        "surname",
        "forename",
        "fullname",
        "vorname",
        "nachname",
        "familienname",
        "prenom",
        "nombre",
        "apellido",
        "apellidos",
        "cognome",
        "username",
        "maidenname",
    ]
)
# Russian, Ukrainian, Greek, Arabic, Hebrew, Chinese, Japanese, Korean and Hindi.
OF_SCRIPTS = words_in(
    "фамилия отчество фио прізвище επώνυμο ονοματεπώνυμο الكنية משפחה "
    "姓名 氏名 名字 姓 お名前 성명 성함 उपनाम"
)
OF_PERSON = frozenset(
    [
        "first",
        "last",
        "given",
        "family",
        "full",
        "middle",
        "maiden",
        "customer",
        "client",
        "patient",
        "employee",
        "person",
        "contact",
        "user",
        "passenger",
        "student",
        "applicant",
        "holder",
        "member",
        "author",
        "driver",
    ]
)
NAME = frozenset(("name", "nom", "nome"))
# Alone, these name people: with another word it may be a file's or a product's name.
NAME_OF_SCRIPTS = words_in("имя όνομα الاسم اسم שם 名前 이름 नाम")
LEAST = 0.8
# Of the values: a column of few names that repeat is a category. First names repeat, too.
MIN_DISTINCT, MIN_DISTINCT_NAMED = 0.3, 0.03


@personal_kinds.register("person_name")
class PersonName:
    """Names in a column that is named so."""

    title = "Name of a person"
    description = (
        "The column is named so, such as last_name or Vorname, and nearly all values are words "
        "with letters only, in any script. A column that is only called name needs values of two "
        "words or more."
    )
    example = "Alex Example"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the name first: words alone could be anything."""
        names = {*column.name_words}
        is_named = (
            bool(names & (WHOLE | OF_SCRIPTS))
            or (bool(names) and names <= NAME_OF_SCRIPTS)
            or bool(names & NAME and names & OF_PERSON)
        )
        is_bare = len(names) == 1 and bool(names & NAME)
        if column.type != "string" or not (is_named or is_bare):
            return None
        least = MIN_DISTINCT_NAMED if is_named else MIN_DISTINCT
        if len(set(column.values)) < least * len(column.values):
            return None
        shape = SEVERAL if is_bare else ONE
        reason = "words with letters only, in a column that is named so"
        return by_value(
            column, lambda text: bool(shape.fullmatch(without_marks(text).strip())), LEAST, reason
        )
