"""Which package index uv asks: its own configuration, or else the one that pip has.

uv reads its configuration files and UV_* itself, and nothing of pip's. A machine whose pip is
configured for an index of its own, and whose uv is not, would otherwise not reach any.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SECONDS = 30
# Whoever sets one of these has configured uv.
OF_UV = (
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"),
    *("UV_FIND_LINKS", "UV_NO_INDEX", "UV_CONFIG_FILE"),
)
SECTIONS = ("global", "install", "download", ":env:")  # later ones count before earlier ones


def index_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables for uv that say what pip's configuration says; none when uv has its own."""
    if any(environment.get(name) for name in OF_UV):
        return {}
    return from_pip(_pip_config())


def from_pip(options: Mapping[str, str]) -> dict[str, str]:
    """The variables of uv for the options of pip, such as index-url."""
    addresses = _existing(options.get("find-links", "").split())
    extra = options.get("extra-index-url", "").split()
    variables = {
        "UV_DEFAULT_INDEX": options.get("index-url", ""),
        "UV_INDEX": " ".join(extra),
        # pip takes the best version of all its indexes; uv stops at the first that has the package.
        "UV_INDEX_STRATEGY": "unsafe-best-match" if extra else "",
        "UV_FIND_LINKS": ",".join(addresses),
        "UV_NO_INDEX": "1" if options.get("no-index", "") in ("1", "true", "yes") else "",
        "UV_INSECURE_HOST": " ".join(options.get("trusted-host", "").split()),
        "UV_HTTP_TIMEOUT": options.get("timeout", options.get("default-timeout", "")),
        "SSL_CERT_FILE": options.get("cert", ""),
        "ALL_PROXY": options.get("proxy", ""),
    }
    return {name: value for name, value in variables.items() if value}


def _existing(addresses: list[str]) -> list[str]:
    """Without folders that are not there: pip passes over them, uv refuses."""
    return [a for a in addresses if "://" in a or Path(a).expanduser().is_dir()]


def _pip_config() -> dict[str, str]:
    """The options of pip by name, from every configuration file and from PIP_*."""
    own = [sys.executable, "-m", "pip"]
    other = shutil.which("pip")
    for command in (own, [other] if other else []):
        text = _output([*command, "config", "list"]) if command else None
        if text is not None:
            return parsed_config(text)
    return {}


def parsed_config(text: str) -> dict[str, str]:
    """The lines of `pip config list`, such as `global.index-url='…'`, by option."""
    options: dict[str, tuple[int, str]] = {}
    for line in text.splitlines():
        key, _, quoted = line.partition("=")
        section, _, option = key.rpartition(".")
        if section not in SECTIONS:
            continue
        try:
            value = str(ast.literal_eval(quoted))
        except (ValueError, SyntaxError):
            continue
        rank = SECTIONS.index(section)
        if rank >= options.get(option, (-1, ""))[0]:
            options[option] = (rank, value)
    return {option: value for option, (_, value) in options.items()}


def _output(command: list[str]) -> str | None:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    try:
        result = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout if result.returncode == 0 else None
