"""Kinds of personal data are found where they are, and nothing that only looks alike."""

from __future__ import annotations

import random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.data.personal_data.detection import find_probable
from pilothouse.data.personal_kinds import personal_kinds
from pilothouse.data.personal_kinds.iban import is_iban
from pilothouse.data.personal_kinds.payment_card import is_card, luhn
from pilothouse.data.reading.reader import read

ROWS = 200


def probable(**columns: object) -> dict[str, str]:
    """The kinds of the columns of a table in which something is found."""
    table = read(pd.DataFrame(columns), "", {}).table
    return {column.column: column.kind for column in find_probable(table)}


def card(rng: random.Random) -> str:
    body = "4" + "".join(rng.choices("0123456789", k=14))
    return next(body + str(digit) for digit in range(10) if luhn(body + str(digit)))


def iban(rng: random.Random) -> str:
    account = "BUKB" + "".join(rng.choices("0123456789", k=14))
    number = int("".join(str(int(sign, 36)) for sign in f"{account}GB00"))
    return f"GB{98 - number % 97:02d}{account}"


def ahv(rng: random.Random) -> str:
    body = "756" + "".join(rng.choices("0123456789", k=9))
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body))
    digits = body + str(-total % 10)
    return f"{digits[:3]}.{digits[3:7]}.{digits[7:11]}.{digits[11:]}"


def test_each_kind_is_found() -> None:
    rng = random.Random(3)
    names = ["Ada Byron", "Jean-Luc O'Neill", "Müller, Ángela", "Li Wei", "Zoë van Dyk"]
    people = [f"{name} {'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[i % 26]}" for i, name in enumerate(names * 40)]
    assert probable(
        contact=[f"person.{i}@mail{i % 7}.example.org" for i in range(ROWS)],
        called=[f"+44 20 7946 {i:04d}" for i in range(ROWS)],
        Handy=[f"0171 {i:07d}" for i in range(ROWS)],
        paid_with=[card(rng) for _ in range(ROWS)],
        account=[iban(rng) for _ in range(ROWS)],
        insured=[ahv(rng) for _ in range(ROWS)],
        seen_at=[f"{rng.randrange(1, 255)}.{rng.randrange(255)}.1.{i}" for i in range(ROWS)],
        customerName=people,
        Vorname=[f"Name{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(ROWS)],
        birth_date=pd.date_range("1950-01-01", periods=ROWS, freq="40D"),
        Straße=[f"Lange Gasse {i}" for i in range(ROWS)],
    ) == {
        "contact": "email",
        "called": "phone",
        "Handy": "phone",
        "paid_with": "payment_card",
        "account": "iban",
        "insured": "national_number",
        "seen_at": "ip_address",
        "customerName": "person_name",
        "Vorname": "person_name",
        "birth_date": "birth_date",
        "Straße": "postal_address",
    }


def test_names_of_any_script_are_found() -> None:
    parts = {
        "Имя": ("Анна Пётр Юлия Семён Йосиф", "Иванова Сидорёв Кузнецова", " "),
        "氏名": ("太郎 花子 一郎 美咲 がく", "山田 佐藤 鈴木", ""),
        "الاسم": ("محمد فاطمة أحمد ليلى حسن", "علي خالد عمر", " "),
        "Ονοματεπώνυμο": ("Μαρία Γιώργος Ελένη Νίκος Άννα", "Παππά Νίκου Δήμου", " "),
        "नाम": ("राम सीता मोहन गीता श्याम", "शर्मा वर्मा गुप्ता", " "),
    }
    columns = {
        name: [f"{first.split()[i % 5]}{apart}{last.split()[i % 3]}" for i in range(ROWS)]
        for name, (first, last, apart) in parts.items()
    }
    assert probable(**columns) == dict.fromkeys(parts, "person_name")


def test_addresses_within_texts_are_found() -> None:
    texts = [f"please write to p{i}@example.org" if i % 9 == 0 else "done" for i in range(ROWS)]
    both = [f"a{i}@example.org; b{i}@example.org" for i in range(ROWS)]
    once = ["mail a@example.org", *["done"] * (ROWS - 1)]
    columns = {"comment": texts, "mails": both, "one": once, "handle": ["@ada"] * ROWS}
    assert probable(**columns) == {"comment": "email", "mails": "email"}


def test_what_only_looks_alike_is_not_found() -> None:
    rng = random.Random(5)
    assert probable(
        order_number=range(4_000_000_000_000_000, 4_000_000_000_000_000 + ROWS),
        order_text=[f"{rng.randrange(10**15, 10**16)}" for _ in range(ROWS)],
        eleven=[str(rng.randrange(10**10, 10**11)) for _ in range(ROWS)],
        nine=[rng.randrange(10**8, 10**9) for _ in range(ROWS)],
        amount=[round(rng.gauss(0, 100), 2) for _ in range(ROWS)],
        created_at=pd.date_range("2026-01-01", periods=ROWS, freq="h"),
        stamp_ms=range(1_767_225_600_000, 1_767_225_600_000 + ROWS),
        day=[f"2026/01/{1 + i % 28:02d} week {i}" for i in range(ROWS)],
        release=[f"{i % 5}.{i % 12}.{i % 30}.{i % 9}" for i in range(ROWS)],
        library=[f"{i % 5}.{i % 12}.{i % 30}.{i % 9}" for i in range(ROWS)],
        part=[f"AB-{i:06d}" for i in range(ROWS)],
        uuid=[f"{rng.getrandbits(128):032x}" for _ in range(ROWS)],
        name=[["basic", "premium", "gold plan"][i % 3] for i in range(ROWS)],
        product_name=[f"Item {chr(65 + i % 26)}{chr(65 + i // 26)}" for i in range(ROWS)],
        ip_address_count=range(ROWS),
        mail_address=["a box 1"] * ROWS,
        born=["yes", "no"] * (ROWS // 2),
        phone_model=[f"Model {chr(65 + i % 26)}" for i in range(ROWS)],
    ) == {}  # fmt: skip


@pytest.mark.parametrize("name", personal_kinds.names())
def test_the_example_of_a_kind_is_not_somebodys(name: str) -> None:
    kind = personal_kinds.get(name)
    assert kind.example
    assert kind.title
    assert kind.description.endswith(".")


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_one_check_digit_of_ten_is_right(number: int) -> None:
    body = f"{number:015d}"
    assert sum(luhn(body + str(digit)) for digit in range(10)) == 1


@given(st.integers(min_value=1, max_value=10**14 - 1), st.integers(min_value=1, max_value=9))
def test_a_changed_digit_of_an_account_is_noticed(number: int, change: int) -> None:
    account = f"BUKB{number:014d}"
    moved = int("".join(str(int(sign, 36)) for sign in f"{account}GB00"))
    good = f"GB{98 - moved % 97:02d}{account}"
    assert is_iban(good)
    wrong = good[:-1] + str((int(good[-1]) + change) % 10)
    assert not is_iban(wrong)


@given(st.text(max_size=40))
def test_no_text_fails(text: str) -> None:
    assert is_card(text) in (True, False)
    assert is_iban(text) in (True, False)
    from pilothouse.data.personal_kinds import ColumnSample

    for column in ("phone", "x", "bsn", "birth", "name", "street", "ip"):
        sample = ColumnSample(column, "string", (text,) * 4)
        for _, kind in personal_kinds.items():
            kind.look(sample)
