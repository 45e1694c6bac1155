"""What the messages of an archive say: facts of the run, points, and which files it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.waiting_points import TOO_MANY, WaitingPoints

Payload = Mapping[str, Any]
MACHINE, SYSTEM = "sys.", "system/"
TRUTHS = {"true": 1.0, "false": 0.0}
# Parameters that the client logs by itself at each step; the points say the same.
COUNTERS = frozenset({"curr_step", "curr_epoch"})
NAME, NESTED, OFFLINE = "Name", "hasNestedParams", "offline_experiment"
MAX_VALUES, MAX_FILES = 20_000, 100_000
# Messages whose text becomes a file: its path, and where the text is.
TEXT_FILES = {
    "standard_output": ("output.log", "output"),
    "installed_packages": ("installed-packages.txt", "installed_packages"),
    "os_packages": ("os-packages.txt", "os_packages"),
    "graph": ("graph.txt", "graph"),
    "html": ("notes.html", "html"),
    "htmlOverride": ("notes.html", "htmlOverride"),
}
SKIPPED_NOUNS = {
    "register_model": "registrations of models",
    "remote_model": "models that lie elsewhere",
    "gpu_static_info": "descriptions of GPUs",
    "cloud_details": "descriptions of machines",
    "system_info": "descriptions of machines",
    "log_dependency": "dependencies",
}
OTHER_NOUN = "messages of other kinds"


@dataclass(frozen=True)
class Upload:
    """A file that the program logged; `member` is its name in the archive of that number."""

    archive: int
    member: str
    kind: str
    name: str
    group: str
    ending: str
    step: int | None


@dataclass
class ArchiveFacts:
    """What the archives of a run say of it, but for its points."""

    params: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    system: dict[str, str] = field(default_factory=dict)
    git: dict[str, str] = field(default_factory=dict)
    program: str = ""
    uploads: list[Upload] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    first_us: int | None = None
    last_us: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    bad_messages: int = 0


class MessageReader:
    """Takes the messages of a run's archives, fills the facts and gives points."""

    def __init__(self, facts: ArchiveFacts) -> None:
        self.archive = 0
        self._facts = facts
        self._waiting = WaitingPoints()
        self._next_steps: dict[str, int] = {}
        self._actions: dict[str, Callable[[Payload], None]] = {
            "metric_msg": self._take_metric,
            "parameter_msg": self._take_params,
            "log_other": self._take_other,
            "file_upload": self._take_upload,
            "remote_file": self._take_remote_file,
            "file_name": self._take_program,
            "system_details": self._take_system,
            "git_metadata": self._take_git,
            "ws_msg": self._take_old,
        }

    def read(self, message: dict[str, Any] | None) -> Iterator[Points]:
        """Take one message; points come when enough wait. `rest` gives those that still do."""
        kind = message.get("type") if message else None
        payload = message.get("payload") if message else None
        if not isinstance(kind, str) or not isinstance(payload, dict):
            self._facts.bad_messages += 1
        elif action := self._actions.get(kind):
            action(payload)
        elif kind in TEXT_FILES:
            self._facts.texts.add(kind)
        else:
            self._facts.skipped[SKIPPED_NOUNS.get(kind, OTHER_NOUN)] += 1
        if self._waiting.is_full:
            yield from self.rest()

    def rest(self) -> Iterator[Points]:
        """The points that wait, in batches of one metric."""
        return self._waiting.rest()

    def _take_metric(self, payload: Payload) -> None:
        metric = payload.get("metric")
        if not isinstance(metric, dict):
            self._facts.bad_messages += 1
            return
        name, value = coerce.text(metric.get("metricName")), metric_value(metric.get("metricValue"))
        if value is None:
            self._facts.skipped["texts and structures as metrics"] += 1
            return
        is_machine = name.startswith(MACHINE)
        key = SYSTEM + name.removeprefix(MACHINE) if is_machine else name
        # The machine's load is measured by the clock: the step it has is that of the training.
        step = None if is_machine else coerce.integer(metric.get("step"))
        step = self._next_steps.get(key, 0) if step is None else step
        self._next_steps[key] = min(step + 1, coerce.INT64 - 1)
        if not is_machine and metric.get("epoch") is not None:
            self._facts.skipped["numbers of epochs at points"] += 1
        if not self._waiting.add(key, step, value, self._instant(payload)):
            self._facts.skipped[TOO_MANY] += 1

    def _instant(self, payload: Payload) -> int:
        """When a message was written, in microseconds; without a time, that of the one before."""
        facts = self._facts
        at_us = coerce.micros(payload.get("local_timestamp"))
        if at_us is None:
            return facts.last_us or 0
        facts.first_us = at_us if facts.first_us is None else min(facts.first_us, at_us)
        facts.last_us = at_us if facts.last_us is None else max(facts.last_us, at_us)
        return at_us

    def _take_params(self, payload: Payload) -> None:
        for field_name in ("param", "params"):
            param = payload.get(field_name)
            if not isinstance(param, dict):
                continue
            name = coerce.text(param.get("paramName"))
            is_counter = name in COUNTERS and param.get("source") == "auto-logged"
            if not is_counter and len(self._facts.params) < MAX_VALUES:
                self._facts.params[name] = param.get("paramValue")

    def _take_other(self, payload: Payload) -> None:
        if len(self._facts.others) < MAX_VALUES:
            self._facts.others[coerce.text(payload.get("key"))] = payload.get("value")

    def _take_upload(self, payload: Payload) -> None:
        more = _mapping(payload.get("additional_params"))
        if len(self._facts.uploads) >= MAX_FILES:
            self._facts.skipped[f"files beyond {MAX_FILES:,} of a run"] += 1
            return
        self._facts.uploads.append(
            Upload(
                archive=self.archive,
                member=coerce.text(payload.get("file_path")),
                kind=coerce.text(payload.get("upload_type")) or "asset",
                name=coerce.text(more.get("fileName")),
                group=coerce.text(more.get("groupingName")),
                ending=coerce.text(more.get("extension")),
                step=coerce.integer(more.get("step")),
            )
        )

    def _take_remote_file(self, payload: Payload) -> None:
        name = _mapping(payload.get("additional_params")).get("fileName")
        if len(self._facts.elsewhere) < MAX_VALUES:
            self._facts.elsewhere[coerce.text(name)] = coerce.text(payload.get("remote_uri"))

    def _take_program(self, payload: Payload) -> None:
        self._facts.program = coerce.text(payload.get("file_name"))

    def _take_system(self, payload: Payload) -> None:
        for key, value in payload.items():
            parts = value if isinstance(value, list) else [value]
            self._facts.system[key] = " ".join(map(coerce.text, parts))

    def _take_git(self, payload: Payload) -> None:
        self._facts.git |= coerce.text_mapping(payload.get("git_metadata"))

    def _take_old(self, payload: Payload) -> None:
        """A message of an old client, which had one type for several things."""
        if isinstance(payload.get("metric"), dict):
            self._take_metric(payload)
        elif "param" in payload or "params" in payload:
            self._take_params(payload)
        else:
            self._facts.skipped[OTHER_NOUN] += 1


def metric_value(value: Any) -> float | None:
    """The number of a point: NaN and infinities are texts there, and truths too."""
    if isinstance(value, str) and (truth := TRUTHS.get(value.lower())) is not None:
        return truth
    return coerce.number(float(value) if isinstance(value, bool) else value)


def message_text(message: dict[str, Any] | None, kind: str) -> str:
    """The text of a message of this kind, lists a line each; empty for another message."""
    payload = message.get("payload") if message and message.get("type") == kind else None
    value = payload.get(TEXT_FILES[kind][1]) if isinstance(payload, dict) else None
    if isinstance(value, list):
        return "".join(f"{coerce.text(line)}\n" for line in value)
    return coerce.text(value)


def _mapping(value: Any) -> Payload:
    return value if isinstance(value, dict) else {}
