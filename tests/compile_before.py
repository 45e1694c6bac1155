"""Compile what the tests load, with every core, before the processes that run them begin.

Each of those imports every test file, in one order: without this, all of them compile the same
files at the same time, for a minute. What is missing here is compiled by them as before.

    python tests/compile_before.py
"""

from __future__ import annotations

import compileall
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

from _pytest.assertion import rewrite

ROOT = Path(__file__).parents[1]
# The packages of which the tests import hundreds of modules. Of Plotly's 15,000 they import few.
PACKAGES = (
    *("_pytest", "alembic", "dask", "dbos", "distributed", "fastapi", "google", "hypothesis"),
    *("joblib", "mlflow", "narwhals", "numpy", "opentelemetry", "pandas", "psycopg", "pydantic"),
    *("pygments", "rich", "scipy", "sklearn", "sqlalchemy", "streamlit"),
)


def modules() -> Iterator[Path]:
    """The files of Pilothouse and of those packages, without tests of theirs."""
    installed = Path(sysconfig.get_path("purelib"))
    for folder in (ROOT / "core", ROOT / "app", *(installed / name for name in PACKAGES)):
        for file in folder.rglob("*.py"):
            if "tests" not in file.relative_to(folder).parts:
                yield file


def rewritten_by_pytest() -> Iterator[Path]:
    """The files whose assertions pytest rewrites."""
    for pattern in ("test_*.py", "conftest.py"):
        yield from (ROOT / "tests").rglob(pattern)


def compile_module(file: Path) -> None:
    """Write what Python writes when it imports the file."""
    compileall.compile_file(file, quiet=2)


def compile_tests(file: Path) -> None:
    """Write what pytest writes when it imports the file."""
    compiled = rewrite.get_cache_dir(file) / (file.stem + rewrite.PYC_TAIL)
    if rewrite._read_pyc(file, compiled) is None:
        compiled.parent.mkdir(exist_ok=True)
        source, code = rewrite._rewrite_test(file, None)
        rewrite._write_pyc(SimpleNamespace(trace=print), code, source, compiled)


def main() -> None:
    """Compile all of it."""
    with ProcessPoolExecutor() as pool:
        tests = pool.map(compile_tests, rewritten_by_pytest(), chunksize=8)
        others = pool.map(compile_module, modules(), chunksize=32)
        list(tests)
        list(others)


if __name__ == "__main__":
    main()
