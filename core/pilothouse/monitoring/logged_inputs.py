"""Inputs that a deployment does not log, or logs as hashes: they are not monitored."""

from __future__ import annotations

from dataclasses import replace

from pilothouse.deployments.log_rules.logged_column_rules import logged_columns
from pilothouse.monitoring.reference_profile import ReferenceProfile
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.storage import Store


def only_logged(
    store: Store, deployment: str, profile: ReferenceProfile, rows: WindowRows
) -> tuple[ReferenceProfile, WindowRows]:
    """A reference and a window's rows without the inputs that are dropped or hashed now.

    Neither that they are absent nor that hashes differ from values says anything of the data.
    """
    with store.read() as session:
        logged = logged_columns(session, deployment)
    hidden = logged.dropped | set(logged.hashed)
    if not hidden:
        return profile, rows
    own = replace(
        profile,
        columns={name: part for name, part in profile.columns.items() if name not in hidden},
        faults={name: fault for name, fault in profile.faults.items() if name not in hidden},
    )
    features = rows.features.drop(columns=[name for name in rows.features if name in hidden])
    return own, replace(rows, features=features)
