"""Numbers by which states know their people, with a checksum where there is one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pilothouse.data.personal_kinds import ColumnSample, Match, by_value, personal_kinds

LEAST = 0.9  # most have one check digit, which every tenth number has by chance
SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
NAMES = frozenset(("bsn", "burgerservicenummer"))  # nine digits say nothing without the name


@personal_kinds.register("national_number")
class NationalNumber:
    """A number of one of the countries below."""

    title = "National number"
    description = (
        "Nearly all values are numbers of one of these: AHV (Switzerland), codice fiscale (Italy), "
        "DNI and NIE (Spain), NIR (France), PESEL (Poland), steuerliche Identifikationsnummer "
        "(Germany), each with a right checksum; BSN (Netherlands), when the column is named so; "
        "and Social Security numbers (United States) by their groups, as they have no checksum."
    )
    example = "078-05-1120"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """All of one country."""
        for country, is_one in COUNTRIES.items():
            match = by_value(column, is_one, LEAST, f"numbers of the {country} form")
            if match is not None:
                return match
        if NAMES & {*column.name_words}:
            return by_value(column, is_bsn, LEAST, "numbers of the Dutch form, as the name says")
        return None


def is_ahv(text: str) -> bool:
    """Switzerland: 756.1234.5678.97, with the check digit of EAN-13."""
    digits = text.replace(".", "")
    if not re.fullmatch(r"756\d{10}", digits, re.ASCII):
        return False
    weighted = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))
    return weighted % 10 == 0


def is_codice_fiscale(text: str) -> bool:
    """Italy: sixteen signs, the last of which is a check letter."""
    code = text.strip().upper()
    if not re.fullmatch(
        r"[A-Z]{6}[\dLMNPQRSTUV]{2}[A-EHLMPRST][\dLMNPQRSTUV]{2}[A-Z][\dLMNPQRSTUV]{3}[A-Z]",
        code, re.ASCII,
    ):  # fmt: skip
        return False
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
           23)  # fmt: skip
    total = 0
    for at, sign in enumerate(code[:15]):
        number = int(sign) if sign.isdigit() else ord(sign) - ord("A")
        total += number if at % 2 else odd[number]
    return chr(ord("A") + total % 26) == code[15]


def is_dni(text: str) -> bool:
    """Spain: eight digits, or X, Y, Z and seven, and the letter of their remainder."""
    code = text.strip().upper().replace("-", "")
    if not re.fullmatch(r"[XYZ\d]\d{7}[A-Z]", code, re.ASCII):
        return False
    number = int(code[:8].translate(str.maketrans("XYZ", "012")))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == code[8]


def is_nir(text: str) -> bool:
    """France: sex, year, month, place and order, and 97 less their remainder."""
    code = text.replace(" ", "").upper()
    if not re.fullmatch(r"[1-478]\d{4}(?:\d\d|2A|2B)\d{8}", code, re.ASCII):
        return False
    if not (1 <= int(code[3:5]) <= 12 or int(code[3:5]) >= 20):
        return False
    number = int(code[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - number % 97 == int(code[13:])


def is_pesel(text: str) -> bool:
    """Poland: the date of birth, an order, and a check digit."""
    if not re.fullmatch(r"\d{11}", text, re.ASCII):
        return False
    if not (1 <= int(text[2:4]) % 20 <= 12 and 1 <= int(text[4:6]) <= 31):
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    return sum(w * int(d) for w, d in zip(weights, text, strict=True)) % 10 == 0


def is_german_tax_number(text: str) -> bool:
    """Germany: eleven digits; of the first ten one is there twice or thrice; ISO 7064's check."""
    digits = text.replace(" ", "")
    if not re.fullmatch(r"[1-9]\d{10}", digits, re.ASCII):
        return False
    repeated = [digits[:10].count(digit) for digit in set(digits[:10])]
    if sorted(repeated)[-1] not in (2, 3) or sum(times > 1 for times in repeated) != 1:
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_bsn(text: str) -> bool:
    """Netherlands: nine digits whose weighted sum is a multiple of 11."""
    digits = text.strip().zfill(9)
    if not re.fullmatch(r"\d{9}", digits, re.ASCII) or digits == "0" * 9:
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(w * int(d) for w, d in zip(weights, digits, strict=True)) % 11 == 0


def is_ssn(text: str) -> bool:
    """United States: three, two and four digits with hyphens, in the ranges that are used."""
    return text.isascii() and SSN.fullmatch(text.strip()) is not None


COUNTRIES: Mapping[str, Callable[[str], bool]] = {
    "Swiss": is_ahv,
    "Italian": is_codice_fiscale,
    "Spanish": is_dni,
    "French": is_nir,
    "Polish": is_pesel,
    "German": is_german_tax_number,
    "American": is_ssn,
}
