"""Logs: a file for each job, with only that job's words."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from pilothouse.jobs.logs import TAIL_BYTES, log_path, log_to_file, read_log
from pilothouse.storage import Store

log = logging.getLogger("captain")


@pytest.fixture(autouse=True)
def root_level() -> Iterator[None]:
    """The worker's root logger speaks at INFO; leave this process's as it was."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


def test_two_jobs_at_once_write_to_two_files(store: Store) -> None:
    together = threading.Barrier(2)

    def speak(job_id: str) -> None:
        with log_to_file(store, job_id):
            together.wait(5)
            log.info("this is %s", job_id)
            together.wait(5)

    threads = [threading.Thread(target=speak, args=(name,)) for name in ("port", "starboard")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, other in (("port", "starboard"), ("starboard", "port")):
        assert read_log(store, name).endswith(f"INFO    this is {name}")
        assert other not in read_log(store, name)


def test_nothing_is_written_once_the_job_is_over(store: Store) -> None:
    with log_to_file(store, "port"):
        log.info("begin")
    log.info("after")
    assert read_log(store, "port").count("\n") == 0


def test_only_the_last_lines_are_read(store: Store) -> None:
    path = log_path(store, "long")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{n} {'é' * 40}\n" for n in range(4 * TAIL_BYTES // 80)))
    last = read_log(store, "long", lines=3).splitlines()
    assert len(last) == 3
    assert last[-1].startswith(f"{4 * TAIL_BYTES // 80 - 1} ")
