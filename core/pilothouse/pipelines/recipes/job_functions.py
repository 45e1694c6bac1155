"""What the job of a recipe does in child processes: environment, code, registration."""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilothouse.data import Data
from pilothouse.data.booleans import as_written
from pilothouse.deployments.controller.trial import try_version
from pilothouse.environments.locations import interpreter_of
from pilothouse.environments.requests import claim
from pilothouse.experiments import Experiments, late_writes
from pilothouse.experiments.provenance.git import CodeIdentity
from pilothouse.jobs import Progress
from pilothouse.kit import processes
from pilothouse.kit.errors import Cancelled, Invalid, PilothouseError, Unavailable
from pilothouse.pipelines.recipes import commands, snapshot
from pilothouse.pipelines.recipes.code_process import CodeOutput, code_variables, run_command
from pilothouse.pipelines.recipes.info import RecipeInfo, recipe_info
from pilothouse.pipelines.recipes.project import fill_command
from pilothouse.pipelines.recipes.runs import (
    CODE_TAG,
    JOB_TAG,
    NAME_TAG,
    runs_of_job,
)
from pilothouse.registry import Registry
from pilothouse.storage import Store

FOLDER = "recipes"  # of the workspace: code that runs now
CODE_FILE = "recipe/code.zip"
METRICS_FILE = "metrics.json"
WATCH_SECONDS, SERVER_SECONDS = 1.0, 30.0
MAX_OUTPUTS = 1_000
ENDED_EARLY = "its process ended before the run did."
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """One attempt to run the code: its recipe, its job, what it is given, where it works."""

    recipe: RecipeInfo
    job_id: str
    parameters: Mapping[str, Any]
    dataset: str
    folder: Path
    earlier: frozenset[str]  # runs of attempts that were killed

    @property
    def tags(self) -> dict[str, str]:
        """The tags of each of its runs."""
        return {
            NAME_TAG: self.recipe.name,
            JOB_TAG: self.job_id,
            CODE_TAG: self.recipe.digest,
        }

    @property
    def outputs(self) -> Path:
        """What the code writes here becomes files of its run."""
        return self.folder / "outputs"


def claim_environment(
    store: Store, progress: Progress, *, recipe: str, job_id: str
) -> dict[str, Any]:
    """Note the environment of a recipe for a job that builds it; its id."""
    with store.write() as session:
        requested = recipe_info(commands.require(session, recipe)).environment
        return {"environment": claim(session, store, requested, job_id).id}


def run_code(
    store: Store,
    progress: Progress,
    *,
    recipe: str,
    parameters: Mapping[str, Any],
    dataset: str,
    environment: str,
    job_id: str,
) -> dict[str, Any]:
    """Run the code of a recipe to its end; its runs and the dataset version that it read.

    Runs of an attempt that was killed are closed, and the code starts anew. Raises Invalid with the
    code's last lines when it fails.
    """
    close_runs(store, job_id, "failed", ENDED_EARLY)
    with store.read() as session:
        info = recipe_info(commands.require(session, recipe))
        earlier = frozenset(runs_of_job(session, job_id))
    version = Data(store).version(dataset).ref if dataset else ""
    folder = store.folder / FOLDER / job_id
    attempt = Attempt(info, job_id, parameters, version, folder, earlier)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        runs = _run(store, progress, attempt, interpreter_of(store, environment))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"runs": runs, "dataset": version, "code": info.digest}


def register_models(
    store: Store, progress: Progress, *, recipe: str, runs: list[str]
) -> dict[str, Any]:
    """The versions of the runs; without any, the newest run's model becomes one of its model."""
    registry = Registry(store, try_version)
    versions = [version.ref for run in runs for version in registry.of_run(run)]
    with store.read() as session:
        model = commands.require(session, recipe).model
    if not versions and model and runs:
        versions = [registry.register(model, runs[-1]).ref]
    for ref in versions:
        _describe_as_before(registry, ref)
    return {"versions": versions}


def _describe_as_before(registry: Registry, ref: str) -> None:
    """Give a version the description of the newest one before it with the same inputs.

    The same code made both, so its answers mean the same; a person described the first.
    """
    model, _, number = ref.rpartition("@")
    made = registry.version(model, int(number))
    if made.signature.is_described:
        return
    numbers = registry.versions(model)["version"]
    for earlier in sorted((int(n) for n in numbers if n < made.version), reverse=True):
        before = registry.version(model, earlier).signature
        if not before.is_described or before.names != made.signature.names:
            continue
        try:
            registry.describe(
                model,
                made.version,
                before.task,
                classes=before.classes,
                positive=before.positive,
                threshold=before.threshold,
                outputs=[(output.name, output.type) for output in before.outputs],
                levels=before.levels,
                unit=before.unit,
                gives=before.gives,
                target=before.target,
            )
            log.info("%s is described as %s@%d", ref, model, earlier)
        except PilothouseError as refused:
            log.warning("%s is not described as %s@%d: %s", ref, model, earlier, refused)
        return


def close_runs(store: Store, job_id: str, status: str, error: str = "") -> None:
    """End the runs that a job's code left open."""
    with store.read() as session:
        left = runs_of_job(session, job_id, open_only=True)
    for run in left:
        Experiments(store).finish(run, status, error)


def _run(store: Store, progress: Progress, attempt: Attempt, program: Path) -> list[str]:
    code = attempt.folder / "code"
    code.mkdir(parents=True)
    attempt.outputs.mkdir()
    snapshot.unpack(store.artifacts.read(attempt.recipe.digest), code)
    command = fill_command(attempt.recipe.project, _values(store, attempt))
    variables = code_variables(program, attempt.folder / "bin") | _addresses(store, attempt)
    log.info("%s, in the environment of %s", command, program)

    watch = _RunWatcher(store, attempt)
    status = "failed"
    output = CodeOutput()

    def tick(now: CodeOutput) -> None:
        nonlocal output
        output = now
        progress(now.share, now.last_line[:200] or f"running {attempt.recipe.name}")
        progress.check()
        watch()

    try:
        exit_code, output = run_command(command, code, variables, tick)
        status = "failed" if exit_code else "finished"
    except Cancelled:
        status = "cancelled"
        raise
    finally:
        watch(at_once=True)
        runs = watch.runs or [_own_run(store, attempt)]
        _write_outputs(store, attempt, runs[-1])
        error = output.last_line if status == "failed" else ""
        close_runs(store, attempt.job_id, status, error)
    if exit_code:
        raise Invalid(
            f"{attempt.recipe.name} ended with exit code {exit_code}: {output.last_line}",
            hint="Its last lines:\n" + "\n".join(output.lines),
        )
    return runs


def _values(store: Store, attempt: Attempt) -> dict[str, Any]:
    """The parameters with the path of the dataset's file, which is written now."""
    if not attempt.dataset:
        return dict(attempt.parameters)
    name = attempt.dataset.partition("@")[0]
    file = attempt.folder / "inputs" / f"{name}.{attempt.recipe.dataset_format}"
    file.parent.mkdir()
    data = Data(store)
    frame = as_written(data.frame(attempt.dataset), data.version(attempt.dataset).schema)
    if attempt.recipe.dataset_format == "csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file, index=False)
    return {attempt.recipe.dataset_parameter: str(file), **attempt.parameters}


def _addresses(store: Store, attempt: Attempt) -> dict[str, str]:
    """Where MLflow clients send what they log, and the tags that make its runs ours."""
    recipe = attempt.recipe
    tags = attempt.tags
    if recipe.commit:
        tags["mlflow.source.git.commit"] = recipe.commit
    return {
        "MLFLOW_TRACKING_URI": _server(store),
        "MLFLOW_EXPERIMENT_NAME": recipe.experiment,
        "MLFLOW_RUN_CONTEXT": json.dumps(tags),
        "RECIPE_OUTPUTS": str(attempt.outputs),
        "RECIPE_DATASET": attempt.dataset,
    }


def _server(store: Store) -> str:
    """The address of the server; waits while it restarts."""
    end = time.monotonic() + SERVER_SECONDS
    while (server := processes.find(store.run_folder, "server")) is None:
        if time.monotonic() > end:
            raise Unavailable(
                "no server runs, so that the code could not log its runs.",
                hint="Start `pilothouse up`, then run the job again.",
            )
        time.sleep(WATCH_SECONDS)
    return server.url


class _RunWatcher:
    """Looks for new runs of the code about once a second, and notes what they read and ran."""

    def __init__(self, store: Store, attempt: Attempt) -> None:
        self.runs: list[str] = []
        self._store, self._attempt = store, attempt
        self._next = 0.0

    def __call__(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if now < self._next and not at_once:
            return
        self._next = now + WATCH_SECONDS
        with self._store.read() as session:
            there = runs_of_job(session, self._attempt.job_id)
        for run in there:
            if run not in self._attempt.earlier and run not in self.runs:
                _describe(self._store, self._attempt, run)
                self.runs.append(run)


def _describe(store: Store, attempt: Attempt, run: str) -> None:
    if attempt.dataset:
        Experiments(store).log_input(run, attempt.dataset)
    digest = attempt.recipe.digest
    with store.write() as session:
        size = store.artifacts.size(digest)
        late_writes.log_artifact(session, store, run, CODE_FILE, digest, size)


def _own_run(store: Store, attempt: Attempt) -> str:
    """A run for code that logged none itself, with its parameters."""
    recipe, experiments = attempt.recipe, Experiments(store)
    run = experiments.start(
        recipe.experiment,
        recipe.name,
        source=f"recipe {recipe.name}",
        code=CodeIdentity(recipe.commit or None),
    )
    defaults = {p.name: p.default for p in recipe.open_parameters if p.default is not None}
    experiments.log_batch(run, params=defaults | dict(attempt.parameters), tags=attempt.tags)
    _describe(store, attempt, run)
    return run


def _write_outputs(store: Store, attempt: Attempt, run: str) -> None:
    """Files that the code left in its folder of outputs, and the numbers of metrics.json there."""
    files = sorted(
        path for path in attempt.outputs.rglob("*") if path.is_file() and not path.is_symlink()
    )
    if len(files) > MAX_OUTPUTS:
        log.warning("the code left %d files; the first %d become files of its run",
                    len(files), MAX_OUTPUTS)  # fmt: skip
    experiments = Experiments(store)
    for path in files[:MAX_OUTPUTS]:
        name = path.relative_to(attempt.outputs).as_posix()
        try:
            experiments.log_file(run, name, path)
            if name == METRICS_FILE:
                experiments.log_metrics(run, _numbers(path.read_bytes()))
        except PilothouseError as refused:
            log.warning("%s: %s", name, refused)


def _numbers(content: bytes) -> dict[str, float]:
    """The finite numbers of a JSON object by their names."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise Invalid(f"{METRICS_FILE} is not JSON.") from None
    if not isinstance(values, dict):
        raise Invalid(f"{METRICS_FILE} is not an object of names and numbers.")
    numbers = {
        str(name): float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
