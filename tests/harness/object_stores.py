"""A stand-in for s3fs: a bucket in memory that lists by the first version of ListObjects only."""

from __future__ import annotations

import hashlib
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PAGE = 1_000


class Bucket:
    """Objects by key, the calls that were made, and how the store was opened."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.opened: list[dict[str, Any]] = []
        self.lists = self.fetched = 0
        self.fault: Exception | None = None

    def page(self, prefix: str, marker: str, most: int) -> dict[str, Any]:
        """A page as the first version of ListObjects answers it."""
        self.lists += 1
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > marker)
        contents = [
            {"Key": key, "Size": len(self.objects[key]), "ETag": f'"{_md5(self.objects[key])}"'}
            for key in keys[:most]
        ]
        return {"IsTruncated": len(keys) > most, "Contents": contents}


def installed(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> Bucket:
    """Have `import s3fs` find a stand-in that serves the bucket."""

    class Files:
        def __init__(self, **options: Any) -> None:
            bucket.opened.append(options)

        def call_s3(self, method: str, **request: Any) -> dict[str, Any]:
            assert method == "list_objects", "Pachyderm answers no other"
            if bucket.fault is not None:
                raise bucket.fault
            if request["Bucket"] != bucket.name:
                raise FileNotFoundError("The specified bucket does not exist")
            most = min(request["MaxKeys"], PAGE)
            return bucket.page(request["Prefix"], request["Marker"], most)

        def get(self, names: list[str], targets: list[str]) -> None:
            for name, target in zip(names, targets, strict=True):
                bucket.fetched += 1
                Path(target).write_bytes(bucket.objects[name.partition("/")[2]])

        def cat_file(self, name: str, start: int, end: int) -> bytes:
            return bucket.objects[name.partition("/")[2]][start:end]

    exceptions: dict[str, Any] = {"BotoCoreError": type("BotoCoreError", (Exception,), {})}
    exceptions["NoCredentialsError"] = type(
        "NoCredentialsError", (exceptions["BotoCoreError"],), {}
    )
    for name, content in {
        "s3fs": {"S3FileSystem": Files},
        "botocore": {},
        "botocore.exceptions": exceptions,
    }.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    return bucket


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
