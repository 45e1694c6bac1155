"""A Ray node with two CPUs; prints its address and runs until its input ends."""

from __future__ import annotations

import sys

import ray

if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    print(ray.get_runtime_context().gcs_address, flush=True)  # noqa: T201
    sys.stdin.read()
    ray.shutdown()
