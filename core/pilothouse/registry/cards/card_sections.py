"""The fact sheet of a version, from its evidence and from what people wrote: a pure function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pilothouse.data.info import DatasetVersionInfo
from pilothouse.experiments.metrics.kinds import MetricKind, metric_kind
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.fact_sheets.fact_sheet import (
    FactBars,
    FactEntry,
    FactSection,
    FactSheet,
    FactTable,
    WrittenField,
    written_entries,
)
from pilothouse.models.formats import format_of
from pilothouse.models.tasks import Task, task_of
from pilothouse.registry.cards.card_charts import document_parts
from pilothouse.registry.cards.card_evidence import CardEvidence, names_of
from pilothouse.registry.cards.card_fields import (
    ALGORITHM_NOTE,
    CARD_FIELDS,
    EVALUATION_NOTE,
    SECTIONS,
    TRAINING_NOTE,
)

Texts = Mapping[str, str]
Entries = tuple[FactEntry, ...]
MAX_COMPARED = 3  # evaluations in the table of metrics
SENSITIVE_TAG = "sensitive"  # of a dataset version: its sensitive columns


def card_sheet(
    evidence: CardEvidence, texts: Texts, documents: Mapping[str, Mapping[str, Any]] | None = None
) -> FactSheet:
    """The nine sections. Evaluation `documents` by path become tables and charts."""
    task = known_task(evidence)
    fields = card_fields(evidence, texts)
    tables, charts = document_parts(documents or {})
    facts: dict[str, Entries] = {
        "details": _details(evidence, task, texts),
        "factors": _factors(evidence),
        "metrics": _metrics(evidence, task),
        "evaluation": _evaluation(evidence, texts),
        "training": _training(evidence, texts),
        "analyses": _analyses(evidence, task),
        "ethics": _sensitive(evidence),
        "caveats": _caveats(evidence),
    }
    sections = [
        FactSection(key, title, (*facts.get(key, ()), *written_entries(fields, key, texts)))
        for key, title in SECTIONS.items()
    ]
    measured = _metric_table(evidence, task)
    shares = _share_bars(evidence, task)
    analyses = replace(
        sections[6],
        tables=(*([measured] if measured else []), *tables),
        charts=(*([shares] if shares else []), *charts),
    )
    sections[6] = analyses
    return FactSheet(f"Model card of {evidence.version.ref}", _lead(task), tuple(sections))


def known_task(evidence: CardEvidence) -> Task | None:
    """The kind of model; None while it is not described, or its plugin is not installed."""
    if not evidence.version.signature.is_described:
        return None
    try:
        return task_of(evidence.version.signature)
    except PilothouseError:
        return None


def card_fields(evidence: CardEvidence, texts: Texts) -> tuple[WrittenField, ...]:
    """What people are asked for; also what evidence may say, where it does not."""
    unknown = {
        ALGORITHM_NOTE: not algorithm(evidence),
        EVALUATION_NOTE: not _evaluated_on(evidence),
        TRAINING_NOTE: not evidence.training_ref,
    }
    return tuple(
        replace(field, required=True) if unknown.get(field.key) else field
        for field in CARD_FIELDS
        if unknown.get(field.key, True) or texts.get(field.key)
    )


def algorithm(evidence: CardEvidence) -> str:
    """What kind of model it is: a trainer, or the class that its files name; "" if unknown."""
    if evidence.version.package is not None:
        return evidence.version.package.fact("model_class")
    trainer = evidence.run.trainer if evidence.run else None
    return (trainer or "").replace("_", " ")


def library(evidence: CardEvidence) -> str:
    """The library whose format the model has; "" if unknown."""
    package = evidence.version.package
    if package is None:
        return "" if evidence.version.import_source else "scikit-learn"
    try:
        return format_of(package).libraries[0]
    except (PilothouseError, IndexError):
        return ""


def metric_kinds(evidence: CardEvidence, task: Task | None) -> dict[str, MetricKind]:
    """How the metrics of the card are called and written, those of the task first."""
    own = {metric.key: metric for metric in task.metrics} if task else {}
    keys = [*(key for key in own if key in evidence.metrics), *evidence.metrics]
    kinds: dict[str, MetricKind] = {}
    for key in dict.fromkeys(keys):
        kind, metric = metric_kind(key), own.get(key)
        if metric is not None:
            unit = evidence.version.signature.unit if metric.in_target_unit else ""
            kind = replace(kind, title=metric.title, format=metric.format, unit=unit)
        kinds[key] = kind
    return kinds


def _lead(task: Task | None) -> str:
    return task.description if task else "What this model answers is not described yet."


def _details(evidence: CardEvidence, task: Task | None, texts: Texts) -> Entries:
    version, signature = evidence.version, evidence.version.signature
    registered = f"{version.created_at:%Y-%m-%d} by {version.created_by}"
    classes = ", ".join(str(label) for label in signature.classes[:12])
    predicts = signature.target or ", ".join(signature.output_names)
    if task is not None and classes:
        predicts = f"{predicts} ({classes})" if predicts else classes
    made = algorithm(evidence)
    return (
        FactEntry("version", "Version", version.ref),
        FactEntry("registered", "Registered", registered),
        FactEntry("source", "Made by", _source(evidence)),
        FactEntry("task", "Kind of model", task.title if task else ""),
        # Without evidence it is asked of people, and not twice.
        FactEntry("algorithm", "Algorithm", made, required=bool(made)),
        FactEntry("library", "Library", library(evidence)),
        FactEntry("inputs", "Inputs", _inputs(evidence)),
        FactEntry("predicts", "Predicts", predicts if task else ""),
        FactEntry("digest", "SHA-256 of its files", version.digest),
        *_optional("commit", "Commit of its code", evidence.run.commit if evidence.run else ""),
    )


def _source(evidence: CardEvidence) -> str:
    run = evidence.run
    trained = f"the run {run.name!r} of the experiment {run.experiment!r}" if run else ""
    imported = evidence.version.import_source
    if imported and trained:
        return f"{trained}, imported from {imported}"
    return imported or trained


def _inputs(evidence: CardEvidence) -> str:
    names = evidence.version.signature.names
    return f"{len(names)}: {names_of(names)}" if names else ""


def _factors(evidence: CardEvidence) -> Entries:
    inputs = evidence.version.signature.inputs
    groups = [field.name for field in inputs if field.categories or field.type == "boolean"]
    return _optional("group_inputs", "Inputs with few values", names_of(groups))


def _metrics(evidence: CardEvidence, task: Task | None) -> Entries:
    titles = [kind.title for kind in metric_kinds(evidence, task).values()]
    threshold = ""
    if task is not None and task.has_threshold:
        signature = evidence.version.signature
        threshold = f"{signature.threshold:.3f} on the score of {signature.positive}"
    return (
        FactEntry("measured", "Measured", names_of(titles)),
        *_optional("threshold", "Decision threshold", threshold),
    )


def _evaluated_on(evidence: CardEvidence) -> str:
    newest = evidence.newest
    if newest is not None:
        return newest.dataset
    held_out = evidence.version.held_out and evidence.training_ref
    return f"rows of {evidence.training_ref} that were held out" if held_out else ""


def _evaluation(evidence: CardEvidence, texts: Texts) -> Entries:
    newest, text = evidence.newest, _evaluated_on(evidence)
    entry = FactEntry("evaluation_data", "Dataset", text, required=bool(text))
    if newest is None:
        return (entry,)
    apart = "no" if newest.dataset == evidence.training_ref else "yes"
    return (
        entry,
        FactEntry("evaluation_rows", "Rows", f"{newest.rows:,}"),
        FactEntry("evaluation_label", "Label", newest.label),
        FactEntry(
            *("evaluation_apart", "Other data than trained on"),
            apart if evidence.training_ref else "",
            required=False,
        ),
        *_dataset_entries("evaluation", evidence.data.get(newest.dataset)),
    )


def _training(evidence: CardEvidence, texts: Texts) -> Entries:
    ref = evidence.training_ref
    entry = FactEntry("training_data", "Dataset", ref, required=bool(ref))
    dataset = evidence.training
    if dataset is None:
        return (entry,)
    return (
        entry,
        FactEntry("training_rows", "Rows", f"{dataset.rows:,}"),
        FactEntry("training_columns", "Columns", f"{dataset.columns:,}"),
        *_dataset_entries("training", dataset),
        FactEntry("training_hash", "Hash of its content", dataset.content_hash),
    )


def _dataset_entries(role: str, dataset: DatasetVersionInfo | None) -> Entries:
    if dataset is None:
        return ()
    return (
        FactEntry(f"{role}_source", "Source", dataset.source, required=False),
        FactEntry(f"{role}_licence", "Licence of the data", dataset.licence, required=False),
        *_optional(f"{role}_breach", "Contract", dataset.breach),
        *_optional(f"{role}_note", "Description", dataset.note),
    )


def _analyses(evidence: CardEvidence, task: Task | None) -> Entries:
    kinds = metric_kinds(evidence, task)
    first = next(iter(kinds), "")
    if not first:
        return (FactEntry("result", "Result"),)
    result = f"{kinds[first].title} {kinds[first].format_value(evidence.metrics[first])}"
    where = _evaluated_on(evidence)
    return (FactEntry("result", "Result", f"{result} on {where}" if where else result),)


def _sensitive(evidence: CardEvidence) -> Entries:
    marked = evidence.training.tags.get(SENSITIVE_TAG, "") if evidence.training else ""
    return (
        *_optional("sensitive_columns", "Columns marked as sensitive", marked),
        *_optional("group_thresholds", "Thresholds by group", _thresholds(evidence)),
    )


def _thresholds(evidence: CardEvidence) -> str:
    """What the recorded analysis of thresholds by group found, and that it is not applied."""
    if evidence.thresholds is None:
        return ""
    made = evidence.thresholds
    criterion = str(made["criterion"]).replace("_", " ")
    before, after = made["gap_before"]["value"], made["gap_after"]["value"]
    return (
        f"analysed for {criterion} over {made['column']} (largest difference {before:.3f} with one "
        f"threshold, {after:.3f} with one a group), and not applied to what is served"
    )


def _caveats(evidence: CardEvidence) -> Entries:
    version = evidence.version
    facts = [
        (not version.signature.is_described, "what it answers is not described"),
        (not evidence.metrics, "it was not measured"),
        (bool(version.metrics) and bool(version.import_source) and not evidence.newest,
         "its metrics are those that the program that logged it reported"),
        (bool(evidence.training_ref) and evidence.training is None,
         f"{evidence.training_ref} is not here any more"),
        (bool(evidence.run and evidence.run.dirty), "its code had changes that were not committed"),
    ]  # fmt: skip
    return _optional(
        "known_limits", "Seen in evidence", "; ".join(t for holds, t in facts if holds)
    )


def _optional(key: str, title: str, text: str | None) -> Entries:
    """An entry where there is something to say."""
    return (FactEntry(key, title, text, required=False),) if text else ()


def _metric_table(evidence: CardEvidence, task: Task | None) -> FactTable | None:
    """The metrics on each evaluation, newest first, and as the training measured them."""
    columns: list[tuple[str, Mapping[str, float]]] = []
    if evidence.version.metrics:
        foreign = evidence.version.import_source
        columns.append(("As reported" if foreign else "Held out", evidence.version.metrics))
    measured = [info for info in evidence.evaluations if info.metrics][:MAX_COMPARED]
    columns += [(f"On {info.dataset}", info.metrics) for info in measured]
    if not columns:
        return None
    kinds = metric_kinds(evidence, task)
    rows = [
        (
            kind.title,
            *(kind.format_value(values[key]) if key in values else "" for _, values in columns),
        )
        for key, kind in kinds.items()
    ]
    return FactTable("Metrics", ("Metric", *(name for name, _ in columns)), tuple(rows))


def _share_bars(evidence: CardEvidence, task: Task | None) -> FactBars | None:
    """The metrics that lie between 0 and 1 as bars."""
    bars = [
        (kind.title, evidence.metrics[key], kind.format_value(evidence.metrics[key]))
        for key, kind in metric_kinds(evidence, task).items()
        if not kind.unit and kind.direction == "higher" and 0 <= evidence.metrics[key] <= 1
    ]
    return FactBars("Metrics between 0 and 1, higher is better", tuple(bars)) if bars else None
