"""The connection to a Spark cluster."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

from pilothouse.jobs.cluster_connection import ClusterConnection
from pilothouse.kit.errors import Unavailable

CONNECT_SECONDS = 10.0
NAME = "pilothouse"


class SparkCluster(ClusterConnection):
    """A session at one master: `spark://host:7077`, or `local[2]` on this machine."""

    def _connect(self, address: str) -> Any:
        try:
            from py4j.protocol import Py4JError
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession
        except ImportError as missing:
            raise Unavailable(
                "Spark is not installed, and PILOTHOUSE_SPARK_ADDRESS names a master.",
                hint="Install it (`pip install 'pilothouse[spark]'`), or leave the address empty.",
            ) from missing
        _check_reachable(address)
        # Executors start the Python that PYSPARK_PYTHON names, by default whatever `python3` is.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master(address).appName(NAME)
        builder = builder.config("spark.ui.enabled", "false")
        try:
            return builder.getOrCreate()
        except (PySparkException, Py4JError, OSError) as refused:
            raise Unavailable(
                f"Spark does not start: {str(refused).splitlines()[0]}",
                hint="It needs Java 17 or later (set JAVA_HOME), and executors at the master: see "
                "the logs of the worker and of the master.",
            ) from refused

    def _disconnect(self, client: Any) -> None:
        client.stop()


def _check_reachable(address: str) -> None:
    """Raise Unavailable when nothing listens at a master: Spark itself would try for a minute."""
    if not address.startswith("spark://"):
        return
    for master in address.removeprefix("spark://").split(","):
        location = urlsplit(f"//{master}")
        try:
            socket.create_connection(
                (location.hostname, location.port or 7077), CONNECT_SECONDS
            ).close()
            return
        except (OSError, ValueError) as refused:
            reason = refused
    raise Unavailable(
        f"the Spark master at {address} is not reached: {reason}.",
        hint="Start it, or leave PILOTHOUSE_SPARK_ADDRESS empty to compute on this machine.",
    ) from reason
