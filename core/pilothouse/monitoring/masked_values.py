"""What windows show of inputs that hold personal data: names that stand for their values.

Everything that people see of a window's distributions, segments, examples and messages passes
through `MaskedValues`. A category of a masked input has a name made of the mask and of the
beginning of its keyed hash, the same in each window, reference and segment of the workspace; a
range of numbers or times has its number. Counts, shares and scores are true.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.data.personal_data.masking import MASK, NOTHING_MASKED, Masking
from pilothouse.deployments.masked_log import masking_of_log
from pilothouse.deployments.prediction_log.column_hashes import ensure_key, read_key, value_hash
from pilothouse.monitoring.checks import FEATURE_DRIFT, Check
from pilothouse.monitoring.column_values import category_name
from pilothouse.monitoring.tables import Window
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.kinds import Kind
    from pilothouse.monitoring.row_groups import RowGroups

SHOWN_DIGITS = 6  # of a hash
OF_NO_VALUE = ("missing", "(missing)", "(other)")  # segments and groups that name no value
# How messages of checks name values: quoted, as a range, and as the only value that there is.
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
RANGE = re.compile(r"from \S.*? to [^;]+")
ONLY = re.compile(r"(rows with a value have) .*")


@dataclass(frozen=True)
class MaskedValues:
    """The masked inputs of a deployment, and the key of the names that stand for their values."""

    masking: Masking = NOTHING_MASKED
    key: bytes = b""

    def __bool__(self) -> bool:
        return bool(self.masking)

    def category(self, column: str, name: str) -> str:
        """A category as it is shown."""
        if column not in self.masking.kinds or name in OF_NO_VALUE:
            return name
        return f"{MASK} {(value_hash(self.key, name) or '')[:SHOWN_DIGITS]}"

    def text(self, column: str, message: str) -> str:
        """A message about a column, without the values that it names."""
        if column not in self.masking.kinds:
            return message
        message = RANGE.sub(f"from {MASK} to {MASK}", QUOTED.sub(MASK, message))
        return ONLY.sub(rf"\1 {MASK}", message)

    def checks(self, checks: Iterable[Check]) -> tuple[Check, ...]:
        """Checks of which no message names a masked value."""
        return tuple(
            replace(check, message=self.text(check.column, check.message))
            if check.message and check.column in self.masking.kinds
            else check
            for check in checks
        )

    def results(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Stored results, of which those from before a column was marked name values."""
        if not frame["column"].isin(list(self.masking.kinds)).any():
            return frame
        pairs = zip(frame["column"], frame["message"], strict=True)
        return frame.assign(message=[self.text(column, message) for column, message in pairs])

    def groups(self, groups: RowGroups) -> RowGroups:
        """Groups of rows by a column, under the names that are shown."""
        if groups.column not in self.masking.kinds:
            return groups
        return replace(groups, masked_names=self._shown(groups.column, groups.names, groups.edges))

    def rows(self, frame: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
        """Rows with shown names in place of categories, and without masked columns of `kinds`
        that are no categories."""
        names = [name for name in frame.columns if name in self.masking.kinds]
        numbers = [name for name in names if kinds.get(name) != "category"]
        categories = {name: self._categories(frame[name]) for name in names if name not in numbers}
        return frame.drop(columns=numbers).assign(**categories)

    def profile(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """A window's stored profile as it is shown."""
        if not self:
            return dict(stored)
        profile = {
            **stored,
            "columns": {key: self._column(key, part) for key, part in stored["columns"].items()},
        }
        if "segments" in stored:
            profile["segments"] = [self._segment(segment) for segment in stored["segments"]]
        if "examples" in stored:
            profile["examples"] = {
                name: {side: self.masking.record(row) for side, row in pair.items()}
                for name, pair in stored["examples"].items()
            }
        if "skew" in stored:
            profile["skew"] = self.skew(stored["skew"])
        return profile

    def skew(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Served and expected values as plain ones: of masked columns only how many differ."""
        columns = [self._skewed(column) for column in values["columns"]]
        return {**values, "columns": columns}

    def shifts(self, first: Mapping[str, Any]) -> dict[str, Any]:
        """The first requests against training data as plain values, without what they name."""
        columns = [
            {**part, "findings": [self.text(part["column"], text) for text in part["findings"]]}
            for part in first["columns"]
        ]
        return {**first, "columns": columns}

    def _skewed(self, column: Mapping[str, Any]) -> dict[str, Any]:
        examples = [self.masking.record(example) for example in column["examples"]]
        if column["column"] not in self.masking.kinds:
            return {**column, "examples": examples}
        masked = dict.fromkeys(("served", "expected"), MASK)
        return {
            **column,
            "median_difference": None,
            "largest_difference": None,
            "examples": [{**example, **masked} for example in examples],
        }

    def _column(self, key: str, profile: Mapping[str, Any]) -> Mapping[str, Any]:
        signal, _, name = key.partition("/")
        if signal != FEATURE_DRIFT or name not in self.masking.kinds:
            return profile
        ranges = None if profile["kind"] == "category" else ()
        facts = {part: value for part, value in profile.items() if part not in LIMITS}
        labels = list(self._shown(name, profile["labels"], ranges))
        # A number has no mean any more: its ranges are shown as categories are.
        kind = "category" if profile["kind"] == "number" else profile["kind"]
        return {**facts, "kind": kind, "labels": labels}

    def _segment(self, segment: Mapping[str, Any]) -> Mapping[str, Any]:
        """A segment of a stored profile; one of a number is a range, whose limits are values."""
        if segment["column"] not in self.masking.kinds:
            return segment
        return {**segment, "segment": self.category(segment["column"], segment["segment"])}

    def _shown(
        self, column: str, names: Sequence[str], edges: Collection[float] | None
    ) -> tuple[str, ...]:
        """The names of categories, or of ranges by their number."""
        if edges is None:
            return tuple(self.category(column, name) for name in names)
        return tuple(
            name if name in OF_NO_VALUE else f"{MASK} range {number}"
            for number, name in enumerate(names, 1)
        )

    def _categories(self, values: pd.Series[Any]) -> pd.Series[Any]:
        """PERF: each distinct value is hashed once."""
        distinct = values.dropna().unique()
        names = {value: self.category(str(values.name), category_name(value)) for value in distinct}
        return values.map(names)


# Facts of a column's stored profile that are values or made of them.
LIMITS = ("cuts", "mean", "range", "spread", "tenths")


def masked_values(
    session: Session, store: Store, deployment: str, revealed: Collection[str] = ()
) -> MaskedValues:
    """What windows of a deployment show of its inputs; true values where it is `revealed`."""
    masking = NOTHING_MASKED if deployment in revealed else masking_of_log(session, deployment)
    return with_key(store, masking)


def with_key(store: Store, masking: Masking) -> MaskedValues:
    """What is masked, with the key of this workspace."""
    if not masking:
        return MaskedValues()
    ensure_key(store.folder)
    return MaskedValues(masking, read_key(store.folder / "journal"))


def read_profile(
    session: Session, store: Store, window: Window, revealed: Collection[str] = ()
) -> dict[str, Any]:
    """The stored profile of a window as it is shown; whoever draws a window reads it here."""
    stored: dict[str, Any] = json.loads(store.artifacts.read(window.profile))
    return masked_values(session, store, window.deployment, revealed).profile(stored)
