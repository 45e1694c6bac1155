"""Registered models as a file store keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.records import ModelRecord, VersionRecord
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Entry, Sandbox, reason
from pilothouse.interop.mlflow.version_serialisation import STAGE_BY_NAME
from pilothouse.kit.errors import PilothouseError
from pilothouse.registry.tables import NONE

VERSION = "version-"
DELETED = "Deleted_Internal"  # what MLflow's own stores keep of a version that was deleted
Texts = Callable[[str], dict[str, str]]


def registered(
    root: Sandbox,
    report: ReportBuilder,
    entry: Entry,
    meta: Mapping[str, Any],
    tags: Mapping[str, str],
    texts: Texts,
) -> ModelRecord:
    """The registered model in a folder, with its versions."""
    aliases = coerce.text_mapping(meta.get("aliases")) | texts(f"{entry.path}/aliases")
    numbers = {alias: coerce.integer(number.strip()) for alias, number in aliases.items()}
    versions = sorted(_versions(root, report, entry, texts), key=lambda version: version.version)
    return ModelRecord(
        name=coerce.text(meta.get("name")) or entry.name,
        note=coerce.text(meta.get("description")),
        created_at=coerce.instant(meta.get("creation_timestamp")),
        updated_at=coerce.instant(meta.get("last_updated_timestamp")),
        tags=tags,
        aliases={alias: number for alias, number in numbers.items() if number is not None},
        versions=tuple(versions),
    )


def _versions(
    root: Sandbox, report: ReportBuilder, model: Entry, texts: Texts
) -> Iterator[VersionRecord]:
    def tell(path: str, why: str) -> None:
        report.broken("version", path, why)

    for entry in root.folders(model.path, tell):
        number = coerce.integer(entry.name.removeprefix(VERSION))
        if not entry.name.startswith(VERSION) or number is None:
            continue
        try:
            meta = root.yaml(f"{entry.path}/meta.yaml")
        except (OSError, PilothouseError) as broken:
            report.broken("version", entry.path, f"meta.yaml: {reason(broken)}")
            continue
        if meta.get("current_stage") != DELETED:
            yield version(number, meta, texts(f"{entry.path}/tags"))


def version(number: int, meta: Mapping[str, Any], tags: Mapping[str, str]) -> VersionRecord:
    """A version by the fields that the file store and the REST API share."""
    return VersionRecord(
        version=number,
        source=coerce.text(meta.get("source")),
        stage=STAGE_BY_NAME.get(coerce.text(meta.get("current_stage")).lower(), NONE),
        run_id=coerce.text(meta.get("run_id")),
        model_id=coerce.text(meta.get("model_id")),
        note=coerce.text(meta.get("description")),
        run_link=coerce.text(meta.get("run_link")),
        created_at=coerce.instant(meta.get("creation_timestamp")),
        updated_at=coerce.instant(meta.get("last_updated_timestamp")),
        tags=tags,
    )
