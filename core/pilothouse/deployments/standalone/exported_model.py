"""The folder of an exported model: what is loaded, and what its server allows.

launch.json     what a model process is started with; paths are relative to the folder
server.json     the limits of the server
files/          the model's files
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pilothouse.deployments.gateway.invocations import PARQUET
from pilothouse.deployments.gateway.request import RequestHead, RequestLimits
from pilothouse.deployments.model_server.server import Launch
from pilothouse.kit.errors import UnsupportedContent

LAUNCH = "launch.json"
SETTINGS = "server.json"
FILES = "files"


@dataclass(frozen=True)
class ServerSettings:
    """What one server takes: the largest body and request, and the limits of its deployment.

    `max_concurrent` and `per_second` are None where nothing is limited. `release` is the version of
    Pilothouse that wrote the export.
    """

    max_body_mb: int = 10
    max_rows: int = 10_000
    max_concurrent: int | None = None
    per_second: float | None = None
    burst: int = 1
    release: str = ""

    @property
    def request_limits(self) -> RequestLimits:
        """The limits of one request."""
        return RequestLimits(self.max_rows, self.max_body_mb << 20)

    def to_json(self) -> dict[str, Any]:
        """A plain JSON value that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ServerSettings:
        """The settings that `to_json` wrote."""
        return cls(**{part.name: value[part.name] for part in fields(cls) if part.name in value})


def require_readable(head: RequestHead) -> None:
    """Raises UnsupportedContent for Parquet where its library is not among the packages."""
    if head.media_type == PARQUET and find_spec("pyarrow") is None:
        raise UnsupportedContent("this server reads no Parquet.", hint="Send JSON or CSV.")


def read_launch(folder: Path) -> Launch:
    """The launch of an exported model, with the paths of this machine. Raises OSError."""
    launch = Launch.read(folder / LAUNCH)
    if launch.package is None:
        return replace(launch, artifact=str(folder / launch.artifact))
    return replace(launch, folder=str(folder / launch.folder))


def read_settings(folder: Path) -> ServerSettings:
    """The limits of an exported model's server. Raises OSError."""
    return ServerSettings.from_json(json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
