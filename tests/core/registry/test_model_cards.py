"""Model cards: made from evidence, written by people, complete or not, read by other programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import text
from uv import find_uv_bin

from harness.evaluated_runs import log_evaluated
from harness.policies import set_gates
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.fact_sheets.html_page import written_html
from pilothouse.kit.fact_sheets.markdown_text import escape_markdown
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import tasks
from pilothouse.registry.cards.card_fields import CARD_FIELDS, SECTIONS
from pilothouse.registry.evidence import CardFact, Evidence, Side
from pilothouse.registry.gates import Verdict
from pilothouse.registry.policy import GateRule
from pilothouse.registry.versions import VersionSource
from pilothouse.workspace import Workspace
from pilothouse.workspace.checks import checks

pytestmark = pytest.mark.usefixtures("answering")
SIGNATURE = Signature(
    (SignatureField("pages", "number"), SignatureField("country", "string", categories=("a", "b"))),
    "bought",
    ("no", "yes"),
    "yes",
    0.4,
)
WRITTEN = {field.key: f"about {field.title.lower()}" for field in CARD_FIELDS if field.required}


@pytest.fixture
def late(workspace: Workspace) -> Workspace:
    """A version that was trained here on a dataset that is here."""
    frame = pd.DataFrame({"pages": range(40), "bought": ["no", "yes"] * 20})
    workspace.data.register("rows", frame, origin="the shop", licence="CC0-1.0")
    raw = [[0.9, 0.1], [0.3, 0.7], [0.6, 0.4], [0.2, 0.8]] * 10
    labels = ["no", "yes", "yes", "yes"] * 10
    run = log_evaluated(workspace.experiments, "ridge", SIGNATURE, raw, labels, model=b"the model")
    workspace.registry.register("late", run)
    return workspace


def foreign(workspace: Workspace) -> None:
    """A version of which nothing is known but its bytes."""
    digest = workspace.store.artifacts.put_bytes(b"a model from elsewhere")
    unknown = VersionSource(
        digest, Signature((), task="unspecified"), [], {}, imported="mlflow: churn/4"
    )
    workspace.registry.register_import("late", unknown)


def front_matter(markdown: str) -> dict[str, Any]:
    head = re.match(r"---\n(.*?)\n---\n", markdown, re.DOTALL)
    assert head is not None
    return dict(yaml.safe_load(head[1]))


def test_a_card_has_the_nine_sections_and_what_evidence_says(late: Workspace) -> None:
    card = late.registry.card("late", 1)
    assert [section.title for section in card.sheet.sections] == list(SECTIONS.values())
    entries = {entry.key: entry.text for entry in card.sheet.entries}
    assert entries["training_data"] == "rows@1"
    assert (entries["training_rows"], entries["training_source"]) == ("40", "the shop")
    assert entries["algorithm"] == "ridge"
    assert entries["evaluation_data"] == "rows of rows@1 that were held out"
    assert entries["threshold"] == "0.400 on the score of yes"
    assert entries["group_inputs"] == "country"
    # Only people are asked for the rest.
    assert {entry.asked_of for entry in card.sheet.missing} == {"people"}
    assert {entry.key for entry in card.sheet.missing} == set(WRITTEN)


def test_what_is_not_known_is_said_and_asked_of_people(workspace: Workspace) -> None:
    foreign(workspace)
    card = workspace.registry.card("late", 1)
    missing = {entry.key: entry.asked_of for entry in card.sheet.missing}
    # What evidence lacks and people may know is asked of them, and not counted twice.
    notes = {"algorithm_note", "training_note", "evaluation_note"}
    assert {key for key in missing if key not in WRITTEN and missing[key] == "people"} == notes
    by_evidence = {key for key, asked in missing.items() if asked == "evidence"}
    assert by_evidence == {"task", "library", "inputs", "predicts", "measured", "result"}
    markdown = card.markdown()
    assert "- **Dataset:** _Not known._" in markdown
    assert "what it answers is not described; it was not measured" in markdown
    metadata = front_matter(markdown)
    assert metadata == {"tags": ["pilothouse"]}


def test_a_card_becomes_complete_and_the_next_version_carries_it_over(
    late: Workspace, clock: FixedClock
) -> None:
    registry = late.registry
    half = dict(list(WRITTEN.items())[:4])
    card = registry.edit_card("late", 1, half, "a first text")
    assert (card.sheet.filled, card.is_complete) == (card.sheet.total - 4, False)
    clock.advance(timedelta(minutes=1))
    card = registry.edit_card("late", 1, WRITTEN)
    assert card.is_complete
    assert (card.texts.revision, card.texts.carried_from) == (2, None)
    history = registry.card_history("late", 1)
    assert list(history["revision"]) == [2, 1]
    assert list(history["reason"]) == ["", "a first text"]

    foreign(late)
    carried = registry.card("late", 2).texts
    assert (carried.texts, carried.carried_from, carried.revision) == (WRITTEN, 1, 0)
    confirmed = registry.edit_card("late", 2, {}).texts
    assert (confirmed.carried_from, confirmed.revision) == (None, 1)
    assert registry.card("late", 1).texts.revision == 2  # versions do not share revisions


def test_texts_are_checked_and_emptied(late: Workspace) -> None:
    with pytest.raises(Invalid) as refused:
        late.registry.edit_card("late", 1, {"colour": "red", "factors": "x" * 20_001})
    assert set(refused.value.fields) == {"colour", "factors"}
    late.registry.edit_card("late", 1, {"factors": " old lines "})
    assert late.registry.card("late", 1).texts.texts == {"factors": "old lines"}
    assert late.registry.edit_card("late", 1, {"factors": ""}).texts.texts == {}
    with pytest.raises(NotFound):
        late.registry.edit_card("late", 9, {"factors": "a"})


def test_the_hub_reads_the_front_matter(late: Workspace) -> None:
    changes = {"licence": "Apache-2.0", "language": "en, de"}
    metadata = front_matter(late.registry.edit_card("late", 1, changes).markdown())
    assert metadata["license"] == "apache-2.0"
    assert metadata["language"] == ["en", "de"]
    assert metadata["library_name"] == "sklearn"
    assert metadata["pipeline_tag"] == "tabular-classification"
    assert metadata["datasets"] == ["rows"]
    assert metadata["metrics"][0] == "roc_auc"
    (index,) = metadata["model-index"]
    (result,) = index["results"]
    # What huggingface_hub demands of a model index: a name, and of each result these keys.
    assert index["name"] == "late"
    assert set(result["task"]) >= {"type"}
    assert set(result["dataset"]) >= {"type", "name"}
    assert all({"type", "value"} <= set(metric) for metric in result["metrics"])
    assert result["metrics"][0] == {
        "type": "roc_auc",
        "name": "ROC AUC",
        "value": pytest.approx(late.registry.version("late", 1).metrics["roc_auc"]),
    }
    own = front_matter(late.registry.edit_card("late", 1, {"licence": "Our own terms"}).markdown())
    assert (own["license"], own["license_name"]) == ("other", "our-own-terms")


def test_the_page_stands_alone_and_has_charts(late: Workspace) -> None:
    page = late.registry.edit_card("late", 1, {"caveats": "<script>alert(1)</script>"}).html()
    text = page.decode()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"(src|href)=", text)
    titles = ("ROC curve", "Calibration", "Metrics between 0 and 1, higher is better")
    assert all(f'aria-label="{title}"' in text for title in titles)
    assert "Confusion matrix" in text


@pytest.mark.parametrize("name", tasks.names())
def test_a_version_of_every_task_has_a_card(workspace: Workspace, name: str) -> None:
    example = tasks.get(name).example
    run = log_evaluated(
        workspace.experiments, name, example.signature, example.rows, example.labels
    )
    source = VersionSource(
        workspace.store.artifacts.put_bytes(b"model"),
        example.signature,
        [],
        workspace.experiments.run(run).values,
        run=run,
        imported="elsewhere",
    )
    workspace.registry.register_import("any", source)
    card = workspace.registry.card("any", 1)
    assert card.sheet.total > len(WRITTEN)
    assert card.html().startswith(b"<!DOCTYPE html>")
    assert front_matter(card.markdown())["tags"][0] == "pilothouse"


def test_what_people_wrote_is_sealed_and_goes_with_its_version(late: Workspace) -> None:
    late.registry.edit_card("late", 1, {"factors": "old lines"}, "told by the team")
    entry = late.activity.entries(size=1).iloc[0]
    assert (entry["verb"], entry["ref"], entry["reason"]) == (
        *("documented", "late@1"),
        "told by the team",
    )
    assert checks.get("records")(late.store).ok
    with late.store.engine.begin() as connection:
        connection.execute(text("UPDATE registry_card_revision SET texts = '{}'"))
    verdict = checks.get("records")(late.store)
    assert verdict.message.startswith("card revision late/1/1 was changed by no command")


def evidence(card: CardFact | None) -> Evidence:
    return Evidence("late", 2, "production", Side("late@2", "a" * 64, {}), card=card)


@pytest.mark.parametrize(
    ("card", "params", "outcome"),
    [
        (None, {}, "inconclusive"),
        (CardFact(3, 5, ("Licence", "Factors")), {}, "failed"),
        (CardFact(5, 5, carried_from=1), {}, "inconclusive"),
        (CardFact(5, 5, carried_from=1), {"own": False}, "passed"),
        (CardFact(5, 5), {}, "passed"),
    ],
)
def test_the_gate_asks_for_a_card_of_this_version(
    card: CardFact | None, params: dict[str, Any], outcome: str
) -> None:
    verdict: Verdict = GateRule("card_complete", params).evaluate(evidence(card))
    assert verdict.outcome == outcome
    if outcome == "failed":
        assert verdict.message == "3 of 5 parts of its card; missing: Licence, Factors"
        assert (verdict.figure, verdict.limit) == (3.0, 5.0)


def test_a_promotion_freezes_how_complete_the_card_is(late: Workspace) -> None:
    set_gates(late, "production", [GateRule("card_complete")])
    assert not late.registry.assess("late", 1, "production").accepted
    late.registry.edit_card("late", 1, WRITTEN)
    promotion = late.registry.promote("late", 1, "production", "documented")
    frozen = promotion.evidence["card"]
    assert (frozen["missing"], frozen["revision"]) == ([], 1)
    assert frozen["digest"] == late.registry.card("late", 1).texts.digest


@pytest.mark.parametrize(
    ("plain", "markdown"),
    [("a_b*c", r"a\_b\*c"), ("# no heading", r"\# no heading"), ("<b>", r"\<b\>"), ("a-b", "a-b")],
)
def test_evidence_reads_the_same_in_markdown(plain: str, markdown: str) -> None:
    assert escape_markdown(plain) == markdown


def test_lists_that_people_write_are_lists_on_the_page() -> None:
    assert written_html("Not for:\n- minors\n- loans\n\nAsk.") == (
        "<p>Not for:</p><ul><li>• minors</li><li>• loans</li></ul><p>Ask.</p>"
    )


HUB_READER = """
import json, sys
from huggingface_hub import ModelCard
data = ModelCard(open(sys.argv[1], encoding="utf-8").read()).data
results = [[r.task_type, r.dataset_name, r.metric_type, r.metric_value] for r in data.eval_results]
print(json.dumps([data.license, data.library_name, data.model_name, data.datasets, results]))
"""


@pytest.fixture(scope="module")
def hub_python() -> Path:
    """The Python of an environment that has the Hub's library, built once."""
    kept = os.environ.get("PROOFS")
    if not kept:
        pytest.skip("an environment with huggingface_hub is built by `make proof`")
    uv, folder = find_uv_bin(), Path(kept) / "hub"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([uv, "venv", "-q", folder], check=True)
    install = [uv, "pip", "install", "-q", "--python", python, "huggingface_hub>=0.30"]
    subprocess.run(install, check=True)
    return python


@pytest.mark.proof
def test_huggingface_hub_reads_the_card(late: Workspace, tmp_path: Path, hub_python: Path) -> None:
    """The library itself, in an environment of its own."""
    card = tmp_path / "README.md"
    card.write_text(late.registry.edit_card("late", 1, {"licence": "mit"}).markdown())
    answer = subprocess.run(
        [hub_python, "-c", HUB_READER, card], check=True, capture_output=True, text=True
    )
    licence, library, model, datasets, results = json.loads(answer.stdout)
    assert (licence, library, model, datasets) == ("mit", "sklearn", "late", ["rows"])
    auc = late.registry.version("late", 1).metrics["roc_auc"]
    assert results[0] == ["tabular-classification", "rows@1", "roc_auc", pytest.approx(auc)]
