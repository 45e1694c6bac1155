"""Run where wandb is installed: write an offline run in FOLDER, or read one by its own schema."""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}

import numpy as np
import wandb
from wandb.proto import wandb_internal_pb2

STEPS = 400


def write(folder: Path) -> None:
    """A run with numbers, nested and odd values, media, a table, console lines and an artifact."""
    random = np.random.default_rng(7)
    config = {"lr": 0.1, "model": {"layers": 3, "act": "relu"}, "dims": [1, 2]}
    run = wandb.init(
        project="churn",
        name="first",
        group="group-1",
        job_type="train",
        tags=["a", "b"],
        notes="a note",
        config=config,
        dir=folder,
    )
    for _ in range(STEPS):
        run.log({"loss": float(random.normal()), "val": {"acc": float(random.random())}})
    run.log({"odd": float("nan"), "flag": True, "word": "x"})
    run.log({"odd": float("-inf"), "image": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8))})
    run.log({"weights": wandb.Histogram(np.arange(10))})
    run.summary["best"] = 0.25
    run.summary["verdict"] = "fine"
    artifact = wandb.Artifact("data", "dataset")
    (folder / "x.txt").write_text("x", encoding="utf-8")
    artifact.add_file(str(folder / "x.txt"))
    run.log_artifact(artifact)
    run.finish()


def read(path: Path) -> dict[str, list[list[str]]]:
    """The numbers of each history by the library's own schema: step, time and value as texts."""
    points: dict[str, list[list[str]]] = {}
    for record in records(path.read_bytes()):
        items: dict[str, Any] = {}
        for item in record.history.item:
            name = item.key or ".".join(item.nested_key)
            items |= flat(name, json.loads(item.value_json))
        media = [key[: -len("_type")] for key in items if key.endswith("._type")]
        for key, value in items.items():
            is_number = isinstance(value, bool | int | float)
            if is_number and key[0] != "_" and not any(map(key.startswith, media)):
                time = repr(float(items["_timestamp"]))
                points.setdefault(key, []).append(
                    [str(record.history.step.num), time, repr(float(value))]
                )
    return points


def flat(name: str, value: Any) -> dict[str, Any]:
    """The parts of a structure, which clients before 0.19 wrote as one value, by their paths."""
    if not isinstance(value, dict):
        return {name: value}
    parts = {}
    for key, part in value.items():
        parts |= flat(f"{name}.{key}", part)
    return parts


def records(data: bytes) -> Any:
    """The records of a run file, without any check."""
    at, waiting = 7, b""
    while at < len(data):
        room = (1 << 15) - at % (1 << 15)
        if room < 7:
            at += room
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        body = data[at + 7 : at + 7 + length]
        at += 7 + length
        waiting = body if kind in (1, 2) else waiting + body
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(waiting)
            yield record


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]))
    else:
        [run_file] = Path(sys.argv[2]).rglob("*.wandb")
        sys.stdout.write(json.dumps(read(run_file)))
