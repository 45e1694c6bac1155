"""`pilothouse archives`: a whole workspace as one file in open formats, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Command, Group, summary, verb
from pilothouse.cli.options import (
    NEW_FILE,
    actor_option,
    json_option,
    settings_of,
    workspace_option,
)
from pilothouse.cli.output import Output, emit
from pilothouse.interop.archives.api import WorkspaceArchives, check_archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.interop.archives.archive_contents import LeftOut
    from pilothouse.workspace import Workspace

archives = Group("archives", help="A whole workspace as one file in open formats, and back.")
ARCHIVE = click.Path(dir_okay=False, path_type=Path)


@verb(
    archives,
    WorkspaceArchives.export,
    WorkspaceArchives.preview,
    writes=True,
    example=(
        "pilothouse archives export team.zip",
        "pilothouse archives export team.zip --dry-run",
    ),
)
@click.argument("file", type=NEW_FILE)
@click.option("--dry-run", is_flag=True, help="Say what would be in it, and write nothing.")
def _export(ws: Workspace, file: Path, dry_run: bool) -> Output:
    preview = ws.archives.preview()
    if dry_run:
        head = f"{preview.rows:,} rows, {preview.artifacts:,} artifacts, {preview.files:,} files"
        lines = [f"{head} of logs; up to {preview.bytes:,} bytes"]
        if preview.personal:
            lines.append(f"personal data, unmasked: {', '.join(preview.personal)}")
        lines += _left_out(preview.left_out)
        return Output(preview, "\n".join(lines))
    with click.progressbar(length=1000, label="Exporting", file=sys.stderr) as bar:
        info = ws.archives.export(file, on_progress=lambda share, _: _show(bar, share))
    lines = [
        f"{info.path}: {info.rows:,} rows of {info.tables} tables, {info.files:,} files, "
        f"{info.bytes:,} bytes",
        *_left_out(info.left_out),
        f"SHA-256 of its manifest: {info.manifest}",
    ]
    return Output(info, "\n".join(lines))


@verb(
    archives,
    WorkspaceArchives.start,
    writes=True,
    example="pilothouse archives start",
)
def _start(ws: Workspace) -> Output:
    job = ws.archives.start()
    return Output({"job": job}, f"job {job} writes it; see `pilothouse archives newest`")


@verb(archives, WorkspaceArchives.newest, example="pilothouse archives newest")
def _newest(ws: Workspace) -> Output:
    newest = ws.archives.newest()
    if newest is None:
        return Output(None, "There is none. Write one with `pilothouse archives start`.")
    line = f"{newest.path}: {newest.bytes:,} bytes, SHA-256 of its manifest: {newest.manifest}"
    return Output(newest, line)


@archives.command(
    cls=Command,
    help=f"{summary(check_archive)}\n\nIt ends with 1 when something is wrong.",
    examples=("pilothouse archives check team.zip",),
)
@click.argument("file", type=ARCHIVE)
@workspace_option
@json_option
def check(file: Path, workspace: Path | None, as_json: bool) -> None:
    """No workspace is opened: an archive says itself what is in it."""
    checked = check_archive(file)
    lines = [
        f"{file}: as of {checked.as_of}, schema {checked.schema}, Pilothouse {checked.program}",
        f"{checked.rows:,} rows of {checked.tables} tables, {checked.files:,} files, "
        f"{checked.bytes:,} bytes",
        *_left_out(checked.left_out),
        *(f"BAD {problem}" for problem in checked.problems),
        f"SHA-256 of its manifest: {checked.manifest}",
    ]
    emit(Output(checked, "\n".join(lines)), as_json)
    sys.exit(1 if checked.problems else 0)


@archives.command(
    "import",
    cls=Command,
    examples=(
        "pilothouse archives import team.zip --workspace new --manifest 4074f234…",
        "pilothouse archives import team.zip --workspace new --trust",
    ),
)
@click.argument("file", type=ARCHIVE)
@click.option("--manifest", default="", help="The SHA-256 that its export has printed.")
@click.option("--trust", is_flag=True, help="You know who made it: it holds code that is run.")
@workspace_option
@json_option
@actor_option
def import_(
    file: Path,
    manifest: str,
    trust: bool,
    workspace: Path | None,
    as_json: bool,
    acting_as: str | None,
) -> None:
    """Import an archive into a workspace that is new or empty, all of it or nothing.

    Ids, times and digests stay as they are. Nothing goes on by itself: deployments are stopped,
    schedules paused, channels disabled, unfinished jobs ended. What is to be set again is printed.
    """
    from pilothouse.interop.archives.import_archive import import_archive

    settings = settings_of(workspace)
    if acting_as:
        settings = settings.model_copy(update={"actor": acting_as})
    with click.progressbar(length=1000, label="Importing", file=sys.stderr) as bar:
        result = import_archive(
            file,
            settings,
            manifest=manifest,
            trust=trust,
            on_progress=lambda share, _: _show(bar, share),
        )
    lines = [
        f"{result.workspace} is there: {result.rows:,} rows, {result.files:,} files, "
        f"{result.bytes:,} bytes",
        *([f"migrated from schema {result.migrated_from}"] if result.migrated_from else []),
        *(["To do:", *(f"  - {line}" for line in result.to_do)] if result.to_do else []),
    ]
    emit(Output(result, "\n".join(lines)), as_json)


def _show(bar: object, share: float) -> None:
    """Move a bar to a share of its length."""
    position = int(share * 1000)
    bar.update(position - bar.pos)  # type: ignore[attr-defined]  # click gives its type no name


def _left_out(items: Sequence[LeftOut]) -> list[str]:
    return ["Left out:", *(f"  - {item.what}: {item.reason}" for item in items)]
