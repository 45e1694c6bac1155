"""In the environment of the libraries: every line becomes an event of theirs, and back.

    python read_events.py LINEAGE_FILE CLOUD_EVENTS_FILE

Prints how many there were of each. What their classes do not know or refuse ends it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cloudevents.v1.http import from_json, to_json
from openlineage.client import event_v2
from openlineage.client.facet_v2 import (
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    schema_dataset,
)
from openlineage.client.serde import Serde

FACETS = {
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
}


def main(lineage: Path, cloud_events: Path) -> None:
    """Read both files."""
    events = [json.loads(line) for line in lineage.read_text().splitlines()]
    for event in events:
        theirs = json.loads(Serde.to_json(run_event(event)))
        for part in ("eventTime", "eventType", "run", "job", "inputs", "outputs", "schemaURL"):
            assert same(event[part], theirs.get(part)), (part, event[part], theirs.get(part))
    lines = cloud_events.read_text().splitlines()
    for line in lines:
        read = from_json(line)
        assert json.loads(to_json(read)) == json.loads(line), line
    sys.stdout.write(f"{len(events)} {len(lines)}\n")


def run_event(event: dict[str, Any]) -> event_v2.RunEvent:
    """The event as their classes hold it; they check the id, the instants and the producer."""
    return event_v2.RunEvent(
        eventTime=event["eventTime"],
        eventType=event_v2.RunState(event["eventType"]),
        producer=event["producer"],
        run=event_v2.Run(event["run"]["runId"], facets(event["run"]["facets"])),
        job=event_v2.Job(
            event["job"]["namespace"], event["job"]["name"], facets(event["job"]["facets"])
        ),
        inputs=[dataset(event_v2.InputDataset, item) for item in event["inputs"]],
        outputs=[dataset(event_v2.OutputDataset, item) for item in event["outputs"]],
    )


def dataset(kind: Any, item: dict[str, Any]) -> Any:
    """A dataset with its facets."""
    return kind(namespace=item["namespace"], name=item["name"], facets=facets(item["facets"]))


def facets(values: dict[str, Any]) -> dict[str, Any]:
    """Facets of their classes, which take no field that is not theirs."""
    built = {}
    for name, value in values.items():
        own = {key: item for key, item in value.items() if not key.startswith("_")}
        if name == "schema":
            fields = [schema_dataset.SchemaDatasetFacetFields(**item) for item in own["fields"]]
            built[name] = schema_dataset.SchemaDatasetFacet(
                fields=fields, producer=value["_producer"]
            )
        else:
            built[name] = FACETS[name](**own, producer=value["_producer"])
        assert built[name]._schemaURL == value["_schemaURL"], (name, built[name]._schemaURL)
    return built


def same(ours: Any, theirs: Any) -> bool:
    """Whether they hold what we wrote, beside what they add."""
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and all(same(ours[k], theirs.get(k)) for k in ours)
    if isinstance(ours, list):
        theirs = theirs or []
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
