"""The process of an exported model: loads it, then listens.

    python server/serve.py FOLDER [serve] [--host HOST] [--port PORT]

The port is by default that of the variable PORT, or 8080. `serve` is what SageMaker appends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from pathlib import Path

from pilothouse.deployments.model_server.deadline import deadline
from pilothouse.deployments.model_server.server import ModelServer, load_to_serve, warm
from pilothouse.deployments.standalone.application import StandaloneServer
from pilothouse.deployments.standalone.exported_model import read_launch, read_settings
from pilothouse.deployments.standalone.scorer import route_of
from pilothouse.kit import garbage, logs
from pilothouse.kit.errors import PilothouseError

DEFAULT_PORT = 8080
PORT_VARIABLES = ("AIP_HTTP_PORT", "PORT")  # Vertex AI's, then the usual one


def default_port() -> int:
    """The port that the surroundings name, or 8080."""
    named = next((os.environ[name] for name in PORT_VARIABLES if os.environ.get(name)), "")
    return int(named) if named.isdigit() else DEFAULT_PORT


def application(folder: Path) -> StandaloneServer:
    """The server of an exported model, loaded and warm. Raises what loading raises."""
    launch = read_launch(folder)
    with deadline(launch.deadline_seconds, "the model did not load and answer in time"):
        predictor, engine = load_to_serve(launch)
        batchable = warm(predictor, launch)
    model = ModelServer(predictor, launch, "", engine, batchable=batchable)
    return StandaloneServer(model, route_of(launch), read_settings(folder))


def main() -> None:
    """Load the model of a folder and serve it until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="an exported model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("command", nargs="?", choices=("serve",), default="serve")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=default_port())
    arguments = parser.parse_args()
    launch = read_launch(arguments.folder)
    about = {"deployment": launch.deployment, "model": launch.model, "version": launch.version}
    logs.configure("model", "", sys.stdout, **about)
    try:
        app = application(arguments.folder)
    except PilothouseError as refused:
        raise SystemExit(str(refused)) from refused
    garbage.freeze()
    _run(app, arguments.host, arguments.port)


def _run(app: StandaloneServer, host: str, port: int) -> None:
    import uvicorn

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        uvicorn.Server(config).run()
