"""The first page of a pack: what is in it, and how a stranger verifies it without Pilothouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pilothouse.governance.packs.pack_archive import MANIFEST, PackFile
from pilothouse.governance.packs.pack_log import CHAIN, LogProof
from pilothouse.kit.pages.markup import Html, tag
from pilothouse.kit.pages.page_layout import (
    TableColumn,
    Tile,
    document,
    paragraph,
    section,
    table,
    tiles,
)

PROMOTIONS = (
    *("Version", "Stage", "Status", "Requested by"),
    *("Decided by", "Decided", "Reason"),
)
MAX_LISTED = 200  # files of the table; the manifest has all
LEFT_OUT = (
    "Model files and data are not in the pack; their digests are. The content of entries of the "
    "audit log that are about other objects, or of another time, is left out: of these the pack "
    "has the hash only. Whoever has the whole log can compare them."
)
VERIFY = f"""\
import hashlib, json, pathlib

folder = pathlib.Path(".")                      # where the archive was unpacked
manifest = json.loads((folder / "{MANIFEST}").read_bytes())

# 1. Every file has the SHA-256 that the manifest says.
for file in manifest["files"]:
    data = (folder / file["path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == file["sha256"], file["path"]

# 2. The audit log is one chain from its first entry on. An entry of the pack has the text that its
#    hash is of; the first item of that text is the hash of the entry before.
previous, number = "0" * 64, 0
for line in (folder / "{CHAIN}").read_bytes().splitlines():
    entry, number = json.loads(line), number + 1
    assert entry["seq"] == number, "an entry is missing"
    if "hashed" in entry:
        text = entry["hashed"]
        assert hashlib.sha256(text.encode()).hexdigest() == entry["hash"], number
        assert json.loads(text)[0] == previous, number
    previous = entry["hash"]
assert (number, previous) == (manifest["log"]["entries"], manifest["log"]["head"])

# 3. The evidence of a promotion is the one that was frozen.
for path in folder.glob("promotions/*/promotion.json"):
    promotion = json.loads(path.read_bytes())
    for key in ("evidence_hash", "decision_evidence_hash"):
        file = path.with_name(key.removesuffix("_hash").replace("_", "-") + ".json")
        if file.exists():
            assert hashlib.sha256(file.read_bytes()).hexdigest() == promotion[key], path
"""


def index_page(
    title: str,
    made: datetime,
    by: str,
    files: Sequence[PackFile],
    promotions: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
    log: LogProof,
) -> bytes:
    """The page as one HTML file that needs nothing else."""
    parts = [
        tag("h1", f"Evidence of {title}"),
        paragraph(
            f"Made on {made:%Y-%m-%d %H:%M} UTC by {by}. It helps to collect evidence for an "
            "audit; it certifies nothing.",
            "lead",
        ),
        tiles([Tile(name.capitalize(), f"{count:,}") for name, count in counts.items()]),
        _promotions(promotions),
        _verification(log),
        _files(files),
    ]
    return document(f"Evidence of {title}", *parts, foot=f"{len(files)} files; see {MANIFEST}.")


def _promotions(promotions: Sequence[Mapping[str, Any]]) -> Html:
    if not promotions:
        return section("Promotions", paragraph("There are none.", "muted"))
    columns = [TableColumn(name) for name in PROMOTIONS]
    rows = [
        (
            _link(f"promotions/{row['id']}/promotion.json", f"{row['model']}@{row['version']}"),
            row["stage"],
            row["status"],
            row["requested_by"],
            row["decided_by"],
            f"{row['decided_at']:%Y-%m-%d}" if row["decided_at"] else "",
            row["decision_reason"] or row["reason"],
        )
        for row in promotions[:MAX_LISTED]
    ]
    return section("Promotions", table(columns, rows))


def _verification(log: LogProof) -> Html:
    return section(
        "How to verify it",
        paragraph(
            f"The log had {log.entries:,} entries when the pack was made, of which {log.whole:,} "
            f"are here whole; the hash of its newest entry is {log.head or 'none'}. Keep the "
            f"SHA-256 of {MANIFEST} apart from the pack: the audit log of the workspace has it "
            "too, in the entry that says that the pack was made."
        ),
        paragraph(
            "With Python and nothing else, in the folder into which the pack was unpacked; any "
            "other language that has SHA-256 and JSON will do:"
        ),
        tag("pre", VERIFY),
        paragraph(LEFT_OUT, "note"),
    )


def _files(files: Sequence[PackFile]) -> Html:
    columns = [TableColumn("File"), TableColumn("What it is"), TableColumn("Bytes", number=True)]
    rows = [(_link(f.path, f.path), f.about, f"{f.bytes:,}") for f in files[:MAX_LISTED]]
    more = len(files) - MAX_LISTED
    note = f"and {more:,} more, which {MANIFEST} lists" if more > 0 else ""
    return section("Files", table(columns, rows), note=note)


def _link(path: str, text: str) -> Html:
    return tag("a", text, href=path)
