"""Colours of charts and theme, light and dark: one list, so that a figure and the page agree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """The colours a figure may use."""

    text: str
    muted: str
    grid: str
    border: str
    surface: str
    page: str
    accent: str
    reference: str
    good: str
    warn: str
    bad: str
    categorical: tuple[str, ...]
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]


LIGHT = Palette(
    text="#101820",  # dark enough that Streamlit's 60 % of it still passes AA on white
    muted="#5B6675",
    grid="#E9EDF2",
    border="#DDE2E9",
    surface="#F6F7F9",
    page="#FFFFFF",
    accent="#1F5FD1",
    reference="#8A96A6",
    good="#11784A",
    warn="#B85C00",
    bad="#C5303B",
    categorical=(
        "#1F5FD1", "#D9730D", "#11815A", "#8E4EC6", "#C5303B", "#0E8AA8", "#A8701A", "#5B6675",
    ),
    sequential=(
        "#EEF4FF", "#D9E6FE", "#BDD3FC", "#97BAF8", "#6C9CF1",
        "#467FE6", "#2B68D8", "#1F55B8", "#1B4593", "#173768",
    ),
    diverging=(
        "#1B4593", "#2B68D8", "#6C9CF1", "#BDD3FC", "#EEF4FF",
        "#FDF0E6", "#F9CFA6", "#EE9A52", "#C96A14", "#8A4300",
    ),
)  # fmt: skip

DARK = Palette(
    text="#E4E9F0",
    muted="#9AA7B8",
    grid="#262F3B",
    border="#2C3643",
    surface="#19202A",
    page="#10151C",
    accent="#6EA3FF",
    reference="#7C8896",
    good="#4CC38A",
    warn="#F5A25D",
    bad="#FF7B84",
    categorical=(
        "#6EA3FF", "#F5A25D", "#4CC38A", "#C4A1FF", "#FF7B84", "#4FC3DC", "#DDB866", "#9AA7B8",
    ),
    sequential=(
        "#14233F", "#193261", "#1F4587", "#2759AD", "#346FD0",
        "#4F88E6", "#74A4F3", "#9CC0FA", "#C3DAFD", "#E6F0FF",
    ),
    diverging=(
        "#9CC0FA", "#6EA3FF", "#4F88E6", "#2759AD", "#1D2F4D",
        "#3A2A1C", "#7A4A1C", "#B97230", "#F5A25D", "#FFD0A3",
    ),
)  # fmt: skip


def palette(dark: bool) -> Palette:
    """The colours of one appearance."""
    return DARK if dark else LIGHT
