"""A model file that no training here wrote is never unpickled: not at launch, not to compare."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import joblib
import pytest

from harness.serving import EXAMPLE, SIGNATURE
from pilothouse.deployments.controller.controller import Controller
from pilothouse.deployments.controller.trial import try_version
from pilothouse.deployments.scoring import score_frame
from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.experiments.tables import WrittenModel
from pilothouse.experiments.trusted_models import is_written
from pilothouse.kit.errors import Refused
from pilothouse.registry.versions import VersionSource
from pilothouse.workspace import Workspace


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture
def foreign(workspace: Workspace, mark: Path) -> str:
    """The digest of such a file, registered as version 1 of `odd`."""
    buffer = io.BytesIO()
    joblib.dump(Bomb(mark), buffer)
    digest = workspace.store.artifacts.put_bytes(buffer.getvalue())
    source = VersionSource(digest, SIGNATURE, EXAMPLE, {"roc_auc": 0.9}, imported="a client")
    workspace.registry.register_import("odd", source)
    return digest


def test_it_is_not_tried_and_not_promoted(workspace: Workspace, foreign: str, mark: Path) -> None:
    version = workspace.registry.version("odd", 1)
    assert "never unpickled" in try_version(workspace.store, version)
    with pytest.raises(Refused, match="not written by a training here"):
        workspace.registry.promote("odd", 1, "staging", "please")
    assert not mark.exists()


def test_it_is_not_launched_and_the_refusal_says_what_to_do(
    workspace: Workspace, foreign: str, mark: Path
) -> None:
    with pytest.raises(Refused, match="odd@1 cannot be loaded") as refusal:
        workspace.deployments.launch("odd", "odd", 1, "please")
    assert "Train it here" in refusal.value.hint
    assert not mark.exists()


def test_a_deployment_of_it_starts_no_process(
    workspace: Workspace, foreign: str, mark: Path
) -> None:
    store, now = workspace.store, workspace.store.now()
    with store.write() as session:
        session.add(
            Deployment(
                name="odd",
                model="odd",
                version=1,
                replicas=1,
                created_at=now,
                created_by="ada",
                updated_at=now,
            )
        )
        session.flush()
        session.add(
            Revision(
                deployment="odd",
                seq=1,
                action="launched",
                model="odd",
                version=1,
                digest=foreign,
                signature=SIGNATURE.to_json(),
                example=EXAMPLE,
                by="ada",
                at=now,
            )
        )
    Controller(store).tick()
    [replica] = workspace.deployments.deployment("odd").replicas
    assert replica.pid is None
    assert "never unpickled" in replica.last_exit
    assert not mark.exists()


def test_it_is_not_scored(workspace: Workspace, foreign: str, mark: Path) -> None:
    import pandas as pd

    version = workspace.registry.version("odd", 1)
    with pytest.raises(Refused, match="odd@1"):
        score_frame(workspace.store, version, pd.DataFrame(EXAMPLE), lambda *_: None)
    assert not mark.exists()


def test_what_a_training_writes_is_recorded(workspace: Workspace) -> None:
    import numpy as np
    import pandas as pd

    from pilothouse.training import TrainingSpec

    x = np.random.default_rng(0).normal(size=80)
    frame = pd.DataFrame({"x": x, "y": (x > 0.3).astype(int)})
    ref = workspace.data.register("plain", frame).ref
    run = workspace.training.train_now(
        TrainingSpec(ref, "y", trainer="logistic_regression", evaluation="held_out")
    )
    digests = {file.path: file.digest for file in workspace.experiments.run(run).artifacts}
    with workspace.store.read() as session:
        assert is_written(session, digests["model/model.joblib"])
        recorded = session.get_one(WrittenModel, digests["model/model.joblib"])
        assert recorded.run_id == run
        assert not is_written(session, digests["reference.parquet"])
