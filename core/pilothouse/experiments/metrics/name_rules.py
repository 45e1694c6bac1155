"""Which way a metric is better, read from its name: higher, lower, or unknown.

A name is cut into its stage (`val`, `train`, `eval/`, `validation_0-`) and the metric's own name.
The own name is looked up as a whole first, then phrase by phrase and word by word; of several words
that tell a direction the last one decides, as in English (`log_loss_improvement`). A name that says
nothing (`epoch`, `lr`, `count`) has no direction: nothing is called better by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal

Direction = Literal["higher", "lower", "unknown"]
HIGHER: Direction = "higher"
LOWER: Direction = "lower"
UNKNOWN: Direction = "unknown"

# Names of the libraries' own, as a whole: what no single word of them says. The names under a
# library are those its autologging or its trainer writes, without the stage in front.
NAMES: Mapping[str, Mapping[Direction, tuple[str, ...]]] = {
    "scikit-learn": {
        HIGHER: (
            *("score", "best_cv_score", "mean_test_score", "split0_test_score"),
            *("accuracy_score", "precision_score", "recall_score", "f1_score", "roc_auc_score"),
            *("r2_score", "explained_variance", "explained_variance_score"),
            *("d2_absolute_error_score", "d2_pinball_score", "d2_tweedie_score"),
            *("d2_log_loss_score", "d2_brier_score", "neg_negative_likelihood_ratio"),
            *("positive_likelihood_ratio", "top_k_accuracy", "average_precision"),
            *("adjusted_rand_score", "rand_score", "completeness_score", "homogeneity_score"),
            *("v_measure_score", "fowlkes_mallows_score", "silhouette_score", "jaccard"),
            *("calinski_harabasz_score", "adjusted_mutual_info_score", "mutual_info_score"),
            *("normalized_mutual_info_score", "label_ranking_average_precision_score"),
            *("matthews_corrcoef", "cohen_kappa_score", "ndcg_score", "dcg_score"),
        ),
        LOWER: (
            *("log_loss", "mse", "mae", "rmse", "mean_squared_error", "mean_absolute_error"),
            *("root_mean_squared_error", "root_mean_squared_log_error", "max_error"),
            *("mean_squared_log_error", "median_absolute_error", "mean_pinball_loss"),
            *("mean_absolute_percentage_error", "mean_poisson_deviance", "mean_gamma_deviance"),
            *("mean_tweedie_deviance", "brier_score_loss", "zero_one_loss", "hamming_loss"),
            *("hinge_loss", "coverage_error", "label_ranking_loss", "davies_bouldin_score"),
            *("inertia", "rank_test_score", "mean_fit_time", "mean_score_time"),
            *("std_fit_time", "std_score_time", "std_test_score", "negative_likelihood_ratio"),
        ),
    },
    "XGBoost": {
        HIGHER: (
            *("auc", "aucpr", "ndcg", "map", "pre", "ndcg-", "map-", "ndcg@3", "map@10-"),
            *("ndcg_at_3", "map_at_10", "pre@5", "interval-regression-accuracy"),
        ),
        LOWER: (
            *("rmse", "rmsle", "mae", "mape", "mphe", "logloss", "error", "error@0.7", "merror"),
            *("error_at_0.7", "mlogloss", "poisson-nloglik", "gamma-nloglik", "cox-nloglik"),
            *("gamma-deviance", "tweedie-nloglik@1.5", "aft-nloglik", "quantile", "expectile"),
        ),
        UNKNOWN: ("best_iteration", "stopped_iteration"),
    },
    "LightGBM": {
        HIGHER: ("auc", "auc_mu", "average_precision", "ndcg@5", "map@5", "r2"),
        LOWER: (
            *("l1", "l2", "rmse", "quantile", "mape", "huber", "fair", "poisson", "gamma"),
            *("gamma_deviance", "tweedie", "binary_logloss", "binary_error", "multi_logloss"),
            *("multi_error", "cross_entropy", "cross_entropy_lambda", "kullback_leibler"),
            *("xentropy", "xentlambda", "kldiv"),
        ),
    },
    # CatBoost 1.2.10: each of `_catboost.AllMetricsParams()` by `is_maximizable_metric` and
    # `is_minimizable_metric`. MLflow logs none of them by itself: people log `evals_result_`. `ERR`
    # in capitals is the expected reciprocal rank there, see _ERR.
    "CatBoost": {
        HIGHER: (
            *("Accuracy", "Precision", "Recall", "F1", "F:beta=2", "TotalF1", "BalancedAccuracy"),
            *("MCC", "Kappa", "WKappa", "AUC", "AUC:type=Ranking", "PRAUC", "QueryAUC"),
            *("NormalizedGini", "Cox", "QueryAverage:top=10"),
            *("LogLikelihoodOfPrediction", "R2", "PairAccuracy"),
            *("PFound", "NDCG", "NDCG:top=10;type=Base", "DCG", "FilteredDCG", "AverageGain"),
            *("PrecisionAt", "RecallAt", "MAP", "MRR", "ERR:top=10"),
        ),
        LOWER: (
            *("Logloss", "CrossEntropy", "MultiLogloss", "MultiCrossEntropy", "MultiClass"),
            *("MultiClassOneVsAll", "MultiRMSE", "MultiQuantile", "BalancedErrorRate"),
            *("BrierScore", "HingeLoss", "HammingLoss", "ZeroOneLoss", "MAE", "MAPE", "Poisson"),
            *("Quantile", "Quantile:alpha=0.9", "RMSE", "RMSEWithUncertainty", "LogLinQuantile"),
            *("Lq:q=2", "Huber:delta=1", "Expectile", "Tweedie", "LogCosh", "FairLoss"),
            *("NumErrors:greater_than=1", "SMAPE", "MSLE", "MedianAbsoluteError", "RMSPE"),
            *("GroupQuantile:alpha=0.5", "SurvivalAft", "PairLogit"),
            *("PairLogitPairwise", "QueryCrossEntropy", "QueryRMSE"),
            *("QuerySoftMax", "Focal", "MultiRMSEWithMissingValues"),
        ),
        UNKNOWN: ("iteration", "iter", "passed_time", "CtrFactor"),
    },
    "Keras": {
        HIGHER: (
            *("accuracy", "acc", "binary_accuracy", "categorical_accuracy"),
            *("sparse_categorical_accuracy", "top_k_categorical_accuracy", "auc_1"),
            *("precision_2", "recall_1", "f1_score", "fbeta_score", "r2_score"),
            *("cosine_similarity", "mean_io_u", "binary_io_u", "one_hot_io_u"),
            *("sensitivity_at_specificity", "precision_at_recall", "true_positives"),
            *("true_negatives", "epoch_accuracy"),
        ),
        LOWER: (
            *("loss", "epoch_loss", "batch_loss", "mean_absolute_error", "mean_squared_error"),
            *("root_mean_squared_error", "mean_absolute_percentage_error", "logcosh", "poisson"),
            *("mean_squared_logarithmic_error", "binary_crossentropy", "kl_divergence"),
            *("categorical_crossentropy", "sparse_categorical_crossentropy", "hinge"),
            *("kullback_leibler_divergence", "squared_hinge", "categorical_hinge"),
            *("false_positives", "false_negatives", "huber"),
        ),
        UNKNOWN: ("lr", "learning_rate", "stopped_epoch", "restored_epoch", "epoch_learning_rate"),
    },
    # MLflow 3.17 (`pytorch/_lightning_autolog.py`) logs what a module logs, with the suffixes of
    # Lightning 2.6 (`trainer/connectors/logger_connector/result.py`), and of early stopping
    # `stopped_epoch`, `restored_epoch`, `wait_count` and `best_score`, the best of whatever it
    # monitors. Learning rates: `callbacks/lr_monitor.py`; throughput: Lightning Fabric's
    # `utilities/throughput.py`. Classes: `higher_is_better` of TorchMetrics 1.9, except four by
    # their definitions: DaviesBouldinScore, WordInfoPreserved, PerceptualPathLength,
    # SpectralDistortionIndex.
    "PyTorch Lightning": {
        HIGHER: (
            *("acc", "acc_step", "acc_epoch", "BinaryAccuracy", "MulticlassF1Score", "map_50"),
            *("MulticlassAUROC", "MeanAveragePrecision", "map_small", "mar_100", "psnr", "ssim"),
            *("BinaryJaccardIndex", "CohenKappa", "MatthewsCorrCoef", "PearsonCorrCoef"),
            *("StructuralSimilarityIndexMeasure", "R2Score", "Dice", "InceptionScore", "ARNIQA"),
            *("IntersectionOverUnion", "GeneralizedIntersectionOverUnion", "PanopticQuality"),
            *("CompleteIntersectionOverUnion", "DistanceIntersectionOverUnion", "SQuAD"),
            *("ModifiedPanopticQuality", "PeakSignalNoiseRatio", "SignalNoiseRatio", "CramersV"),
            *("PeakSignalNoiseRatioWithBlockedEffect", "ScaleInvariantSignalNoiseRatio"),
            *("ComplexScaleInvariantSignalNoiseRatio", "SignalDistortionRatio", "TheilsU"),
            *("ScaleInvariantSignalDistortionRatio", "SourceAggregatedSignalDistortionRatio"),
            *("ShortTimeObjectiveIntelligibility", "PerceptualEvaluationSpeechQuality"),
            *("SpeechReverberationModulationEnergyRatio", "NonIntrusiveSpeechQualityAssessment"),
            *("CLIPImageQualityAssessment", "QualityWithNoReference", "UniversalImageQualityIndex"),
            *("VideoMultiMethodAssessmentFusion", "VisualInformationFidelity", "TschuprowsT"),
            *("PearsonsContingencyCoefficient", "WordInfoPreserved", "items_per_sec"),
            *("device/flops_per_sec", "device/mfu"),
        ),
        LOWER: (
            *("loss", "loss_step", "loss_epoch", "loss/dataloader_idx_0", "MeanSquaredError"),
            *("WordErrorRate", "CharErrorRate", "BinaryHingeLoss", "lpips", "KLDivergence"),
            *("FrechetInceptionDistance", "Perplexity", "MulticlassCalibrationError"),
            *("LearnedPerceptualImagePatchSimilarity", "DeepImageStructureAndTextureSimilarity"),
            *("ContinuousRankedProbabilityScore", "TranslationEditRate", "TotalVariation"),
            *("WordInfoLost", "RetrievalFallOut", "SpectralAngleMapper", "SpectralDistortionIndex"),
            *("PerceptualPathLength", "DaviesBouldinScore", "BinaryFairness"),
        ),
        UNKNOWN: (
            *("epoch", "step", "hp_metric", "lr-Adam", "lr-SGD/pg1", "global_step", "best_score"),
            *("stopped_epoch", "restored_epoch", "wait_count", "lr-Adam-momentum"),
            *("lr-AdamW-weight_decay", "BinaryStatScores", "MulticlassStatScores"),
            *("MultilabelStatScores", "BinaryGroupStatRates"),
        ),
    },
    # Transformers 5.24 (`Trainer.log`, `Trainer.evaluate`, `trainer_utils.speed_metrics`); its
    # `MLflowCallback` logs them under their own names. Then metrics that people compute with
    # `evaluate`, and the names of TRL's trainers.
    "Transformers": {
        HIGHER: (
            *("accuracy", "f1", "rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "exact_match"),
            *("tokens_per_second", "samples_per_second", "steps_per_second"),
            *("matthews_correlation", "sacrebleu"),
            *("rewards/chosen", "rewards/accuracies", "rewards/margins", "mean_token_accuracy"),
        ),
        LOWER: ("loss", "runtime", "wer", "cer", "perplexity", "model_preparation_time"),
        UNKNOWN: (
            *("epoch", "step", "learning_rate", "grad_norm", "total_flos", "gen_len", "num_tokens"),
            *("rewards/rejected", "logps/chosen", "logits/chosen", "entropy", "kl_coef"),
            *("num_input_tokens_seen", "completions/mean_length"),
        ),
    },
    "MLflow evaluate": {
        HIGHER: ("precision_recall_auc", "rouge1/v1/mean", "exact_match/v1", "answer_relevance"),
        LOWER: ("toxicity/v1/mean", "toxicity/v1/ratio", "latency/mean"),
        UNKNOWN: (
            *("example_count", "sum_on_target", "mean_on_target", "token_count/v1/mean"),
            *("flesch_kincaid_grade_level/v1/mean", "ari_grade_level/v1/mean"),
        ),
    },
}

# Two or more words that mean something together, whatever each of them says alone.
PHRASES: Mapping[Direction, tuple[str, ...]] = {
    HIGHER: (
        *("true positive", "true positives", "true negative", "true negatives", "hit rate"),
        *("positive predictive value", "negative predictive value", "explained variance"),
        *("average precision", "mean average precision", "log likelihood", "success rate"),
        *("win rate", "pass rate", "click through rate", "conversion rate", "fill rate"),
        *("mean reciprocal rank", "reciprocal rank", "rank correlation", "io u"),
        *("exact match", "mutual info", "mutual information", "fowlkes mallows", "per second"),
        *("intersection over union", "signal noise ratio", "signal to noise", "panoptic quality"),
        *("signal distortion ratio", "image quality", "speech quality", "per sec"),
        *("per minute", "per s", "structural similarity", "area under curve"),
        *("inception score", "c index", "dunn index", "area under"),
        *("error reduction", "loss reduction", "ep rew"),
    ),
    LOWER: (
        *("false positive", "false positives", "false negative", "false negatives"),
        *("false discovery", "false omission", "false alarm", "false alarms", "false rate"),
        *("cross entropy", "kl divergence", "kullback leibler", "davies bouldin", "time to"),
        *("word error", "negative log likelihood", "error rate", "miss rate", "misses"),
        *("gini impurity", "inception distance", "mean rank", "median rank", "average rank"),
        *("parity difference", "odds difference", "opportunity difference"),
        *("seconds per", "ms per", "sec per", "time per", "loss ratio", "bits per"),
    ),
    UNKNOWN: (
        *("time step", "time steps", "loss scale", "loss weight", "loss coef", "error bars"),
        *("z score", "anomaly score", "outlier score", "risk score", "accuracy threshold"),
        *("latency budget", "time budget", "cost weight", "precision bits", "distance threshold"),
        *("learning rate", "start time", "end time", "wall time stamp", "sampling rate"),
        *("epoch time stamp", "best iteration", "best epoch", "best step", "l1 norm", "l2 norm"),
        *("l1 ratio", "l1 regularization", "l2 regularization", "passed time", "base score"),
        *("map size", "feature map", "recall threshold", "f1 threshold", "precision threshold"),
        *("class error weight", "reward scale"),
    ),
}

WORDS: Mapping[Direction, frozenset[str]] = {
    HIGHER: frozenset(
        (
            *("accuracy", "acc", "auc", "auroc", "rocauc", "auprc", "aucpr", "prauc", "ap", "map"),
            *("mar", "precision", "recall", "sensitivity", "specificity", "selectivity", "f1"),
            *("f2", "f05", "fbeta", "fscore", "fmeasure", "macrof1", "microf1", "r2", "rsquared"),
            *("d2", "ndcg", "dcg", "mrr", "hits", "hit", "tpr", "tnr", "ppv", "npv", "tp", "tn"),
            *("kappa", "qwk", "mcc", "matthews", "corrcoef", "correlation", "corr", "pearson"),
            *("spearman", "pearsonr", "spearmanr", "kendall", "kendalltau", "ccc", "iou", "miou"),
            *("giou", "diou", "ciou", "dice", "jaccard", "pq", "bleu", "sacrebleu", "rouge"),
            *("rougel", "rougelsum", "meteor", "chrf", "cider", "spice", "bertscore", "bleurt"),
            *("comet", "psnr", "ssim", "msssim", "vif", "snr", "sisnr", "sdr", "sisdr", "pesq"),
            *("stoi", "mos", "silhouette", "calinski", "homogeneity", "completeness", "purity"),
            *("ari", "nmi", "ami", "rand", "gini", "lift", "uplift", "gain", "improvement"),
            *("auuc", "qini", "reward", "rewards", "return", "returns", "profit", "revenue"),
            *("throughput", "qps", "rps", "fps", "tps", "goodput", "loglikelihood", "loglik"),
            *("llf", "elbo", "likelihood", "similarity", "cindex", "concordance", "sharpe"),
            *("success", "mfu", "win", "wins", "correct"),
            *("top1", "top3", "top5", "top10", "solved"),
            *("jindex", "youden", "gmean", "informedness", "markedness", "separability"),
            *("faithfulness", "groundedness", "relevance", "relevancy", "coherence", "fluency"),
            *("helpfulness", "cosine", "reduction", "pck", "nds", "mota", "hota", "idf1"),
        )
    ),
    LOWER: frozenset(
        (
            *("loss", "losses", "error", "errors", "err", "errs", "mse", "rmse", "mae", "mape"),
            *("wape", "wmape", "smape", "mase", "rmsse", "msle", "rmsle", "mdape", "medae", "mad"),
            *("rrse", "rae", "rse", "mre", "mphe", "nrmse", "nmse", "sse", "rss", "crps", "mspe"),
            *("rmspe", "mbe", "brier", "deviance", "divergence", "perplexity", "ppl", "nll"),
            *("nloglik", "negloglik", "bpc", "bpb", "entropyloss", "crossentropy"),
            *("xentropy", "bce", "ce", "kl", "kld", "kldiv", "jsd", "hinge", "focal"),
            *("huber", "logcosh", "pinball", "regret", "distance", "distances", "drift", "psi"),
            *("wasserstein", "emd", "mmd", "wer", "cer", "mer", "wil", "ter", "der", "eer", "ece"),
            *("mce", "ace", "uce", "calibration", "fid", "kid", "lpips", "fad", "fpr", "fnr"),
            *("fdr", "fp", "fn", "far", "frr", "hter", "apcer", "bpcer", "aic", "aicc", "bic"),
            *("hqic", "dic", "waic", "mdl", "latency", "latencies", "time", "times", "seconds"),
            *("second", "secs", "sec", "ms", "millis", "milliseconds", "microseconds"),
            *("minutes", "duration", "elapsed", "runtime", "ttft", "tpot", "bytes", "cost"),
            *("costs", "impurity", "inertia", "distortion", "toxicity", "hallucination"),
            *("overfit", "overfitting", "gap", "drop", "degradation", "hausdorff", "hd95"),
            *("assd", "chamfer", "epe", "ade", "fde", "cpu_time", "misclassification"),
            *("misclassified", "mistakes", "failures", "failed", "timeouts", "unfairness"),
            *("disparity", "violation", "violations", "co2", "emissions", "energy"),
        )
    ),
}
# Words that tell a direction only when nothing else in the name does.
WEAK_WORDS: Mapping[str, Direction] = {"score": HIGHER, "scores": HIGHER, "index": UNKNOWN}
# Words that a compound ends with, written as one: `mlogloss`, `merror`, `pairaccuracy`.
COMPOUND_ENDINGS: Mapping[str, Direction] = {
    "loss": LOWER,
    "error": LOWER,
    "rmse": LOWER,
    "entropy": LOWER,
    "nloglik": LOWER,
    "deviance": LOWER,
    "divergence": LOWER,
    "accuracy": HIGHER,
    "auc": HIGHER,
    "auroc": HIGHER,
    "precision": HIGHER,
    "recall": HIGHER,
    "ndcg": HIGHER,
    "f1": HIGHER,
    "iou": HIGHER,
}
NOT_A_METRIC = frozenset(("entropy",))  # of a policy or an outcome: neither way is better by itself
# What a metric was measured on, in front of its name or behind it.
STAGES = frozenset(
    (
        *("train", "training", "learn", "val", "valid", "validation", "eval", "evaluation"),
        *("test", "testing", "dev", "holdout", "heldout", "oob", "cv", "fold", "search", "metrics"),
        *("epoch", "step", "batch", "final", "best", "last", "dataloader", "idx", "avg"),
    )
)
SPREADS = frozenset(("std", "stdev", "stddev", "sd", "sem", "var", "variance", "spread", "stderr"))
NEGATED = frozenset(("neg", "negative", "minus", "negated"))
SYSTEM = re.compile(r"^system/", re.IGNORECASE)  # resources that MLflow's clients sample

_CAMEL = {"mAP": "map", "mAR": "mar", "mIoU": "miou", "IoU": "iou", "AUROC": "auroc"}
_SPECIAL = re.compile("|".join(_CAMEL))
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*|\d+")
_CUTOFF = re.compile(r"(@|_at_)[\w.]+-?$|:[^/]*$")  # a cut-off or parameters: `ndcg@10`, `F:beta=2`
_SUFFIX = re.compile(r"(_(step|epoch))?(/dataloader_idx_\d+)?$")  # Lightning's
_ERR = re.compile(r"(^|[^A-Za-z])ERR$")  # CatBoost's rank metric, or somebody's error
_PRECISION_AT_RANK = re.compile(r"(^|[^a-z])[pr](recision|ecall)?@\d", re.IGNORECASE)


def tokens_of(key: str) -> list[str]:
    """The words of a name in lower case: at separators, and where capitals begin a word."""
    plain = _SPECIAL.sub(lambda match: f"_{_CAMEL[match[0]]}", key)
    return [word.lower() for word in _WORD.findall(plain)]


@lru_cache(maxsize=4096)
def direction_of(key: str) -> Direction:
    """Which way a metric of this name is better; unknown when the name does not say."""
    if SYSTEM.match(key):
        return UNKNOWN
    if _ERR.search(key):
        return UNKNOWN
    if _PRECISION_AT_RANK.search(key):
        return HIGHER
    if tokens_of(key)[:2] == ["rank", "test"]:  # of a parameter search: the place, 1 is first
        return LOWER

    for name in _candidate_names(key):
        listed = _LISTED.get(_join(tokens_of(name)))
        if listed is not None:
            return listed

    return _direction_of_tokens(_tokens_without_cutoff(key))


def _candidate_names(key: str) -> Iterator[str]:
    """The name as it is, without what stands behind it, and without the stage in front."""
    texts = (key, _CUTOFF.sub("", key), _SUFFIX.sub("", key))
    yield from texts
    for text in texts:
        tokens = tokens_of(text)
        while tokens and (tokens[0] in STAGES or tokens[0].isdecimal()):
            tokens = tokens[1:]
            if tokens:
                yield "_".join(tokens)


def _tokens_without_cutoff(key: str) -> list[str]:
    return tokens_of(_CUTOFF.sub("", key)) or tokens_of(key)


def _direction_of_tokens(tokens: Sequence[str]) -> Direction:
    negated = next((index for index, word in enumerate(tokens) if word in NEGATED), None)
    if negated is not None and (negated == 0 or tokens[negated - 1] not in ("true", "false")):
        direction = _direction_of_tokens(tokens[negated + 1 :])
        if direction == LOWER:  # scikit-learn's scorers: the negative of a loss
            return HIGHER
        if _join(tokens[negated + 1 :]).startswith("log likelihood"):
            return LOWER
    if any(word in SPREADS for word in tokens) and "explained" not in tokens:
        others = [word for word in tokens if word not in SPREADS]
        return UNKNOWN if _direction_of_tokens(others) == UNKNOWN else LOWER

    last = max(_direction_marks(tokens), key=lambda mark: mark[1], default=None)
    if last is not None:
        return last[0]

    return next((WEAK_WORDS[word] for word in reversed(tokens) if word in WEAK_WORDS), UNKNOWN)


def _direction_marks(tokens: Sequence[str]) -> Iterator[tuple[Direction, int]]:
    """Each phrase and word that tells a direction, and where it ends."""
    taken: set[int] = set()
    for direction, start, stop in _phrases(tokens):
        if not taken & set(range(start, stop)):
            taken |= set(range(start, stop))
            yield direction, stop
    for index, word in enumerate(tokens):
        by_word = _direction_of_token(word)
        if index not in taken and by_word is not None:
            yield by_word, index + 1


def _phrases(tokens: Sequence[str]) -> Iterator[tuple[Direction, int, int]]:
    """The listed phrases in a name, the longest first."""
    for length in range(min(_MAX_WORDS, len(tokens)), 1, -1):
        for start in range(len(tokens) - length + 1):
            direction = _PHRASE.get(" ".join(tokens[start : start + length]))
            if direction is not None:
                yield direction, start, start + length


def _direction_of_token(word: str) -> Direction | None:
    if word in NOT_A_METRIC:
        return None
    for text in (word, word.rstrip("0123456789")):
        for direction, listed in WORDS.items():
            if text in listed:
                return direction
    bare = word.rstrip("0123456789")
    return next((way for end, way in COMPOUND_ENDINGS.items() if bare.endswith(end)), None)


def _join(tokens: Sequence[str]) -> str:
    return " ".join(tokens)


_PHRASE = {phrase: direction for direction, listed in PHRASES.items() for phrase in listed}
_MAX_WORDS = max(phrase.count(" ") + 1 for phrase in _PHRASE)
_LISTED: dict[str, Direction] = {
    _join(tokens_of(name)): direction
    for of_library in NAMES.values()
    for direction, names in of_library.items()
    for name in names
}
