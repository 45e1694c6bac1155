"""Titles and colours of statuses: the only place where a status gets a colour."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from pilothouse_app.components.formats import title

Colour = Literal["green", "blue", "orange", "red", "gray", "violet"]

COLOURS: dict[str, Colour] = {
    "finished": "green",
    "sent": "green",
    "succeeded": "green",
    "ready": "green",
    "serving": "green",
    "done": "green",
    "healthy": "green",
    "ok": "green",
    "accepted": "green",
    "passed": "green",
    "resolved": "green",
    "valid": "green",
    "active": "green",
    "production": "green",
    "champion": "violet",
    "running": "blue",
    "current": "blue",
    "resolving": "blue",
    "building": "blue",
    "checking": "blue",
    "built": "blue",
    "wanted": "gray",
    "removed": "gray",
    "external": "blue",
    "starting": "blue",
    "swapping": "blue",
    "staging": "blue",
    "info": "blue",
    "working": "green",
    "retrying": "orange",
    "set aside": "orange",
    "retry": "blue",
    "queued": "gray",
    "pending": "orange",
    "acknowledged": "orange",
    "warn": "orange",
    "warning": "orange",
    "degraded": "orange",
    "restarting": "orange",
    "inconclusive": "orange",
    "stopping": "orange",
    "insufficient": "gray",
    "paused": "gray",
    "cancelled": "gray",
    "stopped": "gray",
    "asleep": "gray",
    "archived": "gray",
    "none": "gray",
    "kept": "green",
    "contradicted": "red",
    "not yet known": "gray",
    "expired": "red",
    "revoked": "gray",
    "mentioned": "blue",
    "refused": "red",
    "rejected": "red",
    "failed": "red",
    "fail": "red",
    "error": "red",
    "firing": "red",
    "rolled_back": "red",
    "critical": "red",
    "crash_loop": "red",
    "down": "red",
    "broken": "red",
    "conflict": "orange",
    "skipped": "gray",
    "noted": "blue",
    "started": "green",
    "asked": "orange",
    "held": "gray",
    "declined": "gray",
    "withdrawn": "gray",
    "recovered": "gray",
    "reused": "green",
    "partial": "orange",
    "not applicable": "gray",
    "attested": "blue",
}

TITLES = {"fail": "Failing", "warn": "Warning", "crash_loop": "Crash loop", "ok": "OK",
         "none": "No stage", "held": "Held back"}  # fmt: skip


def status_title(status: str) -> str:
    """The title of a status."""
    return TITLES.get(status, title(status))


def colour(status: str) -> Colour:
    """The colour of a status; grey when it is unknown."""
    return COLOURS.get(status, "gray")


def badge(status: str, *, help: str | None = None) -> None:
    """A small coloured label, drawn in place."""
    st.badge(status_title(status), color=colour(status), help=help)


def badge_text(status: str, label: str = "") -> str:
    """The same label as Markdown, to be put inside a sentence or a table."""
    return f":{colour(status)}-badge[{label or status_title(status)}]"
