"""Images and texts of event files as files of a run, named after their tag and step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pilothouse.interop.importing.file_names import safe_path
from pilothouse.interop.importing.records import FileRecord
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.tensorboard.events import IMAGES, EventContent

TEXT_SUFFIX = "/text_summary"  # which PyTorch and tensorboardX put after a tag
FOLDERS = {IMAGES: ("images", "png"), "text": ("text", "md")}


@dataclass
class MediaFiles:
    """The files of a run by path; a later one of the same tag and step takes the place."""

    records: dict[str, FileRecord] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)

    def add(self, source: str, contents: Iterable[EventContent], report: ReportBuilder) -> None:
        """Add what an event file holds; two tags that come to the same name are told apart."""
        for content in contents:
            folder, ending = FOLDERS[content.kind]
            above = self._folder(folder, content.tag, report)
            for index, (start, end) in enumerate(content.spans):
                number = f"-{index + 1}" if index else ""
                path = f"{above}/step-{content.step}{number}.{ending}"
                self.records[path] = FileRecord(path, end - start, f"{source}:{start}:{end}")

    def _folder(self, kind: str, tag: str, report: ReportBuilder) -> str:
        named = safe_path(_shortened(tag))
        path = f"{kind}/{named}"
        while self._owners.setdefault(path, tag) != tag:
            path += "_"
        if named != _shortened(tag):
            report.noted("file", tag, f"its files are in {path}")
        return path


def _shortened(tag: str) -> str:
    return tag.removesuffix(TEXT_SUFFIX)
