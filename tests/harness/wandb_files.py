"""The run files of Weights & Biases, written byte by byte."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.protobuf_bytes import message, number, text

AT_S = 1_700_000_000
BLOCK = 1 << 15
HEADER = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def file(records: Iterable[bytes]) -> bytes:
    """A run file: LevelDB's log in blocks, of which the first begins with the header."""
    out = bytearray(HEADER)
    for record in records:
        rest, is_first = record, True
        while is_first or rest:
            room = BLOCK - len(out) % BLOCK
            if room < 7:
                out += b"\0" * room
                continue
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = (FIRST if rest else FULL) if is_first else (MIDDLE if rest else LAST)
            checksum = zlib.crc32(part, zlib.crc32(bytes([kind])))
            out += struct.pack("<IHB", checksum, len(part), kind) + part
            is_first = False
    return bytes(out)


def run(name: str, project: str = "churn", **fields: Any) -> bytes:
    """The record of a run with its config; `fields` are texts by number, such as `_6="group"`."""
    config = fields.pop("config", {})
    parts = [text(1, name), text(3, project), message(17, number(1, AT_S))]
    parts += [text(int(field[1:]), value) for field, value in fields.items()]
    parts.append(message(4, *(message(1, text(1, k), value(v)) for k, v in config.items())))
    return message(17, *parts)


def value(content: Any) -> bytes:
    return text(16, json.dumps(content))


def history(step: int, values: Mapping[str, Any], *, nested: bool = True) -> bytes:
    """One step; `nested` as clients since 0.19 write the keys, with dots between their parts."""
    own = {"_step": step, "_runtime": step / 2, "_timestamp": AT_S + step}
    items = []
    for key, content in {**values, **own}.items():
        keys = (text(2, part) for part in key.split(".")) if nested else (text(1, key),)
        items.append(message(1, *keys, value(content)))
    return message(2, *items, message(2, number(1, step)))


def summary(values: Mapping[str, Any]) -> bytes:
    return message(3, *(message(1, text(1, key), value(v)) for key, v in values.items()))


def stats(second: int, values: Mapping[str, float]) -> bytes:
    items = (message(3, text(1, key), value(v)) for key, v in values.items())
    return message(7, message(2, number(1, AT_S + second)), *items)


def output(line: str) -> bytes:
    return message(13, message(2, number(1, AT_S)), text(3, line))


def artifact(name: str, kind: str, digest: str) -> bytes:
    return message(8, text(4, kind), text(5, name), text(6, digest))


def exit_code(code: int) -> bytes:
    return message(18, number(1, code), number(2, 60))


def write(
    folder: Path, name: str, records: Iterable[bytes], stamp: str = "20231114_221320"
) -> Path:
    """An offline run in a `wandb` folder; the path of its run file."""
    place = folder / f"offline-run-{stamp}-{name}"
    (place / "files").mkdir(parents=True)
    path = place / f"run-{name}.wandb"
    path.write_bytes(file(records))
    return path
