"""What the contract of a dataset does when a new version is registered.

The new data is checked against the contract of the newest version in use. Data that breaks it is
refused, unless the caller accepts it: then the new version records how it broke the contract, and
the broken rules are widened in the new version's contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sqlmodel import Session

from pilothouse.data import versions
from pilothouse.data.info import Contract, ContractReport
from pilothouse.data.personal_data.masking import NOTHING_MASKED, Masking
from pilothouse.data.versions import ContractOutcome
from pilothouse.kit.errors import Invalid, Refused

if TYPE_CHECKING:
    import pyarrow as pa

OnBreach = Literal["refuse", "accept"]
ON_BREACH: tuple[OnBreach, ...] = ("refuse", "accept")


class ContractBreach(Refused):
    """The data breaks the contract that it is checked against; `report` says where."""

    def __init__(self, message: str, report: ContractReport, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.report = report

    def __reduce__(self) -> Any:
        """Exceptions are copied between processes by their arguments."""
        return _breach, (self.message, self.report, self.hint, self.remedy)


def _breach(message: str, report: ContractReport, hint: str, remedy: Any) -> ContractBreach:
    error = ContractBreach(message, report, hint=hint)
    error.remedy = remedy
    return error


def check_on_breach(on_breach: str) -> None:
    """Raises Invalid unless the value is "refuse" or "accept"."""
    if on_breach not in ON_BREACH:
        raise Invalid(
            f"{on_breach!r} is not a choice for data that breaks the contract.",
            hint="Use 'refuse' or 'accept'.",
            fields={"on_breach": "refuse or accept"},
        )


def current_contract(session: Session, name: str) -> Contract | None:
    """The contract that new data of a dataset is checked against; None for its first version."""
    from pilothouse.data.contracts import contract

    row = versions.newest(session, name)
    return contract.read(versions.info(row), row.contract_json) if row else None


def enforce(
    current: Contract | None,
    name: str,
    table: pa.Table,
    on_breach: str,
    masking: Masking = NOTHING_MASKED,
) -> ContractOutcome:
    """Check a canonical table against the contract in force. Raises ContractBreach, Invalid.

    What it says of a breach is kept and shown to others, so it names no masked value.
    """
    from pilothouse.data.contracts import changes, check

    check_on_breach(on_breach)
    if current is None:
        return ContractOutcome()
    report = check.check_table(current, table)
    masked_report = masking.report(report)
    if not report.ok and on_breach == "refuse":
        breach = ContractBreach(
            f"this is refused as a new version of the dataset {name!r}, "
            f"for it breaks the contract of {current.ref}: {masked_report.message}.",
            masked_report,
            hint="Register the right file, give this one a dataset of its own, edit the contract "
            "of the dataset, or register it all the same (on_breach='accept').",
        )
        breach.remedy = {"kind": "breach", "ref": current.ref, "lines": list(masked_report.lines)}
        raise breach
    after = changes.next_contract(current, report, table)
    return ContractOutcome(current.ref, after, "" if report.ok else masked_report.message)
