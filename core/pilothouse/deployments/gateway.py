"""The gateway: predictions and labels over HTTP, as raw ASGI, answered by model processes.

    GET  /v2  /v2/health/live  /v2/health/ready  /v2/models/{d}[/versions/{n}][/ready]
    POST /v2/models/{d}[/versions/{n}]/infer
    POST /deployments/{d}/invocations   /invocations      GET /ping
    POST /deployments/{d}/labels        {"ids": [...], "labels": [...], "at": [ms, ...]}

A request is read, checked against the signature, predicted, written to the journal, and answered.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pilothouse.deployments import invocations, oip
from pilothouse.deployments.columns import check
from pilothouse.deployments.frames import GOOD, PREDICT, REFUSED
from pilothouse.deployments.journal import Journal
from pilothouse.deployments.labelling import check_labels
from pilothouse.deployments.log import journal_folder
from pilothouse.deployments.measures import Measures
from pilothouse.deployments.request import Predicted, Wanted, inflate, read_json
from pilothouse.deployments.routes import Route, Routes
from pilothouse.experiments.signature import Signature
from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, Unavailable
from pilothouse.kit.ids import uuid7s

log = logging.getLogger("pilothouse.gateway")
WAIT_SECONDS = 5.0
PREDICT_SECONDS = 30.0
MOST_IN_FLIGHT = 512
INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([0-9]{1,9}))?/infer")
MODEL = re.compile(r"/v2/models/([^/]+)(?:/versions/([0-9]{1,9}))?(/ready)?")
ROOM = re.compile(r"/deployments/([^/]+)/(invocations|labels)")
PLAIN = ("/v2", "/v2/", "/v2/health/live", "/v2/health/ready", "/ping")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Read = Callable[[Signature], Wanted]


class TooLarge(Invalid):
    """The body is larger than this server reads."""

    status = 413
    code = "too_large"


@dataclass(frozen=True)
class Answer:
    """A response on its way out."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


@dataclass
class Gateway:
    """Answers the hot routes; `owns` says which they are."""

    workspace: Path
    routes: Routes
    max_body: int
    max_rows: int
    version: str
    measures: Measures = field(default_factory=Measures)
    _journals: dict[str, Journal] = field(default_factory=dict)
    _in_flight: Counter[str] = field(default_factory=Counter)

    def owns(self, path: str) -> bool:
        """Whether a path is one of the gateway's."""
        return path.startswith(("/v2/", "/deployments/")) or path in (*PLAIN, "/invocations")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            answer = await self._answer(scope, receive)
        except PilothouseError as refused:
            answer = refusal(refused)
        except Exception:  # the edge of a request
            log.exception("a request failed")
            answer = refusal(
                PilothouseError("something went wrong in the server; its log says what.")
            )
        await respond(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        infer, room = INFER.fullmatch(path), ROOM.fullmatch(path)
        if method == "POST" and infer:
            return await self._infer(infer[1], infer[2], scope, receive)
        if method == "POST" and room and room[2] == "labels":
            return await self._labels(room[1], scope, receive)
        if method == "POST" and (room or path == "/invocations"):
            return await self._invoke(room[1] if room else self._only(), scope, receive)
        if method in ("GET", "HEAD") and not infer and not room:
            return self._look(path)
        if infer or room or path in PLAIN:
            return refusal(_not_allowed(method), status=405)
        raise NotFound(f"there is nothing at {path}.", hint="See /openapi.json.")

    async def _infer(self, name: str, number: str | None, scope: Scope, receive: Receive) -> Answer:
        began = time.perf_counter()
        await self.routes.known(name)
        body = read_json(await self._body(scope, receive))

        def read(signature: Signature) -> Wanted:
            self._check_version(name, number)
            return oip.parse(body, signature)

        wanted, predicted = await self._predict(name, read, began)
        return _json(oip.answer(predicted, wanted.outputs), predicted.version)

    async def _invoke(self, name: str, scope: Scope, receive: Receive) -> Answer:
        began = time.perf_counter()
        await self.routes.known(name)
        kind = _header(scope, b"content-type").split(";", 1)[0].strip().lower()
        body = await self._body(scope, receive)
        _, predicted = await self._predict(
            name, lambda signature: invocations.parse(body, kind, signature), began
        )
        return _json(invocations.answer(predicted), predicted.version)

    async def _labels(self, name: str, scope: Scope, receive: Receive) -> Answer:
        route = await self.routes.known(name)
        given = read_json(await self._body(scope, receive))
        ids, values = given.get("ids"), given.get("labels")
        if not isinstance(ids, list) or not isinstance(values, list):
            raise Invalid("`ids` and `labels` must be lists of the same length.")
        self._check_rows(len(ids))
        now_ms = time.time_ns() // 1_000_000
        labels = check_labels(route.signature, ids, values, given.get("at"), now_ms)
        journal = self._journal(name)
        journal.labels(labels.line(journal.stamp()))
        self.measures.labels[name] += len(ids)
        return _json({"accepted": len(ids)})

    async def _predict(self, name: str, read: Read, began: float) -> tuple[Wanted, Predicted]:
        """Predict, count and write down. A request that fails is counted and written down too."""
        if self._in_flight[name] >= MOST_IN_FLIGHT:
            raise Unavailable(f"{name!r} has {MOST_IN_FLIGHT} requests waiting.")
        self._in_flight[name] += 1
        try:
            return await self._answered(name, read, began)
        except PilothouseError as refused:
            self._note_refusal(name, refused.status, began)
            raise
        finally:
            self._in_flight[name] -= 1

    async def _answered(self, name: str, read: Read, began: float) -> tuple[Wanted, Predicted]:
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        for last_try in (False, True):
            route, line = await self.routes.line(name, deadline)
            wanted = read(route.signature)
            self._check_rows(wanted.rows)
            columns = check(route.signature, wanted.columns, wanted.rows)
            payload = orjson.dumps({"rows": wanted.rows, "columns": list(columns.values())})
            try:
                raw = await asyncio.wait_for(line.request(PREDICT + payload), PREDICT_SECONDS)
            except ConnectionError:
                if last_try:
                    break
                continue  # predicting changes nothing, so another process may be asked
            except TimeoutError as late:
                raise Unavailable(
                    f"{name!r} did not answer within {PREDICT_SECONDS:.0f} s."
                ) from late
            predicted = _predicted(route, wanted, raw)
            self._note(route, wanted, columns, predicted, began)
            return wanted, predicted
        raise Unavailable(f"two processes of {name!r} ended while they predicted this.")

    def _note(
        self,
        route: Route,
        wanted: Wanted,
        columns: dict[str, list[Any]],
        predicted: Predicted,
        began: float,
    ) -> None:
        """Write down an answer before it is sent."""
        journal = self._journal(route.name)
        at = journal.stamp()
        ms = round((time.perf_counter() - began) * 1_000, 3)
        journal.predictions(
            route.number,
            route.signature,
            {
                "at": at,
                "version": route.number,
                "rows": wanted.rows,
                "ms": ms,
                "status": 200,
                "ids": predicted.prediction_ids,
                "model": route.model,
                "event": wanted.event_ms or [at // 1_000] * wanted.rows,
                "score": predicted.scores,
                "columns": columns,
            },
        )
        self.measures.count(route.name, route.number, 200, wanted.rows, ms)

    def _note_refusal(self, name: str, status: int, began: float) -> None:
        number = self.routes.get(name).number
        journal = self._journal(name)
        ms = round((time.perf_counter() - began) * 1_000, 3)
        line = {"at": journal.stamp(), "version": number, "rows": 0, "ms": ms, "status": status}
        self.measures.count(name, number, status, 0, ms)
        try:
            journal.refused(line)
        except Unavailable as full:
            log.warning("%s", full)

    def _look(self, path: str) -> Answer:
        model = MODEL.fullmatch(path)
        if model:
            return self._model(model[1], model[2], bool(model[3]))
        if path in ("/v2", "/v2/"):
            return _json({"name": "pilothouse", "version": self.version, "extensions": []})
        if path == "/v2/health/live":
            return _json({"live": True})
        if path == "/v2/health/ready":
            state = {"ready": self.routes.loaded, "live": True}
            return _json(state, status=200 if self.routes.loaded else 503)
        if path == "/ping":
            return Answer(200 if self.routes.loaded else 503, b"\n")
        raise NotFound(f"there is nothing at {path}.", hint="See /openapi.json.")

    def _model(self, name: str, number: str | None, only_ready: bool) -> Answer:
        route = self.routes.get(name)
        self._check_version(name, number)
        if only_ready:
            ready = self.routes.is_ready(name)
            return _json({"name": name, "ready": ready}, status=200 if ready else 503)
        return _json(oip.metadata(name, route.number, route.signature), route.number)

    def _check_version(self, name: str, number: str | None) -> None:
        serving = self.routes.get(name).number
        if number is not None and int(number) != serving:
            raise NotFound(f"{name!r} is answered by version {serving}, not {number}.")

    def _check_rows(self, rows: int) -> None:
        if rows == 0:
            raise Invalid("there are no rows.")
        if rows > self.max_rows:
            raise TooLarge(f"there are {rows} rows; at most {self.max_rows} are read at once.")

    def _only(self) -> str:
        names = self.routes.names()
        if len(names) != 1:
            known = ", ".join(names) or "none yet"
            raise NotFound(
                "which deployment is meant?",
                hint=f"Use /deployments/NAME/invocations; there are: {known}.",
            )
        return names[0]

    def _journal(self, name: str) -> Journal:
        if name not in self._journals:
            self._journals[name] = Journal(journal_folder(self.workspace, name))
        return self._journals[name]

    def seal_old(self) -> None:
        """Seal the journal segments that have been open for long."""
        for journal in self._journals.values():
            journal.seal_if_old()

    def close(self) -> None:
        """Seal every journal and hang up."""
        for journal in self._journals.values():
            journal.seal()
        self.routes.close()

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        encoding = _header(scope, b"content-encoding").lower()
        body = await read_body(scope, receive, self.max_body)
        return inflate(body, encoding, self.max_body) if encoding not in ("", "identity") else body


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to be."""
    length = _header(scope, b"content-length")
    refused = TooLarge(f"the body is larger than {limit >> 20} MB.", hint="Send fewer rows.")
    if length.isdigit() and int(length) > limit:
        raise refused
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("the caller hung up.")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise refused
        if not message.get("more_body", False):
            return b"".join(pieces)


async def respond(send: Send, answer: Answer) -> None:
    """Send an answer."""
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def refusal(refused: PilothouseError, status: int | None = None) -> Answer:
    """An error as the protocols want it: `{"error": words}`, and our code and fields beside it."""
    body: dict[str, Any] = {"error": str(refused), "code": refused.code}
    if isinstance(refused, Invalid) and refused.fields:
        body["fields"] = refused.fields
    retry = ((b"retry-after", b"1"),) if isinstance(refused, Unavailable) else ()
    return Answer(status or refused.status, orjson.dumps(body), retry)


def _not_allowed(method: str) -> PilothouseError:
    return Invalid(f"{method} is not answered here.")


def _json(value: Any, number: int | None = None, *, status: int = 200) -> Answer:
    headers = () if number is None else ((b"x-model-version", str(number).encode()),)
    return Answer(status, orjson.dumps(value), headers)


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def _predicted(route: Route, wanted: Wanted, raw: bytes) -> Predicted:
    if raw[:1] == REFUSED:
        raise Invalid(f"the model cannot predict these rows: {str(raw[1:], 'utf-8', 'replace')}.")
    if raw[:1] != GOOD:
        raise PilothouseError(f"the model failed: {str(raw[1:], 'utf-8', 'replace')}.")
    signature = route.signature
    rows: list[list[float]] = orjson.loads(memoryview(raw)[1:])
    column = signature.classes.index(signature.positive)
    scores = [row[column] for row in rows]
    return Predicted(
        deployment=route.name,
        version=route.number,
        request_id=wanted.request_id,
        signature=signature,
        prediction_ids=wanted.prediction_ids or uuid7s(wanted.rows),
        probabilities=rows,
        scores=scores,
        labels=_labels(signature, scores),
    )


def _labels(signature: Signature, scores: list[float]) -> list[Any]:
    """The positive class at or above the agreed threshold, else the other one."""
    rest = [label for label in signature.classes if label != signature.positive]
    other = rest[0] if rest else signature.positive
    return [signature.positive if s >= signature.threshold else other for s in scores]
