"""A proxy before the app, such as JupyterHub's: the path and the hosts that it serves it under."""

from __future__ import annotations

import os
import re

from pilothouse.kit.errors import Invalid
from pilothouse.kit.settings import Settings

PREFIX = re.compile(r"(/[A-Za-z0-9._~%@+-]+)*")
# JupyterHub sets both for its services. In the server of one user the prefix is that server's own.
HUB_PREFIX, HUB_USER = "JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_USER"


def served_under(settings: Settings) -> str:
    """The prefix of the app's paths, with a slash before it and none after; empty at the root.

    A service of JupyterHub has the one that the hub gave it. Raises Invalid for what is no path.
    """
    text = settings.app_prefix
    if not text and not os.environ.get(HUB_USER):
        text = os.environ.get(HUB_PREFIX, "")
    path = f"/{text.strip().strip('/')}".rstrip("/")
    if not PREFIX.fullmatch(path):
        raise Invalid(
            f"{text!r} is not a path that the app can be served under.",
            hint="Give PILOTHOUSE_APP_PREFIX such as /services/pilothouse.",
        )
    return path


def app_hosts(settings: Settings) -> frozenset[str]:
    """The names of hosts that a proxy serves the app under, in small letters."""
    return frozenset(name.strip().lower() for name in settings.app_hosts.split(",") if name.strip())
