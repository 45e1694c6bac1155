"""Input examples of versions without the personal data of anybody."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from pilothouse.data.personal_data.personal_columns import masking_of_all
from pilothouse.registry.info import VersionInfo


def masked_example(session: Session, version: VersionInfo) -> list[dict[str, Any]]:
    """The example, with a value of nobody for each column that its dataset has marked.

    For a version that names no dataset, a mark of any dataset counts by the column's name.
    """
    dataset = version.dataset.partition("@")[0]
    return masking_of_all(session, [dataset] if dataset else ()).examples(version.input_example)
