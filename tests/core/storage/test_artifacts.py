"""Artifacts: bytes under their SHA-256, kept once and verified whenever they are read."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.storage import Artifacts

EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture(params=["folder", "memory", "file"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    """The store in a folder, and at two fsspec URLs."""
    urls = {
        "folder": str(tmp_path / "artifacts"),
        "memory": f"memory://{uuid.uuid4().hex}",
        "file": f"file://{tmp_path / 'artifacts'}",
    }
    return Artifacts(urls[request.param], tmp_path / "cache")


def damage(artifacts: Artifacts, digest: str, data: bytes) -> None:
    """Change the bytes behind the store's back."""
    filesystem, root = fsspec.core.url_to_fs(artifacts.url)
    with filesystem.open(f"{root}/{digest[:2]}/{digest}", "wb") as out:
        out.write(data)


def files(artifacts: Artifacts) -> list[str]:
    filesystem, root = fsspec.core.url_to_fs(artifacts.url)
    return list(filesystem.find(root))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.binary())
def test_bytes_come_back_under_their_digest(artifacts: Artifacts, data: bytes) -> None:
    digest = artifacts.put_bytes(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert artifacts.read(digest) == data
    assert artifacts.size(digest) == len(data)
    assert artifacts.local_path(digest).read_bytes() == data


def test_the_same_bytes_are_kept_once(artifacts: Artifacts, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"same")
    assert (
        artifacts.put_bytes(b"same") == artifacts.put_bytes(b"same") == artifacts.put_file(source)
    )
    assert len(files(artifacts)) == 1
    assert list(artifacts.digests()) == [hashlib.sha256(b"same").hexdigest()]


def test_an_empty_store_has_no_digests(artifacts: Artifacts) -> None:
    artifacts.put_bytes(b"")
    assert list(artifacts.digests()) == [EMPTY]
    assert artifacts.exists(EMPTY)


def test_damaged_bytes_are_never_handed_out(artifacts: Artifacts) -> None:
    digest = artifacts.put_bytes(b"weights")
    damage(artifacts, digest, b"Weights")
    with pytest.raises(Unavailable, match="damaged") as damaged:
        artifacts.read(digest)
    assert digest[:12] in damaged.value.message
    with pytest.raises(Unavailable, match="damaged"):
        artifacts.local_path(digest)


def test_keeping_the_bytes_again_heals_a_damaged_artifact(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"weights")
    digest = artifacts.put_bytes(b"weights")
    for keep in (lambda: artifacts.put_bytes(b"weights"), lambda: artifacts.put_file(source)):
        damage(artifacts, digest, b"")
        keep()
        assert artifacts.read(digest) == b"weights"
        assert artifacts.local_path(digest).read_bytes() == b"weights"


def test_what_is_gone_is_not_found(artifacts: Artifacts) -> None:
    gone = hashlib.sha256(b"gone").hexdigest()
    artifacts.put_bytes(b"other")
    assert not artifacts.exists(gone)
    for ask in (artifacts.read, artifacts.size, artifacts.local_path):
        with pytest.raises(NotFound, match="not in the store"):
            ask(gone)


@pytest.mark.parametrize("path", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_digest_is_an_address(artifacts: Artifacts, path: str) -> None:
    for ask in (artifacts.read, artifacts.size, artifacts.local_path, artifacts.exists):
        with pytest.raises(Invalid, match="not a SHA-256 digest"):
            ask(path)


def test_a_damaged_copy_of_a_remote_artifact_is_fetched_again(tmp_path: Path) -> None:
    remote = Artifacts(f"file://{tmp_path / 'remote'}", tmp_path / "cache")
    digest = remote.put_bytes(b"weights")
    copy = remote.local_path(digest)
    assert copy.parent == tmp_path / "cache"
    copy.write_bytes(b"torn")
    assert remote.local_path(digest).read_bytes() == b"weights"
