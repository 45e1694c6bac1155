"""The frame of a page that stands alone: its head and style, and the parts that pages share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pilothouse.kit.pages.markup import Html, join, tag

# The page needs nothing but itself, and what it shows can run nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
# The app's colours. On paper the light ones hold, whatever the screen has.
STYLE = """
:root{color-scheme:light dark;--text:#101820;--muted:#5B6675;--grid:#E9EDF2;--border:#DDE2E9;
--surface:#F6F7F9;--page:#FFFFFF;--accent:#1F5FD1;--reference:#8A96A6;--good:#11784A;--warn:#B85C00;
--bad:#C5303B}
@media screen and (prefers-color-scheme:dark){:root{--text:#E4E9F0;--muted:#9AA7B8;--grid:#262F3B;
--border:#2C3643;--surface:#19202A;--page:#10151C;--accent:#6EA3FF;--reference:#7C8896;
--good:#4CC38A;--warn:#F5A25D;--bad:#FF7B84}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:14px/1.45 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-print-color-adjust:exact;
print-color-adjust:exact}
main{max-width:1040px;margin:0 auto;padding:28px 24px 40px}
h1{font-size:24px;line-height:1.2;margin:0 10px 0 0;display:inline;overflow-wrap:anywhere}
h2{font-size:17px;margin:30px 0 8px;break-after:avoid}
h3{font-size:14px;margin:0;overflow-wrap:anywhere}
p{margin:6px 0}
ul{margin:6px 0;padding:0;list-style:none}
li{margin:4px 0;overflow-wrap:anywhere}
footer{margin-top:34px;padding-top:10px;border-top:1px solid var(--border)}
.muted,.note,footer,figcaption{color:var(--muted)}
.note,footer,figcaption{font-size:12.5px;overflow-wrap:anywhere}
.lead{font-size:15.5px;margin:12px 0}
.badge{display:inline-block;border:1px solid currentColor;border-radius:4px;padding:0 6px;
font-size:12px;font-weight:600;white-space:nowrap;color:var(--muted)}
.badge.ok,.badge.resolved,.badge.info{color:var(--good)}
.badge.warn,.badge.warning,.badge.acknowledged{color:var(--warn)}
.badge.fail,.badge.error,.badge.firing,.badge.critical{color:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:10px;margin:16px 0}
.tile{border:1px solid var(--border);border-radius:8px;background:var(--surface);padding:10px 12px;
break-inside:avoid}
.tile b{display:block;font-size:20px;line-height:1.3;font-variant-numeric:tabular-nums}
.tile span{display:block;font-size:12.5px;color:var(--muted);overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13px}
th,td{padding:4px 10px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
th{color:var(--muted);font-weight:600;border-color:var(--border);white-space:nowrap}
td{overflow-wrap:break-word}td:first-child{overflow-wrap:anywhere;min-width:9em}
tr{break-inside:avoid}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:14px}
figure{margin:0;border:1px solid var(--border);border-radius:8px;padding:10px 12px;
break-inside:avoid}
svg{display:block;width:100%;height:auto;font:11px system-ui,-apple-system,"Segoe UI",sans-serif;
fill:var(--text)}
svg .muted{fill:var(--muted)}
svg .grid{stroke:var(--grid)}
svg .hover{fill:transparent}
.before{fill:var(--reference)}.after{fill:var(--accent)}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 4px 0 0}
.swatch.before{background:var(--reference)}.swatch.after{background:var(--accent)}
svg.key{display:inline-block;width:12px;height:12px;vertical-align:-2px;margin-right:4px}
svg .band{fill:var(--reference);opacity:.22}
svg .line{fill:none;stroke:var(--reference);stroke-width:1.5}
svg .estimate{fill:none;stroke:var(--accent);stroke-width:1.5;stroke-dasharray:2 3}
svg .expected{fill:none;stroke:var(--muted);stroke-dasharray:5 3}
svg .limit{fill:none;stroke:var(--bad);stroke-dasharray:5 3}
svg .gap{stroke:var(--page)}
.s-ok{fill:var(--good)}.s-warn{fill:var(--warn)}.s-fail,.s-error{fill:var(--bad)}
.s-insufficient{fill:var(--muted)}
.c-ok{stroke:var(--good);opacity:.28}.c-warn{stroke:var(--warn)}.c-fail{stroke:var(--bad)}
.c-error{stroke:var(--text)}.c-insufficient{stroke:var(--grid)}
.e-alert{fill:var(--bad)}.e-cleared{fill:var(--good)}.e-deployment{fill:var(--accent)}
.e-data{fill:var(--muted)}.e-model{fill:var(--text)}.e-retraining{fill:var(--warn)}
svg .event{stroke:var(--border)}
@page{size:A4;margin:14mm}
@media print{main{max-width:none;padding:0}body{font-size:11.5px}table{font-size:10.5px}
h2{margin-top:20px}.tiles{grid-template-columns:repeat(auto-fit,minmax(118px,1fr))}
.charts{grid-template-columns:1fr 1fr}.scroll{overflow:visible}
th,td{padding-right:7px}}
"""


@dataclass(frozen=True)
class Tile:
    """A figure in a frame: its name, its value, and lines below it."""

    name: str
    value: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableColumn:
    """The head of a column; numbers are at its right."""

    title: str
    number: bool = False


def document(title: str, *parts: Html, foot: str) -> bytes:
    """The page as one file in UTF-8; its foot says what it is, when and by what it was made."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    body = tag("body", tag("main", *parts, tag("footer", foot)))
    page = f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"
    # Half of a surrogate pair has no bytes; names of columns may have one.
    return page.encode("utf-8", errors="replace")


def section(title: str, *content: Html, note: str = "") -> Html:
    """A heading with a note below it, and what it is about."""
    notes = (tag("p", note, class_="note"),) if note else ()
    return join(tag("h2", title), *notes, *content)


def paragraph(text: str, class_: str | None = None) -> Html:
    """A paragraph of text."""
    return tag("p", text, class_=class_)


def tiles(items: Iterable[Tile]) -> Html:
    """Figures in a row."""
    return tag(
        "div",
        *(
            tag(
                "div",
                tag("span", item.name),
                tag("b", item.value),
                *(tag("span", note) for note in item.notes if note),
                class_="tile",
            )
            for item in items
        ),
        class_="tiles",
    )


def table(columns: Sequence[TableColumn], rows: Iterable[Sequence[str]]) -> Html:
    """A table; cells may be markup."""
    classes = ["n" if column.number else None for column in columns]
    heads = zip(columns, classes, strict=True)
    head = tag("tr", *(tag("th", column.title, class_=name) for column, name in heads))
    body = [
        tag("tr", *(tag("td", cell, class_=name) for cell, name in zip(row, classes, strict=True)))
        for row in rows
    ]
    drawn = tag("table", tag("thead", head), tag("tbody", *body))
    return tag("div", drawn, class_="scroll")


def named_values(pairs: Mapping[str, str]) -> Html:
    """Names with their values, a line each."""
    body = [
        tag("tr", tag("td", name, class_="muted"), tag("td", value))
        for name, value in pairs.items()
        if value
    ]
    return tag("table", tag("tbody", *body))


def bullets(lines: Iterable[Html]) -> Html:
    """Lines below each other."""
    return tag("ul", *(tag("li", line) for line in lines))
