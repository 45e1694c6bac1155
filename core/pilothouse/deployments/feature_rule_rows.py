"""The feature rules of deployments in the database: set, removed and read for the gateway."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, select

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.deployments.feature_rule import NOTHING_LOOKED_UP, FeatureRule, FeatureSettings
from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.served_versions import require_served
from pilothouse.deployments.tables import FeatureRuleRow
from pilothouse.features import store_rows
from pilothouse.features.store_info import FeatureRequest, StoreCatalog
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.models.signature import Signature
from pilothouse.storage import Store

MIN_SECONDS, MAX_SECONDS = 0.01, 20.0


def all_rules(session: Session) -> dict[str, FeatureRule]:
    """The rule of each deployment that has one."""
    return {row.deployment: _rule(row) for row in session.exec(select(FeatureRuleRow))}


def rule_of(session: Session, name: str) -> FeatureRule | None:
    """The rule of a deployment, or None. Raises NotFound."""
    commands.require(session, name)
    row = session.get(FeatureRuleRow, name)
    return None if row is None else _rule(row)


def set_rule(
    session: Session,
    store: Store,
    name: str,
    feature_store: str,
    request: FeatureRequest,
    seconds: float,
    reason: str,
) -> FeatureRule:
    """Replace the rule of a deployment. Raises NotFound, Invalid, Conflict for one elsewhere."""
    deployment = commands.require(session, name)
    if deployment.external:
        raise Conflict(f"{name!r} is served elsewhere: nothing is looked up here.")
    version = deployment.serving_version or deployment.version
    signature = Signature.from_json(require_served(session, name, version).signature)
    settings = FeatureSettings(
        feature_store, request.features, request.service, request.full_names, seconds
    )
    catalog = check_settings(session, settings, signature)
    names = looked_up(catalog, request, signature)
    row = FeatureRuleRow(
        deployment=name,
        store=feature_store,
        features=list(request.features),
        service=request.service,
        full_names=request.full_names,
        keys=catalog.key_types(request),
        names=list(names),
        seconds=seconds,
    )
    before = session.get(FeatureRuleRow, name)
    old = {} if before is None else _facts(before)
    session.merge(row)
    increment_generation(session)
    record(session, store, "set the features of", "deployment", name, before=old,
           after=_facts(row), reason=reason)  # fmt: skip
    return _rule(row)


def check_settings(
    session: Session, settings: FeatureSettings, signature: Signature
) -> StoreCatalog:
    """What the store holds. Raises NotFound, or Invalid for what it or the model does not take."""
    if not MIN_SECONDS <= settings.seconds <= MAX_SECONDS:
        limits = f"between {MIN_SECONDS:g} and {MAX_SECONDS:g}"
        raise Invalid(f"seconds must be {limits}.", fields={"seconds": limits})
    catalog = store_rows.info(store_rows.require(session, settings.store)).catalog
    looked_up(catalog, request_of(settings), signature)
    return catalog


def request_of(settings: FeatureSettings) -> FeatureRequest:
    """What a store is asked for."""
    return FeatureRequest(settings.features, settings.service, settings.full_names)


def settings_of(session: Session, name: str) -> FeatureSettings:
    """What a deployment looks up, as a file says it. Raises NotFound."""
    rule = rule_of(session, name)
    return NOTHING_LOOKED_UP if rule is None else rule.settings


def apply_settings(
    session: Session, store: Store, name: str, settings: FeatureSettings, reason: str
) -> None:
    """Look up what a file says, or nothing; the same settings change nothing. Raises as both."""
    if settings == settings_of(session, name):
        return
    if not settings.store:
        remove_rule(session, store, name, reason)
        return
    request = request_of(settings)
    set_rule(session, store, name, settings.store, request, settings.seconds, reason)


def remove_rule(session: Session, store: Store, name: str, reason: str) -> None:
    """Look nothing up any more. Raises NotFound."""
    commands.require(session, name)
    row = session.get(FeatureRuleRow, name)
    if row is None:
        return
    before = _facts(row)
    session.delete(row)
    increment_generation(session)
    record(session, store, "removed the features of", "deployment", name, before=before,
           reason=reason)  # fmt: skip


def looked_up(
    catalog: StoreCatalog, request: FeatureRequest, signature: Signature
) -> tuple[str, ...]:
    """The inputs of the model that a request for features answers. Raises Invalid without one."""
    if bool(request.features) == bool(request.service):
        raise Invalid(
            "features or a service are needed, and not both.",
            fields={"features": "needed, or a service"},
        )
    unknown = sorted(set(request.features) - set(catalog.references))
    if request.service and request.service not in catalog.services:
        unknown = [request.service]
    if unknown:
        raise Invalid(f"the store has no {', '.join(unknown)}.", fields={"features": "unknown"})
    names = [name for name in catalog.feature_names(request) if name in signature.names]
    if not names:
        raise Invalid(
            "the model takes none of these features.",
            hint=f"It takes {', '.join(signature.names[:10])}.",
            fields={"features": "no input of the model"},
        )
    return tuple(names)


def _rule(row: FeatureRuleRow) -> FeatureRule:
    return FeatureRule(
        store=row.store,
        features=tuple(row.features),
        service=row.service,
        full_names=row.full_names,
        keys=dict(row.keys),
        names=tuple(row.names),
        seconds=row.seconds,
    )


def _facts(row: FeatureRuleRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("store", "features", "service", "seconds")}
