"""Compressed answers, for clients that accept them."""

from __future__ import annotations

import asyncio
import re
import zlib

from pilothouse.kit.asgi import Response, Scope, header

COMPRESS_FROM = 16 * 1024  # a smaller body costs more time to compress than to send
IN_LOOP = 128 * 1024
LEVEL = 1
WINDOWS = {"gzip": 31, "deflate": 15}
NEVER = re.compile(r";\s*q=0(\.0*)?$")


async def compressed(answer: Response, scope: Scope) -> Response:
    """The answer, compressed when it is large and its client accepts gzip or deflate."""
    if len(answer.body) < COMPRESS_FROM:
        return answer
    encoding = accepted(header(scope, b"accept-encoding"))
    if not encoding:
        return answer
    if len(answer.body) <= IN_LOOP:
        body = compress(answer.body, encoding)
    else:
        body = await asyncio.to_thread(compress, answer.body, encoding)
    headers = ((b"content-encoding", encoding.encode()), (b"vary", b"accept-encoding"))
    return answer._replace(body=body, headers=(*answer.headers, *headers))


def accepted(header_value: str) -> str:
    """gzip or deflate when a client takes it, gzip first; "" when it takes neither."""
    parts = [part.strip().lower() for part in header_value.split(",")]
    names = {part.split(";", 1)[0].strip() for part in parts if not NEVER.search(part)}
    return next((name for name in WINDOWS if name in names), "")


def compress(body: bytes, encoding: str) -> bytes:
    """The body as gzip or deflate."""
    compressor = zlib.compressobj(LEVEL, wbits=WINDOWS[encoding])
    return compressor.compress(body) + compressor.flush()
