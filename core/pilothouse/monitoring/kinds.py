"""The kinds of columns that are profiled."""

from typing import Literal

Kind = Literal["number", "category", "time"]
