"""The page of one run, for runs of ours and runs of an MLflow client: each view, full and empty."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlmodel import Session
from streamlit.testing.v1 import AppTest

from pilothouse.experiments.tables import (
    File,
    LoggedModel,
    LoggedModelMetric,
    RunModel,
    Source,
    SourceUse,
)
from pilothouse.kit.clock import FixedClock
from pilothouse.models.tasks import tasks
from pilothouse.workspace import Workspace
from pilothouse_app.features.experiments.formatting import order_metrics
from pilothouse_app.features.run.curves import _number

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40 + b"IEND\xaeB`\x82"
MODEL = "m-" + "1" * 32
MLMODEL = b"""
flavors:
  sklearn: {pickled_model: model.pkl, sklearn_version: 1.9.1}
mlflow_version: 3.17.2
signature: {inputs: '[{"type": "double", "name": "temp", "required": true}]'}
"""
FILES = {
    "plots/loss.png": PNG,
    "plots/broken.png": PNG[:20],
    "eval/rows.csv": b"a,b\n1,2\n3,4\n",
    "eval/broken.parquet": b"PAR1 no more",
    "eval/table.json": json.dumps({"columns": ["q"], "data": [["why"]]}).encode(),
    "config/net.json": b'{"layers": [1, 2]}',
    "config/net.yaml": b"a: 1\n",
    "report/report.html": b"<script>alert(1)</script>",
    "report/report.md": b"# Report <script>alert(1)</script>",
    "report/paper.pdf": b"%PDF-1.7",
    "model/model.pkl": b"\x80\x04N.",
    "requirements.txt": b"numpy==2.4.6\nskops>=0.16  # how it is kept\n",
    "code.patch": b"diff --git a/f.py b/f.py\n--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-1\n+2\n",
}


@pytest.fixture
def ours(workspace: Workspace) -> str:
    """A run as training leaves it."""
    ws = workspace.experiments
    workspace.data.register(
        "flights", pd.DataFrame({"a": [1.0, 2.0, 3.0] * 9, "late": [0, 1, 0] * 9})
    )
    run = ws.start("late", "calm-heron", trainer="random_forest", seed=1)
    ws.log_params(run, {"learning_rate": 0.1, "features": "a"})
    ws.log_metrics(run, {"roc_auc": 0.75, "cv_roc_auc_mean": 0.74, "cv_roc_auc_std": 0.01})
    spec = {"dataset": "flights@1", "target": "late", "trainer": "random_forest", "folds": 4}
    spec |= {"params": {"n_estimators": 77}, "features": ["a"], "test_share": 0.3, "seed": 5}
    for path, value in {
        "curves/roc.json": {"fpr": [0, 0.2, 1], "tpr": [0, 0.7, 1], "threshold": [1, 0.5, 0]},
        "folds.json": {"fold": [1, 2], "roc_auc": [0.7, 0.72]},
        "environment.json": {"python": "3.11.7", "packages": {"numpy": "2.4.6", "pandas": "2.3.3"}},
        "spec.json": spec,
    }.items():
        ws.log_artifact(run, path, json.dumps(value).encode())
    ws.log_input(run, "flights@1")
    ws.annotate(run, "The **first** try")
    ws.finish(run)
    return run


@pytest.fixture
def theirs(workspace: Workspace, clock: FixedClock) -> str:
    """A run as an MLflow client leaves it: courses, files of all kinds, a model, datasets."""
    ws, store = workspace.experiments, workspace.store
    run, began = ws.start("neural", "mlp-wide"), clock.now()
    steps = range(300)
    at = [began + timedelta(seconds=s) for s in steps]
    for key in ("train/loss", "val/loss", "lr", *(f"layer_{n}/mean" for n in range(8))):
        ws.log_history(run, key, list(steps), [1 / (1 + s) for s in steps], at)
    ws.log_metrics(run, {"test_auc": 0.74})
    ws.tag(run, {"team": "red", "mlflow.source.git.branch": "main", "mlflow.source.name": "fit.py"})
    for path, data in FILES.items():
        ws.log_artifact(run, path, data)
    with store.write() as session:
        _logged(session, workspace, run)
    for number in range(2):
        below = ws.start("neural", f"trial-{number}", parent=run)
        ws.log_params(below, {"dropout": number / 10})
        ws.log_metrics(below, {"test_auc": (7 + number) / 10})
        ws.finish(below)
        clock.advance(timedelta(seconds=1))
    ws.start("neural", "fold-0", parent=below)
    clock.advance(timedelta(minutes=5))
    ws.finish(run)
    return run


def _logged(session: Session, workspace: Workspace, run: str) -> None:
    store, now = workspace.store, workspace.store.now()
    experiment = 1
    for number, name in enumerate(("january", "february")):
        source = Source(
            experiment_id=experiment, name=name, digest=f"d{number}", source_type="s3",
            source=json.dumps({"uri": f"s3://flights/{name}"}), profile='{"num_rows": 50}',
            columns='{"mlflow_colspec": [{"type": "double", "name": "temp", "required": true}]}',
        )  # fmt: skip
        session.add(source)
        session.flush()
        tags = {"mlflow.data.context": "training"}
        session.add(SourceUse(run_id=run, source_id=source.id or 0, role="training", tags=tags))
    for model, name in ((MODEL, "classifier"), ("m-" + "2" * 32, "older")):
        session.add(
            LoggedModel(
                id=model, experiment_id=experiment, name=name, run_id=run,
                status="LOGGED_MODEL_READY", created_at=now, updated_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add(RunModel(run_id=run, model_id=model, direction="output", step=3))
    session.add(LoggedModelMetric(model_id=MODEL, key="auc", step=0, at=now, run_id=run, value=0.7))
    for path, data in {"MLmodel": MLMODEL, "requirements.txt": b"scikit-learn==1.9.1"}.items():
        digest = store.artifacts.put_bytes(data)
        session.add(File(root=MODEL, path=path, digest=digest, size=len(data)))


def words(page: Any) -> str:
    found = [*page.markdown, *page.code, *page.header, *page.info]
    return "\n".join(str(each.value) for each in found)


def tables(page: Any) -> list[Any]:
    return [frame.value for frame in page.dataframe]


def sound(page: Any) -> Any:
    assert not page.exception
    assert [error.value for error in page.error] == []
    assert [warning.value for warning in page.warning] == []
    return page


@pytest.mark.parametrize(
    "view",
    ["Overview", "Curves", "Evaluation", "Files", "Lineage", "Code", "Environment", "Reproduce"],
)
def test_every_view_of_a_run_of_ours(visit, ours, view):
    page = sound(visit("run", id=ours, run_view=view))
    assert "calm-heron" in words(page)


@pytest.mark.parametrize(
    "view",
    [
        *("Overview", "Curves", "Trials", "Files", "Models", "Lineage", "Code", "Environment"),
        "Reproduce",
    ],
)
def test_every_view_of_a_run_of_theirs(visit, theirs, view):
    page = sound(visit("run", id=theirs, run_view=view))
    assert "mlp-wide" in words(page)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ("Overview", "No metrics were logged"),
        ("Curves", "single value"),
        ("Files", "This run has no files"),
        ("Lineage", "Nothing recorded"),
        ("Code", "outside a Git repository"),
        ("Environment", "No environment recorded"),
        ("Reproduce", "open_workspace"),
    ],
)
def test_every_view_of_a_run_that_holds_nothing(visit, workspace, view, said):
    run = workspace.experiments.start("late")
    workspace.experiments.finish(run)
    assert said in words(sound(visit("run", id=run, run_view=view)))


def test_a_view_that_this_run_has_not_falls_back_to_the_first(visit, ours):
    page = sound(visit("run", id=ours, run_view="Models"))
    assert "Attributes" in words(page)


def test_the_overview_says_what_was_measured_set_and_noted(visit, ours):
    page = sound(visit("run", id=ours))
    assert page.metric[0].value == "0.7500"
    assert "The **first** try" in words(page)
    metrics = tables(page)[0]
    assert metrics["name"][0] == "ROC AUC"
    assert dict(zip(tables(page)[1]["name"], tables(page)[1]["value"], strict=True)) == {
        "features": "a",
        "learning_rate": "0.1",
    }


def test_metrics_are_searched_by_key_or_title(visit, theirs):
    found = tables(sound(visit("run", id=theirs, run_metric_q="layer_3")))[0]
    assert list(found["name"]) == ["layer_3/mean"]
    page = sound(visit("run", id=theirs, run_metric_q="nowhere"))
    assert "Clear the search" in words(page)


def test_a_metric_with_one_value_says_it_once(visit, theirs):
    single, history = (
        frame.set_index("name") for frame in tables(sound(visit("run", id=theirs)))[:2]
    )
    assert history.loc["val/loss", "count"] == 300
    assert history.loc["val/loss", "best_step"] == 299
    assert list(single.columns) == ["last"], "no columns of a history that it has not"
    assert "test_auc" in single.index


def test_courses_are_paged_and_telling_ones_come_first(visit, theirs):
    page = sound(visit("run", id=theirs, run_view="Curves"))
    assert len(page.get("plotly_chart")) == 6
    assert "**train/loss**" in words(page)
    second = sound(visit("run", id=theirs, run_view="Curves", run_page=2))
    assert len(second.get("plotly_chart")) == 5


def test_metrics_in_natural_order_after_the_telling_ones():
    keys = ["layer_10", "layer_2", "grad", "val/loss", "roc_auc"]
    assert order_metrics(keys) == ["roc_auc", "val/loss", "grad", "layer_2", "layer_10"]


@pytest.mark.parametrize("over", ["Seconds since the start", "Time of day", "Against lr"])
def test_courses_over_other_axes(visit, theirs, over):
    page = visit("run", id=theirs, run_view="Curves", run_x=over, run_log_y="true")
    assert len(sound(page).get("plotly_chart")) == 6


def test_several_metrics_in_one_chart_and_a_stretch_by_address(visit, theirs):
    page = visit(
        "run", id=theirs, run_view="Curves", run_layout="Together", run_metrics="val/loss",
        run_smooth=0.9, run_from=10, run_to=20,
    )  # fmt: skip
    [chart] = sound(page).get("plotly_chart")
    raw, smooth = json.loads(chart.proto.spec)["data"]
    assert len(_values(raw["x"])) == 11
    assert _values(raw["y"]) != _values(smooth["y"])
    assert page.button(key="run_whole").label == "Reset zoom"
    page.button(key="run_whole").click().run()
    assert page.session_state["run_from"] is None
    assert len(_values(json.loads(page.get("plotly_chart")[0].proto.spec)["data"][0]["x"])) == 300


def _values(told: Any) -> list[float]:
    import base64

    import numpy as np

    if isinstance(told, dict):
        return np.frombuffer(base64.b64decode(told["bdata"]), told["dtype"]).tolist()
    return list(told)


def test_a_stretch_without_points_says_so(visit, theirs):
    page = visit("run", id=theirs, run_view="Curves", run_metrics="lr", run_from=1000)
    assert "No points in this range" in words(sound(page))


def test_a_metric_of_another_run_is_forgotten(visit, ours, theirs, workspace):
    page = visit("run", id=theirs, run_view="Curves", run_metrics="val/loss", run_x="Against lr")
    run = workspace.experiments.start("late")
    workspace.experiments.log_history(run, "loss", [1, 2], [1.0, 0.5])
    workspace.experiments.finish(run)
    page.query_params["id"] = run
    assert len(sound(page.run()).get("plotly_chart")) == 1


def test_an_end_of_a_stretch_is_a_number_of_seconds_on_a_clock(clock):
    assert _number("2026-03-01 12:00:07.5", clock.now()) == 7.5
    assert _number(3.5, None) == 3.5


def test_a_running_run_shows_what_it_has_so_far(visit, workspace):
    run = workspace.experiments.start("late", "going")
    assert "Waiting for the first points" in words(sound(visit("run", id=run, run_view="Curves")))
    workspace.experiments.log_history(run, "loss", [1, 2], [1.0, 0.5])
    page = sound(visit("run", id=run, run_view="Curves"))
    assert len(page.get("plotly_chart")) == 1
    assert "1 metric so far" in words(sound(visit("run", id=run, run_view="Overview")))


def test_runs_below_stand_as_a_tree_with_what_differs(visit, theirs):
    found = tables(sound(visit("run", id=theirs, run_view="Trials")))[0]
    assert list(found["name"]) == ["trial-0", "trial-1", "\u2003└ fold-0"]
    assert list(found["params.dropout"])[:2] == ["0.0", "0.1"]
    assert list(found["metrics.test_auc"])[:2] == [0.7, 0.8]


def test_files_stand_in_a_tree_and_a_folder_can_be_opened(visit, theirs):
    names = list(tables(sound(visit("run", id=theirs, run_view="Files")))[0]["name"])
    assert names[:3] == ["config/", "\u2003net.json", "\u2003net.yaml"]
    page = sound(visit("run", id=theirs, run_view="Files", run_folder="plots"))
    assert list(tables(page)[0]["name"]) == ["↑ All files", "broken.png", "loss.png"]
    found = sound(visit("run", id=theirs, run_view="Files", run_files_q="csv"))
    assert list(tables(found)[0]["name"]) == ["eval/", "\u2003rows.csv"]


@pytest.mark.parametrize(
    ("pressed", "address"),
    [
        ("plots/loss.png", {"run_path": "plots/loss.png", "run_folder": "eval"}),
        ("plots/", {"run_folder": "plots"}),
        ("..", {}),
    ],
)
def test_a_press_in_the_tree_is_in_the_address(pressed, address):
    def script(pressed: str) -> None:
        from pilothouse_app.features.run.files import _press

        _press(pressed)

    page = AppTest.from_function(script, args=(pressed,))
    page.query_params["run_folder"] = "eval"
    assert dict(page.run().query_params) == address


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("plots/loss.png", "shown&v="),
        ("eval/rows.csv", "2 rows, 2 columns"),
        ("eval/table.json", "1 row, 1 column"),
        ("config/net.yaml", "a: 1"),
        ("report/report.md", "# Report <script>"),
        ("report/report.html", "reach neither"),
        ("report/paper.pdf", "A PDF cannot be previewed"),
        ("model/model.pkl", "nothing in it is run"),
        ("code.patch", "diff --git"),
    ],
)
def test_each_kind_of_file_has_its_viewer(visit, theirs, path, said):
    assert said in words(sound(visit("run", id=theirs, run_view="Files", run_path=path)))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("plots/broken.png", "its end is missing"),
        ("eval/broken.parquet", "cannot be read as Parquet"),
    ],
)
def test_a_broken_file_says_what_is_wrong_in_its_place(visit, theirs, path, said):
    page = visit("run", id=theirs, run_view="Files", run_path=path)
    assert not page.exception
    assert said in page.error[0].value
    assert "Files" in words(page)


def test_a_file_that_is_not_there_is_said(visit, theirs):
    page = sound(visit("run", id=theirs, run_view="Files", run_path="../../etc/passwd"))
    assert "No such file" in words(page)


def test_logged_models_are_listed_and_looked_into(visit, theirs):
    page = sound(visit("run", id=theirs, run_view="Models", run_model=MODEL, run_path="MLmodel"))
    assert set(tables(page)[0]["name"]) == {"classifier", "older"}
    assert "sklearn" in words(page)
    assert any("temp" in list(frame.get("name", [])) for frame in tables(page))
    figures = visit("run", id=theirs, run_view="Models", run_model=MODEL, run_model_view="Metrics")
    assert list(tables(sound(figures))[-1]["value"]) == [0.7]
    sound(visit("run", id=theirs, run_view="Models", run_model=MODEL, run_model_view="About"))


def test_lineage_of_ours_links_what_it_read(visit, ours):
    page = sound(visit("run", id=ours, run_view="Lineage"))
    labels = [link.proto.label for link in page.get("page_link")]
    assert {"flights@1", "late"} <= set(labels)


def test_lineage_of_theirs_shows_datasets_and_models(visit, theirs):
    page = sound(visit("run", id=theirs, run_view="Lineage"))
    assert list(tables(page)[0]["source"]) == ["s3://flights/january", "s3://flights/february"]
    second = sound(visit("run", id=theirs, run_view="Lineage", run_source="february d1 training"))
    assert "february" in words(second)
    page.button(key=f"run_made_{MODEL}").click().run()
    assert "classifier" in words(sound(page))
    assert page.session_state["run_view"] == "models"


def test_lineage_reaches_what_serves(tour, served):
    run = served.registry.version("late", 1).run_id
    page = sound(tour("run", id=run, run_view="Lineage"))
    labels = [link.proto.label for link in page.get("page_link")]
    assert {"late@1", "late"} <= set(labels)


def test_the_patch_is_shown_with_its_extent(visit, theirs):
    page = sound(visit("run", id=theirs, run_view="Code"))
    assert ":green[+1] :red[" in words(page)
    assert page.code[0].language == "diff"
    told = page.table[0].value
    assert dict(zip(told["Field"], told["Value"], strict=True))["Branch"] == "main"


def test_packages_are_searched_and_requirements_can_be_copied(visit, ours, theirs):
    page = sound(visit("run", id=ours, run_view="Environment", run_package_q="num"))
    assert list(tables(page)[0]["name"]) == ["numpy"]
    assert page.code[0].value == "numpy==2.4.6\npandas==2.3.3"
    page = sound(visit("run", id=theirs, run_view="Environment"))
    assert dict(zip(tables(page)[0]["name"], tables(page)[0]["version"], strict=True)) == {
        "numpy": "2.4.6",
        "skops": ">=0.16",
        "scikit-learn": "1.9.1",
    }


def test_snippets_name_the_run_and_its_model(visit, ours, theirs):
    assert f'ws.experiments.run("{ours}")' in words(visit("run", id=ours, run_view="Reproduce"))
    said = words(visit("run", id=theirs, run_view="Reproduce"))
    assert 'load_model("models:/m-' in said


def test_training_again_opens_the_dialog_as_it_was(visit, ours, workspace):
    workspace.data.register("flights", pd.DataFrame({"a": [4.0, 2.0] * 9, "late": [0, 1] * 9}))
    page = sound(visit("run", id=ours, run_view="Reproduce"))
    page.button(key="train_again").click().run()
    assert page.selectbox(key="train_dataset").value == "flights@2"
    assert page.selectbox(key="train_target").value == "late"
    assert any(box.label.startswith("1 feature, ") for box in page.expander)
    assert page.slider(key="train_share").value == 30
    assert page.number_input(key="train_folds").value == 4
    assert page.number_input(key="train_random_forest_n_estimators").value == 77


def test_a_star_is_turned_on_the_page(visit, ours, workspace):
    page = sound(visit("run", id=ours))
    page.button(key="run_star").click().run()
    assert workspace.experiments.run(ours).tags["pilothouse.starred"] == "yes"
    sound(page).button(key="run_star").click().run()
    assert "pilothouse.starred" not in workspace.experiments.run(ours).tags


def test_an_archived_run_says_so_and_can_be_restored(visit, ours, workspace):
    workspace.experiments.archive(ours, "superseded")
    page = sound(visit("run", id=ours))
    assert "No data was deleted" in page.info[0].value
    assert page.button(key="run_restore").label == "Restore"
    assert page.button(key="run_star").disabled
    page.button(key="run_restore").click().run()
    assert page.button(key="confirm_go").label == "Restore"


def test_the_note_is_edited_in_place(visit, ours, workspace):
    page = sound(visit("run", id=ours))
    page.button(key="run_note_edit").click().run()
    assert page.text_area(key=f"run_note_{ours}").value == "The **first** try"


def evaluated(workspace: Workspace, task: str, **files: Any) -> str:
    """A finished run with the metrics and documents of a task's example."""
    plugin = tasks.get(task)
    signature, rows, labels = (
        plugin.example.signature,
        plugin.example.rows,
        plugin.example.labels,
    )
    columns = {name: np.array(part) for name, part in plugin.decide(signature, rows).items()}
    truth = plugin.truth(signature, labels)
    ws = workspace.experiments
    run = ws.start("any", f"{task}-run", trainer="random_forest", seed=1)
    ws.log_metrics(run, plugin.compute_metrics(signature, columns, truth) | {"fit_seconds": 2.5})
    documents = plugin.documents(signature, columns, truth)
    for path, value in {**documents, "model/signature.json": signature.to_json(), **files}.items():
        ws.log_artifact(run, path, json.dumps(value).encode())
    ws.finish(run)
    return run


@pytest.mark.parametrize("task", tasks.names())
def test_the_metrics_of_the_task_come_first_with_their_titles(visit, workspace, task):
    page = sound(visit("run", id=evaluated(workspace, task)))
    titles = [metric.title for metric in tasks.get(task).metrics]
    labels = [tile.label.replace("\\", "") for tile in page.metric]
    assert set(labels) <= {*titles, "Fit time (s)"}
    assert labels[0] == (titles[0] if titles else "Fit time (s)")


def test_an_error_is_in_the_unit_of_the_target_and_called_as_its_task_calls_it(visit, workspace):
    page = sound(visit("run", id=evaluated(workspace, "regression")))
    assert (page.metric[0].label, page.metric[0].value) == ("Mean absolute error", "1.5 USD")
    assert "Mean absolute error, USD" in list(tables(page)[0]["name"])
    page = sound(visit("run", id=evaluated(workspace, "quantile")))
    assert "Mean absolute error of the median" in list(tables(page)[0]["name"])


@pytest.mark.parametrize("task", tasks.names())
def test_every_document_of_a_run_is_drawn(visit, workspace, task):
    run = evaluated(workspace, task)
    page = visit("run", id=run, run_view="Evaluation")
    sound(page)
    documents = [
        json.loads(workspace.experiments.artifact(run, file.path))
        for file in workspace.experiments.run(run).artifacts
        if file.path.startswith(("curves/", "evaluation/", "confusion"))
    ]
    figures = [part for part in documents if part.get("type") != "table"]
    assert len(page.get("plotly_chart")) == len(figures)
    read = words(page).replace("\\", "")
    assert all(f"**{part['title']}**" in read for part in documents if "title" in part)


def test_a_document_that_cannot_be_drawn_is_left_to_the_files(visit, workspace):
    run = evaluated(workspace, "ranking", **{"evaluation/other.json": {"type": "pie"}})
    workspace.experiments.log_artifact(run, "evaluation/broken.json", b"{no")
    page = sound(visit("run", id=run, run_view="Evaluation"))
    assert len(page.get("plotly_chart")) == 1
