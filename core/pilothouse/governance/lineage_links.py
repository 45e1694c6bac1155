"""What leads from one object to the next: a function a link, which reads a few rows and a count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import object_session
from sqlmodel import Session, col, func, select

from pilothouse.data import versions as data_versions
from pilothouse.data.personal_data.version_erasure import erasures_of
from pilothouse.data.tables import DatasetVersion
from pilothouse.deployments import commands
from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.experiments.tables import Run, RunInput
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.tables import Window
from pilothouse.registry import versions
from pilothouse.registry.tables import ModelVersion, VersionEvaluation

DATASET, RUN, VERSION, DEPLOYMENT = "dataset", "run", "version", "deployment"
WINDOW, RETRAINING = "window", "job"
RETRAIN_JOB = "retrain"
MAX_ROLES = 200  # of the runs that read a dataset version
PREDICTED_BY = "model"  # the tag of a dataset version of predictions


@dataclass(frozen=True)
class LineageKind:
    """A kind of object with a lineage, as people call one and several."""

    title: str
    plural: str


KINDS: Mapping[str, LineageKind] = {
    DATASET: LineageKind("dataset version", "dataset versions"),
    RUN: LineageKind("run", "runs"),
    VERSION: LineageKind("model version", "model versions"),
    DEPLOYMENT: LineageKind("deployment", "deployments"),
    WINDOW: LineageKind("window", "windows"),
    RETRAINING: LineageKind("retraining", "retrainings"),
}


@dataclass(frozen=True)
class LineageNode:
    """An object of a lineage: `kind` and `ref` are its address, `status` colours it.

    Of a node that stands for objects without room, the kind is "more", and `page` the address of
    the object that they belong to.
    """

    kind: str
    ref: str
    title: str
    note: str = ""
    status: str = ""
    page: tuple[str, str] = ("", "")

    @property
    def id(self) -> str:
        """Its name within a lineage."""
        return f"{self.kind} {self.ref}"


@dataclass(frozen=True)
class Neighbours:
    """The newest objects of one kind beside another, with how they belong, and how many more."""

    kind: str
    nodes: Sequence[tuple[LineageNode, str]]
    more: int = 0


Link = Callable[[Session, str, int], Neighbours]


def find_node(session: Session, kind: str, ref: str) -> LineageNode:
    """An object by its address. Raises NotFound."""
    return _FINDERS[kind](session, ref)


def _dataset_node(session: Session, ref: str) -> LineageNode:
    return _of_dataset(data_versions.row(session, ref))


def _of_dataset(row: DatasetVersion) -> LineageNode:
    ref = f"{row.dataset}@{row.version}"
    session = object_session(row)
    assert isinstance(session, Session)
    erased = sum(item.rows for item in erasures_of(session, ref))
    note = f"{row.rows:,} rows" + (f", {erased:,} erased" if erased else "")
    return LineageNode(DATASET, ref, ref, note)


def _run_node(session: Session, ref: str) -> LineageNode:
    row = session.get(Run, ref)
    if row is None:
        raise NotFound(f"there is no run {ref!r}.")
    return _of_run(row)


def _of_run(row: Run) -> LineageNode:
    return LineageNode(RUN, row.id, row.name or row.id, f"run, {row.status}", row.status)


def _version_node(session: Session, ref: str) -> LineageNode:
    model, _, number = ref.rpartition("@")
    if not number.isdigit():
        raise NotFound(f"there is no version {ref!r}.", hint="A version is MODEL@NUMBER.")
    return _of_version(versions.require(session, model, int(number)))


def _of_version(row: ModelVersion) -> LineageNode:
    ref = f"{row.model}@{row.version}"
    stage = "" if row.stage == "none" else f", {row.stage}"
    return LineageNode(VERSION, ref, ref, f"version{stage}", row.stage)


def _deployment_node(session: Session, ref: str) -> LineageNode:
    return _of_deployment(commands.require(session, ref))


def _of_deployment(row: Deployment) -> LineageNode:
    where = "deployment elsewhere" if row.external else f"deployment, {row.desired_state}"
    return LineageNode(DEPLOYMENT, row.name, row.name, where, row.desired_state)


def _window_node(session: Session, ref: str) -> LineageNode:
    row = session.get(Window, ref)
    if row is None:
        raise NotFound(f"there is no window {ref!r}.")
    return _of_window(row)


def _of_window(row: Window) -> LineageNode:
    title = f"{row.start:%Y-%m-%d} to {row.end:%Y-%m-%d}"
    return LineageNode(WINDOW, row.id, title, f"{row.rows:,} predictions", row.status)


def _job_node(session: Session, ref: str) -> LineageNode:
    row = session.get(Job, ref)
    if row is None or row.kind != RETRAIN_JOB:
        raise NotFound(f"there is no retraining {ref!r}.", hint="It is the id of its job.")
    return _of_job(row)


def _of_job(row: Job) -> LineageNode:
    return LineageNode(RETRAINING, row.id, "Retraining", f"{row.created_at:%Y-%m-%d}, {row.status}",
                       row.status)  # fmt: skip


_FINDERS: Mapping[str, Callable[[Session, str], LineageNode]] = {
    DATASET: _dataset_node,
    RUN: _run_node,
    VERSION: _version_node,
    DEPLOYMENT: _deployment_node,
    WINDOW: _window_node,
    RETRAINING: _job_node,
}


def _versions_before_dataset(session: Session, ref: str, most: int) -> Neighbours:
    """The version whose predictions a dataset version is."""
    tag = data_versions.row(session, ref).tags.get(PREDICTED_BY, "")
    try:
        return Neighbours(VERSION, [(_version_node(session, tag), "predicted")] if tag else [])
    except NotFound:
        return Neighbours(VERSION, [])


def _datasets_before_dataset(session: Session, ref: str, most: int) -> Neighbours:
    parent = data_versions.row(session, ref).parent
    try:
        return Neighbours(DATASET, [(_dataset_node(session, parent), "parent")] if parent else [])
    except NotFound:
        return Neighbours(DATASET, [])


def _datasets_after_dataset(session: Session, ref: str, most: int) -> Neighbours:
    query = select(DatasetVersion).where(DatasetVersion.parent == ref)
    query = query.order_by(col(DatasetVersion.created_at).desc())
    return _page(session, query, most, DATASET, _of_dataset, "parent")


def _runs_after_dataset(session: Session, ref: str, most: int) -> Neighbours:
    reads = select(RunInput).where(RunInput.dataset == ref)
    roles = {row.run_id: row.role for row in session.exec(reads.limit(MAX_ROLES))}
    read = select(RunInput.run_id).where(RunInput.dataset == ref)
    query = select(Run).where(col(Run.id).in_(read)).order_by(col(Run.created_at).desc())
    runs = _page(session, query, most, RUN, _of_run, "")
    nodes = [(node, roles.get(node.ref, "read")) for node, _ in runs.nodes]
    return Neighbours(RUN, nodes, runs.more)


def _datasets_before_run(session: Session, ref: str, most: int) -> Neighbours:
    query = select(RunInput).where(RunInput.run_id == ref).order_by(RunInput.dataset)
    nodes = []
    for row in session.exec(query.limit(most)):
        try:
            nodes.append((_dataset_node(session, row.dataset), row.role))
        except NotFound:  # it was deleted since
            continue
    total = session.exec(
        select(func.count()).select_from(RunInput).where(RunInput.run_id == ref)
    ).one()
    return Neighbours(DATASET, nodes, max(total - most, 0))


def _versions_before_run(session: Session, ref: str, most: int) -> Neighbours:
    """The version that a run evaluated."""
    row = session.get(VersionEvaluation, ref)
    made = session.get(ModelVersion, (row.model, row.version)) if row is not None else None
    return Neighbours(VERSION, [(_of_version(made), "evaluated")] if made is not None else [])


def _jobs_before_run(session: Session, ref: str, most: int) -> Neighbours:
    run = session.get(Run, ref)
    job = session.get(Job, run.job_id) if run is not None and run.job_id else None
    is_retraining = job is not None and job.kind == RETRAIN_JOB
    return Neighbours(RETRAINING, [(_of_job(job), "made")] if job and is_retraining else [])


def _versions_after_run(session: Session, ref: str, most: int) -> Neighbours:
    query = select(ModelVersion).where(ModelVersion.run_id == ref)
    query = query.order_by(col(ModelVersion.created_at).desc())
    return _page(session, query, most, VERSION, _of_version, "registered")


def _runs_before_version(session: Session, ref: str, most: int) -> Neighbours:
    row = _version_row(session, ref)
    run = session.get(Run, row.run_id) if row.run_id else None
    return Neighbours(RUN, [(_of_run(run), "registered")] if run is not None else [])


def _runs_after_version(session: Session, ref: str, most: int) -> Neighbours:
    """The runs that evaluated a version."""
    row = _version_row(session, ref)
    made = select(VersionEvaluation.run_id).where(
        VersionEvaluation.model == row.model, VersionEvaluation.version == row.version
    )
    query = select(Run).where(col(Run.id).in_(made)).order_by(col(Run.created_at).desc())
    return _page(session, query, most, RUN, _of_run, "evaluated")


def _datasets_after_version(session: Session, ref: str, most: int) -> Neighbours:
    """Dataset versions with its predictions."""
    query = (
        select(DatasetVersion)
        .where(col(DatasetVersion.tags)[PREDICTED_BY].as_string() == ref)
        .order_by(col(DatasetVersion.created_at).desc())
    )
    return _page(session, query, most, DATASET, _of_dataset, "predicted")


def _deployments_after_version(session: Session, ref: str, most: int) -> Neighbours:
    """Deployments that serve a version, or have served it."""
    row = _version_row(session, ref)
    served = select(Revision.deployment).where(
        Revision.model == row.model, Revision.version == row.version
    )
    query = select(Deployment).where(col(Deployment.name).in_(served)).order_by(Deployment.name)
    served_by = _page(session, query, most, DEPLOYMENT, _of_deployment, "")
    nodes = []
    for node, _ in served_by.nodes:
        current = session.get_one(Deployment, node.ref)
        serves = row.version in (current.version, current.serving_version)
        nodes.append((node, "serves" if serves else "served"))
    return Neighbours(DEPLOYMENT, nodes, served_by.more)


def _versions_before_deployment(session: Session, ref: str, most: int) -> Neighbours:
    """The versions that a deployment has served, the newest revision first."""
    current = commands.require(session, ref)
    newest = (
        select(Revision.model, Revision.version, func.max(Revision.seq).label("seq"))
        .where(Revision.deployment == ref, Revision.model != "")
        .group_by(col(Revision.model), col(Revision.version))
        .order_by(func.max(Revision.seq).desc())
    )
    rows = session.exec(newest).all()
    nodes = []
    for model, number, _ in rows[:most]:
        row = session.get(ModelVersion, (model, number))
        if row is not None:
            serves = number in (current.version, current.serving_version)
            nodes.append((_of_version(row), "serves" if serves else "served"))
    return Neighbours(VERSION, nodes, max(len(rows) - most, 0))


def _windows_after_deployment(session: Session, ref: str, most: int) -> Neighbours:
    query = select(Window).where(Window.deployment == ref, col(Window.removed_at).is_(None))
    query = query.order_by(col(Window.start).desc())
    return _page(session, query, most, WINDOW, _of_window, "answered")


def _jobs_after_deployment(session: Session, ref: str, most: int) -> Neighbours:
    query = (
        select(Job)
        .where(Job.kind == RETRAIN_JOB, Job.subject_ref == ref)
        .order_by(col(Job.created_at).desc())
    )
    return _page(session, query, most, RETRAINING, _of_job, "retrained")


def _deployments_before_window(session: Session, ref: str, most: int) -> Neighbours:
    row = session.get(Window, ref)
    owner = session.get(Deployment, row.deployment) if row is not None else None
    return Neighbours(DEPLOYMENT, [(_of_deployment(owner), "answered")] if owner else [])


def _deployments_before_job(session: Session, ref: str, most: int) -> Neighbours:
    job = session.get(Job, ref)
    owner = session.get(Deployment, job.subject_ref) if job is not None else None
    return Neighbours(DEPLOYMENT, [(_of_deployment(owner), "retrained")] if owner else [])


def _runs_after_job(session: Session, ref: str, most: int) -> Neighbours:
    query = select(Run).where(Run.job_id == ref).order_by(col(Run.created_at).desc())
    return _page(session, query, most, RUN, _of_run, "made")


def _datasets_after_job(session: Session, ref: str, most: int) -> Neighbours:
    """The snapshot of labelled rows that a retraining took."""
    job = session.get(Job, ref)
    dataset = str((job.result or {}).get("dataset", "")) if job is not None else ""
    try:
        node = [(_dataset_node(session, dataset), "took")] if dataset else []
        return Neighbours(DATASET, node)
    except NotFound:
        return Neighbours(DATASET, [])


def _version_row(session: Session, ref: str) -> ModelVersion:
    model, _, number = ref.rpartition("@")
    return versions.require(session, model, int(number))


def _page(
    session: Session, query: Any, most: int, kind: str, make: Callable[[Any], LineageNode],
    label: str,
) -> Neighbours:  # fmt: skip
    """The first rows of a query as nodes, and how many more there are."""
    total = session.exec(select(func.count()).select_from(query.order_by(None).subquery())).one()
    rows = session.exec(query.limit(most)).all()
    return Neighbours(kind, [(make(row), label) for row in rows], max(int(total) - len(rows), 0))


# By the kind of an object, and whether what was made of it is looked for (else what it is made of).
LINKS: Mapping[tuple[str, bool], tuple[Link, ...]] = {
    (DATASET, False): (_datasets_before_dataset, _versions_before_dataset),
    (DATASET, True): (_runs_after_dataset, _datasets_after_dataset),
    (RUN, False): (_datasets_before_run, _versions_before_run, _jobs_before_run),
    (RUN, True): (_versions_after_run,),
    (VERSION, False): (_runs_before_version,),
    (VERSION, True): (
        _deployments_after_version,
        _runs_after_version,
        _datasets_after_version,
    ),
    (DEPLOYMENT, False): (_versions_before_deployment,),
    (DEPLOYMENT, True): (_windows_after_deployment, _jobs_after_deployment),
    (WINDOW, False): (_deployments_before_window,),
    (RETRAINING, False): (_deployments_before_job,),
    (RETRAINING, True): (_datasets_after_job, _runs_after_job),
}
