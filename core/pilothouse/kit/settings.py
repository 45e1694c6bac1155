"""Settings: one list, each with a default and a sentence; given or read from PILOTHOUSE_*."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pilothouse.kit.errors import Invalid


def account() -> str:
    """The name of the account of the operating system that this process runs as."""
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
    actor: str = Field(
        default="",
        description="Who acts, as written in Activity; empty: nobody is chosen, and decisions "
        "ask for a person.",
    )
    app_port: int = Field(
        default=8501, ge=0, le=65_535, description="Port of the app, on loopback."
    )
    server_port: int = Field(
        default=5050, ge=0, le=65_535, description="Port of the server, on loopback."
    )
    app_prefix: str = Field(
        default="",
        description="The path that a proxy serves the app under, such as /services/pilothouse; "
        "empty: that of JUPYTERHUB_SERVICE_PREFIX for a service of JupyterHub, else the root.",
    )
    app_hosts: str = Field(
        default="",
        description="Names of hosts that a proxy serves the app under, with commas between them; "
        "the proxy must know who may come in.",
    )
    compute_processes: int = Field(
        default=2, ge=1, description="Child processes for heavy work in the worker."
    )
    dask_address: str = Field(
        default="",
        description="A Dask scheduler that heavy work runs on, such as tcp://127.0.0.1:8786; "
        "empty: child processes of the worker.",
    )
    ray_address: str = Field(
        default="",
        description="A Ray cluster that heavy work runs on, such as 127.0.0.1:6379 or "
        "ray://head:10001; empty: child processes of the worker.",
    )
    spark_address: str = Field(
        default="",
        description="A Spark master that the parts of jobs may be spread over, such as "
        "spark://127.0.0.1:7077 or local[2].",
    )
    spread: str = Field(
        default="",
        description="Where the fits and blocks of trainings, searches and batch predictions run "
        "unless a job says it: dask, ray, spark or this_machine; empty: where the whole job runs.",
    )
    job_memory_mb: int = Field(
        default=0,
        ge=0,
        description="Memory that a child process may take, in MB; 0: three quarters of all.",
    )
    model_memory_mb: int = Field(
        default=0,
        ge=0,
        description="Memory that a model process may take before it is replaced, in MB; 0: half "
        "of all.",
    )
    serving_memory_mb: int = Field(
        default=0,
        ge=0,
        description="Memory that all model processes together may take before deployments that "
        "may sleep do so, in MB, the longest idle first; 0: no limit.",
    )
    management_key: bool = Field(
        default=False,
        description="Whether the server's management API (/api) needs an API key with the scope "
        "admin.",
    )
    max_body_mb: int = Field(
        default=10, ge=1, description="Largest request body the server accepts, in MB."
    )
    max_artifact_mb: int = Field(
        default=4096, ge=1, description="Largest artifact that a client may upload, in MB."
    )
    data_folders: str = Field(
        default="",
        description="Folders that datasets may be read from, separated as in PATH; empty: all "
        "that the account may read.",
    )
    code_patch: bool = Field(
        default=True,
        description="Whether a run keeps uncommitted changes of its code, at most 1 MB.",
    )
    max_rows: int = Field(default=10_000, ge=1, description="Most rows in one prediction request.")
    environment_interpreter: str = Field(
        default="",
        description="An interpreter in which every model runs, instead of built environments.",
    )
    environment_pythons: str = Field(
        default="",
        description="Interpreters to build environments on, separated as in PATH.",
    )
    environment_wheels: str = Field(
        default="", description="Folder of wheels from which alone environments are built."
    )
    environment_timeout_s: int = Field(
        default=1800, ge=1, description="Seconds after which one step of a build is ended."
    )
    environments_max_mb: int = Field(
        default=20_000,
        ge=1,
        description="Disk space above which unused environments are removed, in MB.",
    )
    environment_offline: bool = Field(
        default=False, description="Whether environments are built from the cache alone."
    )
    log_format: Literal["text", "ecs"] = Field(
        default="text",
        description="How processes log: text, or JSON lines by the Elastic Common Schema (ecs).",
    )
    public_url: str = Field(
        default="",
        description="Where people open the app, for links in notifications; empty: on loopback.",
    )
    webhook_private_addresses: bool = Field(
        default=False,
        description="Whether webhooks and channels may call inner networks and this machine.",
    )

    @property
    def folder(self) -> Path:
        """The workspace's folder, from the root, whether or not it is there."""
        return self.workspace.expanduser().resolve()


def read_settings(**values: Any) -> Settings:
    """The given values, then the environment, then the defaults. Raises Invalid for each fault."""
    try:
        return Settings(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as wrong:
        faults = {str(fault["loc"][0]): fault["msg"] for fault in wrong.errors()}
        details = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        hint = "Look at what is set as PILOTHOUSE_* in the environment."
        raise Invalid(
            f"the settings cannot be read ({details}).", hint=hint, fields=faults
        ) from None
