"""The certificate of an erasure as a page that a person can read and hand over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

VERSIONS = ("Version", "Rows erased", "SHA-256 before", "SHA-256 after")
LOGS = ("Deployment", "By", "Predictions", "Labels", "Rewards", "Files")
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1d24;background:#fff}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5d9e0;"
    "vertical-align:top}code{font-size:12px;overflow-wrap:anywhere}"
)


def to_html(certificate: Mapping[str, Any]) -> str:
    """One HTML page without anything from elsewhere."""
    left = certificate["second_search"]["left"]
    verdict = "A second search found nothing of it." if not left else (
        f"A second search still found {left:,} rows, messages or uploads: erase again."
    )  # fmt: skip
    parts = [
        "<h1>Certificate of an erasure</h1>",
        f"<p>{escape(verdict)}</p>",
        _table(("", ""), _facts(certificate)),
        "<h2>Dataset versions</h2>",
        _table(VERSIONS, _datasets(certificate)),
        "<h2>Prediction logs</h2>",
        _table(LOGS, _logs(certificate)),
        "<h2>Trained on erased rows, and not changed</h2>",
        _list([*certificate["trained_on_erased_rows"]["versions"],
               *(f"run {run}" for run in certificate["trained_on_erased_rows"]["runs"])]),
        "<h2>Could not be searched</h2>",
        _list(certificate["not_searched"]),
        "<h2>Not reached by an erasure</h2>",
        _list(certificate["not_reached"]),
    ]  # fmt: skip
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Erasure '
        f"{escape(str(certificate['erasure']))}</title><style>{STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _facts(certificate: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    columns = certificate["columns"]
    return [
        ("Erasure", certificate["erasure"]),
        ("By", certificate["by"]),
        ("Reason", certificate["reason"]),
        ("Began", certificate["began_at"]),
        ("Completed", certificate["completed_at"]),
        ("Looked into", columns if isinstance(columns, str) else ", ".join(columns)),
        ("Keyed hash of the value", ", ".join(certificate["keyed_hashes"])),
        ("Messages erased", certificate["messages"]),
        ("Uploads removed", len(certificate["uploads"])),
    ]


def _datasets(certificate: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
    for item in certificate["datasets"]:
        yield item["ref"], item["rows"], item["digest_before"], item["digest_after"]


def _logs(certificate: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
    for item in certificate["logs"]:
        counts = (item["predictions"], item["labels"], item["rewards"], len(item["files"]))
        yield item["deployment"], item["column"], *counts


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    body = "".join(
        f"<tr>{''.join(f'<td>{_text(value)}</td>' for value in row)}</tr>" for row in rows
    )
    if not body:
        return "<p>None.</p>"
    top = "".join(f"<th>{escape(name)}</th>" for name in head) if any(head) else ""
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{body}</table>"


def _text(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    text = escape(str(value))
    return f"<code>{text}</code>" if len(text) in (32, 64) and " " not in text else text


def _list(items: Sequence[Any]) -> str:
    if not items:
        return "<p>None.</p>"
    return f"<ul>{''.join(f'<li>{escape(str(item))}</li>' for item in items)}</ul>"
