"""The Python API of features that are looked up for the requests of a deployment."""

from __future__ import annotations

from typing import Any

from pilothouse.deployments import feature_rule_rows
from pilothouse.deployments.feature_rule import FeatureRule
from pilothouse.deployments.gateway.feature_lookups import lookup_figures
from pilothouse.features.store_info import FeatureRequest
from pilothouse.storage.service import Service


class FeatureRuleCommands(Service):
    """Which features are looked up, and what that costs."""

    def set_features(
        self,
        name: str,
        store: str,
        request: FeatureRequest,
        *,
        seconds: float = 1.0,
        reason: str = "",
    ) -> FeatureRule:
        """Look features up for requests to a deployment that bring only the keys of entities.

        Inputs that a request brings are used as they are. One waits at most `seconds` for the
        store. The server follows within half a second. Raises NotFound, Invalid when the model
        takes none of the features, Conflict for a deployment that is served elsewhere.
        """
        with self._store.write(durable=True) as session:
            return feature_rule_rows.set_rule(
                session, self._store, name, store, request, seconds, reason
            )

    def remove_features(self, name: str, reason: str = "") -> None:
        """Look nothing up any more for a deployment. Raises NotFound."""
        with self._store.write(durable=True) as session:
            feature_rule_rows.remove_rule(session, self._store, name, reason)

    def features(self, name: str) -> FeatureRule | None:
        """What is looked up for a deployment; None when nothing is. Raises NotFound."""
        with self._store.read() as session:
            return feature_rule_rows.rule_of(session, name)

    def feature_lookups(self, name: str) -> dict[str, Any] | None:
        """What the lookups of a deployment cost since the server started; None without any.

        How many were answered and failed, their mean, median and 99th percentile in milliseconds,
        how old the oldest value of each was in seconds, and rows of entities that the store does
        not have. The percentiles are of the last 1,000. `store_failure` says why the feature store
        could not be opened for a minute, and is empty otherwise.
        """
        return lookup_figures(self._store.run_folder, name)

    def using_store(self, store: str) -> list[str]:
        """The deployments whose features are looked up in a feature store, by name."""
        with self._store.read() as session:
            rules = feature_rule_rows.all_rules(session)
        return sorted(name for name, rule in rules.items() if rule.store == store)
