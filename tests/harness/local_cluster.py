"""A Dask LocalCluster of two worker processes; prints its address and runs until its input ends.

A program of its own, because the workers import the main module of whoever starts them, and that of
a pytest-xdist worker cannot be imported.
"""

from __future__ import annotations

import sys

import dask
from distributed import LocalCluster

if __name__ == "__main__":
    dask.config.set({"distributed.scheduler.allowed-failures": 0})  # a lost worker is one death
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
    ) as cluster:
        print(cluster.scheduler_address, flush=True)  # noqa: T201
        sys.stdin.read()  # a signal may be ignored here, as in what a shell runs beside itself
