"""Where the files of a model version lie, as a protocol or an importer has resolved it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilothouse.registry.versions import Origin


@dataclass(frozen=True)
class ModelSource:
    """A resolved source: its location, the run and logged model that it is of, and its files.

    Each file has a `path`, a `sha256` and a number of `bytes`. `rests_on` names the runs and logged
    models that must stay as they are, with the folder of the version's files in each.
    """

    source: str
    location: str
    run_id: str = ""
    model_id: str = ""
    files: tuple[Mapping[str, Any], ...] = ()
    rests_on: tuple[tuple[str, str | None], ...] = ()

    def origin(self, run_link: str) -> Origin:
        """Where a version of this source comes from; `run_link` is the address of its run."""
        return Origin(
            source=self.source,
            location=self.location,
            run=self.run_id,
            run_link=run_link,
            logged_model=self.model_id,
        )
