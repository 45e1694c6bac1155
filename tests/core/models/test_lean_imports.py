"""scikit-learn without the imports that predictions rarely need: the answers are the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pilothouse.models import lean_imports

ANSWERS = """
import sys
from contextlib import nullcontext
from pilothouse.models import lean_imports

is_lean = sys.argv[1] == "lean"
with lean_imports.of_scikit_learn() if is_lean else nullcontext():
    from sklearn import covariance, ensemble, feature_selection, impute, isotonic, metrics
    from sklearn import model_selection, pipeline, preprocessing, svm
    from sklearn.utils import fixes

    loaded = [name for name in ("scipy.stats", "rich") if name in sys.modules]
    assert bool(loaded) is not is_lean, loaded

import numpy as np

draw = np.random.default_rng(3)
rows, labels = draw.gamma(2.0, size=(80, 3)), draw.integers(0, 2, 80)
normal = preprocessing.QuantileTransformer(n_quantiles=20, output_distribution="normal")
print(normal.fit_transform(rows).sum())
for method in ("box-cox", "yeo-johnson"):
    print(preprocessing.PowerTransformer(method).fit_transform(rows)[0].tolist())
print(isotonic.IsotonicRegression(increasing="auto").fit(rows[:, 0], labels).predict([1.0, 2.0]))
print(metrics.roc_auc_score(labels, rows[:, 0]), metrics.label_ranking_average_precision_score(
    np.eye(3)[draw.integers(0, 3, 80)], rows))
print(fixes._mode(labels), covariance.MinCovDet(random_state=0).fit(rows).location_)
print(feature_selection.f_classif(rows, labels))
search = model_selection.GridSearchCV(svm.SVC(), {"C": [0.1, 1.0]}, cv=2).fit(rows, labels)
print(search.cv_results_["rank_test_score"])
boosted = ensemble.HistGradientBoostingClassifier(max_iter=5).fit(rows, labels)
print(boosted.predict_proba(rows[:2]).tolist())

from scipy import stats
import scipy.stats.mstats
assert isinstance(stats.uniform(), stats.distributions.rv_frozen)
"""


def answers(kind: str) -> str:
    """What a process prints that imported scikit-learn so."""
    command = [sys.executable, "-c", ANSWERS, kind]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def test_late_statistics_give_the_same_answers() -> None:
    lean = answers("lean")
    assert lean == answers("whole")
    assert len(lean.splitlines()) >= 9


def test_imports_are_as_before_after_the_block() -> None:
    before = list(sys.meta_path)
    with pytest.raises(KeyError), lean_imports.of_scikit_learn():
        raise KeyError("a pickle that cannot be read")
    assert sys.meta_path == before
