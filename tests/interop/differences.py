"""How answers are compared, and every difference that is left, with its reason.

docs/reference/mlflow.md shows this list; a test holds the page and the list together.
"""

from __future__ import annotations

from dataclasses import dataclass

# Both must say something of the same type; what it is depends on the clock, or is one's own way.
SAME_TYPE = frozenset(
    {
        *("message", "next_page_token", "webhook_id"),
        *("creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp"),
        *("creation_timestamp_ms", "last_updated_timestamp_ms"),
    }
)
# A list whose order says nothing: it is compared by the first of these that its rows have.
UNORDERED = frozenset({"tags", "params", "metrics", "aliases", "files"})
SORTED_BY = ("key", "alias", "path")
# Left out and empty are the same.
EMPTY_IS_ABSENT = frozenset({"description"})
# New in 3.17 and read by no client.
IGNORED = frozenset({"sqlstate", "error_class"})


@dataclass(frozen=True)
class Difference:
    """What MLflow does, what Pilothouse does, and why."""

    theirs: str
    ours: str
    why: str


DIFFERENCES: dict[str, Difference] = {
    "fault": Difference(
        "500 for some wrong requests",
        "400 or 404 that says what is wrong",
        "the client repeats a 500 for minutes",
    ),
    "page": Difference(
        "an HTML page, or `detail`, for what is no route, no method or no file",
        "the same status, as the JSON of every other error",
        "one form of error for every reader",
    ),
    "database-words": Difference(
        "`BAD_REQUEST` with its database's own words, SQL included, when a name is taken, a "
        "parameter is changed or a logged model is not there",
        "the code and the words for that",
        "a program can act on it, and no SQL is told",
    ),
    "no-json": Difference(
        "reads a body that is not JSON as an empty object",
        "400 that says so",
        "an answer to a question that nobody asked helps nobody",
    ),
    "bare-nan": Difference(
        "reads a bare `NaN` in JSON as 0",
        "NaN",
        "it is what was logged",
    ),
    "nul": Difference(
        "takes a text with NUL in it on SQLite",
        "400",
        "PostgreSQL cannot keep it",
    ),
    "log-model": Difference(
        "writes the tag of `runs/log-model` anew, with fields of its own",
        "keeps what was sent",
        "only clients older than 3 use it, and they read both",
    ),
    "sampling": Difference(
        "of a long history, other points between the first and the last",
        "the first, the last, and evenly spaced ones",
        "both are samples",
    ),
    "unchecked": Difference(
        "drops a field of the wrong type, or takes a tag or parameter without a key or with one "
        "too long",
        "400 that names the field",
        "what a client sent is kept or refused, never half of it",
    ),
    "instants": Difference(
        "takes any 64-bit timestamp",
        "from 1970 to the year 9999, then 400",
        "others cannot be an instant",
    ),
    "infinity": Difference(
        "keeps ±Infinity as ±1.8e308",
        "keeps it",
        "it is what was logged",
    ),
    "newline": Difference(
        "takes a key that ends in a line break",
        "400",
        "it would look like the key without it",
    ),
    "resumed": Difference(
        "a run that runs again keeps its old end",
        "it has none until it ends again",
        "what runs has not ended",
    ),
    "default-experiment": Difference(
        "400 for a run without `experiment_id`",
        "it goes to experiment `0`, *Default*",
        "that is where the client's own default goes",
    ),
    "location": Difference(
        "takes a place for artifacts that climbs (`..`)",
        "400",
        "no client should be led out of its folder",
    ),
    "long-name": Difference(
        "takes a model's name of any length on SQLite",
        "256 characters, then 400",
        "it is what MLflow's other databases hold",
    ),
    "half-filter": Difference(
        "ignores words after a comparison, such as a forgotten `AND`",
        "400 that shows them",
        "a filter that is half ignored finds the wrong runs",
    ),
    "more-grammar": Difference(
        "refuses `OR`, `NOT` and parentheses in filters",
        "understands them",
        "it is strictly more",
    ),
    "no-number": Difference(
        "400 when runs are searched in an experiment whose id is no number",
        "finds nothing",
        "no experiment has that id",
    ),
    "orders": Difference(
        "sorts models by name and time of change only, and answers 500 when a field comes twice",
        "by time of creation too, and the first of two holds",
        "it is strictly more",
    ),
    "page-size": Difference(
        "takes 0 and negative numbers as the size of a page of models, and answers with a token "
        "that leads nowhere",
        "400, as for everything else that is searched",
        "a loop over such pages would not end",
    ),
    "gates": Difference(
        "moves any version to Staging and Production, and points `champion` at any",
        "asks the gates of the stage, as the screen does, after a trial of the version in a model "
        "process where there was none, and answers 403 `PERMISSION_DENIED` with what they say; "
        "`champion` follows the version in Production",
        "no door goes round the policy",
    ),
    "download": Difference(
        "the download address of `runs:/…` is itself",
        "where the files are",
        "one question less",
    ),
    "empty-file": Difference(
        "leaves out the size of an empty file",
        "0",
        "0 is a size",
    ),
    "artifact-types": Difference(
        "hands out HTML as `text/html`, and JSON as `text/plain`",
        "HTML as `text/plain`, the others by their name; always as an attachment",
        "no file may run in a browser on this origin",
    ),
    "backslash": Difference(
        "takes a path with backslashes as the name of a file",
        "400",
        "on another machine it would climb",
    ),
    "other-runs": Difference(
        "400 for a source `runs:/…` of a run that is not the one named",
        "the same, unless neither of the two is a run here",
        "registries that are not where the runs are know neither, and no file here can be meant",
    ),
    "dataset-name": Difference(
        "of a dataset without a digest, logged models are found by figures without one alone",
        "every figure on a dataset of that name counts",
        "the digest is said to be optional, and figures without one are rare",
    ),
    "server-info": Difference(
        "has presigned uploads and a gateway",
        "says that it has not",
        "the client asks before it uses them",
    ),
    "webhook-http": Difference(
        "webhooks by `https` only, unless the environment says otherwise",
        "`http` too; inner addresses are refused either way",
        "receivers behind a proxy of one's own speak it",
    ),
    "webhook-credentials": Difference(
        "takes a name and a password in a webhook's URL",
        "400",
        "they would be told to whoever lists webhooks",
    ),
}


def table() -> str:
    """The list as docs/reference/mlflow.md shows it."""
    rows = [f"| {each.theirs} | {each.ours} | {each.why} |" for each in DIFFERENCES.values()]
    return "\n".join(["| MLflow 3.17 | here | why |", "|---|---|---|", *rows])
