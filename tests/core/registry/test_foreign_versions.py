"""Models of other programs: read without being run, described, audited, approved, refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pilothouse.deployments.controller.trial import try_version
from pilothouse.deployments.environment_check import check_in_environment
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.models.audit import DATA_ONLY, KNOWN_CLASSES, OWN_CODE
from pilothouse.registry.info import VersionInfo
from pilothouse.workspace import Workspace

mlflow = pytest.importorskip("mlflow")
# The client warns of pickles, of type hints and of integers; its warnings are no concern of ours.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
Saved = Callable[..., Path]


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


def rows() -> tuple[Any, Any]:
    """Two columns, and which of three classes each row is of."""
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(3)
    frame = pd.DataFrame({"size": draw.normal(size=90), "age": draw.normal(size=90)})
    return frame, np.digitize(frame["size"], [-0.4, 0.4])


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Write a model with MLflow's own client; the folder."""

    def save(flavor: Any, **model: Any) -> Path:
        from mlflow.models import infer_signature

        frame, target = rows()
        folder = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
        flavor.save_model(
            path=str(folder),
            signature=infer_signature(frame, target),
            input_example=frame.head(2),
            pip_requirements=["scikit-learn"],
            **model,
        )
        return folder

    return save


@pytest.fixture
def pickled(saved: Saved, workspace: Workspace) -> VersionInfo:
    """A pickled classifier of scikit-learn."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(*rows())
    folder = saved(mlflow.sklearn, sk_model=model, serialization_format="cloudpickle")
    return workspace.registry.register_files("shop", folder)


@pytest.fixture
def function(saved: Saved, workspace: Workspace) -> VersionInfo:
    """A Python function of its author's own."""

    class Doubles(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any) -> Any:
            return model_input["size"] * 2

    folder = saved(mlflow.pyfunc, python_model=Doubles())
    return workspace.registry.register_files("own", folder)


def test_a_folder_of_mlflow_says_its_inputs_its_example_and_what_it_needs(
    pickled: VersionInfo,
) -> None:
    assert [(f.name, f.type) for f in pickled.signature.inputs] == [
        ("size", "number"),
        ("age", "number"),
    ]
    assert not pickled.signature.is_described
    assert [set(row) for row in pickled.input_example] == [{"size", "age"}] * 2
    package = pickled.package
    assert package is not None
    assert package.format == "sklearn_pickle"
    assert "scikit-learn" in package.requirements
    assert "MLmodel" in package.files


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosters_hold_data_only_and_need_no_approval(
    saved: Saved, workspace: Workspace, library: str
) -> None:
    frame, target = rows()
    if library == "xgboost":
        xgboost = pytest.importorskip("xgboost")
        model = xgboost.XGBClassifier(n_estimators=2).fit(frame, target)
        folder = saved(mlflow.xgboost, xgb_model=model)
    else:
        lightgbm = pytest.importorskip("lightgbm")
        data = lightgbm.Dataset(frame, target)
        model = lightgbm.train({"verbose": -1, "objective": "regression"}, data, 2)
        folder = saved(mlflow.lightgbm, lgb_model=model)
    version = workspace.registry.register_files("boosted", folder)
    assert version.package is not None
    assert version.package.format == library
    audit = workspace.registry.code_audit("boosted", 1)
    assert audit is not None
    assert audit.badge == DATA_ONLY
    assert workspace.registry.reason_not_loaded("boosted", 1) == ""
    with pytest.raises(Conflict, match="needs no approval"):
        workspace.registry.approve_code("boosted", 1, "why not")


def test_classes_of_known_libraries_need_no_approval(
    workspace: Workspace, pickled: VersionInfo
) -> None:
    audit = workspace.registry.code_audit("shop", 1)
    assert audit is not None
    assert audit.badge == KNOWN_CLASSES
    assert "sklearn.linear_model._logistic.LogisticRegression" in audit.imports
    assert workspace.registry.reason_not_loaded("shop", 1) == ""


class TestDescribing:
    def test_it_is_checked_stored_and_recorded(
        self, workspace: Workspace, pickled: VersionInfo
    ) -> None:
        described = workspace.registry.describe(
            "shop", 1, "multiclass", classes=["low", "mid", "high"], target="price"
        )
        signature = described.signature
        assert signature.is_described
        assert (signature.classes, signature.gives) == (("low", "mid", "high"), "probability")
        assert signature.inputs == pickled.signature.inputs
        entry = workspace.activity.entries(size=1).iloc[0]
        assert (entry["verb"], entry["ref"]) == ("described", "shop@1")
        assert workspace.activity.verify().intact

    def test_the_positive_class_is_written_as_the_classes_are(
        self, workspace: Workspace, pickled: VersionInfo
    ) -> None:
        described = workspace.registry.describe(
            "shop", 1, "binary", classes=[0, 1], positive="1", threshold=0.3
        )
        assert (described.signature.positive, described.signature.threshold) == (1, 0.3)
        with pytest.raises(Invalid, match="none of the classes"):
            workspace.registry.describe("shop", 1, "binary", classes=[0, 1], positive="2")

    @pytest.mark.parametrize(
        ("task", "parts", "error"),
        [
            ("binary", {"classes": ["a", "b", "c"], "positive": "a"}, Invalid),
            ("quantile", {"levels": [0.9, 0.1]}, Invalid),
            ("regression", {"gives": "probability"}, Invalid),
            ("unspecified", {}, Invalid),
            ("regression", {"inputs": {"weight": "number"}}, Invalid),
            ("regression", {"inputs": {"size": "tensor"}}, Invalid),
            ("nothing", {}, NotFound),
        ],
    )
    def test_what_does_not_fit_changes_nothing(
        self,
        workspace: Workspace,
        pickled: VersionInfo,
        task: str,
        parts: dict[str, Any],
        error: type[Exception],
    ) -> None:
        with pytest.raises(error):
            workspace.registry.describe("shop", 1, task, **parts)
        assert workspace.registry.version("shop", 1) == pickled

    def test_a_version_that_was_deployed_keeps_its_description(
        self, workspace: Workspace, pickled: VersionInfo
    ) -> None:
        workspace.registry.describe("shop", 1, "regression")
        workspace.deployments.launch("live", "shop", 1)
        with pytest.raises(Conflict, match="'live' serves it or has served it"):
            workspace.registry.describe("shop", 1, "ranking")


class TestApproval:
    def test_own_code_is_loaded_only_while_a_person_approves_it(
        self, workspace: Workspace, function: VersionInfo
    ) -> None:
        registry = workspace.registry
        audit = registry.code_audit("own", 1)
        assert audit is not None
        assert audit.badge == OWN_CODE
        described = registry.describe("own", 1, "regression")
        assert "nobody has approved" in try_version(workspace.store, described)
        with pytest.raises(Refused, match="nobody has approved"):
            workspace.deployments.launch("own", "own", 1)

        approved = registry.approve_code("own", 1, "read it")
        assert approved.imports == audit.imports
        assert registry.reason_not_loaded("own", 1) == ""
        workspace.deployments.launch("own", "own", 1)

        registry.revoke_code("own", 1, "its author has left")
        with pytest.raises(Refused, match="nobody has approved"):
            workspace.deployments.launch("again", "own", 1)
        stored = registry.code_approval("own", 1)
        assert stored is not None
        assert not stored.is_valid
        verbs = workspace.activity.entries(size=20)["verb"].tolist()
        assert {"approved code", "revoked code"} <= set(verbs)
        assert workspace.activity.verify().intact

    def test_it_needs_a_reason_and_a_person(
        self, workspace: Workspace, function: VersionInfo
    ) -> None:
        with pytest.raises(Invalid, match="reason"):
            workspace.registry.approve_code("own", 1, " ")
        with pytest.raises(Refused, match="by a person"):
            workspace.acting_as("retraining").registry.approve_code("own", 1, "by itself")

    def test_another_version_of_the_same_files_needs_its_own(
        self, workspace: Workspace, function: VersionInfo
    ) -> None:
        workspace.registry.approve_code("own", 1, "read it")
        files = {
            path: workspace.store.artifacts.read(digest)
            for path, digest in (function.package.files if function.package else {}).items()
        }
        workspace.registry.register_files("own", files)
        assert workspace.registry.reason_not_loaded("own", 2) != ""


class TestAttacks:
    def test_an_mlmodel_that_trusts_itself_is_not_believed(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        mark = tmp_path / "ran"
        mlmodel = (
            "flavors:\n  sklearn:\n    pickled_model: model.pkl\n"
            "    skops_trusted_types: [posix.mkdir]\n"
        )
        files = {"MLmodel": mlmodel.encode(), "model.pkl": pickle.dumps(Bomb(mark))}
        workspace.registry.register_files("odd", files)
        audit = workspace.registry.code_audit("odd", 1)
        assert audit is not None
        assert (audit.badge, audit.unknown) == (OWN_CODE, ("posix.mkdir",))
        assert workspace.registry.reason_not_loaded("odd", 1) != ""
        assert not mark.exists()

    def test_a_path_of_the_authors_machine_is_cut_to_its_name(self, workspace: Workspace) -> None:
        mlmodel = (
            "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.loaders.code_model\n"
            "    model_code_path: ../../../etc/passwd\n"
        )
        files = {"MLmodel": mlmodel.encode(), "passwd": b""}
        version = workspace.registry.register_files("odd", files)
        assert version.package is not None
        assert version.package.fact("model_code_path") == "passwd"

    @pytest.mark.parametrize("where", ["file", "folder", "itself"])
    def test_links_are_refused(self, workspace: Workspace, tmp_path: Path, where: str) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "model.cbm").write_bytes(b"x")
        target = {"file": folder / "secret", "folder": folder / "more", "itself": tmp_path / "l"}
        pointed = {"file": Path("/etc/passwd"), "folder": Path("/etc"), "itself": folder}
        target[where].symlink_to(pointed[where])
        with pytest.raises(Invalid, match="symbolic link"):
            workspace.registry.register_files("odd", target[where] if where == "itself" else folder)

    @pytest.mark.parametrize("name", ["../model.cbm", "/model.cbm", "a/../../model.cbm"])
    def test_names_that_lead_outside_are_refused(self, workspace: Workspace, name: str) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(name, b"x")
        for files in ({name: b"x", "b.txt": b""}, {"model.zip": packed.getvalue()}):
            with pytest.raises(Invalid, match="outside"):
                workspace.registry.register_files("odd", files)

    def test_a_zip_bomb_is_refused(self, workspace: Workspace) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as archive:
            archive.writestr("model.cbm", b"\0" * (100 << 20))
        with pytest.raises(Invalid, match="more than is allowed"):
            workspace.registry.register_files("odd", {"model.zip": packed.getvalue()})

    def test_files_that_no_format_loads_are_no_version(self, workspace: Workspace) -> None:
        with pytest.raises(Invalid, match="No format claims"):
            workspace.registry.register_files("odd", {"notes.md": b"hello"})
        assert workspace.registry.models().empty


def test_a_zip_of_a_folder_is_the_folder(workspace: Workspace, saved: Saved) -> None:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(*rows())
    folder = saved(mlflow.sklearn, sk_model=model, serialization_format="pickle")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, f"exported/{path.relative_to(folder).as_posix()}")
    zipped = workspace.registry.register_files("a", {"exported.zip": packed.getvalue()})
    plain = workspace.registry.register_files("b", folder)
    assert zipped.package == plain.package


def test_the_columns_of_a_signature_are_read_as_mlflow_writes_them() -> None:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    from pilothouse.models.mlflow_signature import read_inputs
    from pilothouse.models.signature import SignatureField

    written = ModelSignature(
        Schema(
            [
                ColSpec(DataType.double, "a"),
                ColSpec(DataType.string, "b", required=False),
                ColSpec(DataType.boolean, "c"),
                ColSpec(DataType.datetime, "d"),
                ColSpec(DataType.long, "e"),
            ]
        )
    ).to_dict()
    assert read_inputs(json.loads(written["inputs"])).fields == (
        SignatureField("a", "number"),
        SignatureField("b", "string", required=False),
        SignatureField("c", "boolean"),
        SignatureField("d", "time"),
        SignatureField("e", "integer"),
    )


def test_a_job_checks_a_version_in_an_environment(
    workspace: Workspace, pickled: VersionInfo, function: VersionInfo
) -> None:
    store, own = workspace.store, Path(sys.executable)
    assert check_in_environment(store, "nobody@1", own) is None
    assert check_in_environment(store, function.ref, own) is None  # nobody approved its code

    outcome = check_in_environment(store, pickled.ref, own)
    assert outcome is not None
    assert outcome.failure == ""
    absent = check_in_environment(store, pickled.ref, Path("/usr/bin/false"))
    assert absent is not None
    assert absent.failure == "example_failed"
