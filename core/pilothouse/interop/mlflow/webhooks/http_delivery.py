"""One POST to a webhook: to a checked address, signed, with a deadline, without redirects."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pilothouse.interop.mlflow.webhooks import addresses
from pilothouse.interop.mlflow.webhooks.addresses import WebhookTarget
from pilothouse.kit.errors import Invalid, PilothouseError, Refused, Unavailable

SIGNATURE, TIMESTAMP, DELIVERY = "X-MLflow-Signature", "X-MLflow-Timestamp", "X-MLflow-Delivery-Id"
MAX_SECONDS = 10.0
MAX_READ = 10_000
RETRIED_STATUSES = (408, 425, 429)


@dataclass(frozen=True)
class DeliveryRequest:
    """What is sent, and where; a retry keeps its id."""

    id: str
    url: str
    secret: str
    payload: str


@dataclass(frozen=True)
class DeliveryResult:
    """The result of a call: the receiver's status, or why there is none."""

    code: int | None = None
    body: str = ""
    error: str = ""
    is_final: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the receiver accepted it."""
        return self.code is not None and 200 <= self.code < 300


def send(request: DeliveryRequest, *, private: bool) -> DeliveryResult:
    """Make the call; a failure is a result too, never an exception."""
    try:
        target = addresses.parse(request.url)
        ips = addresses.resolve(target, private=private)
        payload = request.payload.encode()
        code, body = post(target, ips, payload, _headers(request))
    except (Invalid, Refused) as never:
        return DeliveryResult(error=str(never), is_final=True)
    except (PilothouseError, OSError, http.client.HTTPException) as failed:
        message = str(failed) or type(failed).__name__
        return DeliveryResult(error=message[:500])
    if 300 <= code < 400:
        return DeliveryResult(
            code, body, "It answered with another address; none is followed.", True
        )
    repeats = code in RETRIED_STATUSES or code >= 500
    message = "" if code < 300 else f"It answered {code}."
    return DeliveryResult(code, body, message, is_final=not repeats)


def sign(secret: str, delivery: str, timestamp: str, payload: str) -> str:
    """The signature over id, timestamp and payload, as the protocol defines it."""
    signed = f"{delivery}.{timestamp}.{payload}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def post(
    target: WebhookTarget, ips: list[str], payload: bytes, headers: Mapping[str, str]
) -> tuple[int, str]:
    """Status and body of the response to one POST to a checked address.

    Raises OSError or HTTPException without a response, Unavailable when it takes too long.
    """
    connection = http.client.HTTPConnection(target.host, target.port, timeout=MAX_SECONDS)
    late = threading.Event()
    connection.sock = _connected(target, ips)
    # A socket's timeout starts again with every byte; this one does not.
    end = threading.Timer(MAX_SECONDS, _shut_down, (connection.sock, late))
    end.daemon = True
    end.start()
    try:
        connection.request("POST", target.path, payload, _general_headers(target) | dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_READ).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        if late.is_set():
            raise Unavailable(f"it did not answer within {MAX_SECONDS:.0f} seconds.") from None
        raise
    finally:
        end.cancel()
        connection.close()


def _headers(request: DeliveryRequest) -> dict[str, str]:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        DELIVERY: request.id,
        TIMESTAMP: timestamp,
    }
    if request.secret:
        headers[SIGNATURE] = sign(request.secret, request.id, timestamp, request.payload)
    return headers


def _general_headers(target: WebhookTarget) -> dict[str, str]:
    host = f"[{target.host}]" if ":" in target.host else target.host
    usual = target.port == addresses.SCHEMES[target.scheme]
    return {
        "Host": host if usual else f"{host}:{target.port}",
        "User-Agent": "pilothouse",
        "Connection": "close",
    }


def _connected(target: WebhookTarget, ips: list[str]) -> socket.socket:
    """A socket to the first of the checked addresses that answers; DNS is not asked again."""
    failed: OSError = OSError("no address")
    for address in ips:
        try:
            plain = socket.create_connection((address, target.port), timeout=MAX_SECONDS)
        except OSError as wrong:
            failed = wrong
            continue
        return plain if target.scheme == "http" else _encrypted(plain, target.host)
    raise failed


def _encrypted(plain: socket.socket, host: str) -> socket.socket:
    import ssl

    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise


def _shut_down(held: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        held.shutdown(socket.SHUT_RDWR)
