"""A number that may be left empty, also when it has one now."""

from __future__ import annotations

from typing import Any, TypeVar

import streamlit as st

Number = TypeVar("Number", int, float)

_SEEDS = "_optional_numbers"


def optional_number(
    label: str, current: Number | None, *, key: str, container: Any = st, **options: Any
) -> Number | None:
    """An input that shows `current` and can be emptied, which gives None.

    Streamlit puts an input that begins with a number back to it when it is emptied; one that begins
    empty and is given the number by its state stays empty. `options` are those of
    `st.number_input`, which is drawn in `container`.
    """
    seeds = st.session_state.setdefault(_SEEDS, {})
    if key not in st.session_state or seeds.get(key) != current:
        st.session_state[key] = seeds[key] = current
    value: Number | None = container.number_input(label, value=None, key=key, **options)
    return value
