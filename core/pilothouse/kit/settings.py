"""Settings: one list, each with a default and a sentence; given or read from PILOTHOUSE_*."""

from __future__ import annotations

import getpass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _person() -> str:
    """The login name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "local"


class Settings(BaseSettings):
    """Where a workspace lives and how its processes listen."""

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_", frozen=True, extra="forbid")

    workspace: Path = Field(default=Path("workspace"), description="Folder that holds everything.")
    database_url: str = Field(
        default="", description="SQLAlchemy URL; empty means SQLite in the folder."
    )
    artifacts_url: str = Field(
        default="", description="fsspec URL; empty means the folder's artifacts."
    )
    actor: str = Field(default_factory=_person, description="Who acts, as written in Activity.")
    app_port: int = Field(default=8501, description="Port of the app, on loopback.")
    server_port: int = Field(default=5050, description="Port of the server, on loopback.")
    compute_processes: int = Field(
        default=2, description="Child processes for heavy work in the worker."
    )
    max_body_mb: int = Field(
        default=10, description="Largest request body the server accepts, in MB."
    )
    max_rows: int = Field(default=10_000, description="Most rows in one prediction request.")
