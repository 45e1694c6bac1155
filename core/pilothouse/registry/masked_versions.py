"""Versions as people see them: without the personal data of anybody."""

from __future__ import annotations

from dataclasses import replace

from sqlmodel import Session

from pilothouse.data.personal_data.masking import Masking
from pilothouse.data.personal_data.personal_columns import masking_of_all
from pilothouse.registry.info import VersionInfo


def masked_version(session: Session, version: VersionInfo) -> VersionInfo:
    """The version, whose example and signature have no value of a column its dataset has marked.

    In the example a value of nobody stands for each.
    """
    masking = version_masking(session, version)
    return replace(
        version,
        input_example=masking.examples(version.input_example),
        signature=masking.signature(version.signature),
    )


def version_masking(session: Session, version: VersionInfo) -> Masking:
    """What is masked of a version: the marks of the dataset that it was trained on.

    For a version that names no dataset, a mark of any dataset counts by the column's name.
    """
    dataset = version.dataset.partition("@")[0]
    return masking_of_all(session, [dataset] if dataset else ())
