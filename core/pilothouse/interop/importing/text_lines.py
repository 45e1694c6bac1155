"""Lines of a file that is read in chunks, with a limit on a line and none on the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pilothouse.kit.errors import Unavailable

MAX_LINE = 16 << 20


def lines_of(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each line that is not blank, and whether its end was written: only the last may have none.

    Raises Unavailable at a line that is too long.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line, True
        if len(rest) > MAX_LINE:
            raise Unavailable(f"a line of it is longer than {MAX_LINE:,} bytes.")
    if rest.strip():
        yield rest, False
