"""What SageMaker's inference toolkit answers with the functions of an archive."""

from __future__ import annotations

import os
import sys
from pathlib import Path

model_folder, request = sys.argv[1:]
os.environ["SAGEMAKER_BASE_DIR"] = model_folder
sys.path.insert(0, f"{model_folder}/code")

import inference  # noqa: E402
from sagemaker_inference.transformer import Transformer  # noqa: E402

transformer = Transformer()
for name in ("model_fn", "input_fn", "predict_fn", "output_fn"):
    setattr(transformer, f"_{name}", getattr(inference, name))
answer = transformer._default_transform_fn(
    inference.model_fn(model_folder),
    Path(request).read_text(),
    "application/json",
    "application/json",
)
sys.stdout.write(answer[0] if isinstance(answer, list | tuple) else answer)
