"""`pilothouse policies`: what is asked of a version before a stage, as data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import FILE, NEW_FILE
from pilothouse.cli.output import Output
from pilothouse.kit.errors import Invalid
from pilothouse.registry.default_gates import EDITIONS
from pilothouse.registry.policies import Policies
from pilothouse.registry.policy_files import SAME, approvals_text, from_yaml, rule_text, to_yaml
from pilothouse.registry.stage_ladder import LadderStage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pilothouse.registry.policy import PolicyInfo
    from pilothouse.registry.policy_dry_run import JudgedVersion
    from pilothouse.registry.policy_files import PolicyChange
    from pilothouse.workspace import Workspace

policies = Group("policies", help="Policies: gates and approvals before a stage.")
name_argument = click.argument("name")
file_argument = click.argument("file", type=FILE)
prune_option = click.option(
    "--prune", is_flag=True, help="Remove policies that the file does not name."
)


@verb(policies, Policies.policies, name="list", example="pilothouse policies list", own_help=True)
def _list(ws: Workspace) -> pd.DataFrame:
    """The policies that hold, with the built-in ones."""
    return ws.policies.policies()


@verb(
    policies,
    Policies.policy,
    name="show",
    example=("pilothouse policies show strict", "pilothouse policies show strict --version 2"),
)
@name_argument
@click.option("--version", type=click.IntRange(1), default=None, help="The newest by default.")
def _show(ws: Workspace, name: str, version: int | None) -> Output:
    info = ws.policies.policy(name, version)
    return Output(_facts(info), _text(info))


@verb(
    policies,
    Policies.applicable,
    example="pilothouse policies applicable churn production",
)
@click.argument("model")
@click.argument("stage")
@click.option("--version", type=click.IntRange(1), default=None, help="The newest by default.")
def _applicable(ws: Workspace, model: str, stage: str, version: int | None) -> Output:
    info = ws.policies.applicable(model, stage, version)
    why = info.why(model)
    return Output({**_facts(info), "why": why}, f"{_text(info)}\nwhy: {why}")


@verb(
    policies,
    Policies.built_in,
    Policies.edition,
    example=(
        "pilothouse policies built-in production --task regression",
        "pilothouse policies built-in production --task binary --yaml",
    ),
)
@click.argument("stage")
@click.option("--task", default="", help="Of models of this task; of every model by default.")
@click.option("--elsewhere", is_flag=True, help="Of versions that were trained elsewhere.")
@click.option("--yaml", "as_yaml", is_flag=True, help="As a file for `apply`.")
def _built_in(ws: Workspace, stage: str, task: str, elsewhere: bool, as_yaml: bool) -> Output:
    info = ws.policies.built_in(stage, task, elsewhere=elsewhere)
    if as_yaml:
        text = to_yaml([replace(info.policy, name=f"{task or 'every'}-{stage}")])
        return Output({"text": text}, text.rstrip("\n"))
    edition = ws.policies.edition()
    return Output({**_facts(info), "edition": edition}, f"{_text(info)}\nedition: {edition}")


@verb(
    policies,
    Policies.use_edition,
    writes=True,
    reason=True,
    example='pilothouse policies use-edition recommended --reason "as a new workspace has it"',
)
@click.argument("edition", type=click.Choice(EDITIONS))
def _use_edition(ws: Workspace, edition: str, reason: str) -> Output:
    ws.policies.use_edition(edition, reason)
    return Output({"edition": edition}, f"the built-in policy is the {edition} one")


@verb(policies, Policies.stages, example="pilothouse policies stages")
def _stages(ws: Workspace) -> Output:
    return _ladder(ws.policies.stages())


@verb(
    policies,
    Policies.set_stages,
    writes=True,
    reason=True,
    example=(
        'pilothouse policies set-stages review="Two people have read it." staging production '
        '--reason "a review comes first"'
    ),
)
@click.argument("stages", nargs=-1, required=True)
def _set_stages(ws: Workspace, stages: tuple[str, ...], reason: str) -> Output:
    """STAGES are names from the lowest to production, each with =WORDS where they are new."""
    meanings = {stage.name: stage.meaning for stage in ws.policies.stages()}
    items = [text.partition("=") for text in stages]
    chosen = [
        LadderStage(name, new if sign else meanings.get(name, "")) for name, sign, new in items
    ]
    return _ladder(ws.policies.set_stages(chosen, reason))


@verb(policies, Policies.history, example="pilothouse policies history strict")
@name_argument
def _history(ws: Workspace, name: str) -> pd.DataFrame:
    return ws.policies.history(name)


@verb(
    policies,
    Policies.export,
    example=(
        "pilothouse policies export --output policies.yaml",
        "pilothouse policies export strict",
    ),
)
@click.argument("names", nargs=-1)
@click.option("--output", type=NEW_FILE, default=None, help="Write it there; printed otherwise.")
def _export(ws: Workspace, names: tuple[str, ...], output: Path | None) -> Output:
    text = ws.policies.export(names)
    if output is None:
        return Output({"text": text}, text.rstrip("\n"))
    output.write_text(text, encoding="utf-8")
    return Output({"file": str(output)}, f"{output} is written")


@verb(
    policies,
    Policies.apply,
    Policies.save,
    writes=True,
    reason=True,
    example='pilothouse policies apply policies.yaml --reason "raised after the audit"',
)
@file_argument
@prune_option
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
def _apply(ws: Workspace, file: Path, prune: bool, dry_run: bool, reason: str) -> Output:
    """Of a file with one policy it is a change of that one."""
    text = _read(file)
    if dry_run:
        return _changes(ws.policies.diff(text, prune=prune))
    return _changes(ws.policies.apply(text, reason, prune=prune))


@verb(policies, Policies.diff, example="pilothouse policies diff policies.yaml")
@file_argument
@prune_option
def _diff(ws: Workspace, file: Path, prune: bool) -> Output:
    return _changes(ws.policies.diff(_read(file), prune=prune))


@verb(
    policies,
    Policies.judge,
    name="test",
    example=(
        "pilothouse policies test policies.yaml",
        "pilothouse policies test policies.yaml --model churn --json",
    ),
)
@file_argument
@click.option("--model", default="", help="Of this model alone.")
@click.option("--size", type=click.IntRange(1), default=50, show_default=True, help="At most.")
def _test(ws: Workspace, file: Path, model: str, size: int) -> Output:
    """FILE has the drafts as `export` writes policies."""
    judged = [
        (draft.name, item)
        for draft in from_yaml(_read(file), [stage.name for stage in ws.policies.stages()])
        for item in ws.policies.judge(draft, model=model, size=size)
    ]
    lines = [line for name, item in judged for line in _judged_lines(name, item)]
    value = [_judged_value(name, item) for name, item in judged]
    return Output(value, "\n".join(lines) or "No version is of these models.")


@verb(
    policies,
    Policies.remove,
    writes=True,
    reason=True,
    example='pilothouse policies remove strict --reason "replaced by two"',
)
@name_argument
def _remove(ws: Workspace, name: str, reason: str) -> Output:
    ws.policies.remove(name, reason)
    return Output({"policy": name}, f"{name} is removed")


def _ladder(stages: Sequence[LadderStage]) -> Output:
    lines = [f"{stage.name}  {stage.meaning}".rstrip() for stage in stages]
    return Output([stage.to_json() for stage in stages], "\n".join(lines))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not a text file in UTF-8.") from None


def _facts(info: PolicyInfo) -> dict[str, Any]:
    return info.policy.to_json() | {
        "left_out": dict(info.left_out),
        "version": info.version,
        "digest": info.policy.digest,
        "changed_at": info.changed_at,
        "changed_by": info.changed_by,
        "reason": info.reason,
    }


def _text(info: PolicyInfo) -> str:
    changed = f"{info.changed_at:%Y-%m-%d %H:%M} by {info.changed_by}" if info.changed_at else "–"  # noqa: RUF001
    lines = [
        info.ref,
        f"stage: {info.stage}",
        f"models: {', '.join(info.models)}",
        f"approvals: {approvals_text(info.approvals)}",
        f"changed: {changed}",
        "gates:" if info.gates else "gates: none",
        *(f"  {rule_text(rule)}" for rule in info.gates),
        *(f"left out: {gate}, for {reason}" for gate, reason in info.left_out.items()),
    ]
    return "\n".join(lines)


def _changes(changes: tuple[PolicyChange, ...]) -> Output:
    changed = [change for change in changes if change.kind != SAME]
    return Output(list(changes), "\n".join(change.text for change in changed) or "Nothing changes.")


def _judged_lines(name: str, item: JudgedVersion) -> list[str]:
    today = "passes today" if item.passes_today else "does not pass today"
    outcome = "passes" if item.passes else "does not pass"
    head = f"{item.model}@{item.version} ({item.stage}): {name} {outcome}; {today}"
    return [head, *(f"  {v.gate}: {v.outcome}. {v.message}" for v in item.verdicts)]


def _judged_value(name: str, item: JudgedVersion) -> dict[str, Any]:
    return {
        "policy": name,
        "model": item.model,
        "version": item.version,
        "stage": item.stage,
        "passes": item.passes,
        "passes_today": item.passes_today,
        "verdicts": list(item.verdicts),
    }
