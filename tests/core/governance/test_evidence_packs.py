"""Evidence packs: what is in them, and that a stranger verifies them with nothing but the archive.

The verification here is written from the words of the first page, and uses no code of the product.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.live_windows import answered, promoted
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.settings import Settings
from pilothouse.registry.evidence import evidence_hash
from pilothouse.registry.policy_rows import applicable_policy
from pilothouse.registry.tables import Promotion, Vote
from pilothouse.workspace import Workspace, open_workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unpack(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def verify_files(files: dict[str, bytes]) -> None:
    """Every file but the manifest is listed in it, with its digest and its size."""
    listed = {item["path"]: item for item in json.loads(files["manifest.json"])["files"]}
    assert set(listed) == set(files) - {"manifest.json"}
    for path, item in listed.items():
        assert (digest(files[path]), len(files[path])) == (item["sha256"], item["bytes"])


def verify_chain(files: dict[str, bytes]) -> list[list[Any]]:
    """The contents of the entries that are whole; the chain runs from the first to the last."""
    before, whole = "0" * 64, []
    lines = [json.loads(line) for line in files["audit_log.jsonl"].splitlines()]
    for number, line in enumerate(lines, 1):
        assert line["seq"] == number
        if "hashed" in line:
            assert digest(line["hashed"].encode()) == line["hash"]
            content = json.loads(line["hashed"])
            assert content[0] == before
            whole.append(content)
        before = line["hash"]
    log = json.loads(files["manifest.json"])["log"]
    assert (len(lines), before, len(whole)) == (log["entries"], log["head"], log["whole"])
    return whole


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Two models in production with windows, a vote, an attestation and a review."""
    folder = tmp_path_factory.mktemp("packs") / "workspace"
    clock = FixedClock(NOW)
    settings = Settings(workspace=folder, actor="ada", code_patch=False)
    opened = open_workspace(settings=settings, clock=clock)
    store = opened.store
    for model, promotion in (("shop", "p1"), ("bank", "p2")):
        promoted(store, model=model, promotion=promotion)
        with store.write() as session:
            row = session.get_one(Promotion, promotion)
            row.evidence_hash = evidence_hash(row.evidence)
            session.add(
                Vote(promotion_id=promotion, model=model, version=2, person="grace", approve=True,
                     comment="=1+1", at=NOW)
            )  # fmt: skip
    answered(store, [0.7, 0.8])
    opened.registry.edit_card("shop", 2, {"intended_use": "Plans of deliveries"}, "a shop note")
    opened.registry.edit_card("bank", 2, {"intended_use": "A secret of the bank"}, "a bank note")
    clock.advance(10 * DAY)
    opened.governance.attest("risk_register", "risk 12", model="shop")
    review = opened.reviews.start("Models on Monday", ["ada"])
    opened.reviews.end(review.id)
    yield opened
    store.engine.dispose()


def make(ws: Workspace, folder: Path, *about: Any, **span: Any) -> dict[str, bytes]:
    path = folder / "pack.zip"
    info = ws.governance.evidence_pack(path, *about, **span)
    files = unpack(path)
    assert (info.files, info.bytes) == (len(files), path.stat().st_size)
    assert info.manifest == digest(files["manifest.json"])
    return files


def rows(files: dict[str, bytes], path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[path].decode())))


@pytest.mark.parametrize("about", [(), ("shop",), ("shop", 2)])
def test_a_stranger_verifies_the_files_the_chain_and_the_evidence(
    audited: Workspace, tmp_path: Path, about: tuple[Any, ...]
) -> None:
    files = make(audited, tmp_path, *about)
    verify_files(files)
    assert verify_chain(files)
    promotion = json.loads(files["promotions/p1/promotion.json"])
    assert digest(files["promotions/p1/evidence.json"]) == promotion["evidence_hash"]
    assert [vote["person"] for vote in promotion["votes"]] == ["grace"]
    assert promotion["outcome"]["state"] == "not yet known"
    with audited.store.read() as session:
        met = applicable_policy(session, "shop", "production", 2)
    assert digest(files["versions/shop@2/policy-production.json"]) == met.policy.digest


def test_a_pack_of_the_workspace_has_every_entry_and_the_minutes(
    audited: Workspace, tmp_path: Path
) -> None:
    files = make(audited, tmp_path)
    whole = verify_chain(files)
    assert len(whole) == json.loads(files["manifest.json"])["log"]["entries"]
    (minutes,) = [data for path, data in files.items() if path.startswith("reviews/")]
    assert b"Models on Monday" in minutes
    assert digest(minutes) in files["audit_log.csv"].decode()
    assert len(rows(files, "promotions.csv")) == 2
    assert "versions/bank@2/card.html" in files


def test_a_pack_of_a_model_has_nothing_of_another(audited: Workspace, tmp_path: Path) -> None:
    files = make(audited, tmp_path, "shop")
    assert not [path for path in files if "bank" in path]
    assert not [path for path, data in files.items() if b"secret of the bank" in data]
    assert {content[5].partition("@")[0] for content in verify_chain(files)} <= {"shop", "p1"}
    assert len(rows(files, "windows.csv")) == 2
    assert {row["check"] for row in rows(files, "window_results.csv")} == {"roc_auc"}
    assert [row["text"] for row in json.loads(files["attestations.json"])] == ["risk 12"]


def test_a_span_has_its_first_instant_and_not_its_end(audited: Workspace, tmp_path: Path) -> None:
    span = {"since": NOW, "until": NOW + 10 * DAY}
    early = make(audited, tmp_path, **span)
    assert len(rows(early, "promotions.csv")) == 2
    assert b"risk_register" not in early["audit_log.csv"]
    late = make(audited, tmp_path, since=NOW + 10 * DAY)
    assert rows(late, "promotions.csv") == []
    assert b"risk_register" in late["audit_log.csv"]
    for files in (early, late):
        verify_files(files)
        verify_chain(files)


def test_the_script_of_the_first_page_verifies_the_pack_and_notices_a_change(
    audited: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make(audited, tmp_path, "shop")
    page = files["index.html"].decode()
    assert "http" not in re.sub(r"<meta[^>]*>", "", page)
    script = re.search(r"<pre>(.*?)</pre>", page, re.S)
    assert script is not None
    program = compile(html.unescape(script[1]), "index.html", "exec")
    folder = tmp_path / "unpacked"
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    monkeypatch.chdir(folder)
    exec(program, {})

    def relist(path: str) -> None:
        """What whoever changes a file also changes: its digest in the manifest."""
        manifest = json.loads(Path("manifest.json").read_bytes())
        for item in manifest["files"]:
            if item["path"] == path:
                item["sha256"] = digest(Path(path).read_bytes())
        Path("manifest.json").write_text(json.dumps(manifest))

    changes: dict[str, Callable[[bytes], bytes]] = {
        "audit_log.jsonl": lambda data: data.replace(b"a shop note", b"another one"),
        "promotions/p1/evidence.json": lambda data: data.replace(b"0.75", b"0.95"),
        "policies.json": lambda data: data + b" ",
    }
    for path, change in changes.items():
        original = Path(path).read_bytes()
        Path(path).write_bytes(change(original))
        assert Path(path).read_bytes() != original
        if path != "policies.json":
            relist(path)
        with pytest.raises(AssertionError):
            exec(program, {})
        Path(path).write_bytes(original)
        relist(path)
    exec(program, {})


def test_cells_are_no_formulas(audited: Workspace, tmp_path: Path) -> None:
    with audited.store.write() as session:
        session.get_one(Promotion, "p1").decision_reason = "=HYPERLINK(1)"
    files = make(audited, tmp_path, "shop")
    assert [row["decision_reason"] for row in rows(files, "promotions.csv")] == ["'=HYPERLINK(1)"]


def test_making_a_pack_is_in_the_audit_log_with_its_digest(
    audited: Workspace, tmp_path: Path
) -> None:
    info = audited.governance.evidence_pack(tmp_path / "pack.zip", "shop", 2)
    entry = audited.activity.entries(verb="made an evidence pack of").iloc[0]
    assert (entry["kind"], entry["ref"]) == ("version", "shop@2")
    assert entry["after"]["manifest"] == info.manifest


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ({"model": "gone"}, NotFound),
        ({"model": "shop", "version": 9}, NotFound),
        ({"version": 1}, Invalid),
        ({"since": NOW, "until": NOW}, Invalid),
    ],
)
def test_a_pack_that_is_refused_leaves_what_was_there(
    audited: Workspace, tmp_path: Path, about: dict[str, Any], error: type[Exception]
) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(b"the old one")
    with pytest.raises(error):
        audited.governance.evidence_pack(path, **about)
    assert [item.name for item in tmp_path.iterdir()] == ["pack.zip"]
    assert path.read_bytes() == b"the old one"
