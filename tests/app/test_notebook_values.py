"""What queries return, as a notebook shows it: well-formed, with the facts of each."""

from __future__ import annotations

from xml.etree import ElementTree

import pandas as pd


def test_runs_versions_data_deployments_windows_and_comparisons_show_their_facts(served):
    deployment = served.deployments.deployment("late")
    version = served.registry.version(deployment.model, deployment.version)
    run = served.experiments.run(version.run_id)
    other = next(n for n in served.experiments.runs()["id"] if n != run.id)
    window = served.monitoring.window(served.monitoring.windows("late")["id"].iloc[0])
    rows = pd.DataFrame({"price": [1.5, 2.5], "shop": ["<a>", "b"]})
    dataset = served.data.register("sales", rows)
    comparison = served.comparison.compare([run.id, other])
    shown = {
        f"Run {run.name}": (run, [run.experiment, run.status, *run.params]),
        f"Version {version.ref}": (version, [version.stage, *version.signature.names]),
        f"Data {dataset.ref}": (dataset, [f"{dataset.rows:,}", *dataset.column_names]),
        "Deployment late": (deployment, [deployment.version_ref, "launched"]),
        "Window from": (window, [window.status, window.version_ref]),
        "Comparison of 2 runs": (
            comparison,
            [*comparison.labels.values()],
        ),
    }
    for heading, (value, facts) in shown.items():
        tree = ElementTree.fromstring(value._repr_html_())
        texts = ["".join(node.itertext()) for node in tree.iter()]
        assert heading in texts[0]
        for fact in facts[:8]:
            assert any(fact in text for text in texts[1:]), (heading, fact)
