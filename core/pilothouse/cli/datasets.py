"""Datasets on the command line: registered, looked at, checked, corrected, taken out of use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.options import json_option, opened, show, to_json, workspace_option
from pilothouse.cli.reading import reading_options, taken
from pilothouse.kit.errors import Invalid
from pilothouse.kit.spreadsheets import to_csv

if TYPE_CHECKING:
    from pilothouse.data.info import ContractReport, ContractRule, DatasetVersionInfo

BREACH_CODE = 3  # that of a refusal
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
reason_option = click.option("--reason", default="", help="Shown in the activity log.")


@click.group(help="Dataset versions: their content, contracts and descriptions.")
def datasets() -> None:
    """REF is a dataset's name for its newest version in use, or name@version."""


@datasets.command("list")
@workspace_option
@json_option
@click.option("--archived", is_flag=True, help="With datasets that have no version in use.")
def _list(workspace: Path | None, as_json: bool, archived: bool) -> None:
    """Every dataset with its newest version in use."""
    with opened(workspace) as ws:
        show(ws.data.datasets(archived=archived), as_json)


@datasets.command("register")
@workspace_option
@json_option
@click.argument("name")
@click.argument("file", type=FILE)
@click.option("--origin", default="", help="Where it came from.")
@click.option("--licence", default="", help="What it may be used for.")
@click.option("--note", default="", help="What is in it, or what changed.")
@click.option(
    "--event-time",
    default=None,
    help="The column that says when each row happened; '' for none. Recognised without it.",
)
@click.option(
    "--on-breach",
    type=click.Choice(["refuse", "accept"]),
    default="refuse",
    show_default=True,
    help="What to do with data that breaks the contract of the dataset.",
)
@reading_options
def _register(workspace: Path | None, as_json: bool, name: str, file: Path, **about: Any) -> None:
    """Register a FILE as a version of the dataset NAME, and say how it was read.

    CSV, JSON lines, Parquet and Excel are read, compressed too.
    """
    with opened(workspace, make=True) as ws:
        version = ws.data.register(name, file, **taken(about))
        report = ws.data.reading(version.ref)
    if as_json:
        click.echo(to_json({**_version(version), "reading": report and report.to_json()}))
        return
    click.echo(f"{version.ref}: {version.rows:,} rows, content {version.content_hash[:12]}")
    click.echo("\n".join(report.lines() if report else ()))
    if version.existed:
        state = "" if version.status == "active" else f"; it is {version.status}"
        click.echo(f"this content was registered before{state}", err=True)
    if version.breach:
        click.echo(f"it broke the contract: {version.breach}", err=True)


@datasets.command("preview")
@json_option
@click.argument("file", type=FILE)
@reading_options
def _preview(as_json: bool, file: Path, **about: Any) -> None:
    """Say how a FILE would be read, from its first rows, without registering it."""
    from pilothouse.data.reading.preview import preview

    result = preview(file, **taken(about))
    if as_json:
        click.echo(to_json({**result.report.to_json(), "problems": dict(result.problems)}))
        return
    click.echo("\n".join(result.report.lines()))
    for problem in result.problems.values():
        click.echo(problem, err=True)


@datasets.command("show")
@workspace_option
@json_option
@click.argument("ref")
def _show(workspace: Path | None, as_json: bool, ref: str) -> None:
    """One version: what is said of it, and its columns."""
    with opened(workspace) as ws:
        version = ws.data.version(ref)
        if as_json:
            click.echo(to_json(_version(version)))
            return
        for name, value in _version(version).items():
            if name != "schema" and value not in (None, "", {}):
                click.echo(f"{name}: {value}")
        show(ws.data.profile(version.ref).frame(), False)


@datasets.command("versions")
@workspace_option
@json_option
@click.argument("name")
def _versions(workspace: Path | None, as_json: bool, name: str) -> None:
    """Every version of the dataset NAME, newest first, with its status."""
    with opened(workspace) as ws:
        show(ws.data.versions(name), as_json)


@datasets.command("diff")
@workspace_option
@json_option
@click.argument("before")
@click.argument("after")
def _diff(workspace: Path | None, as_json: bool, before: str, after: str) -> None:
    """What changed from the version BEFORE to the version AFTER."""
    with opened(workspace) as ws:
        diff = ws.data.diff(before, after)
    if as_json:
        parts = {"schema": diff.schema, "columns": diff.columns}
        frames = {name: frame.to_dict(orient="records") for name, frame in parts.items()}
        click.echo(to_json({"message": diff.message, "same": diff.same, **frames}))
        return
    click.echo(diff.message)
    if not diff.schema.empty:
        show(diff.schema, False)
    show(diff.columns, False)


@datasets.command("contract")
@workspace_option
@json_option
@click.argument("ref")
def _contract(workspace: Path | None, as_json: bool, ref: str) -> None:
    """The rules that new data is held against."""
    with opened(workspace) as ws:
        contract = ws.data.contract(ref)
    if as_json:
        about = {"ref": contract.ref, "tolerance": contract.tolerance, "edited": contract.edited}
        click.echo(to_json({**about, "rules": [asdict(rule) for rule in contract.rules]}))
    else:
        click.echo(f"{contract.ref}: {contract.tolerance:.2%} of rows may break a rule")
        show(contract.frame(), False)


@datasets.command("check")
@workspace_option
@json_option
@click.argument("ref")
@click.argument("file", type=FILE)
def _check(workspace: Path | None, as_json: bool, ref: str, file: Path) -> None:
    """Hold a FILE against the contract of REF; exit code 3 when it breaks it."""
    from pilothouse.data.reading.reader import read

    with opened(workspace) as ws:
        report = ws.data.check(ref, read(file, "", {}).table.to_pandas())
    if as_json:
        click.echo(to_json(_report(report)))
    else:
        click.echo(report.message if report.ok else "\n".join(report.lines))
    if not report.ok:
        raise SystemExit(BREACH_CODE)


@datasets.command("rule")
@workspace_option
@json_option
@click.argument("ref")
@click.argument("column")
@click.option("--allow", multiple=True, metavar="VALUE", help="Allow one more value; repeatable.")
@click.option("--any-value", is_flag=True, help="Allow any value, without a list.")
@click.option("--low", default=None, metavar="NUMBER", help='Least allowed; "none" for no limit.')
@click.option("--high", default=None, metavar="NUMBER", help='Greatest allowed; "none" for none.')
@click.option("--nullable/--not-nullable", default=None, help="Whether values may be missing.")
@click.option("--required/--optional", default=None, help="Whether the column must be there.")
@reason_option
def _rule(
    workspace: Path | None, as_json: bool, ref: str, column: str, reason: str, **changes: Any
) -> None:
    """Change the rule of a COLUMN in the contract of REF."""
    with opened(workspace) as ws:
        rule = _changed(ws.data.contract(ref).rule(column), changes)
        contract = ws.data.edit_contract(ref, [rule], reason=reason)
    after = contract.rule(column)
    click.echo(to_json(asdict(after)) if as_json else f"{contract.ref} {column}: {after.to_json()}")


def _changed(rule: ContractRule, changes: Mapping[str, Any]) -> ContractRule:
    """The rule with what the options of the command say."""
    if changes["any_value"]:
        rule = replace(rule, categories=None)
    elif changes["allow"]:
        rule = replace(
            rule, categories=tuple(sorted({*(rule.categories or ()), *changes["allow"]}))
        )
    for name in ("nullable", "required"):
        if changes[name] is not None:
            rule = replace(rule, **{name: changes[name]})
    low, high = (
        getattr(rule, name) if changes[name] is None else _end(name, changes[name])
        for name in ("low", "high")
    )
    return replace(rule, low=low, high=high)


def _end(name: str, text: str) -> float | None:
    if text.lower() == "none":
        return None
    try:
        return float(text)
    except ValueError as bad:
        raise Invalid(f"--{name} {text!r} is no number.", fields={name: "no number"}) from bad


@datasets.command("tolerance")
@workspace_option
@click.argument("ref")
@click.argument("share", type=float)
@reason_option
def _tolerance(workspace: Path | None, ref: str, share: float, reason: str) -> None:
    """Let a SHARE of rows (0.02 is 2 %) break a rule of the contract of REF."""
    with opened(workspace) as ws:
        contract = ws.data.edit_contract(ref, tolerance=share, reason=reason)
    click.echo(f"{contract.ref}: {contract.tolerance:.2%} of rows may break a rule")


@datasets.command("accept")
@workspace_option
@click.argument("ref")
@click.argument("data")
@click.option("--column", "columns", multiple=True, help="Only this column; repeatable.")
@reason_option
def _accept(
    workspace: Path | None, ref: str, data: str, columns: tuple[str, ...], reason: str
) -> None:
    """Widen the contract of REF so that the rows of the version DATA meet it."""
    with opened(workspace) as ws:
        contract = ws.data.accept_data(ref, data, list(columns) or None, reason)
    click.echo(f"the contract of {contract.ref} accepts {data}")


@datasets.command("edit")
@workspace_option
@json_option
@click.argument("ref")
@click.option("--origin", default=None, help="Where it came from.")
@click.option("--licence", default=None, help="What it may be used for.")
@click.option("--note", default=None, help="What is in it.")
@click.option("--event-time", default=None, help='The column of the event time; "" for none.')
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="A tag; repeatable.")
@click.option("--untag", multiple=True, metavar="NAME", help="Take a tag away; repeatable.")
@reason_option
def _edit(
    workspace: Path | None,
    as_json: bool,
    ref: str,
    reason: str,
    tags: tuple[str, ...],
    untag: tuple[str, ...],
    **fields: str | None,
) -> None:
    """Correct what is said of a version; its content never changes."""
    changes: dict[str, Any] = {name: text for name, text in fields.items() if text is not None}
    if "event_time" in changes:
        changes["event_time"] = changes["event_time"] or None
    with opened(workspace) as ws:
        if tags or untag:
            pairs = (tag.partition("=") for tag in tags)
            after = dict(ws.data.version(ref).tags) | {name: value for name, _, value in pairs}
            changes["tags"] = {name: value for name, value in after.items() if name not in untag}
        version = ws.data.edit(ref, **changes, reason=reason)
    click.echo(to_json(_version(version)) if as_json else f"{version.ref} is corrected")


@datasets.command("supersede")
@workspace_option
@click.argument("ref")
@click.argument("by")
@reason_option
def _supersede(workspace: Path | None, ref: str, by: str, reason: str) -> None:
    """Say that the version BY replaces the version REF."""
    with opened(workspace) as ws:
        version = ws.data.supersede(ref, by, reason)
    click.echo(f"{version.ref} is superseded by {version.superseded_by}")


def _command(name: str, help: str, message: str) -> None:
    """A command that calls the verb of its name on one version."""

    @datasets.command(name, help=help)
    @workspace_option
    @click.argument("ref")
    @reason_option
    def _act(workspace: Path | None, ref: str, reason: str) -> None:
        with opened(workspace) as ws:
            act: Callable[..., Any] = getattr(ws.data, name)
            ref = ws.data.version(ref).ref
            act(ref, reason)
        click.echo(message.format(ref))


_command("archive", "Take a version out of use: nothing of it is lost.", "{} is archived")
_command("restore", "Take back that a version is archived or superseded.", "{} is in use again")
_command("delete", "Delete a version that nothing uses.", "{} is deleted")


@datasets.command("uses")
@workspace_option
@json_option
@click.argument("ref")
def _uses(workspace: Path | None, as_json: bool, ref: str) -> None:
    """What uses a version: model versions, runs, other datasets, jobs, schedules."""
    import pandas as pd

    with opened(workspace) as ws:
        uses = ws.data.uses(ref)
    show(
        pd.DataFrame([asdict(use) for use in uses], columns=["kind", "ref", "name", "how"]), as_json
    )


@datasets.command("export")
@workspace_option
@click.argument("ref")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--exact", is_flag=True, help="Leave text that a spreadsheet takes for a formula.")
def _export(workspace: Path | None, ref: str, file: Path, exact: bool) -> None:
    """Write the rows of a version to a FILE: .csv or .parquet.

    In a .csv, text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    if file.suffix not in (".csv", ".parquet"):
        raise Invalid(
            f"{file.name!r} says not in which format.",
            hint="End it in .csv or .parquet.",
            fields={"file": "ends in neither .csv nor .parquet"},
        )
    with opened(workspace) as ws:
        frame = ws.data.frame(ref)
    if file.suffix == ".csv":
        file.write_bytes(frame.to_csv(index=False).encode() if exact else to_csv(frame))
    else:
        frame.to_parquet(file, index=False)
    click.echo(f"{len(frame):,} rows are in {file}")


def _version(version: DatasetVersionInfo) -> dict[str, Any]:
    fields = asdict(version)
    return fields | {"schema": [column.to_json() for column in version.schema]}


def _report(report: ContractReport) -> dict[str, Any]:
    return {
        "ref": report.ref,
        "ok": report.ok,
        "rows": report.rows,
        "message": report.message,
        "checks": report.checks.to_dict(orient="records"),
        "failures": report.failures.to_dict(orient="records"),
    }
