"""`pilothouse datasets quality` and its neighbours: checks of each version, and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import verb
from pilothouse.cli.datasets import BREACH_CODE, datasets
from pilothouse.cli.options import PAIR, PluginName, scalar
from pilothouse.cli.output import Output
from pilothouse.data.quality.kinds import quality_kinds
from pilothouse.data.quality.quality_info import SEVERITIES, DatasetCheckInfo, QualityResult
from pilothouse.data.quality_api import QualityCommands

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

Pairs = tuple[tuple[str, str], ...]
check_argument = click.argument("check")
param_option = click.option(
    "--param",
    "params",
    type=PAIR,
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the kind; lists have commas. Repeatable.",
)


@verb(datasets, QualityCommands.quality_checks, QualityCommands.quality_check, name="quality",
      own_help=True, example="pilothouse datasets quality sales")  # fmt: skip
@click.argument("name")
def _quality(ws: Workspace, name: str) -> pd.DataFrame:
    """The quality checks of a dataset, with their ids."""
    import pandas as pd

    rows = [_check(check) for check in ws.data.quality_checks(name)]
    return pd.DataFrame(rows, columns=["id", "title", "kind", "severity", "settings"])


@verb(
    datasets,
    QualityCommands.add_quality_check,
    writes=True,
    reason=True,
    example=(
        "pilothouse datasets add-quality-check sales missing_values --param column=town "
        "--param share=0.05",
        "pilothouse datasets add-quality-check sales unique_key --param columns=shop,day "
        "--severity block",
    ),
)
@click.argument("name")
@click.argument("check_kind", metavar="KIND", type=PluginName(quality_kinds))
@param_option
@click.option(
    "--severity",
    type=click.Choice(SEVERITIES),
    default="warn",
    show_default=True,
    help="Whether a failure only warns, or holds a new version back.",
)
def _add_quality_check(
    ws: Workspace, name: str, check_kind: str, params: Pairs, severity: str, reason: str
) -> Output:
    settings = _settings(check_kind, params)
    check = ws.data.add_quality_check(name, check_kind, settings, severity=severity, reason=reason)
    results = [r for r in ws.data.quality_results(check.dataset) if r.check_id == check.id]
    lines = [f"{check.id}: {check.title}", *map(_line, results)]
    return Output(_check(check), "\n".join(lines))


@verb(
    datasets,
    QualityCommands.edit_quality_check,
    writes=True,
    reason=True,
    own_help=True,
    example="pilothouse datasets edit-quality-check CHECK --severity block",
)
@check_argument
@param_option
@click.option("--severity", type=click.Choice(SEVERITIES), default=None, help="Its new severity.")
def _edit_quality_check(
    ws: Workspace, check: str, params: Pairs, severity: str | None, reason: str
) -> Output:
    """Change the severity of a CHECK, or some of its settings; results stay as they were."""
    settings = None
    if params:
        before = ws.data.quality_check(check)
        settings = {**before.settings, **_settings(before.kind, params)}
    after = ws.data.edit_quality_check(check, settings, severity=severity, reason=reason)
    return Output(_check(after), f"{after.id}: {after.title}, {after.severity}")


@verb(datasets, QualityCommands.remove_quality_check, writes=True, reason=True,
      example="pilothouse datasets remove-quality-check CHECK")  # fmt: skip
@check_argument
def _remove_quality_check(ws: Workspace, check: str, reason: str) -> Output:
    removed = ws.data.remove_quality_check(check, reason)
    return Output(_check(removed), f"{removed.title} is removed from {removed.dataset}")


@verb(datasets, QualityCommands.run_quality_checks, writes=True, reason=True,
      example="pilothouse datasets run-quality-checks sales@2")  # fmt: skip
@click.argument("ref")
def _run_quality_checks(ws: Workspace, ref: str, reason: str) -> Output:
    """Ends with 3 when one fails."""
    return _results(ws.data.run_quality_checks(ref, reason))


@verb(datasets, QualityCommands.quality_results, QualityCommands.failing_rows,
      name="quality-results", own_help=True,
      example="pilothouse datasets quality-results sales@2")  # fmt: skip
@click.argument("ref")
@click.option("--rows", "check", default="", metavar="CHECK", help="The rows that failed a check.")
def _quality_results(ws: Workspace, ref: str, check: str) -> Output | pd.DataFrame:
    """What the quality checks measured of REF; ends with 3 when one failed."""
    if check:
        return ws.data.masked().failing_rows(check, ref)
    return _results(ws.data.quality_results(ref))


@verb(datasets, QualityCommands.quality_history,
      example="pilothouse datasets quality-history sales")  # fmt: skip
@click.argument("name")
def _quality_history(ws: Workspace, name: str) -> pd.DataFrame:
    return ws.data.quality_history(name)


@verb(datasets, QualityCommands.suggest_quality_checks,
      example="pilothouse datasets suggest-quality-checks sales")  # fmt: skip
@click.argument("ref")
def _suggest_quality_checks(ws: Workspace, ref: str) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {"title": s.title, "kind": s.kind, "severity": s.severity, "why": s.why,
         "settings": dict(s.settings)}
        for s in ws.data.suggest_quality_checks(ref)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["title", "kind", "severity", "why", "settings"])


@verb(datasets, QualityCommands.release, writes=True, reason=True,
      example='pilothouse datasets release sales@3 --reason "the shop in Bonn closed"')  # fmt: skip
@click.argument("ref")
def _release(ws: Workspace, ref: str, reason: str) -> Output:
    version = ws.data.release(ref, reason)
    value = {"ref": version.ref, "held_for": version.held_for}
    return Output(value, f"{version.ref} is in use")


def _settings(kind: str, pairs: Pairs) -> dict[str, Any]:
    """The values of --param in the types of the kind; a list is written with commas."""
    types = {item.name: item.type for item in quality_kinds.get(kind).parameters}
    return {name: _value(types.get(name, ""), text) for name, text in pairs}


def _value(kind: str, text: str) -> Any:
    if kind == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text if kind in ("text", "choice") else scalar(text)


def _check(check: DatasetCheckInfo) -> dict[str, Any]:
    return {"id": check.id, "title": check.title, "kind": check.kind, "severity": check.severity,
            "settings": dict(check.settings)}  # fmt: skip


def _results(results: list[QualityResult]) -> Output:
    failed = any(not result.ok for result in results)
    text = "\n".join(map(_line, results)) or "no quality check was run"
    value = [result.to_json() for result in results]
    return Output(value, text, exit_code=BREACH_CODE if failed else 0)


def _line(result: QualityResult) -> str:
    severity = f" ({result.severity})" if not result.ok else ""
    return f"{result.status}{severity}  {result.title}: {result.message}"
