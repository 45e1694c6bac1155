"""Access to a deployment on its page: API keys, and limits of requests."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.deployments.access.call_rules import burst_of
from pilothouse.deployments.access.key_ring import ADMIN, LABELS, PREDICT, SCOPES, CallLimits
from pilothouse.deployments.autoscaling import ProcessLimits
from pilothouse.deployments.commands import MAX_REPLICAS
from pilothouse.deployments.desired_state.sleep_rule import MAX_MINUTES, MIN_MINUTES
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import (
    dialog_buttons,
    reason_input,
    run_or_show_error,
    save_change,
)
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.optional_number import optional_number
from pilothouse_app.components.table import (
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.looked_up import features_button, lookup_tiles
from pilothouse_app.features.deployments.stage import change_stage

if TYPE_CHECKING:
    from pilothouse.deployments.access.keys import ApiKeyInfo
    from pilothouse.deployments.info import DeploymentInfo

NEW_KEY = "_new_api_key"
COLUMNS = {
    "label": text_column("Used by", width=150),
    "prefix": text_column("Begins with", width=120),
    "state": status_column("State", width=90),
    "scopes": text_column("For", width=110),
    "deployments": text_column("Deployments", width=120),
    "expires_at": when_column("Expires (UTC)", relative=False, width=150),
    "last_used_at": when_column("Last used", width=120),
    "created_at": when_column("Made", width=110),
    "created_by": text_column("By"),
}
LIFETIMES = {"30 days": 30, "90 days": 90, "1 year": 365, "Never": None}
NEEDS_KEY = {
    "Once one was made for it": None,
    "Always": True,
    "Never": False,
}


def access_view(deployment: DeploymentInfo) -> None:
    """Who may call, how often, and the keys."""
    name, deployments = deployment.name, workspace().deployments
    limits, closed = deployments.limits(name), deployments.needs_key(name)
    tiles = [Kpi("API key", _closed_text(closed), _why(limits, closed))]
    if not deployment.external:
        processes = deployments.process_limits(name)
        tiles += [
            Kpi("Processes", *_process_text(processes, deployment.replica_count)),
            Kpi("Requests at once", str(limits.max_concurrent or "No limit"), _beyond(limits)),
            Kpi("Requests a second", _rate(limits), _burst(limits)),
            Kpi("Without requests", *_sleep_text(deployments.sleep_after(name))),
        ]
    kpi_row(tiles)
    if looked_up := lookup_tiles(name):
        kpi_row(looked_up)
    _show_new_key(name)
    keys = deployments.api_keys(name)
    section("API keys", plural(len(keys), "key") if keys else "none was made for it")
    chosen = _table(keys)
    with st.container(horizontal=True):
        if st.button("Make a key", type="primary", icon=":material/key:", key="key_add"):
            create_key(name)
        if not deployment.external and st.button(
            "Limits", icon=":material/speed:", key="limits_change"
        ):
            change_limits(name)
        if not deployment.external and st.button(
            "Processes", icon=":material/memory:", key="processes_change"
        ):
            change_processes(name)
        if not deployment.external and st.button(
            "Sleep", icon=":material/bedtime:", key="sleep_change"
        ):
            change_sleep(name)
        if not deployment.external and st.button(
            "Stage", icon=":material/flag:", key="stage_change"
        ):
            change_stage(deployment)
        features_button(deployment)
        if deployment.external and st.button(
            "When a key is needed", icon=":material/lock:", key="limits_change_external"
        ):
            change_limits(name, external=True)
        for key in keys:
            if key.id in chosen and key.revoked_at is None:
                _revoke_button(key)


def _table(keys: list[ApiKeyInfo]) -> list[str]:
    if not keys:
        return []
    rows = [
        {
            **vars(key),
            "scopes": ", ".join(key.scopes),
            "deployments": ", ".join(key.deployments) or "All",
        }
        for key in keys
    ]
    frame = pd.DataFrame(rows)
    for column in ("expires_at", "last_used_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return table(frame, COLUMNS, key="api_keys", alt="API keys", select="one")


def _show_new_key(name: str) -> None:
    """The text of a key that was just made, until it is said to be copied."""
    made = st.session_state.get(NEW_KEY)
    if not made or made["deployment"] != name:
        return
    with st.container(border=True, key="new_api_key"):
        st.markdown(f"**The key of {literal(made['label'])}.** Copy it now: it is not shown again.")
        st.code(made["key"], language=None)
        st.markdown(":gray[Sent as] `Authorization: Bearer KEY` :gray[or] `X-API-Key: KEY`")
        if st.button("I have copied it", key="new_api_key_done"):
            del st.session_state[NEW_KEY]
            st.rerun()


@st.dialog("Make an API key", icon=":material/key:")
def create_key(name: str) -> None:
    """Who uses it, for what, how long; what it closes is said before."""
    label = (st.text_input("Used by", placeholder="A program or a team", live=True,
                           key="key_label") or "").strip()  # fmt: skip
    scopes = st.pills(
        "For", list(SCOPES), selection_mode="multi", default=[PREDICT], format_func=title,
        key="key_scopes", help="\n".join(f"- {title(s)}: {SCOPES[s]}" for s in SCOPES),
    )  # fmt: skip
    everywhere = st.toggle(
        "For every deployment",
        value=ADMIN in scopes,
        disabled=ADMIN in scopes,
        key=f"key_everywhere_{ADMIN in scopes}",
        help="A key with the scope admin is for every deployment" if ADMIN in scopes else None,
    )
    lifetime = st.selectbox("Expires after", list(LIFETIMES), index=1, key="key_lifetime")
    consequence = _consequence(name, list(scopes), everywhere=everywhere)
    if consequence:
        st.markdown(consequence)
    reason = reason_input("key_reason")
    missing = "" if reason else "Give a reason first"
    if not scopes:
        missing = "Choose what it is for first"
    if not label:
        missing = "Say who uses it first"
    if not dialog_buttons("Make the key", "key", missing=missing):
        return
    days = LIFETIMES[lifetime]

    def act() -> None:
        ws = workspace()
        expires_at = None if days is None else ws.store.now() + timedelta(days=days)
        made = ws.deployments.create_api_key(
            label, list(scopes), [] if everywhere else [name], expires_at=expires_at, reason=reason
        )
        st.session_state[NEW_KEY] = {"deployment": name, "label": label, "key": made.key}

    if run_or_show_error(act):
        st.rerun()


def _consequence(name: str, scopes: list[str], *, everywhere: bool) -> str:
    """Which requests need a key from now on, and did not before."""
    ws = workspace().deployments
    if ws.limits(name).needs_key is not None:
        return ""
    closes = [s for s in scopes if s in (PREDICT, LABELS) and s not in ws.needs_key(name)]
    if not closes:
        return ""
    target = "every deployment" if everywhere else f"**{literal(name)}**"
    kinds = " and ".join("predictions" if s == PREDICT else "labels" for s in closes)
    return f":material/lock: From then on, requests for {kinds} to {target} need a key."


@st.dialog("Limits", icon=":material/speed:")
def change_limits(name: str, *, external: bool = False) -> None:
    """Whether a key is needed, and how many requests are taken; empty for no limit."""
    limits = workspace().deployments.limits(name)
    options = list(NEEDS_KEY)
    current = next(text for text, value in NEEDS_KEY.items() if value == limits.needs_key)
    needs_key = st.selectbox(
        "An API key is needed", options, index=options.index(current), key="limits_key"
    )
    after = CallLimits(NEEDS_KEY[needs_key])
    if not external:
        after = CallLimits(NEEDS_KEY[needs_key], *_numbers(limits))
    save_change(
        "limits",
        lambda reason: workspace().deployments.set_limits(name, after, reason),
        changed=after != limits,
        done=f"The limits of {literal(name)} are changed",
    )


def _numbers(limits: CallLimits) -> tuple[int | None, float | None, int | None]:
    with st.container(horizontal=True):
        at_once = optional_number(
            "Requests at once", limits.max_concurrent, min_value=1, max_value=512,
            placeholder="No limit", key="limits_at_once",
        )  # fmt: skip
        rate = optional_number(
            "Requests a second", limits.per_second, min_value=0.01, max_value=100_000.0, step=1.0,
            placeholder="No limit", key="limits_rate",
        )  # fmt: skip
        burst = optional_number(
            "At once after a pause", limits.burst, min_value=1, max_value=100_000,
            disabled=rate is None, placeholder="Those of a second", key="limits_burst",
        )  # fmt: skip
    return at_once, rate, burst if rate is not None else None


def _revoke_button(key: ApiKeyInfo) -> None:
    if st.button("Revoke this key", icon=":material/key_off:", key="key_revoke"):
        confirm(
            "Revoke this key",
            f"Requests with the key of **{literal(key.label)}** (`{key.prefix}…`) get 401 within a "
            "second. It cannot be made valid again.",
            verb="Revoke",
            command=lambda reason: workspace().deployments.revoke_api_key(key.id, reason),
            done=f"The key of {literal(key.label)} is revoked",
        )


def _closed_text(closed: tuple[str, ...]) -> str:
    if not closed:
        return "Not needed"
    return "Needed" if len(closed) > 1 else f"For {'predictions' if PREDICT in closed else LABELS}"


def _why(limits: CallLimits, closed: tuple[str, ...]) -> str:
    if limits.needs_key is None:
        return "a key was made for it" if closed else "until one is made for it"
    return "as its limits say"


def _rate(limits: CallLimits) -> str:
    return "No limit" if limits.per_second is None else f"{limits.per_second:g}"


def _beyond(limits: CallLimits) -> str:
    return "512 may wait" if limits.max_concurrent is None else "then 429"


def _burst(limits: CallLimits) -> str:
    if limits.per_second is None:
        return "for predictions"
    return f"{burst_of(limits):,} at once after a pause, then 429"


@st.dialog("Processes", icon=":material/memory:")
def change_processes(name: str) -> None:
    """How many processes each version has: a number, or two limits for its load."""
    deployments = workspace().deployments
    before = deployments.process_limits(name)
    with st.container(horizontal=True):
        least = int(
            st.number_input(
                "Processes at least", 1, MAX_REPLICAS, before.least, key="processes_least"
            )
        )
        most = int(
            st.number_input(
                "At most", least, MAX_REPLICAS, max(before.most, least), key="processes_most"
            )
        )
    after = ProcessLimits(least, most)
    st.markdown(f":gray[{_scaling_text(after)}]")
    save_change(
        "processes",
        lambda reason: deployments.scale(name, after.least, reason, most=after.most),
        changed=after != before,
        done=f"{literal(name)} has {after.text} processes",
    )


def _scaling_text(limits: ProcessLimits) -> str:
    if limits.is_fixed:
        return (
            f"Each version has {plural(limits.least, 'process', 'processes')}, whatever its load."
        )
    return (
        "More start within seconds when those that run take 70 % of a core each or requests wait, "
        "and end after a minute that did not need them. During a rollout the number stays."
    )


def _process_text(limits: ProcessLimits, now: int) -> tuple[str, str]:
    if limits.is_fixed:
        return str(now), "for each version"
    return f"{limits.least} to {limits.most}", f"by load, {now} now"


@st.dialog("Sleep", icon=":material/bedtime:")
def change_sleep(name: str) -> None:
    """After how many minutes without a request its processes end; empty for never."""
    deployments = workspace().deployments
    before = deployments.sleep_after(name)
    after = optional_number(
        "Minutes without a request", before, min_value=MIN_MINUTES, max_value=MAX_MINUTES,
        step=5.0, format="%g", placeholder="Never sleeps", key="sleep_minutes",
    )  # fmt: skip
    st.markdown(
        ":gray[Its processes end then, and free their memory. The next request starts them and "
        "waits until the model is loaded, usually one to three seconds. During a rollout it stays "
        "awake.]"
    )
    when = "never sleeps" if after is None else f"sleeps after {_minutes(after)} unasked"
    save_change(
        "sleep",
        lambda reason: deployments.set_sleep(name, after, reason),
        changed=after != before,
        done=f"{literal(name)} {when}",
    )


def _sleep_text(after: float | None) -> tuple[str, str]:
    if after is None:
        return "Awake", "it never sleeps"
    return "Sleeps", f"after {_minutes(after)}"


def _minutes(minutes: float) -> str:
    return f"{minutes:g} {'minute' if minutes == 1 else 'minutes'}"
