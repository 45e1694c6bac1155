"""Proof of the engine of the extra `onnx`: on 20,000 fresh rows it decides as the library does.

    python tests/proofs/engines.py [FOLDER]

The environment with the extra is built once in FOLDER: `make proof`. Each model is fitted on a
frame with categories and missing values; of the rows that it answers some have missing values, and
some a category that training never saw.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas
import sklearn
from prove import environment, plain_variables

import pilothouse

LINES = (
    *("onnxruntime>=1.32", "skl2onnx>=1.20", "joblib", "orjson"),
    *(f"scikit-learn=={sklearn.__version__}", f"pandas=={pandas.__version__}"),
)
PROOF = """
import sys, time, warnings
warnings.simplefilter("ignore")
from dataclasses import replace
import numpy as np, pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from pilothouse.models.engine_choice import choose_engine
from pilothouse.models.formats.pilothouse_pipeline import PipelineModel
from pilothouse.models.signature import Signature, SignatureField

BINARY = Signature(
    inputs=(
        SignatureField("distance", "number", low=200.0, high=800.0),
        SignatureField("carrier", "string", categories=("AA", "B6", "UA")),
        SignatureField("wind", "number", required=False, low=0.0, high=20.0),
    ),
    target="late", classes=(0, 1), positive=1,
)
NUMBER = replace(BINARY, classes=(), positive="", task="regression", gives="value")

def table(seed, rows, carriers):
    draw = np.random.default_rng(seed)
    wind = np.where(draw.random(rows) < 0.1, np.nan, draw.normal(10, 3, rows).round(1))
    distance = draw.normal(500, 100, rows).round()
    carrier = draw.choice(carriers, rows)
    frame = pd.DataFrame({"distance": distance, "carrier": carrier, "wind": wind})
    return frame, (frame["wind"].fillna(10) + draw.normal(0, 2, rows) > 11).astype(int)

def prepared(*numbers):
    encoder = OneHotEncoder(handle_unknown="ignore")
    of_numbers = (make_pipeline(*numbers), ["distance", "wind"])
    return make_column_transformer(of_numbers, (encoder, ["carrier"]))

plain, scaled = (SimpleImputer(),), (SimpleImputer(), StandardScaler())
CASES = [
    (LogisticRegression(max_iter=1_000), scaled, BINARY, "onnx_runtime"),
    (SVC(probability=True, random_state=0), scaled, BINARY, "onnx_runtime"),
    (RandomForestClassifier(100, random_state=0), plain, BINARY, "onnx_runtime"),
    (RandomForestClassifier(100, random_state=0), scaled, BINARY, "library"),
    (GradientBoostingClassifier(random_state=0), plain, BINARY, "onnx_runtime"),
    (RandomForestRegressor(20, random_state=0), plain, NUMBER, "onnx_runtime"),
    (Ridge(), scaled, NUMBER, "onnx_runtime"),
]
frame, late = table(1, 2_000, ["AA", "B6", "UA"])
fresh, _ = table(2, 20_000, ["AA", "B6", "UA", "ZZ"])
columns = [[None if value != value else value for value in fresh[n].tolist()] for n in BINARY.names]
example = [{"distance": 500.0, "carrier": "AA", "wind": None}]
failed = 0
for estimator, steps, signature, expected in CASES:
    model = make_pipeline(prepared(*steps), estimator).fit(frame, late)
    library = PipelineModel(model, signature)
    began = time.process_time()
    served, result = choose_engine(library, example)
    spent = time.process_time() - began
    own, other = np.array(served.predict(columns)), np.array(library.predict(columns))
    largest = np.abs(own - other).max()
    decided = signature is NUMBER or np.array_equal(own[:, -1] >= 0.5, other[:, -1] >= 0.5)
    began = time.process_time()
    for _ in range(200):
        served.predict([[500.0], ["AA"], [7.0]])
    us = (time.process_time() - began) / 200 * 1e6
    good = decided and largest <= 1e-5 and result.engine == expected
    failed += not good
    print(f"{type(estimator).__name__:28} {result.engine:12} {'equal' if good else 'DIFFERENT'} "
          f"({largest:.1e}; {us:.0f} us a row; compared in {spent:.1f} s)", result.refused or "")
sys.exit(failed)
"""


def main(folder: Path) -> int:
    """0 when every model is answered by the engine that should, as the library answers."""
    python = environment(folder, LINES)
    package = str(Path(pilothouse.__file__).parents[1])
    variables = plain_variables() | {"PYTHONPATH": package, "OMP_NUM_THREADS": "1"}
    return subprocess.run([str(python), "-c", PROOF], env=variables, check=False).returncode


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(main(folder))
