"""Requirements: of what a client recorded, the lines that a format needs, each library once."""

from __future__ import annotations

import pytest

from pilothouse.deployments.version_environments import unmet_by
from pilothouse.models.audit import DATA_ONLY
from pilothouse.models.formats import detect, format_of
from pilothouse.models.package import ModelPackage
from pilothouse.registry.code_audit import AuditInfo

DIGEST = "0" * 64
# As MLflow's client records them, whatever the model is.
RECORDED = (
    *("mlflow==3.17.2", "mlflow-skinny==3.17.2", "psutil==7.0.0", "numpy==2.4.6", "pandas==3.1.1"),
    *("scikit-learn==1.9.1", "skops==0.16.0", "torch==2.13.0+cpu", "scipy==1.18.0"),
    *("tensorflow-cpu==2.21.0", "tensorflow==2.21.0", "keras==3.15.1", "xgboost==3.2.0"),
    *("--extra-index-url https://evil.example", "odd @ https://evil.example/odd.whl", "# a note"),
)


def needed(name: str, file: str, **facts: str) -> set[str]:
    package = ModelPackage(name, {file: DIGEST}, facts, RECORDED)
    return set(format_of(package).requirements(package))


def test_a_data_format_needs_its_library_and_what_that_imports() -> None:
    lines = needed("xgboost", "model.ubj")
    common = {"numpy==2.4.6", "pandas==3.1.1", "scipy==1.18.0", "orjson>=3.10.12"}
    assert lines == common | {"xgboost==3.2.0"}


def test_a_library_that_nobody_recorded_is_required_in_any_version() -> None:
    assert "lightgbm" in needed("lightgbm", "model.lgb")


def test_a_pickle_keeps_what_was_recorded_without_what_clients_always_record() -> None:
    names = {line.partition("==")[0] for line in needed("sklearn_pickle", "model.pkl")}
    assert {"scikit-learn", "xgboost", "pandas"} <= names
    assert not names & {"mlflow", "mlflow-skinny", "psutil", "torch", "tensorflow", "keras"}


def test_a_network_keeps_its_library_in_one_build_and_without_a_local_version() -> None:
    assert "torch==2.13.0" in needed("torch", "model.pt2")
    lines = needed("keras", "model.keras")
    assert {"tensorflow-cpu==2.21.0", "keras==3.15.1"} <= lines
    assert "tensorflow==2.21.0" not in lines


def test_a_python_model_needs_mlflow_in_its_small_build() -> None:
    lines = needed("mlflow_pyfunc", "MLmodel", loader_module="mine", mlflow_version="3.17.2")
    assert "mlflow-skinny==3.17.2" in lines
    assert not any(line.startswith("mlflow=") for line in lines)


@pytest.mark.parametrize("file", ["model.ubj", "model.keras", "model.pkl"])
def test_addresses_and_options_of_a_model_are_never_taken(file: str) -> None:
    kinds = {"model.ubj": "xgboost", "model.keras": "keras", "model.pkl": "sklearn_pickle"}
    assert not any("evil" in line for line in needed(kinds[file], file))


def test_any_build_of_a_library_that_is_installed_is_enough() -> None:
    package = ModelPackage("xgboost", {"model.ubj": DIGEST}, {}, ("xgboost==3.1.0",))
    installed = {"numpy": "2", "scipy": "1", "pandas": "2", "orjson": "3.11"}
    audit = AuditInfo(DATA_ONLY)
    assert unmet_by(package, audit, installed | {"xgboost-cpu": "3.2.0"}) == ()
    assert unmet_by(package, audit, installed | {"xgboost": "3.2.0"}) == ()
    [line] = unmet_by(package, audit, installed | {"xgboost-cpu": "3.0.0"})
    assert "has 3.0.0" in line


@pytest.mark.parametrize(
    ("library", "main", "name"),
    [
        ("lightgbm", "model.skops", "sklearn_skops"),
        ("lightgbm", "model.txt", "lightgbm"),
        ("xgboost", "model.json", "xgboost"),
        ("xgboost", "model.pkl", "sklearn_pickle"),
    ],
)
@pytest.mark.parametrize("is_named", [True, False])
def test_what_a_client_writes_beside_a_model_is_no_model(
    library: str, main: str, name: str, is_named: bool
) -> None:
    beside = ("requirements.txt", "input_example.json")
    facts = {"library": library} | ({"data": main} if is_named else {})
    assert detect(ModelPackage("", dict.fromkeys((main, *beside), DIGEST), facts)) == name
