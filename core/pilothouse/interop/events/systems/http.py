"""An address that takes one event a request, as CloudEvents and OpenLineage receivers do."""

from __future__ import annotations

import http.client
from collections.abc import Sequence

from pilothouse.data.secret_references import REQUIREMENT, is_reference, secret_at
from pilothouse.interop.events.messages import IncomingMessage
from pilothouse.interop.events.positions import StoredPositions
from pilothouse.interop.events.systems import Permissions, TopicReader, TopicWriter, systems
from pilothouse.interop.mlflow.webhooks import addresses
from pilothouse.interop.mlflow.webhooks.http_delivery import post
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.parameters import Parameter, Params

CLOUD_EVENT = b'{"specversion":'
REFUSED = (400, 413, 415, 422)  # the same body will never be taken


@systems.register("http")
class HttpAddress:
    """POST to a public address, as webhooks are sent: checked, with a deadline, not redirected."""

    title = "HTTP"
    description = "One POST for each event, to an address that takes JSON or CloudEvents."
    needs = extra = ""
    reads = False
    at_once = 20
    parameters = (
        Parameter("url", "text", required=True, title="URL", help="http:// or https://."),
        Parameter(
            "token",
            "text",
            "",
            title="Where the token is",
            help="env:NAME or file:PATH, of the worker; sent as a bearer token.",
        ),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for what is no URL, and for a token in the open."""
        addresses.parse(settings.text("url"))
        if settings.text("token") and not is_reference(settings.text("token")):
            raise Invalid.of_fields("this token cannot be used", {"params.token": REQUIREMENT})

    @staticmethod
    def place(settings: Params) -> str:
        """Host and path, without a query."""
        target = addresses.parse(settings.text("url"))
        return f"{target.scheme}://{target.host}{target.path.partition('?')[0]}"

    @staticmethod
    def reader(settings: Params, positions: StoredPositions) -> TopicReader:
        """Nothing can be read there."""
        raise Invalid("an address is only written to.")

    @staticmethod
    def writer(settings: Params, permissions: Permissions, target: str = "") -> TopicWriter:
        """Resolve the address. Raises Refused for one that is not public and not allowed."""
        return HttpWriter(settings, permissions)

    @staticmethod
    def newest(settings: Params, most: int) -> Sequence[IncomingMessage]:
        """Nothing can be read there."""
        return ()


class HttpWriter:
    """Makes a request for each message; each is answered before the next one."""

    def __init__(self, settings: Params, permissions: Permissions) -> None:
        self._target = addresses.parse(settings.text("url"))
        self._private = permissions.private_addresses
        self._ips = addresses.resolve(self._target, private=self._private)
        self._headers: dict[str, str] = {}
        if settings.text("token"):
            self._headers["Authorization"] = f"Bearer {secret_at(settings.text('token'))}"

    def write(self, key: str, value: bytes) -> None:
        """Send it. Raises Invalid when the receiver will never take it, Unavailable otherwise."""
        kind = "cloudevents+json" if value.startswith(CLOUD_EVENT) else "json"
        headers = {**self._headers, "Content-Type": f"application/{kind}"}
        try:
            status, body = post(self._target, self._ips, value, headers)
        except (OSError, http.client.HTTPException) as failed:
            raise Unavailable(f"the address did not answer: {failed}.") from None
        if status in REFUSED:
            raise Invalid(f"the receiver answered {status}: {body[:200]}")
        if not 200 <= status < 300:
            raise Unavailable(f"the receiver answered {status}.")

    def flush(self) -> None:
        """Every message was answered already."""

    def close(self) -> None:
        """Every request has its own connection."""
