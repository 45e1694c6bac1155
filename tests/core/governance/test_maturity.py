"""Maturity: each check turns from failing to passing by evidence, and levels follow from checks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, text

from pilothouse.comments import threads
from pilothouse.data.datasheets import datasheet_revisions
from pilothouse.data.datasheets.datasheet_fields import DATASHEET_FIELDS
from pilothouse.data.tables import Dataset, DatasetVersion
from pilothouse.deployments.tables import (
    Deployment,
    Replica,
    Revision,
    Rollout,
    RolloutAnalysis,
)
from pilothouse.experiments.tables import (
    Experiment,
    Param,
    Run,
    RunArtifact,
    RunMetric,
    WrittenModel,
)
from pilothouse.governance import release_files
from pilothouse.governance.maturity import attestations
from pilothouse.governance.maturity.assessment import report_on
from pilothouse.governance.maturity.checks import AREAS, MaturityCheck, Mend, maturity_checks
from pilothouse.governance.maturity.evidence_values import LogState, MaturityEvidence
from pilothouse.governance.maturity.gathering import evidence_of, gather
from pilothouse.governance.maturity.scoring import (
    CheckedItem,
    level_of,
    level_scores,
    score,
    section_points,
)
from pilothouse.governance.maturity.verdicts import failed, not_applicable, passed
from pilothouse.governance.release_files import ReleaseFile
from pilothouse.jobs.tables import Job
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid, NotFound, PersonNeeded
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.notifications import rule_tests
from pilothouse.monitoring.tables import (
    Alert,
    AlertRule,
    Channel,
    CheckResult,
    Monitor,
    NotificationDelivery,
    Window,
)
from pilothouse.people.tables import Person
from pilothouse.pipelines.tables import RetrainingDecision
from pilothouse.registry import load_trials
from pilothouse.registry.cards import card_revisions
from pilothouse.registry.cards.card_fields import CARD_FIELDS
from pilothouse.registry.cards.model_card import card_fact
from pilothouse.registry.info import version_info
from pilothouse.registry.tables import (
    Measurement,
    Model,
    ModelVersion,
    Promotion,
    StageChange,
    Trial,
    Vote,
)
from pilothouse.storage import Store
from pilothouse.workspace import Workspace, open_workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BARE = Signature((), "late", (0, 1), 1)
DESCRIBED = Signature((SignatureField("temp", "number"),), "late", (0, 1), 1)
INTACT = LogState(True, 1, 1, "unbroken")
Act = Callable[[Session, Store], None]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A model in production of which nothing is recorded, and which is served elsewhere."""
    folder = tmp_path_factory.mktemp("maturity") / "workspace"
    settings = Settings(workspace=folder, actor="ada", code_patch=False)
    opened = open_workspace(settings=settings, clock=FixedClock(NOW))
    with opened.store.write() as session:
        session.add(Model(name="shop", created_at=NOW, created_by="ada"))
        session.add(Experiment(id=1, name="e", created_at=NOW, created_by="ada"))
        session.flush()
        session.add(
            ModelVersion(
                model="shop", version=1, import_source="elsewhere", digest="a" * 64,
                signature=BARE.to_json(), input_example=[], metrics={}, stage="production",
                created_at=NOW, created_by="ada",
            )
        )  # fmt: skip
        session.add(
            Deployment(name="shop", model="shop", version=1, external=True, created_at=NOW,
                       created_by="ada", updated_at=NOW)
        )  # fmt: skip
    yield opened
    opened.store.engine.dispose()


def version(session: Session) -> ModelVersion:
    return session.get_one(ModelVersion, ("shop", 1))


def deployment(session: Session) -> Deployment:
    return session.get_one(Deployment, "shop")


def add_run(session: Session, store: Store, **changes: Any) -> Run:
    """A training that says everything but its code and its environment; the version is of it."""
    values: dict[str, Any] = {"id": "r", "name": "r", "status": "finished", "user": "ada"}
    values |= {"created_at": NOW, "started_at": NOW, "ended_at": NOW, "experiment_id": 1}
    run = Run(**{**values, **changes})
    session.add(run)
    session.flush()
    version(session).run_id = run.id
    return run


def add_metric(session: Session, store: Store, key: str = "roc_auc", count: int = 1) -> None:
    session.add(
        RunMetric(run_id="r", key=key, first=0.7, first_step=0, first_at=NOW, last=0.7, last_step=0,
                  last_at=NOW, min=0.7, max=0.7, best=0.7, best_step=0, count=count)
    )  # fmt: skip


def add_file(session: Session, store: Store, path: str) -> None:
    digest = store.artifacts.put_bytes(path.encode())
    session.add(RunArtifact(run_id="r", path=path, digest=digest, size=3))


def add_dataset(session: Session, store: Store, **changes: Any) -> DatasetVersion:
    session.add(Dataset(name="sales", created_at=NOW, created_by="ada"))
    session.flush()
    values: dict[str, Any] = {"dataset": "sales", "version": 1, "content_hash": "c" * 64}
    values |= {"digest": store.artifacts.put_bytes(b"rows"), "rows": 3, "columns": 2, "bytes": 4}
    values |= {"contract_json": {"columns": [{"name": "temp"}]}, "created_at": NOW}
    row = DatasetVersion(**{**values, "created_by": "ada", **changes})
    session.add(row)
    session.flush()
    version(session).dataset = "sales@1"
    return row


def add_measurement(kind: str, figures: dict[str, Any], params: dict[str, Any]) -> Act:
    def act(session: Session, store: Store) -> None:
        session.add(
            Measurement(id=kind, model="shop", version=1, kind=kind, params=params, figures=figures,
                        measured_at=NOW, measured_by="ada")
        )  # fmt: skip

    return act


def add_promotion(session: Session, store: Store, **changes: Any) -> Promotion:
    values: dict[str, Any] = {"id": "p", "model": "shop", "version": 1, "stage": "production"}
    values |= {"status": "accepted", "reason": "better", "origin": "person", "decided_by": "ada"}
    values |= {"requested_by": "ada", "requested_at": NOW, "decided_at": NOW, "evidence": {}}
    verdict = {"gate": "latency", "outcome": "passed"}
    values |= {"evidence_hash": "e" * 64, "verdicts": [verdict], "policy": {"name": "default"}}
    row = Promotion(**{**values, **changes})
    session.add(row)
    session.flush()
    return row


def serve_here(session: Session, store: Store) -> None:
    deployment(session).external = False


def describe(session: Session, store: Store) -> None:
    version(session).signature = DESCRIBED.to_json()


def add_window(session: Session, store: Store, **changes: Any) -> None:
    values: dict[str, Any] = {"id": "w", "deployment": "shop", "model": "shop", "version": 1}
    values |= {"start": NOW - timedelta(days=7), "end": NOW, "rows": 100, "labelled": 80}
    values |= dict.fromkeys(("status", "drift_status", "performance_status"), "ok")
    values |= {"columns": 1, "judged": 1, "drifted": 0, "profile": "", "content": ""}
    session.add(Window(**{**values, "created_at": NOW, "evaluated_at": NOW, **changes}))
    session.flush()


def add_result(signal: str, check: str) -> Act:
    def act(session: Session, store: Store) -> None:
        add_window(session, store)
        session.add(
            CheckResult(window_id="w", revision=1, signal=signal, check=check, column="", method="",
                        status="ok", direction="below", score=0.7, reference=0.7)
        )  # fmt: skip

    return act


def add_monitor(session: Session, store: Store) -> None:
    session.add(
        Monitor(deployment="shop", min_rows=1, min_labelled=1, min_coverage=0.1, drifted_share=0.5,
                primary={}, tolerances={}, created_at=NOW, created_by="ada", updated_at=NOW)
    )  # fmt: skip
    add_window(session, store)


def add_rule(session: Session, store: Store, **changes: Any) -> None:
    values: dict[str, Any] = {"id": "u", "deployment": "shop", "name": "drift", "threshold": 0.5}
    values |= {"signal": "feature_drift", "check": "drifted_share", "condition": "above"}
    session.add(AlertRule(**{**values, "created_at": NOW, "created_by": "ada", **changes}))
    session.flush()


def add_channel(session: Session, store: Store) -> None:
    session.add(
        Channel(id="c", name="on-call", address="env:X", severities=["warning"], deployments=["*"],
                repeat_hours=24, created_at=NOW, created_by="ada")
    )  # fmt: skip
    session.flush()


def add_alert(session: Session, store: Store) -> None:
    add_window(session, store)
    add_rule(session, store)
    session.add(
        Alert(id="l", fingerprint="f", rule_id="u", deployment="shop", name="drift", breaches=2,
              severity="critical", action="none", state="resolved", message="", first_window="w",
              last_window="w", opened_at=NOW, fired_at=NOW, resolved_at=NOW)
    )  # fmt: skip


def attest(check: str, model: str = "") -> Act:
    return lambda session, store: void(
        attestations.attest(session, store, check, "see the wiki", model)
    )


def void(_: object) -> None:
    """Nothing: for acts that return something."""


def log_prediction(session: Session, store: Store) -> None:
    folder = store.folder / "journal" / "shop"
    folder.mkdir(parents=True)
    (folder / "segment").write_bytes(b"{}")


def both(*acts: Act) -> Act:
    def act(session: Session, store: Store) -> None:
        for one in acts:
            one(session, store)
            session.flush()

    return act


def of_run(**changes: Any) -> Act:
    return lambda session, store: void(add_run(session, store, **changes))


def of_dataset(**changes: Any) -> Act:
    return lambda session, store: void(add_dataset(session, store, **changes))


def of_promotion(**changes: Any) -> Act:
    return lambda session, store: void(add_promotion(session, store, **changes))


def file(path: str) -> Act:
    return lambda session, store: add_file(session, store, path)


def metric(key: str = "roc_auc", count: int = 1) -> Act:
    return lambda session, store: add_metric(session, store, key, count)


def param(key: str, value: str) -> Act:
    return lambda session, store: session.add(Param(run_id="r", key=key, value=value))


def change(row: Callable[[Session], Any], **values: Any) -> Act:
    def act(session: Session, store: Store) -> None:
        for name, value in values.items():
            setattr(row(session), name, value)

    return act


def the_run(session: Session) -> Run:
    return session.get_one(Run, "r")


def the_model(session: Session) -> Model:
    return session.get_one(Model, "shop")


def store_file(session: Session, store: Store) -> None:
    version(session).digest = store.artifacts.put_bytes(b"a model")


def deliver(session: Session, store: Store) -> None:
    session.add(
        NotificationDelivery(id="n", channel_id="c", kind="test", deployment="", severity="info",
                             title="", body="", status="sent", next_at=NOW, created_at=NOW,
                             ended_at=NOW)
    )  # fmt: skip


def add_job(kind: str, job: str = "j") -> Act:
    return lambda session, store: session.add(
        Job(id=job, kind=kind, title="t", status="succeeded", subject_ref="shop",
            requested_by="ada", created_at=NOW)
    )  # fmt: skip


def search(session: Session, store: Store) -> None:
    for number in range(10):
        run = {"id": "r" if number == 9 else f"t{number}", "parent_id": "search"}
        add_run(session, store, **run)


def write_datasheet(session: Session, store: Store) -> None:
    texts = {field.key: "known" for field in DATASHEET_FIELDS}
    datasheet_revisions.edit(session, store, "sales@1", texts, "")


def write_card(session: Session, store: Store) -> None:
    texts = {field.key: "known" for field in CARD_FIELDS}
    card_revisions.edit(session, store, "shop", 1, texts, "")


def write_model(session: Session, store: Store) -> None:
    session.add(WrittenModel(digest=version(session).digest, run_id="r", written_at=NOW))


def answer_example(session: Session, store: Store) -> None:
    info = version_info(version(session), ())
    environment = load_trials._environment(session, info)
    session.add(Trial(id=load_trials._id(info), environment=environment, message="", tried_at=NOW))


def two_people(session: Session, store: Store) -> None:
    for name in ("ada", "grace"):
        session.add(Person(name=name, rights=[], created_at=NOW, created_by="ada"))


def vote(session: Session, store: Store) -> None:
    session.add(
        Vote(promotion_id="p", model="shop", version=1, person="grace", approve=True, comment="",
             at=NOW)
    )  # fmt: skip


def stage(session: Session, store: Store) -> None:
    add_promotion(session, store, stage="staging")
    session.add(
        StageChange(model="shop", version=1, before="none", after="staging", at=NOW, by="ada",
                    promotion_id="p")
    )  # fmt: skip


def roll_back(session: Session, store: Store) -> None:
    session.add(
        Revision(deployment="shop", seq=2, action="rolled back", model="shop", version=1,
                 digest="a" * 64, signature={}, by="ada", at=NOW)
    )  # fmt: skip
    session.add(Replica(deployment="shop", version=1, ordinal=0, state="ready", ready_at=NOW))


def export(session: Session, store: Store) -> None:
    info = version_info(version(session), ())
    release_files.record_export(session, store, info, "jenkins", ReleaseFile("Jenkinsfile", "x"))


def decide(session: Session, store: Store) -> None:
    session.add(
        RetrainingDecision(id="d", deployment="shop", trigger="alert", reason="r",
                           outcome="started", at=NOW)
    )  # fmt: skip


def comment(session: Session, store: Store) -> None:
    threads.add(session, store, "alert", "l", "a bad sensor")


def fill_card(session: Session, store: Store) -> None:
    row = version(session)
    row.import_source, row.metrics, row.held_out = "", {"roc_auc": 0.7}, "h"
    row.signature = DESCRIBED.to_json()
    session.flush()
    write_card(session, store)
    assert card_fact(session, "shop", 1).missing == ()


@dataclass(frozen=True)
class Case:
    """What passes a check, and what must be there before for it to fail as people meet it."""

    mend: Act
    before: Act = lambda session, store: None


CASES: dict[str, Case] = {
    "runs_recorded": Case(both(param("depth", "3"), metric()), of_run()),
    "code_identity": Case(change(the_run, commit="abc"), of_run()),
    "environment_recorded": Case(both(file("environment.json"), change(the_run, seed=1)), of_run()),
    "recorded_run": Case(of_run()),
    "owner_and_description": Case(change(the_model, note="Late deliveries")),
    "files_sound": Case(store_file),
    "code_tested": Case(attest("code_tested")),
    "deployed_by_command": Case(serve_here),
    "channel_delivers": Case(deliver, add_channel),
    "data_kept": Case(of_dataset()),
    "schema_kept": Case(describe, of_dataset()),
    "training_is_job": Case(both(add_job("train"), of_run(job_id="j"))),
    "training_reproduced": Case(
        add_measurement("reproduction", {"recorded": 0.7, "again": 0.7001}, {})
    ),
    "baseline_compared": Case(add_measurement("baseline", {"baselines": [{"value": 0.5}]}, {})),
    "search": Case(search, of_run(id="search")),
    "spread_known": Case(metric("fold_roc_auc", 5), of_run()),
    "split_sound": Case(
        add_measurement("leakage", {"row_share": 0, "entity_share": 0, "late_share": None}, {}),
        both(of_run(), param("split", "random")),
    ),
    "importance_known": Case(file("importance.json"), of_run()),
    "same_features": Case(write_model),
    "datasheet_filled": Case(write_datasheet, of_dataset()),
    "personal_data": Case(write_datasheet, of_dataset(tags={"sensitive": "gender"})),
    "gates_passed": Case(of_promotion()),
    "approved_by_another": Case(vote, both(two_people, of_promotion())),
    "staged_rollout": Case(stage),
    "rollback_exercised": Case(roll_back, serve_here),
    "smoke_test": Case(answer_example),
    "latency_in_budget": Case(add_measurement("model_process", {"p95_ms": 5.0}, {})),
    "signature_enforced": Case(describe, serve_here),
    "predictions_explained": Case(log_prediction, both(of_run(), file("reference.parquet"))),
    "slices_measured": Case(
        add_measurement("worst_slice", {"shortfall": 0.01, "column": "a", "segment": "b"}, {})
    ),
    "fairness": Case(
        add_measurement("group_gaps", {"gaps": []}, {"columns": "gender, age"}),
        of_dataset(tags={"sensitive": "gender"}),
    ),
    "card_complete": Case(fill_card, both(of_run(trainer="forest"), of_dataset())),
    "ci_file": Case(export),
    "files_safe": Case(write_model),
    "drift_watched": Case(add_monitor),
    "rules_fired": Case(
        lambda session, store: void(rule_tests.queue_rule_test(session, store, "u")),
        both(add_rule, add_channel),
    ),
    "retraining_triggered": Case(decide),
    "retrained_gated": Case(of_promotion(origin="retraining", status="pending")),
    "labels_return": Case(
        lambda session, store: setattr(session.get_one(Window, "w"), "labelled", 80),
        lambda session, store: add_window(session, store, labelled=10),
    ),
    "performance_tracked": Case(add_result("performance", "roc_auc")),
    "age_limited": Case(add_job("backtest_retraining")),
    "skew_measured": Case(add_result("feature_drift", "psi")),
    "outputs_watched": Case(add_result("prediction_drift", "psi")),
    "upstream_noticed": Case(
        lambda session, store: add_rule(session, store, signal="data_quality", check="type_change")
    ),
    "predictions_logged": Case(log_prediction),
    "lineage_complete": Case(both(of_dataset(), of_promotion()), of_run(commit="abc")),
    "monitoring_plan": Case(attest("monitoring_plan")),
    "risk_register": Case(attest("risk_register", "shop")),
    "erasure_tested": Case(attest("erasure_tested")),
    "incidents_noted": Case(comment, add_alert),
}
OWN_TEST = {"log_intact"}  # it is about the log as a whole: see below


class Undone(Exception):
    """Takes back what a test has written."""


def test_every_check_of_the_reference_has_a_case() -> None:
    assert set(CASES) | OWN_TEST == set(maturity_checks.names())
    numbers = sorted(check.number for _, check in maturity_checks.items())
    assert numbers == list(range(1, 52))


@pytest.mark.parametrize("name", CASES)
def test_a_check_turns_from_failing_to_passing(bare: Workspace, name: str) -> None:
    store, case, check = bare.store, CASES[name], maturity_checks.get(name)
    try:
        with suppress(Undone), store.write() as session:
            case.before(session, store)
            session.flush()
            before = check.evaluate(evidence_of(session, store, INTACT))
            assert before.state in ("failed", "partial"), before.message
            case.mend(session, store)
            session.flush()
            after = check.evaluate(evidence_of(session, store, INTACT))
            assert after.state == "passed", after.message
            raise Undone
    finally:
        shutil.rmtree(store.folder / "journal", ignore_errors=True)


def test_a_rollout_with_analyses_is_a_rollout_in_stages(bare: Workspace) -> None:
    store, check = bare.store, maturity_checks.get("staged_rollout")
    with suppress(Undone), store.write() as session:
        session.add(
            Rollout(id="o", deployment="shop", strategy="canary", settings={}, model="shop",
                    stable_version=2, candidates=[1], chosen_version=1, state="succeeded",
                    by="ada", started_at=NOW)
        )  # fmt: skip
        session.flush()
        assert check.evaluate(evidence_of(session, store, INTACT)).state == "failed"
        session.add(
            RolloutAnalysis(rollout="o", step=0, kind="comparison", at=NOW, traffic={},
                            outcome="passed", verdicts=[])
        )  # fmt: skip
        session.flush()
        assert check.evaluate(evidence_of(session, store, INTACT)).state == "passed"
        raise Undone


def test_a_log_that_was_changed_fails_and_passes_again_when_it_is_restored(bare: Workspace) -> None:
    check, store = maturity_checks.get("log_intact"), bare.store
    assert check.evaluate(gather(store)).state == "passed"
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE activity_entry SET actor = 'eve' WHERE seq = 1"))
    broken = check.evaluate(gather(store))
    assert broken.state == "failed"
    assert "entry 1 was changed" in broken.message
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE activity_entry SET actor = 'ada' WHERE seq = 1"))
    assert check.evaluate(gather(store)).state == "passed"


def test_without_anything_no_level_is_reached(workspace: Workspace) -> None:
    report = workspace.governance.maturity()
    assert report.level == 0
    assert set(report.areas) == set(AREAS)
    assert all(item.verdict.message for item in report.items)
    assert report.models == ()
    assert {item.check.level for item in report.next_steps} == {1}


def test_the_number_of_queries_does_not_depend_on_how_much_ran(bare: Workspace) -> None:
    from sqlalchemy import event

    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    event.listen(bare.store.engine, "before_cursor_execute", counted)
    bare.governance.maturity()
    event.remove(bare.store.engine, "before_cursor_execute", counted)
    assert count < 90


# ---- attestations


def test_an_attestation_counts_half_until_its_end(workspace: Workspace, clock: FixedClock) -> None:
    statement = workspace.governance.attest("code_tested", "CI run 812", days=10)
    item = next(i for i in workspace.governance.maturity().items if i.name == "code_tested")
    assert (item.verdict.state, item.verdict.points) == ("passed", 0.5)
    assert "attested by ada on 2026-03-01: CI run 812" in item.verdict.message
    assert workspace.governance.attested() == [statement]
    entry = workspace.activity.entries(kind="maturity_check").iloc[0]
    assert (entry["verb"], entry["reason"]) == ("attested", "CI run 812")

    clock.advance(timedelta(days=10))
    assert workspace.governance.attested() == []
    item = next(i for i in workspace.governance.maturity().items if i.name == "code_tested")
    assert item.verdict.state == "failed"


@pytest.mark.parametrize(
    ("check", "fields", "wrong"),
    [
        ("log_intact", {}, "check"),
        ("code_tested", {"text": " "}, "text"),
        ("code_tested", {"model": "shop"}, "model"),
        ("risk_register", {}, "model"),
        ("code_tested", {"days": 31}, "days"),
        ("code_tested", {"days": 0}, "days"),
    ],
)
def test_what_cannot_be_attested_is_refused(
    bare: Workspace, check: str, fields: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(Invalid) as refused:
        bare.governance.attest(check, **{"text": "so it is", **fields})
    assert wrong in refused.value.fields


def test_an_attestation_is_of_a_person_and_of_a_model_that_exists(bare: Workspace) -> None:
    with pytest.raises(NotFound):
        bare.governance.attest("risk_register", "risk 12", model="gone")
    nobody = Workspace(replace(bare.store, is_person=False))
    with pytest.raises(PersonNeeded):
        nobody.governance.attest("code_tested", "so it is")


# ---- scoring


def item(level: int, must: bool, verdict: Any, tags: tuple[str, ...] = ()) -> CheckedItem:
    check = MaturityCheck(
        1, "t", "d", level, "data", lambda evidence: verdict, Mend("m"), must, tags=tags
    )
    return CheckedItem("n", check, verdict)


YES, NO, NONE, HALF = passed("y"), failed("n"), not_applicable("-"), passed("h").by_attestation()


def test_a_level_needs_every_must_and_four_fifths_of_the_rest() -> None:
    rest = [item(1, False, YES)] * 4
    assert level_of(level_scores([item(1, True, YES), *rest, item(1, False, NO)])) == 4
    assert level_of(level_scores([item(1, True, NO), *rest])) == 0
    assert level_of(level_scores([*rest, *[item(1, False, NO)] * 2])) == 0
    assert level_of(level_scores([*rest, item(1, False, HALF), item(2, True, NO)])) == 1
    assert level_of(level_scores([item(1, True, NONE), item(2, True, NO)])) == 1
    assert level_of(level_scores([item(1, True, NO), item(2, True, YES)])) == 0


VERDICTS = st.sampled_from([YES, NO, NONE, HALF])


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), VERDICTS), min_size=1))
def test_more_evidence_never_lowers_a_level(parts: list[tuple[int, bool, Any]]) -> None:
    items = [item(*part) for part in parts]
    report = score(items, NOW)
    better = score([item(level, must, YES) if verdict is NO else item(level, must, verdict)
                    for level, must, verdict in parts], NOW)  # fmt: skip
    assert 0 <= report.level <= better.level <= 4
    assert report.test_score <= better.test_score


def test_a_test_of_the_score_has_the_fewest_points_of_its_checks() -> None:
    items = [item(1, False, YES, ("T-Data1",)), item(2, False, HALF, ("T-Data1", "T-Model2"))]
    assert section_points(items) == {"Data": 0.5, "Model": 0.5, "Infra": 0, "Monitor": 0}


def test_what_is_missing_begins_with_the_lowest_level_and_the_least_work() -> None:
    missing = report_on(MaturityEvidence(NOW)).missing
    order = [(i.check.level, not i.check.must) for i in missing]
    assert order == sorted(order)


def test_the_report_is_plain_values(bare: Workspace) -> None:
    report = bare.governance.maturity().to_json()
    assert len(report["checks"]) == 51
    assert {"level", "areas", "levels", "ml_test_score"} <= set(report)
