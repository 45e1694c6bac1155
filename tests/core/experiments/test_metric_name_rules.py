"""Which way metrics are better, by the names that libraries and people give them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from pilothouse.comparison import Comparisons
from pilothouse.experiments import Experiments
from pilothouse.experiments.metrics.definitions import metrics_with_outdated_best, refresh_best
from pilothouse.experiments.metrics.kinds import METRICS, metric_kind
from pilothouse.experiments.metrics.name_rules import HIGHER, LOWER, NAMES, UNKNOWN, direction_of
from pilothouse.experiments.provenance.git import UNKNOWN as NO_CODE
from pilothouse.experiments.tables import RunMetric
from pilothouse.storage import Store

STAGES = ("", "train_", "val_", "training_", "test-", "eval/", "validation_0-", "valid_1-", "val/")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("library", [name for name in NAMES if name != "MLflow evaluate"])
def test_names_of_a_library_keep_their_direction_behind_any_stage(library: str, stage: str) -> None:
    listed = {
        f"{stage}{name}": direction for direction, names in NAMES[library].items() for name in names
    }
    assert {key: direction_of(key) for key in listed} == listed


@pytest.mark.parametrize(
    "suffix", ["_step", "_epoch", "/dataloader_idx_0", "_step/dataloader_idx_1"]
)
def test_names_keep_their_direction_before_lightnings_suffixes(suffix: str) -> None:
    directions = NAMES["PyTorch Lightning"]
    listed = {
        f"val_{name}{suffix}": direction
        for direction in (HIGHER, LOWER)
        for name in directions[direction]
        if not name.endswith(("_step", "_epoch", "idx_0"))
    }
    assert {key: direction_of(key) for key in listed} == listed


# As the libraries write them: the sources are beside the table.
WRITTEN = {
    HIGHER: (
        *("train_samples_per_second", "train_tokens_per_second", "eval_steps_per_second"),
        *("device/batches_per_sec", "samples_per_sec", "device/mfu", "test/MulticlassAccuracy"),
        *("learn_Cox", "validation_0_QueryAverage:top=10", "ERR:top=10", "WordInfoPreserved"),
    ),
    LOWER: (
        *("train_runtime", "eval_model_preparation_time", "train_loss", "eval_loss", "err"),
        *("val_err", "validation_GroupQuantile:alpha=0.5", "val/WordInfoLost_epoch", "RMSPE"),
        *("val_LearnedPerceptualImagePatchSimilarity", "test_ContinuousRankedProbabilityScore"),
    ),
    UNKNOWN: (
        *("best_score", "wait_count", "stopped_epoch", "restored_epoch", "lr-Adam-momentum"),
        *("total_flos", "num_input_tokens_seen", "epoch", "ERR", "validation_ERR", "CtrFactor"),
        *("train_mem_gpu_alloc_delta", "BinaryStatScores"),
    ),
}


@pytest.mark.parametrize("names", list(NAMES["MLflow evaluate"].items()), ids=lambda pair: pair[0])
def test_names_of_mlflows_evaluation(names: tuple[str, tuple[str, ...]]) -> None:
    direction, keys = names
    assert {key: direction_of(key) for key in keys} == dict.fromkeys(keys, direction)


# As clients logged them: written down from runs of MLflow 3.17 with scikit-learn's autologging.
AUTOLOGGED = {
    HIGHER: (
        *("training_score", "training_accuracy_score", "training_f1_score", "training_roc_auc"),
        *("training_precision_score", "training_recall_score", "LogisticRegression_score_X_test"),
        *("training_r2_score", "best_cv_score", "mean_test_score", "accuracy_score_X_test"),
    ),
    LOWER: (
        *("training_log_loss", "training_mean_absolute_error", "training_mean_squared_error"),
        *("training_root_mean_squared_error", "mean_fit_time", "std_fit_time", "std_score_time"),
        *("mean_score_time", "rank_test_score", "std_test_score", "mean_squared_error-2_X_test"),
    ),
}
PEOPLE = {
    LOWER: (
        *("val-logloss", "train_merror", "eval/loss", "validation_0-rmse", "binary_logloss", "l1"),
        *("l2", "rmsle", "smape", "wer", "nll", "cross_entropy", "fpr", "aic", "bic", "ppl"),
        *("perplexity", "hamming_loss", "max_error", "mean_absolute_percentage_error", "val_mape"),
        *("fid", "eer", "ece", "latency_ms", "p95_latency_ms", "train/box_loss", "val/cls_loss"),
        *("false_positive_rate", "num_errors", "train_loss_epoch", "test/loss/dataloader_idx_0"),
        *("negative_log_likelihood", "neg_log_likelihood", "top1_error", "hausdorff_distance"),
        *("bits_per_byte", "oob_error", "time_seconds", "kl", "crps", "mase", "inference_time"),
        *("demographic_parity_difference", "cv_roc_auc_std", "rank_test_accuracy", "error_rate"),
        *("fit_seconds", "model_bytes", "brier", "calibration_error", "ValLoss", "val.loss"),
    ),
    HIGHER: (
        *("auc", "ndcg@10", "map", "r2", "bleu", "rouge", "tpr", "kappa", "mcc", "iou", "dice"),
        *("accuracy", "hit_rate", "neg_mean_squared_error", "neg_log_loss", "map_at_10", "p@10"),
        *("test_neg_root_mean_squared_error", "cv_neg_log_loss_mean", "mean_test_neg_log_loss"),
        *("metrics/mAP50", "metrics/mAP50-95(B)", "recall@5", "ndcg@3-", "val_f1", "f1_macro"),
        *("macro_f1", "test/acc", "train_samples_per_second", "tokens_per_second", "hits@10"),
        *("log_likelihood", "neg_max_error", "explained_variance", "specificity", "PR_AUC"),
        *("ROC-AUC", "ep_rew_mean", "true_positive_rate", "top_5_accuracy", "psnr", "win_rate"),
        *("c_index", "negative_predictive_value", "accuracy_pos", "neg_precision", "log_loss_gain"),
    ),
    UNKNOWN: (
        *("epoch", "lr", "count", "learning_rate", "grad_norm", "example_count", "n_features"),
        *("step", "best_iteration", "foo", "alpha", "num_samples", "lr-Adam", "coverage", "x"),
        *("threshold", "temperature", "entropy", "z_score", "loss_scale", "l2_norm", "time_step"),
        *("system/cpu_utilization_percentage", "system/gpu_0_memory_usage_megabytes", "", "1"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "listed", [AUTOLOGGED, WRITTEN, PEOPLE], ids=["autologged", "written", "people"]
)
def test_names_as_they_are_logged(listed: dict[str, tuple[str, ...]]) -> None:
    expected = {key: direction for direction, keys in listed.items() for key in keys}
    assert {key: direction_of(key) for key in expected} == expected


# The mean error is best near zero, and an interval score is a loss, whatever the names suggest.
OTHERWISE = {"mean_error": "unknown", "interval_score": "lower"}


def test_listed_metrics_agree_with_what_their_names_say() -> None:
    by_name = {key: direction_of(key) for key in METRICS if direction_of(key) != UNKNOWN}
    listed = {key: kind.direction for key, kind in METRICS.items() if key in by_name}
    assert by_name | OTHERWISE == listed


@given(st.text(max_size=40))
def test_any_text_has_a_direction(key: str) -> None:
    assert direction_of(key) in (HIGHER, LOWER, UNKNOWN)


PIECES = ["val", "loss", "roc_auc", "ROC AUC", "Loss", "brier", "score", "std", "spread", "_", "/"]
SEPARATED = st.lists(st.sampled_from([*PIECES, " ", "-", "mean", "Brier score"]), max_size=5)


@given(SEPARATED.map("".join), SEPARATED.map("".join))
def test_two_keys_never_have_one_title(one: str, other: str) -> None:
    assert (metric_kind(one).title == metric_kind(other).title) == (one == other)


def test_keys_that_differ_in_a_separator_or_sign_have_titles_of_their_own() -> None:
    keys = ["val_loss", "val/loss", "val loss", "val-loss", "-val_loss", "Val loss", "val__loss"]
    keys += ["accuracy", "Accuracy", "validation_log_loss", "val_log_loss", "brier_score", "brier"]
    assert len({metric_kind(key).title for key in keys}) == len(keys)


def test_without_a_direction_values_differ_and_none_is_best(store: Store) -> None:
    room = Experiments(store)
    runs = []
    for name, value in (("a", 1.0), ("b", 2.0)):
        run = room.start("flights", name, code=NO_CODE)
        room.log_history(run, "oddness", [1, 2], [0.0, value])
        room.finish(run)
        runs.append(run)
    comparison = Comparisons(store).compare(runs)
    assert comparison.metrics["verdict"].tolist() == ["baseline", "differs"]
    assert comparison.metrics["extreme"].tolist() == ["", ""]
    summary = room.run(runs[0]).metrics["oddness"]
    assert (summary.last, summary.max, summary.best_step) == (1.0, 1.0, None)
    assert math.isnan(summary.best)
    standing = Comparisons(store).verdict(comparison, Comparisons(store).significance(comparison))
    assert standing is not None
    assert standing.best == ""
    assert standing.sentence == (
        "oddness: from 1 to 2; whether higher or lower is better is not known."
    )
    room.describe_metric("oddness", direction="lower")
    assert room.run(runs[0]).metrics["oddness"].best == 0.0


def test_best_values_of_an_earlier_release_are_brought_up_to_date(store: Store) -> None:
    room = Experiments(store)
    run = room.start("flights", "a", code=NO_CODE)
    room.log_history(run, "val-merror", [1, 2, 3], [0.3, 0.1, 0.2])
    room.log_metrics(run, {"epoch": 3.0})
    with store.write() as session:
        for row in session.scalars(select(RunMetric)):
            row.best, row.best_step = row.max, 1  # as if both were better when higher
    with store.write() as session:
        assert metrics_with_outdated_best(session) == ["epoch", "val-merror"]
        refresh_best(session, metrics_with_outdated_best(session))
        assert metrics_with_outdated_best(session) == []
    metrics = room.run(run).metrics
    assert (metrics["val-merror"].best, metrics["val-merror"].best_step) == (0.1, 2)
    assert metrics["epoch"].best_step is None
