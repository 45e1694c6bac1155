"""HTTP to an untrusted server: every response has a limit on time and size; no redirects.

The credentials are those that MLflow's own client takes from the environment; they are never part
of an error, a log line or a report.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from pilothouse.interop.importing.coerce import excerpt
from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, Refused, Unavailable

if TYPE_CHECKING:
    import httpx

MAX_JSON = 256 << 20
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, MAX_RESPONSE_S = 10.0, 60.0, 300.0
TRIES, FIRST_WAIT_S = 4, 0.5
RETRIED_STATUSES = (408, 429, 500, 502, 503, 504)
log = logging.getLogger(__name__)


class UnexpectedStatus(PilothouseError):
    """The server answered with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the server answered {status}: {message}")
        self.response_status = status


class HttpClient:
    """A connection to one server and no other."""

    def __init__(
        self,
        url: str,
        *,
        wait: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        import httpx

        self.url = checked_address(url)
        # The library would log each address, at the level at which jobs keep their logs.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._wait = wait
        self._has_answered = False
        self._http = httpx.Client(
            base_url=self.url,
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
            trust_env=not _is_local(self.url),
            headers={"accept-encoding": "identity", **_bearer()},
            auth=_basic(),
            transport=transport,
        )

    def get(self, path: str, /, **params: Any) -> dict[str, Any]:
        """The JSON object that a GET answers with."""
        return self._with_retries(lambda: self._request("GET", path, params=params))

    def post(self, path: str, /, **fields: Any) -> dict[str, Any]:
        """The JSON object that a POST answers with; only searches are posted."""
        return self._with_retries(lambda: self._request("POST", path, json=fields))

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file; the caller limits how many it reads."""
        with self._stream("GET", path) as answer, _translated_errors(self.url):
            yield from answer.iter_bytes(1 << 20)

    def _with_retries(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        pause = FIRST_WAIT_S
        for left in reversed(range(TRIES)):
            try:
                return ask()
            except (UnexpectedStatus, Unavailable) as refused:
                # A server that has never answered is most often an address typed wrong.
                again = self._has_answered or isinstance(refused, UnexpectedStatus)
                status = getattr(refused, "response_status", 503)
                if not (left and again) or status not in RETRIED_STATUSES:
                    raise
                log.info("asking again: %s", refused)
            self._wait(pause)
            pause *= 2
        raise AssertionError("the last try either answers or raises")

    def _request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        end = time.monotonic() + MAX_RESPONSE_S
        body = bytearray()
        with self._stream(method, path, **options) as answer, _translated_errors(self.url):
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > MAX_JSON:
                    raise Invalid(f"{self.url} answers with more than {MAX_JSON >> 20} MB.")
                if time.monotonic() > end:
                    raise Unavailable(f"{self.url} does not come to the end of an answer.")
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            payload = None
        if not isinstance(payload, dict):
            raise Invalid(
                f"{self.url} does not answer as an MLflow server does.",
                hint="Give the address that MLflow's client is told as its tracking URI.",
            )
        return payload

    @contextmanager
    def _stream(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        with _translated_errors(self.url), self._http.stream(method, path, **options) as answer:
            _check_status(answer, self.url)
            self._has_answered = True
            yield answer

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def checked_address(url: str) -> str:
    """The address without a slash at its end. Raises Invalid when it is not a valid address."""
    try:
        parts = urlsplit(url.strip())
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        fits = fits and parts.netloc.isprintable() and " " not in parts.netloc
    except ValueError:
        fits = False
    if not fits:
        raise Invalid(f"{excerpt(_without_password(url))!r} is no address of a server.")
    if parts.username or parts.password:
        raise Invalid(
            "an address is kept and shown, so it may hold no password.",
            hint="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead.",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def _without_password(url: str) -> str:
    """The text without what may be a password."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else url.rpartition("@")[2]


def _basic() -> tuple[str, str] | None:
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD")
    return (user, password) if user and password else None


def _bearer() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"authorization": f"Bearer {token}"} if token and _basic() is None else {}


def _is_local(url: str) -> bool:
    """Whether the server is on this machine: a proxy of the environment must not be used then."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _translated_errors(url: str) -> Iterator[None]:
    """Translate the library's exceptions into the project's errors."""
    import httpx

    try:
        yield
    except httpx.TimeoutException as late:
        raise Unavailable(f"{url} does not answer in time.") from late
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as broken:
        hint = "Look whether it runs and whether the address is right."
        raise Unavailable(
            f"{url} cannot be reached: {excerpt(str(broken))}.", hint=hint
        ) from broken


def _check_status(answer: httpx.Response, url: str) -> None:
    status = answer.status_code
    if status == 200:
        return
    if 300 <= status < 400:
        to = excerpt(_without_password(answer.headers.get("location", "nowhere")))
        raise Refused(
            f"{url} sends us to {to}, and an import follows nobody elsewhere.",
            hint="Give that address yourself when it is the right one.",
        )
    if status in (401, 403):
        raise Refused(
            f"{url} wants to know who asks ({status}).",
            hint="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN, for the program that imports.",
        )
    if status == 404:
        raise NotFound(f"{url} knows nothing at {answer.url.path}.")
    raise UnexpectedStatus(status, _excerpt(answer))


def _excerpt(answer: httpx.Response) -> str:
    """The beginning of an error response."""
    for piece in answer.iter_bytes(500):
        return excerpt(piece)
    return "without a word"
