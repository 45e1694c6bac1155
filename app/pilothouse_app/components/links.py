"""Addresses of objects in the app: kind and ref to page and parameters, in one place.

A kind and a ref are what the activity log writes, so anything it names can be opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

import streamlit as st

from pilothouse_app.components.base_path import under_base
from pilothouse_app.components.markdown import literal

HOME = ""
_TARGET = "_follow"
_VIEW = "_view"

# kind -> (page, parameter that carries the ref)
PAGES: Mapping[str, tuple[str, str]] = {
    "dataset": ("dataset", "ref"),
    "experiment": ("experiments", "experiment"),
    "run": ("run", "id"),
    "model": ("model", "name"),
    "version": ("version", "ref"),
    "promotion": ("promotion", "id"),
    "policy": ("policy", "name"),
    "deployment": ("deployment", "name"),
    "environment": ("environment", "id"),
    "feature_store": ("feature-store", "name"),
    "pipeline": ("pipeline", "name"),
    "recipe": ("recipe", "name"),
    "window": ("window", "id"),
    "alert": ("alert", "id"),
    "rule": ("monitoring", "rule"),
    "report": ("report", "id"),
    "job": ("job", "id"),
    "schedule": ("pipelines", "schedule"),
    "retraining": ("deployment", "name"),
    "person": ("people", "person"),
    "review": ("review", "id"),
    "channel": ("monitoring", "channel"),
    "maturity_check": ("maturity", "check"),
}
# What else the page of a kind needs in its address.
EXTRA: Mapping[str, Mapping[str, str]] = {
    "retraining": {"deployment_view": "retraining"},
    "channel": {"monitoring_view": "Notifications"},
}

ICONS: Mapping[str, str] = {
    "dataset": ":material/table_view:",
    "experiment": ":material/science:",
    "run": ":material/timeline:",
    "model": ":material/deployed_code:",
    "version": ":material/deployed_code:",
    "promotion": ":material/how_to_vote:",
    "policy": ":material/rule:",
    "deployment": ":material/rocket_launch:",
    "environment": ":material/inventory_2:",
    "feature_store": ":material/dataset_linked:",
    "pipeline": ":material/account_tree:",
    "recipe": ":material/receipt_long:",
    "window": ":material/date_range:",
    "alert": ":material/notifications:",
    "rule": ":material/rule:",
    "report": ":material/lab_profile:",
    "job": ":material/manufacturing:",
    "schedule": ":material/schedule:",
    "retraining": ":material/model_training:",
    "person": ":material/person:",
    "review": ":material/groups:",
    "channel": ":material/send:",
    "maturity_check": ":material/stairs:",
}


@dataclass(frozen=True)
class PageAddress:
    """A page of the app and the parameters that name an object on it."""

    page: str
    params: Mapping[str, str]

    @property
    def url(self) -> str:
        """The address on this host, for a link one can share."""
        query = f"?{urlencode(self.params)}" if self.params else ""
        return under_base(f"/{self.page}{query}")


def address(kind: str, ref: str) -> PageAddress:
    """The page of an object; an unknown kind leads to Activity, filtered by its ref."""
    page, param = PAGES.get(kind, ("activity", "activity_q"))
    return PageAddress(page, {param: ref, **EXTRA.get(kind, {})})


def screen(page: str, **params: str) -> PageAddress:
    """The address of a page that is not about one object, such as Compare."""
    return PageAddress(page, params)


def compare(runs: Sequence[str], baseline: str = "") -> PageAddress:
    """The address of a comparison of runs."""
    params = {"runs": ",".join(runs)}
    return PageAddress("compare", {**params, "baseline": baseline} if baseline else params)


def query_param(name: str) -> str:
    """The parameter of this page's address, empty when it is not there."""
    return str(st.query_params.get(name, ""))


def go(to: PageAddress) -> None:
    """Open an address now (not from a callback: there, use `go_next`)."""
    st.switch_page(_page(to.page), query_params=dict(to.params))


def go_next(to: PageAddress) -> None:
    """Open an address once the running callback is over."""
    st.session_state[_TARGET] = (to.page, dict(to.params))


def show_next(key: str, view: str) -> None:
    """Open another view of this page on its next run; call it right before `st.rerun()`.

    An address cannot do it: on the page one is at, its parameters follow the widgets.
    """
    st.session_state[_VIEW] = (key, view)


def follow_pending() -> None:
    """Open what was given to `go_next` or `show_next`; the shell calls it on every run."""
    chosen = st.session_state.pop(_VIEW, None)
    if chosen:
        key, view = chosen
        st.session_state[key] = view
    target = st.session_state.pop(_TARGET, None)
    if target:
        go(PageAddress(*target))


def link(
    to: PageAddress,
    label: str,
    *,
    icon: str | None = None,
    width: Literal["content", "stretch"] = "content",
) -> None:
    """A link to an address, drawn in place."""
    text, params = literal(label), dict(to.params)
    st.page_link(_page(to.page), label=text, icon=icon, width=width, query_params=params)


def same_page_link(to: PageAddress, label: str, *, key: str, icon: str | None = None) -> None:
    """A link to another object on this same page, which a menu link would mark as open."""
    st.button(literal(label), icon=icon, type="tertiary", key=key, on_click=go_next, args=(to,))


def _page(path: str) -> st.Page:
    """Streamlit knows a page by its path alone, so that parts need not import screens."""
    return st.Page(_placeholder, title=path or "Home", url_path=path, default=path == HOME)


def _placeholder() -> None:
    """Placeholder of a screen in an address; the shell runs the real one."""
