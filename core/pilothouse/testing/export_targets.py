"""What every target of exports promises: all files, the same each time, and nothing left unsaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.deployments.autoscaling import ProcessLimits
from pilothouse.deployments.model_server.server import Launch
from pilothouse.deployments.standalone.exported_model import ServerSettings
from pilothouse.interop.exporting.export_notes import with_notes
from pilothouse.interop.exporting.plan import Content, ExportPlan, TarGz, Zip
from pilothouse.interop.exporting.subject import CanaryStep, ExportSubject, ServingSettings
from pilothouse.interop.exporting.targets import ExportTarget
from pilothouse.kit.parameters import read_params
from pilothouse.models.package import check_path
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.testing.parameters import check_described

SIGNATURE = Signature(
    inputs=(SignatureField("size", "number"), SignatureField("who's", "string", required=False)),
    target="y",
    classes=("no", "yes"),
    positive="yes",
    threshold=0.3,
)
LIMITS = CallLimits(max_concurrent=7, per_second=50.0, burst=60)
# What must occur in the notes, whichever list it is in.
PHRASES = (
    "7 requests at once",
    "50 requests a second",
    "30 minutes",
    "API keys",
    "ledger",
    "Canary",
)


def export_subjects() -> tuple[ExportSubject, ExportSubject]:
    """A version as a deployment with every setting serves it, and the same without one."""
    launch = Launch(
        deployment="Churn.v1_prod",
        model="churn",
        version=3,
        artifact="files/model.joblib",
        digest="0" * 64,
        socket="",
        signature=SIGNATURE.to_json(),
        example=[{"size": 1.5, "who's": "it's \"a\" ${x} {{ y }} 'b'"}],
    )
    plain = ExportSubject(
        ref="churn@3",
        launch=launch,
        settings=ServerSettings(),
        model_files={"files/model.joblib": Path(__file__)},
        server_files={"pilothouse/__init__.py": b""},
        python="3.11",
        lock=("numpy==2.4.6", "orjson==3.13.0", "scikit-learn==1.9.1", "uvicorn==0.54.0"),
        format_title="Pilothouse pipeline",
    )
    settings = ServingSettings(
        name="Churn.v1_prod",
        processes=ProcessLimits(3, 8),
        limits=LIMITS,
        needs_key=True,
        sleep_after_minutes=30.0,
        log_lines=("not logged: ledger",),
        memory_mb=300.0,
        rollout="Canary",
        stable_version=2,
        canary=(CanaryStep(5.0, 600), CanaryStep(50.0, 600)),
    )
    limited = ServerSettings(max_concurrent=7, per_second=50.0, burst=60)
    return replace(plain, settings=limited, deployment=settings), plain


def check_export_target(name: str, target: ExportTarget) -> None:
    """Raise AssertionError, with what is wrong, unless the target keeps every promise."""
    check_described(name, target)
    options = read_params(name, target.parameters, {})
    served, plain = export_subjects()
    for subject in (served, plain):
        assert not target.refusal(subject), f"{name} cannot take a plain classifier"
        plan = with_notes(subject, target.title, target.plan(subject, options))
        _check_files(name, subject, plan)
        again = with_notes(subject, target.title, target.plan(subject, options))
        assert plan == again, f"{name} gives two plans for the same values"
    plan = target.plan(served, options)
    notes = " ".join((*plan.carried, *plan.left_out)).lower()
    missing = [phrase for phrase in PHRASES if phrase.lower() not in notes]
    assert not missing, f"{name} says nothing of {', '.join(missing)}"
    old = target.refusal(replace(plain, python="3.8"))
    assert "3.8" in old, f"{name} does not refuse a Python on which its server cannot run"


def _check_files(name: str, subject: ExportSubject, plan: ExportPlan) -> None:
    """The paths are safe, and every file of the model and its lock are there."""
    contents = dict(_all_files(plan.files))
    for path in contents:
        check_path(path)
    for path in subject.model_files:
        assert any(part.endswith(path) for part in contents), f"{name} leaves {path} out"
    assert any(part.endswith("requirements.txt") for part in contents), f"{name} has no lock"
    assert plan.steps, f"{name} does not say how it is started"
    assert plan.carried, f"{name} does not say what is carried over"


def _all_files(files: Mapping[str, Content]) -> Iterator[tuple[str, Content]]:
    for path, content in files.items():
        yield path, content
        if isinstance(content, TarGz | Zip):
            yield from _all_files(content.files)
