"""Which paths of the server are the protocol's; nothing heavy is imported here."""

from __future__ import annotations

API = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/")
FILES = ("/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/")
INFO = ("/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info")
GET_ARTIFACT, GET_VERSION_ARTIFACT = "/get-artifact", "/model-versions/get-artifact"
UPLOAD = "upload-artifact"
RESET = "/api/testing/reset"
PLAIN = ("/health", "/version")
ELSEWHERE = ("/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/", "/graphql", "/v1/traces")
PREFIXES = (*API, *FILES, *ELSEWHERE)
PATHS = frozenset((*PLAIN, *INFO, RESET, GET_ARTIFACT, GET_VERSION_ARTIFACT))
SPOKEN = "3.17.2"


def plain(path: str) -> str:
    """The path with one slash at its beginning: clients that join with a slash send two."""
    return f"/{path.lstrip('/')}"


def owns(path: str) -> bool:
    """Whether the protocol answers this path, if only with 404."""
    path = plain(path)
    return path.startswith(PREFIXES) or path in PATHS
