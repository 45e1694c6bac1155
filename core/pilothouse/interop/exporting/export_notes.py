"""What every export says: what of a version or its deployment is not in it, and why."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from pilothouse.interop.exporting.plan import NOTES, ExportPlan, text
from pilothouse.interop.exporting.subject import ExportSubject, ServingSettings
from pilothouse.models.tasks import task_of

LOG = (
    "The prediction log: what the export answers is not written down, so that windows, drift, "
    "labels, alerts and retraining know nothing of it. To keep watching, add a deployment of "
    "predictions made elsewhere (`pilothouse deployments add-external`) and send them there."
)
KEYS = (
    "API keys: they are secrets of this workspace. Whoever reaches the port gets predictions; put "
    "it behind a gateway that checks callers."
)
OPEN = "Nothing checks who calls: put the port behind a gateway that does, or a private network."
LABELS = (
    "Addresses of labels and aliases (`/v1/models/NAME/labels/...`): an alias moves in the "
    "registry, of which the export knows nothing."
)


PARQUET = (
    "Bodies of Parquet: pyarrow is not among the packages; add it to requirements.txt for them."
)


def left_out(
    subject: ExportSubject,
    *,
    limits: bool = False,
    at_once: bool = False,
    canary: bool = False,
    sleep: bool = False,
) -> tuple[str, ...]:
    """What no target carries over, and what this one does not.

    `limits` (both, or `at_once` alone), `canary` and `sleep` say that the target carries these
    over, so that they are not named.
    """
    served = subject.deployment
    lines = [LOG]
    if "pyarrow" not in subject.packages:
        lines.append(PARQUET)
    lines.append(KEYS if served and served.needs_key else OPEN)
    if served is None:
        return (*lines, LABELS)
    if not limits:
        lines += _limits(served, at_once=at_once)
    if served.sleep_after_minutes is not None and not sleep:
        lines.append(
            f"Sleep after {served.sleep_after_minutes:g} minutes without a request: the target has "
            "no such setting, so that it runs all the time."
        )
    if served.log_lines:
        lines.append(
            f"The rules of the log ({_quoted('; '.join(served.log_lines))}): there is no log."
        )
    if served.looked_up:
        lines.append(
            f"Lookups of features ({_quoted(served.features_of)}): the export asks no feature "
            "store, so that its callers send these inputs themselves: "
            f"{', '.join(map(_quoted, served.looked_up))}."
        )
    if served.rollout and not (canary and served.canary):
        lines.append(_rollout(subject, served))
    return (*lines, LABELS)


def _limits(served: ServingSettings, *, at_once: bool) -> list[str]:
    limits, lines = served.limits, []
    if limits.max_concurrent is not None and not at_once:
        lines.append(
            f"At most {limits.max_concurrent} requests at once: the target has no field for it."
        )
    if limits.per_second is not None:
        lines.append(
            f"At most {limits.per_second:g} requests a second: the target has no field for it."
        )
    return lines


def _rollout(subject: ExportSubject, served: ServingSettings) -> str:
    if served.stable_version == subject.version:
        return (
            f"The rollout by {served.rollout} that {served.name} is in: this is its stable "
            "version, and the one that it tries is an export of its own."
        )
    if served.canary:
        return (
            f"The canary that {served.name} is in: the target has no field for a share of the "
            f"requests. The export has this version alone, version {served.stable_version} is an "
            "export of its own."
        )
    return (
        f"The rollout by {served.rollout} that {served.name} is in: the target splits no requests "
        "by caller, so that the export has this version alone, without the comparison, the "
        "rollback and the callers that stay with their version."
    )


def processes_left_out(subject: ExportSubject, system: str) -> tuple[str, ...]:
    """The number of processes, where a system's files have no field for it."""
    processes = subject.processes
    if processes.most == 1:
        return ()
    return (f"Processes for each version ({processes.text}): {system} has no field for it.",)


def scaling_left_out(subject: ExportSubject, system: str) -> tuple[str, ...]:
    """That a system does not follow the load, where the deployment does."""
    processes = subject.processes
    if processes.is_fixed:
        return ()
    return (
        f"Processes by load, {processes.least} to {processes.most}: {system} has no such rule.",
    )


def own_server_carried(subject: ExportSubject) -> tuple[str, ...]:
    """What our own server in the export keeps."""
    lines = [
        "The protocols: Open Inference Protocol v2, KServe v1 and TensorFlow Serving, MLflow's "
        "`/invocations` and `/ping`, Vertex AI's, TorchServe's.",
        *decisions(subject),
        "Health at `/v2/health/live` and `/v2/health/ready`, counters for Prometheus at "
        "`/metrics`.",
    ]
    limits = subject.settings
    if limits.max_concurrent is not None:
        lines.append(f"At most {limits.max_concurrent} requests at once, by each replica.")
    if limits.per_second is not None:
        lines.append(f"At most {limits.per_second:g} requests a second, by each replica.")
    return tuple(lines)


def decisions(subject: ExportSubject) -> tuple[str, ...]:
    """What the signature decides, which is part of the launch file and so of every answer."""
    signature = subject.signature
    task = task_of(signature)
    parts = []
    if signature.classes:
        parts.append(f"classes {', '.join(map(_quoted, signature.classes))}")
    if task.has_threshold:
        parts.append(f"threshold {signature.threshold:g}")
    if signature.positive != "" and task.has_threshold:
        parts.append(f"positive class {_quoted(signature.positive)}")
    if signature.unit:
        parts.append(f"unit {_quoted(signature.unit)}")
    described = f" ({'; '.join(parts)})" if parts else ""
    return (
        f"The checks of {len(signature.inputs)} inputs, and the decision: "
        f"{task.title.lower()}{described}.",
    )


def needed_notes(subject: ExportSubject) -> tuple[str, ...]:
    """What to know before the export is used."""
    lines = [*subject.lock_notes]
    if subject.is_own_code:
        lines.append(
            "The model's files hold code of their author that was approved here: loading them runs "
            "it, wherever the export runs."
        )
    served = subject.deployment
    if served is not None and served.engine not in ("", "library"):
        lines.append(
            f"The deployment answers by the engine {served.engine} now. The export has no such "
            "package, so that the library itself answers: figures agree to about 1e-6."
        )
    return tuple(lines)


def with_notes(subject: ExportSubject, title: str, plan: ExportPlan) -> ExportPlan:
    """The plan with NOTES.md, which says everything that the screen says."""
    notes = (*plan.notes, *needed_notes(subject))
    plan = replace(plan, notes=notes, steps=fenced(plan.steps))
    served = subject.deployment
    of = f", as the deployment {served.name} serves it" if served else ""
    parts = [
        f"# {subject.ref} for {title}",
        f"Written by Pilothouse {subject.settings.release} from {subject.ref}{of}. Format: "
        f"{subject.format_title}; Python {subject.python}; digest "
        f"`{subject.launch.digest[:12]}`.",
        "## Start",
        plan.steps,
        "## Carried over",
        _list(plan.carried),
        "## Not carried over",
        _list(plan.left_out),
    ]
    if plan.notes:
        parts += ["## Before you use it", _list(plan.notes)]
    return replace(plan, files={**plan.files, NOTES: text("\n\n".join(parts))})


def fenced(steps: str) -> str:
    """Markdown whose indented commands stand between fences, which every reader shows alike."""
    parts = []
    for is_command, lines in groupby(steps.splitlines(), lambda line: line.startswith("    ")):
        block = "\n".join(line.removeprefix("    ") for line in lines)
        parts.append(f"```sh\n{block}\n```" if is_command else block)
    return "\n".join(parts)


def _quoted(value: object) -> str:
    """What people wrote, so that neither Markdown nor a line break in it means anything."""
    plain = " ".join(str(value).replace("`", "'").split())
    return f"`{plain}`"


def _list(lines: tuple[str, ...]) -> str:
    return "\n".join(f"- {line}" for line in lines)
