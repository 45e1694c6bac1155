"""What the Hugging Face Hub's library reads in a model card."""

from __future__ import annotations

import json
import sys

from huggingface_hub import ModelCard

data = ModelCard.load(sys.argv[1]).data
results = [[row.dataset_name, row.metric_type, row.metric_value] for row in data.eval_results]
sys.stdout.write(
    json.dumps({"licence": data.license, "library": data.library_name, "results": results})
)
