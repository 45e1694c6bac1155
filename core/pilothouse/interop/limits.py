"""The longest names, values and paths that programs may write: over a protocol or by an import.

They are MLflow's own limits, so that whatever its clients may write there they may write here.
"""

from __future__ import annotations

from pilothouse.experiments import params, recording

MAX_KEY_LENGTH = recording.MAX_KEY_LENGTH
MAX_PARAM_LENGTH = params.MAX_VALUE_LENGTH
MAX_PATH_LENGTH = 1000

MAX_EXPERIMENT_NAME_LENGTH = 500
MAX_EXPERIMENT_TAG_LENGTH = 20_000
MAX_RUN_TAG_LENGTH = 8000
# By field of `experiments.dataset_sources.SourceDescription`.
MAX_DATASET_LENGTHS = {
    "name": 500,
    "digest": 36,
    "source": 65_535,
    "columns": 1_048_575,
    "profile": 16_777_215,
    "source_type": 36,
}

MAX_MODEL_NAME_LENGTH = 256
MAX_MODEL_NOTE_LENGTH = 100_000
MAX_MODEL_TAG_LENGTH = 100_000
