"""Numbers as people write them: decimal commas, thousands, currencies, percent signs, brackets."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

SPACES = r" \x{a0}\x{2009}\x{202f}"
APOSTROPHES = r"'\x{2019}"
SIGN = r"[-+\x{2212}]?"
CURRENCY = (
    r"[€£¥₹₽₩₺₴₫฿₪]|[A-Z]{0,3}\$|zł|Kč|Ft|kr\.?|Fr\.?|"
    r"EUR|USD|GBP|JPY|CHF|CAD|AUD|NZD|CNY|SEK|NOK|DKK|PLN|CZK|HUF|INR|BRL|MXN|ZAR|TRY|RUB|KRW"
)
DECORATED = (
    rf"^(?P<open>\(?)(?P<sign>{SIGN})[{SPACES}]*(?P<before>{CURRENCY}|)[{SPACES}]*"
    rf"(?P<inner>{SIGN})(?P<body>[0-9.,][0-9.,{SPACES}{APOSTROPHES}]*?(?:[eE][-+]?[0-9]+)?)"
    rf"[{SPACES}]*(?P<after>{CURRENCY}|%|)(?P<close>\)?)$"
)
PLAIN = r"^(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
SEPARATORS = {",": ",", ".": r"\.", " ": f"[{SPACES}]", "'": f"[{APOSTROPHES}]"}
EXACT = 1 << 53  # whole numbers up to this one are exact as floats
MANY_DIGITS = r"^-?\d{16,}"


@dataclass(frozen=True)
class NumberForm:
    """How a column writes its numbers."""

    decimal: str = "."
    thousands: str = ""

    @property
    def example(self) -> str:
        """A number in this form."""
        return f"1{self.thousands}234{self.decimal}5"

    @property
    def pattern(self) -> str:
        """What a number without its sign and unit looks like in it."""
        point = SEPARATORS[self.decimal]
        if not self.thousands:
            return rf"^(\d+{point}?\d*|{point}\d+)([eE][-+]?\d+)?$"
        group = SEPARATORS[self.thousands]
        indian = rf"|\d{{1,2}}({group}\d\d)+{group}\d{{3}}" if self.thousands == "," else ""
        return rf"^(\d{{1,3}}({group}\d{{3}})*{indian})({point}\d*)?$"


@dataclass(frozen=True)
class NumberTexts:
    """The texts of a column taken apart: plain bodies, signs, and one unit.

    Where a text is not a number its body is missing; `rejected` says where that is.
    """

    bodies: pa.ChunkedArray
    negative: pa.ChunkedArray
    rejected: pa.ChunkedArray
    units: tuple[str, ...]


FORMS = tuple(
    NumberForm(decimal, thousands)
    for decimal, thousands in (
        *((".", ""), (",", "")),
        *((".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'")),
    )
)


def parse_numbers(texts: pa.ChunkedArray) -> NumberTexts:
    """The bodies, signs and units of texts that may be numbers."""
    parts = pc.extract_regex(texts, DECORATED)
    body, opened = pc.struct_field(parts, "body"), pc.struct_field(parts, "open")
    balanced = pc.equal(pc.utf8_length(opened), pc.utf8_length(pc.struct_field(parts, "close")))
    signs = pc.binary_join_element_wise(
        pc.struct_field(parts, "sign"), pc.struct_field(parts, "inner"), ""
    )
    fine = pc.and_(balanced, pc.less_equal(pc.utf8_length(signs), 1)).fill_null(False)
    bodies = pc.if_else(fine, body, pa.scalar(None, pa.string()))
    minus = pc.is_in(signs, pa.array(["-", "\u2212"]))
    negative = pc.or_(minus, pc.equal(opened, "(")).fill_null(False)
    rejected = pc.and_(pc.is_valid(texts), pc.is_null(bodies))
    return NumberTexts(bodies, negative, rejected, _units(parts, fine))


def fitting_forms(numbers: NumberTexts) -> list[NumberForm]:
    """The forms that read every body of a column."""
    return [form for form in FORMS if _all(numbers.bodies, form.pattern)]


def plain_texts(numbers: NumberTexts, form: NumberForm) -> pa.ChunkedArray:
    """The numbers as programs write them: a minus, digits and a decimal point."""
    bodies = numbers.bodies
    if form.thousands:
        bodies = pc.replace_substring_regex(bodies, SEPARATORS[form.thousands], "")
    if form.decimal == ",":
        bodies = pc.replace_substring(bodies, ",", ".")
    signed = pc.binary_join_element_wise(pa.scalar("-"), bodies, "")
    return pc.if_else(numbers.negative, signed, bodies)


def whole_texts(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Plain texts such as 3.0 without their zeros, or None when some have a fraction."""
    if not _all(texts, r"^-?\d+(\.0*)?$"):
        return None
    return pc.replace_substring_regex(texts, r"\.0*$", "")


def is_exact(texts: pa.ChunkedArray) -> bool:
    """Whether plain texts can be floats without two numbers becoming one.

    Only those with more digits before the point than a float holds are in doubt.
    """
    long = pc.match_substring_regex(texts, MANY_DIGITS)
    if not pc.any(long, min_count=0).as_py():
        return True
    for text in texts.filter(long).to_pylist():
        if text is not None and not _same(text):
            return False
    return True


def _same(text: str) -> bool:
    from decimal import Decimal

    return Decimal(float(text)) == Decimal(text)


def _units(parts: pa.ChunkedArray, fine: pa.ChunkedArray) -> tuple[str, ...]:
    """The currencies and signs that occur; an empty one when some values have none."""
    units = pc.binary_join_element_wise(
        pc.struct_field(parts, "before"), pc.struct_field(parts, "after"), ""
    )
    return tuple(sorted(pc.unique(units.filter(fine)).drop_null().to_pylist()))


def _all(texts: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern), min_count=0).as_py())
