"""The Python API of contracts: read, check, edit, widen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.data import versions
from pilothouse.data.info import Contract, ContractReport, ContractRule
from pilothouse.data.tables import DatasetVersion
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd


class ContractCommands(Service):
    """The contracts of dataset versions: read, checked, edited."""

    def contract(self, ref: str) -> Contract:
        """The contract of a version, with which new versions are checked. Raises NotFound."""
        with self._store.read() as session:
            return _contract(versions.row(session, ref))

    def check(
        self, ref: str, frame: pd.DataFrame, columns: Sequence[str] | None = None
    ) -> ContractReport:
        """Check a frame against a version's contract, or its rules for some columns.

        Raises NotFound; Invalid for a column of which the contract says nothing.
        """
        from pilothouse.data.contracts import check as contract_check

        return contract_check.check(self.contract(ref), frame, columns)

    def edit_contract(
        self,
        ref: str,
        rules: Sequence[ContractRule] = (),
        *,
        tolerance: float | None = None,
        reason: str = "",
    ) -> Contract:
        """Replace rules of a contract, or change the share of rows it tolerates.

        Make them from what is there, as `replace(contract.rule("town"), nullable=True)` with
        `dataclasses.replace`. Raises NotFound; Invalid for a rule that its column cannot have.
        """
        from pilothouse.data.contracts import changes

        return self._change(
            ref, lambda before: changes.edit_rules(before, rules, tolerance), reason
        )

    def accept_values(
        self, ref: str, values: Mapping[str, Sequence[str]], reason: str = ""
    ) -> Contract:
        """Allow more values in columns that have a list of them. Raises NotFound, Invalid."""
        from pilothouse.data.contracts import changes

        return self._change(
            ref,
            lambda before: changes.edit_rules(before, changes.allow_values(before, values)),
            reason,
        )

    def accept_data(
        self, ref: str, data: str, columns: Sequence[str] | None = None, reason: str = ""
    ) -> Contract:
        """Widen a version's contract so that the rows of the version `data` meet it.

        With `columns`, only their rules are looked at. Raises NotFound, Unavailable.
        """
        from pilothouse.data.contracts import changes
        from pilothouse.data.contracts import check as contract_check

        table = self._table(data)

        def change(before: Contract) -> dict[str, Any]:
            report = contract_check.check_table(before, table, columns)
            return changes.replace_rules(before, changes.widen(before, report, table))

        return self._change(ref, change, reason)

    def _table(self, ref: str) -> Any:
        from pilothouse.data.canonical import canonical

        with self._store.read() as session:
            return canonical(versions.read_table(self._store, session, ref))

    def _change(
        self, ref: str, change: Callable[[Contract], dict[str, Any]], reason: str
    ) -> Contract:
        with self._store.write() as session:
            version = versions.row(session, ref)
            before, changed = _contract(version), change(_contract(version))
            if not _differs(before, _contract_of(version, changed)):
                return before
            version.contract_json = changed
            session.add(version)
            session.flush()
            after = _contract(version)
            self._record(session, before, after, reason)
            return after

    def _record(self, session: Session, before: Contract, after: Contract, reason: str) -> None:
        """Record the rules that changed."""
        record(
            session,
            self._store,
            "edited the contract of",
            "dataset",
            after.ref,
            before=_changed(before, after),
            after=_changed(after, before),
            reason=reason,
        )


def _contract(version: DatasetVersion) -> Contract:
    return _contract_of(version, version.contract_json)


def _contract_of(version: DatasetVersion, stored: Mapping[str, Any]) -> Contract:
    """What is stored of a contract, as the contract of a version."""
    from pilothouse.data.contracts import contract

    return contract.read(versions.info(version), stored)


def _differs(before: Contract, after: Contract) -> bool:
    return (before.rules, before.tolerance) != (after.rules, after.tolerance)


def _changed(of: Contract, beside: Contract) -> dict[str, Any]:
    """What one contract has and another does not: its tolerance, its rules by column."""
    others = set(beside.rules)
    rules: dict[str, Any] = {rule.column: rule.to_json() for rule in of.rules if rule not in others}
    return rules | ({"tolerance": of.tolerance} if of.tolerance != beside.tolerance else {})
