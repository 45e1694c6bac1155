"""Offline archives of Comet, message by message."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

KEY = "0123456789abcdef0123456789abcdef"
AT_MS = 1_700_000_000_000


def message(kind: str, **payload: Any) -> str:
    return json.dumps({"payload": payload, "type": kind})


def metric(name: str, value: Any, step: int | None = None, second: int = 0, **more: Any) -> str:
    fields = {"metricName": name, "metricValue": value, "step": step, "epoch": None, **more}
    return message("metric_msg", local_timestamp=AT_MS + second * 1000, metric=fields)


def param(name: str, value: Any, source: str = "manual") -> str:
    return message(
        "parameter_msg", param={"paramName": name, "paramValue": value} | {"source": source}
    )


def other(key: str, value: Any) -> str:
    return message("log_other", key=key, value=value)


def upload(member: str, name: str, kind: str = "asset", **more: Any) -> str:
    return message(
        "file_upload",
        file_path=member,
        upload_type=kind,
        additional_params={"fileName": name, **more},
    )


def output(text: str) -> str:
    return message("standard_output", output=text, stderr=False)


def write(
    folder: Path,
    messages: Iterable[str],
    files: Mapping[str, bytes] | None = None,
    *,
    key: str = KEY,
    name: str = "",
    method: int = zipfile.ZIP_STORED,
    **description: Any,
) -> Path:
    """An archive as the client writes it, experiment.json before the messages."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name or key}.zip"
    facts = {
        "offline_id": key,
        "project_name": "churn",
        "workspace": "team",
        "start_time": AT_MS,
        "stop_time": AT_MS + 60_000,
        "tags": ["b", "a"],
        **description,
    }
    with zipfile.ZipFile(path, "w", method) as archive:
        for member, content in (files or {}).items():
            archive.writestr(member, content)
        archive.writestr("experiment.json", json.dumps(facts))
        archive.writestr("messages.json", "".join(f"{line}\n" for line in messages))
    return path
