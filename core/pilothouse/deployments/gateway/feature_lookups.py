"""Features of requests that bring only the keys of their entities, looked up before the check.

What the caller sends is used as it is; only inputs that a request does not have are looked up,
with one question to the store a request. An entity that the store does not have has missing
values.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pilothouse.deployments.feature_rule import FeatureRule
from pilothouse.deployments.gateway.bodies import (
    CheckedRequest,
    checked_request,
    is_light_request,
    read_request,
)
from pilothouse.deployments.gateway.metrics import LookupFigures
from pilothouse.deployments.gateway.protocols import PROTOCOLS, Form
from pilothouse.deployments.gateway.request import InferenceRequest, RequestHead, RequestLimits
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.gateway.store_agent import StoreAgent
from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.models.signature import Signature

FILE = "feature-lookups.json"


class LookedUp(NamedTuple):
    """Looked up columns, and by row the time of its oldest value in ms; None where none has one."""

    columns: dict[str, list[Any]]
    oldest_ms: list[int | None] | None


class FeatureLookups:
    """Looks features up for the deployments of one server; used in its event loop."""

    def __init__(self, routes: Routes, limits: RequestLimits) -> None:
        self.figures: dict[str, LookupFigures] = {}
        self._routes = routes
        self._limits = limits
        self._agents: dict[str, StoreAgent] = {}
        self._written = ""

    async def request(
        self,
        name: str,
        rule: FeatureRule,
        form: Form,
        head: RequestHead,
        body: bytes,
        signature: Signature,
    ) -> CheckedRequest:
        """A request with its features, checked. Raises Invalid, TooLarge, Unavailable."""
        read = PROTOCOLS[form].read
        extended = rule.extended(signature)
        try:
            if is_light_request(head, body):
                parsed = read(body, head, extended, self._limits)
            else:
                parsed = await asyncio.to_thread(read, body, head, extended, self._limits)
        except Invalid:
            # Rows without names are the model's own inputs: nothing is looked up for them.
            return await asyncio.to_thread(read_request, form, head, body, signature, self._limits)
        self._limits.check_rows(parsed.rows)
        missing = rule.missing(parsed.columns)
        none = LookedUp({}, None)
        looked_up = await self._values(name, rule, parsed, missing) if missing else none
        own = set(signature.names)
        keys = {key: parsed.columns[key] for key in rule.keys
                if key in parsed.columns and key not in own}  # fmt: skip
        columns = {key: values for key, values in parsed.columns.items() if key not in keys}
        joined = parsed._replace(columns={**columns, **looked_up.columns})
        request = checked_request(joined, signature, self._limits)
        request.keys = {key: values for key, values in keys.items()
                        if can_be_logged(values, request.rows)}  # fmt: skip
        request.features_at = looked_up.oldest_ms
        return request

    async def _values(
        self, name: str, rule: FeatureRule, parsed: InferenceRequest, missing: tuple[str, ...]
    ) -> LookedUp:
        absent = [key for key in rule.keys if key not in parsed.columns]
        if absent:
            raise Invalid(
                f"missing columns: {', '.join(missing)}.",
                hint=f"Send them, or {', '.join(absent)}, by which they are looked up.",
                fields=dict.fromkeys(missing, "this column is missing"),
            )
        keys = {key: parsed.columns[key] for key in rule.keys}
        if any(len(values) != parsed.rows for values in keys.values()):
            raise Invalid(f"each key needs {parsed.rows} values, one a row.")
        figures = self.figures.setdefault(name, LookupFigures())
        began = time.perf_counter()
        try:
            agent = self._agent(rule.store)
            answer = await agent.ask(rule.question(keys), rule.seconds)
        except PilothouseError:
            figures.failed += 1
            raise
        columns = {feature: list(answer["columns"][feature]) for feature in missing}
        took_ms = (time.perf_counter() - began) * 1_000
        times = [answer["times_ms"][feature] for feature in missing
                 if feature in answer["times_ms"]]  # fmt: skip
        oldest = [min(filter(None, row), default=None) for row in zip(*times, strict=True)]
        first = min((at for at in oldest if at is not None), default=None)
        now_ms = self._routes.store.now().timestamp() * 1_000
        age = None if first is None else max(now_ms - first, 0) / 1_000
        figures.add(columns, parsed.rows, took_ms, age)
        return LookedUp(columns, None if first is None else oldest)

    def _agent(self, store: str) -> StoreAgent:
        if store not in self._agents:
            self._agents[store] = StoreAgent(self._routes.store, store)
        return self._agents[store]

    def is_ready(self, store: str) -> bool:
        """Whether a store can be asked now, or has failed and nothing is gained by waiting."""
        agent = self._agents.get(store)
        return agent is not None and (agent.is_ready or bool(agent.failure))

    async def keep(self, rules: Mapping[str, FeatureRule]) -> None:
        """Keep the agents of the stores of these deployments running and end the others.

        Called every second; it writes what lookups cost and why a store has failed.
        """
        stores = {rule.store for rule in rules.values()}
        for store in stores:
            self._agent(store).keep_running()
        for store in [name for name in self._agents if name not in stores]:
            await self._agents.pop(store).close()
        failures = {name: self._agent(rule.store).failure for name, rule in rules.items()}
        names = self.figures.keys() | {name for name, failure in failures.items() if failure}
        text = json.dumps({
            name: {
                **self.figures.get(name, LookupFigures()).facts(),
                "store_failure": failures.get(name, ""),
            }
            for name in sorted(names)
        })  # fmt: skip
        if text != self._written:
            await asyncio.to_thread(_write, self._routes.store.run_folder, text)
            self._written = text

    async def close(self) -> None:
        """End every agent."""
        for agent in self._agents.values():
            await agent.close()


def can_be_logged(values: list[Any], rows: int) -> bool:
    """Whether a column of keys is one that the log takes: a value a row, all of one plain type.

    Where nothing had to be looked up, nobody has checked them.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if len(values) != rows or len(kinds) != 1 or not kinds <= {int, str, float, bool}:
        return False
    return kinds != {int} or all(value is None or abs(value) < 2**63 for value in values)


def lookup_figures(folder: Path, name: str) -> dict[str, Any] | None:
    """What the lookups of a deployment cost, as the server wrote it last; None without any."""
    try:
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return dict(values[name]) if name in values else None


def _write(folder: Path, text: str) -> None:
    partial = folder / f"{FILE}.part"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / FILE)
