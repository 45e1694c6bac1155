"""Run where TensorBoard is installed: event files in FOLDER, and what TensorBoard reads in them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary import Writer
from tensorboard.util.tensor_util import make_ndarray
from tensorboardX import SummaryWriter

POINTS = 300


def write(folder: Path) -> None:
    """A run of tensorboardX with everything, and one of TensorBoard's own writer."""
    random = np.random.default_rng(7)
    with SummaryWriter(str(folder / "torch")) as torch:
        for step in range(POINTS):
            torch.add_scalar("loss/train", float(random.normal()), step * 100)
            torch.add_scalar("lr", 0.1 / (step + 1), step)
        torch.add_scalar("odd", float("nan"), 1)
        torch.add_scalar("odd", float("-inf"), 2)
        torch.add_text("notes", "of **run**", 3)
        torch.add_image("samples", random.integers(0, 255, (3, 8, 8), dtype=np.uint8), 5)
        torch.add_histogram("weights", random.normal(size=100), 6)
        torch.add_scalars("both", {"one": 1.5, "two": 2.5}, 7)
        torch.add_hparams({"lr": 0.25, "layers": 3, "act": "relu", "bias": True}, {"acc": 0.5})
    own = Writer(str(folder / "keras" / "train"))
    for step in range(POINTS):
        own.add_scalar("epoch_loss", float(random.normal()), step)
    own.close()


def read(folder: Path) -> dict[str, dict[str, list[list[str]]]]:
    """Each folder's scalars as TensorBoard reads them: step, time and value as texts."""
    found = {}
    for path in sorted({file.parent for file in folder.rglob("*tfevents*")}):
        events = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        tags = {
            tag: [[event.step, event.wall_time, event.value] for event in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]
        }
        for tag in events.Tags()["tensors"]:
            if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
                tags[tag] = [
                    [event.step, event.wall_time, make_ndarray(event.tensor_proto).item()]
                    for event in events.Tensors(tag)
                ]
        found[str(path.relative_to(folder))] = {
            tag: [[str(step), repr(at), repr(float(value))] for step, at, value in points]
            for tag, points in tags.items()
        }
    return found


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(read(Path(sys.argv[1]))))
