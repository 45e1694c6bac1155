"""Objects of S3 and of stores that speak its protocol: listed and read, never written.

They are listed by the first version of ListObjects, which every such store answers: MinIO, and the
gateway of Pachyderm, which has no other. The second version ends there after 1,000 objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pilothouse.data.secret_references import secret_at
from pilothouse.kit.errors import Invalid, NotFound, Refused, Unavailable

MAX_OBJECTS = 20_000
MAX_BYTES = 8 << 30  # of all objects that are read at once
PAGE = 1_000  # objects that a store lists at once
AT_ONCE = 64  # objects that are fetched together
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 10, 60, 2
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class StoredObject:
    """An object as it is listed."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class ObjectAddress:
    """A bucket of a store, what in it is read, and how the store is asked.

    `key` is an object or a prefix. `key_id` and `secret` refer to the two keys of an account;
    without them the tools of AWS find some, unless it is `anonymous`. `path_style` has the
    bucket in the path, not in the host's name.
    """

    bucket: str
    key: str
    endpoint: str = ""
    region: str = ""
    key_id: str = ""
    secret: str = ""
    anonymous: bool = False
    path_style: bool = False

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class ObjectStore:
    """A bucket. Every method raises NotFound, Refused or Unavailable."""

    def __init__(self, address: ObjectAddress) -> None:
        self.address = address

    def find(self) -> list[StoredObject]:
        """The object of the address, or all whose keys begin with it and a slash, by key.

        Raises NotFound when there is none, Invalid for more than can be read.
        """
        key = self.address.key
        if key and not key.endswith("/"):
            exact = next(self._listed(key, 1), None)
            if exact is not None and exact.key == key:
                return [exact]
            key += "/"
        objects = []
        for item in self._listed(key, PAGE):
            objects.append(item)
            if len(objects) > MAX_OBJECTS:
                raise Invalid(
                    f"{self.address} holds more than {MAX_OBJECTS:,} objects.",
                    hint="Give a longer prefix.",
                    fields={"params.path": "holds too many objects"},
                )
        if not objects:
            raise NotFound(
                f"there is no object {self.address}, and none below it.",
                hint="Keys are read as they are written, in capitals too.",
            )
        return sorted(objects, key=lambda item: item.key)

    def fetch(
        self,
        objects: Sequence[StoredObject],
        folder: Path,
        progress: Progress | None = None,
    ) -> list[Path]:
        """The objects as files of a folder, in their order and with names of its own."""
        size = sum(item.size for item in objects)
        if size > MAX_BYTES:
            raise Invalid(
                f"the objects hold {size / (1 << 30):,.1f} GB; "
                f"{MAX_BYTES >> 30} GB are read at most.",
                hint="Give a longer prefix.",
                fields={"params.path": "is too large"},
            )
        paths = [folder / f"{number:06}" for number in range(len(objects))]
        for start in range(0, len(objects), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            names = [f"{self.address.bucket}/{item.key}" for item in objects[part]]
            with _errors(self.address):
                self._files.get(names, [str(path) for path in paths[part]])
            if progress is not None:
                done = min(start + AT_ONCE, len(objects))
                progress(done / len(objects), f"{done:,} of {len(objects):,} objects fetched")
        for item, path in zip(objects, paths, strict=True):
            if not path.exists() or path.stat().st_size != item.size:
                raise Unavailable(
                    f"{item.key} was changed while it was read.",
                    hint="Try again when nothing writes there.",
                )
        return paths

    def beginning(self, item: StoredObject, size: int) -> bytes:
        """The first bytes of an object."""
        if not item.size:
            return b""
        with _errors(self.address):
            content = self._files.cat_file(
                f"{self.address.bucket}/{item.key}", start=0, end=min(size, item.size)
            )
        return bytes(content)

    @cached_property
    def _files(self) -> Any:
        import s3fs

        address = self.address
        keys = {"key": address.key_id, "secret": address.secret}
        files = s3fs.S3FileSystem(
            anon=address.anonymous,
            endpoint_url=address.endpoint or None,
            client_kwargs={"region_name": address.region} if address.region else {},
            config_kwargs={
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": READ_SECONDS,
                "retries": {"max_attempts": ATTEMPTS},
                "s3": {"addressing_style": "path" if address.path_style else "auto"},
            },
            skip_instance_cache=True,  # which would keep the keys for as long as the process lives
            **{name: secret_at(reference) for name, reference in keys.items() if reference},
        )
        files.retries = ATTEMPTS
        return files

    def _listed(self, prefix: str, size: int) -> Iterator[StoredObject]:
        """What begins with a prefix; of the first page only when one object is asked for."""
        marker = ""
        while True:
            with _errors(self.address):
                page = self._files.call_s3(
                    "list_objects",
                    Bucket=self.address.bucket,
                    Prefix=prefix,
                    Marker=marker,
                    MaxKeys=size,
                )
            listed = page.get("Contents") or []
            for item in listed:
                etag = str(item.get("ETag") or "").strip('"')
                yield StoredObject(str(item["Key"]), int(item["Size"]), etag)
            if size < PAGE or not page.get("IsTruncated") or not listed:
                return
            marker = str(page.get("NextMarker") or listed[-1]["Key"])


def identity_of(objects: Sequence[StoredObject]) -> str:
    """A hash of the keys, sizes and tags of objects, which changes with any of them."""
    digest = hashlib.sha256()
    for item in objects:
        line = f"{item.key}\0{item.size}\0{item.etag}\n"
        digest.update(line.encode("utf-8", "surrogatepass"))
    noun = "object" if len(objects) == 1 else "objects"
    return f"{len(objects):,} {noun} {digest.hexdigest()[:32]}"


@contextmanager
def _errors(address: ObjectAddress) -> Iterator[None]:
    """What a store answers, in our terms. Its messages never hold a secret key."""
    from botocore.exceptions import BotoCoreError, NoCredentialsError

    at = f" at {address.endpoint}" if address.endpoint else ""
    try:
        yield
    except FileNotFoundError as missing:
        raise NotFound(f"{address} is not there{at}: {_reason(missing)}.") from missing
    except PermissionError as denied:
        raise Refused(
            f"{address} may not be read with these keys{at}: {_reason(denied)}.",
            hint="The account needs the rights to list the bucket and to get its objects.",
        ) from denied
    except NoCredentialsError as missing:
        raise Refused(
            f"{address} needs keys, and none were found.",
            hint="Name where they are (env:NAME or file:PATH), or say that it is public.",
        ) from missing
    except (OSError, BotoCoreError, TimeoutError) as down:
        raise Unavailable(f"{address} cannot be read{at}: {_reason(down)}.") from down


def _reason(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300].rstrip(".")
