"""The YAML front matter of a card, as the Hugging Face Hub reads it. Unknown keys are left out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from pilothouse.experiments.metrics.kinds import MetricKind
from pilothouse.models.tasks import Task
from pilothouse.registry.cards.card_evidence import CardEvidence
from pilothouse.registry.cards.card_fields import LANGUAGE, LICENCE
from pilothouse.registry.cards.card_sections import known_task, library, metric_kinds

# The Hub has names of its own for two libraries; the others have those of their packages.
LIBRARIES = {"scikit-learn": "sklearn", "torch": "pytorch"}
CLASSIFICATION, REGRESSION, OTHER = "tabular-classification", "tabular-regression", "other"
# Identifiers that the Hub lists; any other licence is `other` with its name.
LICENCES = (
    *("apache-2.0", "mit", "openrail", "bsd", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc"),
    *("cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0"),
    *("cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
    *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "afl-3.0", "artistic-2.0"),
    *("bsl-1.0", "ecl-2.0", "epl-1.0", "epl-2.0", "eupl-1.1", "agpl-3.0", "gpl", "gpl-2.0"),
    *("gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "lppl-1.3c", "ms-pl", "mpl-2.0"),
    *("odc-by", "odbl", "osl-3.0", "pddl", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib"),
    *("wtfpl", "unknown", "other"),
)


def hub_metadata(evidence: CardEvidence, texts: Mapping[str, str]) -> dict[str, Any]:
    """Language, licence, library, tags, datasets, metrics and the results of the model index."""
    task = known_task(evidence)
    kind = _hub_task(task)
    metadata: dict[str, Any] = {
        "language": _languages(texts.get(LANGUAGE, "")),
        **_licence(texts.get(LICENCE, "")),
        "library_name": _library_name(library(evidence)),
        "pipeline_tag": kind if kind != OTHER else None,
        "tags": ["pilothouse", *([kind] if kind != OTHER else [])],
        "datasets": _datasets(evidence),
        "metrics": [key for key in metric_kinds(evidence, task) if _is_number(evidence, key)],
        "model-index": _model_index(evidence, task, kind),
    }
    return {key: value for key, value in metadata.items() if value}


def _hub_task(task: Task | None) -> str:
    """The Hub's name for a kind of model over tables."""
    if task is None:
        return OTHER
    if task.has_classes:
        return CLASSIFICATION
    return REGRESSION if task.estimator in ("regressor", "quantiles") else OTHER


def _languages(text: str) -> list[str]:
    return [part for part in re.split(r"[,;\s]+", text) if part]


def _licence(text: str) -> dict[str, str]:
    if not text:
        return {}
    identifier = text.strip().lower()
    return {"license": identifier} if identifier in LICENCES else {
        "license": "other",
        "license_name": re.sub(r"[^a-z0-9.]+", "-", identifier).strip("-")[:60] or "other",
    }  # fmt: skip


def _library_name(name: str) -> str:
    return LIBRARIES.get(name, name)


def _datasets(evidence: CardEvidence) -> list[str]:
    refs = [evidence.training_ref, *(info.dataset for info in evidence.evaluations)]
    return list(dict.fromkeys(ref.partition("@")[0] for ref in refs if ref))


def _is_number(evidence: CardEvidence, key: str) -> bool:
    return math.isfinite(evidence.metrics[key])


def _model_index(
    evidence: CardEvidence, task: Task | None, kind: str
) -> list[dict[str, Any]] | None:
    """One result for each dataset that the version was measured on; none without metrics."""
    measured: list[tuple[str, str, Mapping[str, float]]] = []
    own = evidence.version
    if own.metrics and not own.import_source and evidence.training_ref:
        measured.append((evidence.training_ref, "held out", own.metrics))
    measured += [(info.dataset, "all", info.metrics) for info in evidence.evaluations]
    kinds = metric_kinds(evidence, task)
    results = [
        {
            "task": {"type": kind, "name": task.title if task else "Not described"},
            "dataset": {
                "type": ref.partition("@")[0],
                "name": ref,
                "split": split,
                "revision": ref.partition("@")[2],
            },
            "metrics": _values(values, kinds),
        }
        for ref, split, values in measured
        if any(math.isfinite(value) for value in values.values())
    ]
    return [{"name": own.model, "results": results}] if results else None


def _values(values: Mapping[str, float], kinds: Mapping[str, MetricKind]) -> list[dict[str, Any]]:
    """The finite metrics, the deciding one first."""
    keys = dict.fromkeys([*(key for key in kinds if key in values), *values])
    return [
        {"type": key, "name": kinds[key].title if key in kinds else key, "value": values[key]}
        for key in keys
        if math.isfinite(values[key])
    ]
