"""How the app looks and what it may reach: Streamlit's configuration, in code.

It is handed to the server in code so that it holds from any working directory; every font and
icon is a file of ours, so nothing is fetched from elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pilothouse_app.charts.palette import DARK, LIGHT, Palette

FONTS = (
    ("Inter", "inter-latin-wght-normal.woff2", "100 900"),
    ("JetBrains Mono", "jetbrains-mono-latin-wght-normal.woff2", "100 800"),
)

SERVER: dict[str, Any] = {
    "server.headless": True,
    "server.address": "127.0.0.1",
    "server.fileWatcherType": "none",
    "server.enableStaticServing": True,
    "server.maxUploadSize": 200,
    "server.allowedHosts": ["localhost", "127.0.0.1"],
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "type",
    "client.showErrorLinks": False,
    "runner.magicEnabled": False,
    # Python collects by itself; a whole collection after each run held up what is drawn.
    "runner.postScriptGC": False,
    "logger.hideWelcomeMessage": True,
}

SHAPE: dict[str, Any] = {
    "font": "Inter, 'Source Sans', system-ui, sans-serif",
    "headingFont": "Inter, system-ui, sans-serif",
    "codeFont": "'JetBrains Mono', ui-monospace, monospace",
    "baseFontSize": 14,
    "baseFontWeight": 400,
    "headingFontSizes": ["22px", "17px", "15px", "14px", "13px", "12px"],
    "headingFontWeights": [650, 600, 600, 600, 600, 600],
    "codeFontSize": "12.5px",
    "metricValueFontSize": "24px",
    "metricValueFontWeight": 600,
    "baseRadius": "6px",
    "buttonRadius": "6px",
    "showWidgetBorder": True,
    "showSidebarBorder": True,
    "linkUnderline": False,
    "paddingTop": "0.75rem",
    "paddingBottom": "1.5rem",
    "sidebar.paddingTop": "0.5rem",
    "sidebar.paddingBottom": "1rem",
}

LIGHT_ONLY: dict[str, Any] = {
    "primaryColor": "#1F5FD1",
    "linkColor": "#1F5FD1",
    "codeBackgroundColor": "#F3F5F8",
    "codeTextColor": "#33415C",
    "yellowColor": "#8F6A00",
    "blueColor": "#1F5FD1",
    "violetColor": "#6D42C7",
    "dataframeBorderColor": "#E6EAF0",
    "dataframeHeaderBackgroundColor": "#F6F7F9",
    "dataframeHeaderTextColor": "#4A5565",
    "sidebar.backgroundColor": "#F6F7F9",
    "sidebar.secondaryBackgroundColor": "#FFFFFF",
    "sidebar.borderColor": LIGHT.border,
}

DARK_ONLY: dict[str, Any] = {
    "primaryColor": "#326EDF",
    "linkColor": "#7FB0FF",
    "codeBackgroundColor": "#19202A",
    "codeTextColor": "#C7D3E3",
    "yellowColor": "#E6C15A",
    "blueColor": "#7FB0FF",
    "violetColor": "#B79CFF",
    "dataframeBorderColor": "#262F3B",
    "dataframeHeaderBackgroundColor": "#19202A",
    "dataframeHeaderTextColor": "#AEBACA",
    "sidebar.backgroundColor": "#0B0F15",
    "sidebar.secondaryBackgroundColor": "#19202A",
    "sidebar.borderColor": "#232C38",
}


def configuration(port: int, prefix: str = "", names: Collection[str] = ()) -> dict[str, Any]:
    """Every option the app's server is started with; `names` are hosts of a proxy before it."""
    appearances = {"light": (LIGHT, LIGHT_ONLY), "dark": (DARK, DARK_ONLY)}
    colours = {
        f"theme.{name}.{option}": value
        for name, (colours, own) in appearances.items()
        for option, value in {**_shared_colours(colours), **own}.items()
    }
    shape = {f"theme.{option}": value for option, value in SHAPE.items()}
    server = {**SERVER, "server.port": port, "server.baseUrlPath": prefix}
    if names:
        server["server.allowedHosts"] = [*SERVER["server.allowedHosts"], *sorted(names)]
        server["server.corsAllowedOrigins"] = [f"https://{name}" for name in sorted(names)]
    return {**server, **shape, "theme.fontFaces": _faces(), **colours}


def _faces() -> list[dict[str, str]]:
    return [
        {"family": family, "url": f"app/static/fonts/{file}", "weight": weight, "style": "normal"}
        for family, file, weight in FONTS
    ]


def _shared_colours(colours: Palette) -> dict[str, Any]:
    return {
        "backgroundColor": colours.page,
        "secondaryBackgroundColor": colours.surface,
        "textColor": colours.text,
        "borderColor": colours.border,
        "grayColor": colours.muted,
        "grayTextColor": colours.muted,
        "redColor": colours.bad,
        "orangeColor": colours.warn,
        "greenColor": colours.good,
        "chartCategoricalColors": list(colours.categorical),
        "chartSequentialColors": list(colours.sequential),
        "chartDivergingColors": list(colours.diverging),
    }
