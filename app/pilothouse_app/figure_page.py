"""Pages of other programs in their frame: Plotly from the app itself, and no way to the network.

A page that a run left may run scripts, for charts are made of them. It stands in a sandbox of its
own origin, behind a policy without any source, and behind `Connection-Allowlist`, which also holds
for what a content policy does not know: peer connections. Browsers without that header meet a page
in which the constructors of peer connections are gone, and so is every frame inside the page, for
it would have constructors of its own (and Chromium 156 crashes when such a frame uses them).
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any

from pilothouse_app.components.base_path import under_base

PATH = "/api/plotly.js"
MAX_PAGE = 32 << 20  # bytes: a longer page is shown as it is
ALLOWLIST = "(response-origin)"

_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")
# Bounded, so that a page of unclosed tags costs no more than its length.
_SCRIPT = re.compile(rb"<script\b[^>]{0,1000}>", re.IGNORECASE)
_SOURCE = re.compile(rb"""\bsrc\s*=\s*["']?([^"'\s>]*plotly[^"'\s>]*)""", re.IGNORECASE)
_DRAWS = re.compile(rb"\bPlotly\.(newPlot|react|plot)\s*\(")
_EMBEDDED = re.compile(rb"plotly(\.js|-[\w-]{1,40}) v?\d")  # the comment at the library's head
_DOCTYPE = re.compile(rb"\s*(<!doctype[^>]{0,200}>)?", re.IGNORECASE)
_GUARD = (
    b"<script>for(const n of['RTCPeerConnection','webkitRTCPeerConnection','RTCDataChannel',"
    b"'RTCIceTransport','RTCDtlsTransport','WebTransport'])"
    b"try{Object.defineProperty(self,n,{value:undefined})}catch(e){}"
    b"{const kinds='iframe,frame,object,embed,fencedframe';"
    b"const watch=root=>new MutationObserver(()=>"
    b"root.querySelectorAll(kinds).forEach(each=>each.remove()))"
    b".observe(root,{subtree:true,childList:true});watch(document);"
    b"const attach=Element.prototype.attachShadow;"
    b"Element.prototype.attachShadow=function(how){"
    b"const root=attach.call(this,how);watch(root);return root}}</script>"
)
_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src {scripts}; "
    "style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_FIGURE = """<!doctype html><html><head><meta charset="utf-8"><style>
html,body,#figure{{margin:0;height:100%;width:100%}}</style></head><body><div id="figure"></div>
<script nonce="{nonce}" src="{path}"></script><script nonce="{nonce}">
const figure={figure};
const layout=Object.assign({{}},figure.layout,{{autosize:true}});
delete layout.width;delete layout.height;
Plotly.newPlot('figure',{{data:figure.data,layout:layout,frames:figure.frames||[],
config:{{responsive:true,displaylogo:false}}}}).catch(error=>{{
document.body.textContent='The figure cannot be drawn: '+error.message}});
</script></body></html>"""


def library() -> Path:
    """The copy of plotly.js that comes with the Python package."""
    import plotly

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def page(html: bytes) -> tuple[bytes, bool]:
    """A page as the frame gets it, and whether it draws with Plotly.

    Plotly comes from the app instead of a content delivery network, whatever its version, and where
    a page draws without it: `Figure.to_html(include_plotlyjs=False)`.
    """
    uses_plotly = False

    def local(tag: re.Match[bytes]) -> bytes:
        nonlocal uses_plotly
        source = _SOURCE.search(tag[0])
        if source is None or b".js" not in source[1].lower():
            return tag[0]
        uses_plotly = True
        return b'<script src="' + under_base(PATH).encode() + b'">'

    drawn = _SCRIPT.sub(local, html)
    library = b""
    if not uses_plotly and _DRAWS.search(html) and not _EMBEDDED.search(html):
        uses_plotly = True
        library = b'<script src="' + under_base(PATH).encode() + b'"></script>'
    head = _DOCTYPE.match(drawn)
    end = head.end() if head else 0
    return drawn[:end] + _GUARD + library + drawn[end:], uses_plotly


def policy(host: str, *, plotly: bool) -> str:
    """The content policy of a page; with Plotly, that one script of the app may be read."""
    scripts = "'unsafe-inline' 'unsafe-eval'"
    if plotly and _HOST.fullmatch(host):
        scripts += f" {host}{under_base(PATH)}"
    return _POLICY.format(scripts=scripts)


def figure(value: Any) -> tuple[str, str]:
    """A page that draws a figure, and the nonce that lets its own scripts run and no others."""
    nonce = secrets.token_urlsafe(16)
    # Written so that no text of the figure can end the script it stands in.
    text = json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e")
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _FIGURE.format(nonce=nonce, path=under_base(PATH), figure=text), nonce


def figure_policy(nonce: str) -> str:
    """The content policy of such a page."""
    return _POLICY.format(scripts=f"'nonce-{nonce}' 'unsafe-eval'")
