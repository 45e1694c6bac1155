"""The generated reference pages of the interfaces for programs: Python and HTTP."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.markdown import page, table
from pilothouse.cli.command import first_paragraph
from pilothouse.http.management import build
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.service import Service
from pilothouse.workspace import Workspace, open_workspace

WIDTH = 96
TAGS = {
    "predictions": "Predictions, labels and health",
    "lists": "Lists",
    "details": "Details",
    "pipelines": "Pipelines",
    "rollouts": "Rollouts",
}
HTTP_INTRO = """\
The server listens on `http://127.0.0.1:5050` unless another port is set. Bodies are JSON.
`GET /openapi.json` returns the same list as an OpenAPI 3.1 document.

An error is answered with the status of its [state](errors.md) and this body; `fields` is there when
parts of the request are invalid, and 503 comes with `Retry-After`:

```json
{"error": "there is no deployment 'churn'.", "hint": "…", "code": "not_found"}
```

[Deployments](../deployments.md) describes the bodies of predictions and labels. The MLflow REST API
(`/api/2.0/mlflow/…`, `/api/2.0/mlflow-artifacts/…`) has [a page of its own](mlflow.md);
those of pipelines have [examples](../pipeline-files.md#pipelines-over-http)."""
PYTHON_INTRO = """\
`pilothouse.open_workspace(path)` returns a workspace; each noun is one attribute of it. A command
is one transaction and writes the [audit log](../activity.md). A query returns a pandas DataFrame or
a frozen dataclass, never a live row. [Errors](errors.md) lists the exceptions.

Each method is listed with its signature and the first paragraph of its docstring;
`help(ws.registry.promote)` shows the rest."""


def services() -> dict[str, Service]:
    """The API object of each noun, by the name of the workspace's attribute."""
    with TemporaryDirectory() as folder:  # nothing is read from it
        workspace = Workspace(open_store(Settings(workspace=Path(folder))))
        attributes = ((name, getattr(workspace, name)) for name in _public(workspace))
        return {name: value for name, value in attributes if isinstance(value, Service)}


def python_page() -> str:
    """Every public method of the workspace and of its nouns."""
    parts = [PYTHON_INTRO, _workspace_part()]
    for name, service in services().items():
        parts.append(_service_part(f"ws.{name}", service, level=2))
        for child in _public(service):
            if isinstance(getattr(service, child, None), Service):
                parts.append(_service_part(f"ws.{name}.{child}", getattr(service, child), level=3))
    return page("Python API", *parts)


def http_page() -> str:
    """Every route of the management API and of the gateway, from its OpenAPI document."""
    with TemporaryDirectory() as folder:
        store = open_store(Settings(workspace=Path(folder)))
        paths: dict[str, dict[str, Any]] = build(store).openapi()["paths"]
    parts = [HTTP_INTRO]
    for tag, title in TAGS.items():
        rows = [
            (f"`{method.upper()} {path}`", operation["summary"], _query(operation))
            for path, operations in paths.items()
            for method, operation in operations.items()
            if operation["tags"] == [tag]
        ]
        parts.append(f"## {title}\n\n{table(('route', 'answers', 'query parameters'), rows)}")
    return page("HTTP API", *parts)


def _public(value: object) -> Iterator[str]:
    return (name for name in sorted(dir(value)) if not name.startswith("_"))


def _workspace_part() -> str:
    methods = [_entry(open_workspace), _entry(Workspace.acting_as)]
    return "\n\n".join(["## The workspace", *methods])


def _service_part(address: str, service: Service, level: int) -> str:
    kind = type(service)
    methods = [
        _entry(getattr(kind, name))
        for name in _public(service)
        if inspect.isfunction(getattr(kind, name, None))
    ]
    return "\n\n".join([f"{'#' * level} {address}", first_paragraph(kind), *methods])


def _entry(method: Any) -> str:
    return f"```python\n{_signature(method)}\n```\n\n{first_paragraph(method)}"


def _signature(method: Any) -> str:
    """On one line, or one parameter a line when that would be too long."""
    signature = inspect.signature(method)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    parts = []
    for index, parameter in enumerate(parameters):
        is_first_keyword = parameter.kind is parameter.KEYWORD_ONLY and not any(
            p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL) for p in parameters[:index]
        )
        parts += ["*"] if is_first_keyword else []
        parts.append(_parameter(parameter))

    returned = f" -> {signature.return_annotation}"
    line = f"{method.__name__}({', '.join(parts)}){returned}"
    if len(line) <= WIDTH:
        return line
    lines = "".join(f"    {part},\n" for part in parts)
    return f"{method.__name__}(\n{lines}){returned}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}: {parameter.annotation}"
    if parameter.default is parameter.empty:
        return text
    # The representation of a function or of a sentinel holds its address in memory.
    default = "..." if " at 0x" in repr(parameter.default) else repr(parameter.default)
    return f"{text} = {default}"


def _query(operation: dict[str, Any]) -> str:
    parameters = [p for p in operation.get("parameters", []) if p["in"] == "query"]
    return "<br>".join(f"`{p['name']}`{_range(p['schema'])}" for p in parameters)


def _range(schema: dict[str, Any]) -> str:
    """The default and the largest value of a query parameter, where it has them."""
    default = f" = {schema['default']}" if schema.get("default") not in (None, "") else ""
    return default + (f", at most {schema['maximum']:,}" if "maximum" in schema else "")
