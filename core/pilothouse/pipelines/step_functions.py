"""What steps of pipelines do in child processes. Each may be repeated after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilothouse.data import ContractBreach, Data
from pilothouse.deployments.controller.trial import try_version
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Invalid
from pilothouse.registry import Registry
from pilothouse.storage import Store


def pin_dataset(store: Store, progress: Progress, *, dataset: str, min_rows: int) -> dict[str, Any]:
    """The version that a name stands for now. Raises NotFound, Invalid with too few rows."""
    version = Data(store).version(dataset)
    if version.rows < min_rows:
        raise Invalid(
            f"{version.ref} has {version.rows:,} rows; {min_rows:,} are needed.",
            hint="Register more data, or ask for fewer rows.",
        )
    return {"dataset": version.ref, "rows": version.rows}


def check_dataset(
    store: Store, progress: Progress, *, dataset: str, against: str, columns: Sequence[str] | None
) -> dict[str, Any]:
    """Check a dataset version against the contract of another. Raises ContractBreach.

    The remedy of a breach is the arguments of `Data.accept_data`: once somebody has accepted the
    data, or edited the contract, the job is run again from here.
    """
    data = Data(store)
    version, contract = data.version(dataset), data.version(against).ref
    ref = version.ref
    report = data.check(contract, data.frame(ref), columns=columns)
    if report.ok:
        return {"dataset": ref}
    breach = ContractBreach(
        f"{ref} breaks the contract of {contract}: {report.message}",
        report,
        hint="If the source of the data is at fault, repair it. If the data is right, accept it "
        f"into the contract of {contract}, or edit the contract; then retry the run.",
    )
    named = {rule.column for rule in data.contract(contract).rules}
    checked = list(columns or (name for name in version.column_names if name in named))
    breach.remedy = {"kind": "contract", "ref": contract, "data": ref, "columns": checked}
    raise breach


def register_version(
    store: Store, progress: Progress, *, model: str, run: str, note: str
) -> dict[str, Any]:
    """Register the model of a run; the same run is the same version."""
    version = Registry(store, try_version).register(model, run, note)
    return {"model": version.model, "version": version.version, "ref": version.ref}


def propose_promotion(
    store: Store,
    progress: Progress,
    *,
    model: str,
    version: int,
    stage: str,
    reason: str,
    step_id: str,
) -> dict[str, Any]:
    """Leave the promotion of a version to a person; the proposal of a step exists once."""
    promotion = Registry(store, try_version).propose(
        model, version, stage, reason, origin="pipeline", promotion_id=f"pipeline-{step_id}"
    )
    passed = all(verdict.outcome == "passed" for verdict in promotion.verdicts)
    return {"promotion": promotion.id, "passed": passed}
