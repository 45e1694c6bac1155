"""`pilothouse datasets`: register, read, check, correct, archive and delete dataset versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Command, Group, verb
from pilothouse.cli.options import (
    FILE,
    NEW_FILE,
    PAIR,
    json_option,
    reveal_option,
    workspace_option,
)
from pilothouse.cli.output import Output, emit, text_of
from pilothouse.cli.reading import reading_arguments, reading_options
from pilothouse.data.api import Data
from pilothouse.kit.errors import Invalid
from pilothouse.kit.spreadsheets import to_csv

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.info import ContractReport, ContractRule, DatasetVersionInfo
    from pilothouse.data.personal_data.masked_data import MaskedData
    from pilothouse.workspace import Workspace

BREACH_CODE = 3  # that of a refusal
datasets = Group(
    "datasets",
    help="Dataset versions: their content, contracts and descriptions.\n\n"
    "REF is a dataset's name for its newest version in use, or name@version.",
)
ref_argument = click.argument("ref")
release_option = click.option(
    "--release-reason",
    default="",
    metavar="REASON",
    help="Put it into use although a blocking quality check fails, for this reason.",
)


@verb(
    datasets, Data.datasets, name="list", example="pilothouse datasets list --json", own_help=True
)
@click.option("--archived", is_flag=True, help="With datasets that have no version in use.")
def _list(ws: Workspace, archived: bool) -> pd.DataFrame:
    """Every dataset with its newest version in use."""
    return ws.data.datasets(archived=archived)


@verb(
    datasets,
    Data.register,
    Data.reading,
    writes=True,
    make=True,
    example=(
        'pilothouse datasets register churn customers.csv --origin "CRM export"',
        "pilothouse datasets register churn june.csv --on-breach accept --type zip=string",
    ),
    own_help=True,
)
@click.argument("name")
@click.argument("file", type=FILE)
@click.option("--origin", default="", help="Where it came from.")
@click.option("--licence", default="", help="What it may be used for.")
@click.option("--note", default="", help="What is in it, or what changed.")
@click.option("--tag", "tags", type=PAIR, multiple=True, help="A tag; repeatable.")
@click.option("--parent", default=None, help="The dataset version that it was made from.")
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
@release_option
@reading_options
def _register(
    ws: Workspace, name: str, file: Path, tags: tuple[tuple[str, str], ...], **about: Any
) -> Output:
    """Register a FILE as a version of the dataset NAME, and say how it was read.

    CSV, JSON lines, Parquet and Excel are read, compressed too. Ends with 3 when the contract
    refuses the file, or when the quality checks hold the version back.
    """
    version = ws.data.register(name, file, tags=dict(tags), **reading_arguments(about))
    report = ws.data.reading(version.ref)
    if version.existed:
        state = "" if version.status == "active" else f"; it is {version.status}"
        click.echo(f"this content was registered before{state}", err=True)
    if version.breach:
        click.echo(f"it broke the contract: {version.breach}", err=True)

    first = f"{version.ref}: {version.rows:,} rows, content {version.content_hash[:12]}"
    lines = [first, *(report.lines() if report else ())]
    value = {**_version(version), "reading": report and report.to_json()}
    return held_back(version, value, "\n".join(lines))


@datasets.command(
    "preview",
    cls=Command,
    apis=(Data.preview,),
    examples=("pilothouse datasets preview customers.csv --separator ';'",),
)
@workspace_option
@json_option
@click.argument("file", type=FILE)
@reading_options
def _preview(workspace: Path | None, as_json: bool, file: Path, **about: Any) -> None:
    """Say how a FILE would be read, from its first rows, without registering it."""
    from pilothouse.data.reading.preview import preview

    del workspace  # taken as every command takes it; a file is read without one
    result = preview(file, **reading_arguments(about))
    value = {**result.report.to_json(), "problems": dict(result.problems)}
    emit(Output(value, "\n".join(result.report.lines())), as_json)
    if not as_json:
        for problem in result.problems.values():
            click.echo(problem, err=True)


@verb(
    datasets, Data.version, name="show", example="pilothouse datasets show churn@2", own_help=True
)
@ref_argument
def _show(ws: Workspace, ref: str) -> Output:
    """One version: what is said of it, and its columns."""
    version = ws.data.version(ref)
    facts = {name: value for name, value in _version(version).items() if name != "schema"}
    profile = ws.data.masked().profile(version.ref).frame()
    return Output(_version(version), f"{text_of(facts)}\n{text_of(profile)}")


@verb(datasets, Data.versions, example="pilothouse datasets versions churn")
@click.argument("name")
def _versions(ws: Workspace, name: str) -> pd.DataFrame:
    return ws.data.versions(name)


@verb(datasets, Data.profile, example="pilothouse datasets profile churn@2 --json")
@ref_argument
def _profile(ws: Workspace, ref: str) -> pd.DataFrame:
    return ws.data.masked().profile(ref).frame()


@verb(datasets, Data.diff, example="pilothouse datasets diff churn@1 churn@2")
@click.argument("before")
@click.argument("after")
def _diff(ws: Workspace, before: str, after: str) -> Output:
    diff = ws.data.masked().diff(before, after)
    value = {
        "message": diff.message,
        "same": diff.identical,
        "schema": diff.schema,
        "columns": diff.columns,
    }
    parts = [diff.message]
    if not diff.schema.empty:
        parts.append(text_of(diff.schema))
    return Output(value, "\n".join([*parts, text_of(diff.columns)]))


@verb(datasets, Data.contract, example="pilothouse datasets contract churn")
@ref_argument
def _contract(ws: Workspace, ref: str) -> Output:
    contract = ws.data.masked().contract(ref)
    about = {"ref": contract.ref, "tolerance": contract.tolerance, "edited": contract.edited}
    value = {**about, "rules": contract.rules}
    first = f"{contract.ref}: {contract.tolerance:.2%} of rows may break a rule"
    return Output(value, f"{first}\n{text_of(contract.frame())}")


@verb(datasets, Data.check, example="pilothouse datasets check churn june.csv", own_help=True)
@ref_argument
@click.argument("file", type=FILE)
def _check(ws: Workspace, ref: str, file: Path) -> Output:
    """Check a FILE against the contract of REF; ends with 3 when it breaks it."""
    from pilothouse.data.reading.reader import read

    report = ws.data.masked().check(ref, read(file, "", {}).table.to_pandas())
    text = report.message if report.ok else "\n".join(report.lines)
    return Output(_report(report), text, exit_code=0 if report.ok else BREACH_CODE)


@verb(
    datasets,
    Data.edit_contract,
    Data.accept_values,
    name="rule",
    writes=True,
    reason=True,
    example="pilothouse datasets rule churn plan --allow premium --nullable",
    own_help=True,
)
@ref_argument
@click.argument("column")
@click.option("--allow", multiple=True, metavar="VALUE", help="Allow one more value; repeatable.")
@click.option("--any-value", is_flag=True, help="Allow any value, without a list.")
@click.option("--low", default=None, metavar="NUMBER", help='Least allowed; "none" for no limit.')
@click.option("--high", default=None, metavar="NUMBER", help='Greatest allowed; "none" for none.')
@click.option("--nullable/--not-nullable", default=None, help="Whether values may be missing.")
@click.option("--required/--optional", default=None, help="Whether the column must be there.")
def _rule(ws: Workspace, ref: str, column: str, reason: str, **changes: Any) -> Output:
    """Change the rule of a COLUMN in the contract of REF."""
    rule = _changed(ws.data.contract(ref).rule(column), changes)
    contract = ws.data.edit_contract(ref, [rule], reason=reason)
    after = contract.rule(column)
    return Output(after, f"{contract.ref} {column}: {after.to_json()}")


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


@verb(
    datasets,
    Data.edit_contract,
    name="tolerance",
    writes=True,
    reason=True,
    example="pilothouse datasets tolerance churn 0.02",
    own_help=True,
)
@ref_argument
@click.argument("share", type=float)
def _tolerance(ws: Workspace, ref: str, share: float, reason: str) -> Output:
    """Let a SHARE of rows (0.02 is 2 %) break a rule of the contract of REF."""
    contract = ws.data.edit_contract(ref, tolerance=share, reason=reason)
    value = {"ref": contract.ref, "tolerance": contract.tolerance}
    return Output(value, f"{contract.ref}: {contract.tolerance:.2%} of rows may break a rule")


@verb(
    datasets,
    Data.accept_data,
    name="accept",
    writes=True,
    reason=True,
    example='pilothouse datasets accept churn june@1 --column plan --reason "a new plan"',
)
@ref_argument
@click.argument("data")
@click.option("--column", "columns", multiple=True, help="Only this column; repeatable.")
def _accept(ws: Workspace, ref: str, data: str, columns: tuple[str, ...], reason: str) -> Output:
    contract = ws.data.accept_data(ref, data, list(columns) or None, reason)
    value = {"ref": contract.ref, "rules": contract.rules}
    return Output(value, f"the contract of {contract.ref} accepts {data}")


@verb(
    datasets,
    Data.edit,
    writes=True,
    reason=True,
    example="pilothouse datasets edit churn@2 --licence internal --tag team=blue",
)
@ref_argument
@click.option("--origin", default=None, help="Where it came from.")
@click.option("--licence", default=None, help="What it may be used for.")
@click.option("--note", default=None, help="What is in it.")
@click.option("--event-time", default=None, help='The column of the event time; "" for none.')
@click.option("--tag", "tags", type=PAIR, multiple=True, help="A tag; repeatable.")
@click.option("--untag", multiple=True, metavar="NAME", help="Take a tag away; repeatable.")
def _edit(
    ws: Workspace,
    ref: str,
    reason: str,
    tags: tuple[tuple[str, str], ...],
    untag: tuple[str, ...],
    **fields: str | None,
) -> Output:
    """The content of a version never changes."""
    changes: dict[str, Any] = {name: text for name, text in fields.items() if text is not None}
    if "event_time" in changes:
        changes["event_time"] = changes["event_time"] or None
    if tags or untag:
        after = {**ws.data.version(ref).tags, **dict(tags)}
        changes["tags"] = {name: value for name, value in after.items() if name not in untag}

    version = ws.data.edit(ref, **changes, reason=reason)
    return Output(_version(version), f"{version.ref} is corrected")


@verb(
    datasets,
    Data.supersede,
    writes=True,
    reason=True,
    example='pilothouse datasets supersede churn@1 churn@2 --reason "wrong dates"',
)
@ref_argument
@click.argument("by")
def _supersede(ws: Workspace, ref: str, by: str, reason: str) -> Output:
    version = ws.data.supersede(ref, by, reason)
    return Output(_version(version), f"{version.ref} is superseded by {version.superseded_by}")


@verb(
    datasets,
    Data.archive,
    writes=True,
    reason=True,
    example="pilothouse datasets archive churn@1",
)
@ref_argument
def _archive(ws: Workspace, ref: str, reason: str) -> Output:
    version = ws.data.archive(ref, reason)
    return Output(_version(version), f"{version.ref} is archived")


@verb(
    datasets,
    Data.restore,
    writes=True,
    reason=True,
    example="pilothouse datasets restore churn@1",
)
@ref_argument
def _restore(ws: Workspace, ref: str, reason: str) -> Output:
    version = ws.data.restore(ref, reason)
    return Output(_version(version), f"{version.ref} is in use again")


@verb(
    datasets,
    Data.delete,
    writes=True,
    reason=True,
    example='pilothouse datasets delete churn@1 --reason "the wrong file"',
)
@ref_argument
def _delete(ws: Workspace, ref: str, reason: str) -> Output:
    deleted = ws.data.delete(ref, reason)
    return Output({"ref": deleted}, f"{deleted} is deleted")


@verb(datasets, Data.uses, example="pilothouse datasets uses churn@1")
@ref_argument
def _uses(ws: Workspace, ref: str) -> pd.DataFrame:
    import pandas as pd

    rows = [asdict(use) for use in ws.data.uses(ref)]
    return pd.DataFrame(rows, columns=["kind", "ref", "name", "how"])


@verb(
    datasets,
    Data.frame,
    name="export",
    writes=True,
    example=(
        "pilothouse datasets export churn@2 churn.parquet",
        'pilothouse datasets export churn@2 churn.csv --reveal "for the audit of 2026"',
    ),
    own_help=True,
)
@ref_argument
@click.argument("file", type=NEW_FILE)
@click.option("--exact", is_flag=True, help="Leave text that a spreadsheet takes for a formula.")
@reveal_option
def _export(ws: Workspace, ref: str, file: Path, exact: bool, reveal: str | None) -> Output:
    """Write the rows of a version to a FILE: .csv or .parquet, with personal data masked.

    In a .csv, text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    if file.suffix not in (".csv", ".parquet"):
        raise Invalid(
            f"{file.name!r} names no format.",
            hint="End it in .csv or .parquet.",
            fields={"file": "ends in neither .csv nor .parquet"},
        )
    frame = revealing(ws, ref, reveal).frame(ref)
    if file.suffix == ".csv":
        file.write_bytes(frame.to_csv(index=False).encode() if exact else to_csv(frame))
    else:
        frame.to_parquet(file, index=False)
    return Output({"file": str(file), "rows": len(frame)}, f"{len(frame):,} rows are in {file}")


def revealing(ws: Workspace, ref: str, reason: str | None) -> MaskedData:
    """The data with its masks; without those of a dataset that somebody has reason to see."""
    dataset = ref.partition("@")[0]
    if reason is None:
        return ws.data.masked()
    ws.data.reveal(dataset, reason)
    return ws.data.masked([dataset])


def held_back(version: DatasetVersionInfo, value: dict[str, Any], text: str) -> Output:
    """The output of a registration; it says when the quality checks hold the version back."""
    if version.status != "held":
        return Output(value, text)
    message = f"{text}\nheld back by its quality checks: {version.held_for}"
    return Output({**value, "held_for": version.held_for}, message, exit_code=BREACH_CODE)


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
