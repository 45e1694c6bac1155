"""What is requested: files are read, needless packages left out, addresses never stored."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import text

from harness.environments import Open, build, end_job, run_job
from harness.package_index import PackageIndex
from pilothouse.environments import EnvironmentFailure, EnvironmentRequest
from pilothouse.environments.index_config import from_pip, index_variables, parsed_config
from pilothouse.environments.package_files import read_package_files
from pilothouse.environments.redaction import redact, secrets_of
from pilothouse.environments.requirement_lines import needed, read_requirements, unmet
from pilothouse.kit.errors import Invalid
from pilothouse.workspace import Workspace

CONDA = b"""
name: mlflow-env
channels: [conda-forge]
dependencies:
- python=3.11.7
- pip<=23.2.1
- pip:
  - mlflow==3.17.2
  - scikit-learn==1.6.1
"""
PYTHON_ENV = b"""
python: 3.10.13
build_dependencies: [pip==23.2.1, setuptools, wheel==0.41.0]
dependencies: [-r requirements.txt]
"""


def test_files_as_mlflow_writes_them() -> None:
    files = {
        "requirements.txt": b"mlflow==3.17.2\nscikit-learn==1.6.1\n",
        "conda.yaml": CONDA,
        "python_env.yaml": PYTHON_ENV,
    }
    content = read_package_files(files)
    assert content.requirements == ("mlflow==3.17.2", "scikit-learn==1.6.1")
    assert (content.python, content.conda) == ("3.10", ())

    only_conda = read_package_files({"conda.yaml": CONDA})
    assert only_conda.requirements == ("mlflow==3.17.2", "scikit-learn==1.6.1")
    assert (only_conda.python, only_conda.conda) == ("3.11", ())


@pytest.mark.parametrize(
    ("line", "requirement", "only_conda"),
    [
        ("libgdal=3.8", "alpha", ("libgdal=3.8",)),
        ("conda-forge::numpy=1.26", "numpy==1.26.4", ()),
        ("scikit_learn>=1.2", "scikit-learn", ()),
        ("python", "alpha", ()),
    ],
)
def test_a_package_that_pip_has_too_needs_no_conda(
    line: str, requirement: str, only_conda: tuple[str, ...]
) -> None:
    files = {
        "conda.yaml": f"dependencies: ['{line}']".encode(),
        "requirements.txt": requirement.encode(),
    }
    assert read_package_files(files).conda == only_conda


@pytest.mark.parametrize("content", [b"dependencies: [", b"{{", b"x" * (2 << 20)])
def test_a_file_that_cannot_be_read_is_an_unreadable_requirement(content: bytes) -> None:
    requested = EnvironmentRequest.from_files({"conda.yaml": content})
    if requested.requirements:
        with pytest.raises(EnvironmentFailure) as raised:
            read_requirements(requested.requirements)
        assert raised.value.kind == "unreadable"


def test_requirement_lines_are_read_without_what_this_machine_decides() -> None:
    lines = [
        "--extra-index-url https://bob:pw@host.example/simple",
        "torch==2.13.0+cpu  # for the processor",
        "numpy==1.26.4 \\",
        "    --hash=sha256:abc",
        "pandas>=2 ; python_version >= '3.9'",
        "",
        "# a comment",
    ]
    result = read_requirements(lines)
    assert result.lines == ("torch==2.13.0", "numpy==1.26.4", 'pandas>=2; python_version >= "3.9"')
    assert len(result.notes) == 2
    assert "host.example" not in " ".join(result.notes)


def test_what_the_model_does_not_use_is_left_out() -> None:
    lines = ["mlflow==3.17.2", "psutil", "torch==2.1", "tensorflow-cpu", "scikit-learn==1.6.1"]
    requirements = read_requirements(lines)
    assert needed(requirements, ["sklearn"]).lines == ("scikit-learn==1.6.1",)
    assert needed(requirements, ["torch"]).lines == ("torch==2.1", "scikit-learn==1.6.1")
    assert "tensorflow-cpu" in needed(requirements, ["keras"]).lines
    assert "mlflow==3.17.2" in needed(requirements, ["mlflow"]).lines


def test_text_of_pandas_in_a_pickle_needs_the_library_that_keeps_it() -> None:
    requirements = read_requirements(["pandas==3.1.1"])
    assert needed(requirements, ["pandas", "pyarrow"]).lines == ("pandas==3.1.1", "pyarrow")
    pinned = read_requirements(["pandas==3.1.1", "pyarrow==21.0"])
    assert needed(pinned, ["pandas", "pyarrow"]).lines == ("pandas==3.1.1", "pyarrow==21.0")


def test_what_an_interpreter_has_is_compared_by_version_and_marker() -> None:
    packages = {"torch": "2.13.0+cpu", "scikit-learn": "1.9.1"}
    lines = ["torch==2.13.0", "Scikit_Learn==1.6.1", "absent", "never; python_version < '3'"]
    absent, differing = unmet(lines, packages, {"python_version": "3.11"})
    assert absent == ["absent"]
    assert differing == ["Scikit_Learn==1.6.1 (has 1.9.1)"]


def test_a_request_reads_back_and_has_one_digest() -> None:
    requested = EnvironmentRequest(
        requirements=("alpha",), python="3.11", logged_at=datetime(2024, 1, 1, tzinfo=UTC)
    )
    copy = EnvironmentRequest.from_json(requested.to_json())
    assert copy == requested
    assert copy.digest == requested.digest
    assert EnvironmentRequest(("alpha",), "3.12").digest != requested.digest


@pytest.mark.parametrize(
    "values",
    [
        {"python": "three"},
        {"kind": "conda"},
        {"kind": "named"},
        {"interpreter": "/usr/bin/python3"},
        {"logged_at": datetime(2024, 1, 1)},
    ],
)
def test_a_request_that_says_nothing_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        EnvironmentRequest(**values)  # type: ignore[arg-type]


def test_a_named_interpreter_is_used_as_it_is(sealed: Workspace) -> None:
    requested = EnvironmentRequest(
        requirements=("numpy==0.1",), kind="named", interpreter=sys.executable
    )
    info = sealed.environments.request(requested, "churn@1")
    name = run_job(sealed, info)
    after = sealed.environments.environment(name)
    assert (after.state, after.kind, after.hash) == ("built", "named", "")
    assert sealed.environments.interpreter("churn@1") == Path(sys.executable)
    assert any("numpy==0.1 (has " in note for note in after.notes)


def test_a_sealed_machine_runs_every_model_in_one_interpreter(opened: Open) -> None:
    workspace = opened(environment_interpreter=sys.executable)
    name = build(workspace, "numpy", subject="churn@1")
    info = workspace.environments.environment(name)
    assert (info.kind, info.interpreter) == ("named", Path(sys.executable))


def test_the_house_is_the_interpreter_that_runs_now(sealed: Workspace) -> None:
    name = build(sealed, "numpy>=2", kind="house", subject="churn@1")
    assert sealed.environments.interpreter(name) == Path(sys.executable)


def test_the_index_of_pip_is_handed_to_uv(tmp_path: Path) -> None:
    config = parsed_config(
        ":env:.timeout='60'\n"
        f"global.find-links='{tmp_path} /nowhere'\n"
        "global.index-url='https://host.example/simple'\n"
        "global.timeout='15'\n"
        "install.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'\n"
        "wheel.index-url='https://not.example/simple'\n"
        "nonsense\n"
    )
    assert from_pip(config) == {
        "UV_DEFAULT_INDEX": "https://host.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": str(tmp_path),
        "UV_HTTP_TIMEOUT": "60",
    }
    assert index_variables({"UV_DEFAULT_INDEX": "https://own.example"}) == {}


def test_pips_own_configuration_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://host.example/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    assert index_variables({})["UV_DEFAULT_INDEX"] == "https://host.example/simple"


def test_addresses_and_credentials_are_redacted() -> None:
    address = "https://bob:hush%2Fhush@pypi.host.example:8443/simple"
    secrets = secrets_of([address, "UV_INDEX file:///srv/wheels"])
    line = f"failed: {address}/alpha/ at pypi.host.example as bob (hush/hush)"
    assert redact(line, secrets) == "failed: <address> at <address> as <address> (<address>)"
    assert redact("alpha==1.0 from /srv/wheels") == "alpha==1.0 from /srv/wheels"


def test_neither_database_nor_lock_nor_log_has_the_index(
    opened: Open,
    index: PackageIndex,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = "hushhush"
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url.replace("://", f"://bob:{secret}@"))
    workspace = opened()
    with caplog.at_level("INFO"):
        name = build(workspace, "alpha", f"--index-url https://bob:{secret}@host.example/simple")
        index.status = 500
        info = workspace.environments.request(
            EnvironmentRequest(requirements=("gamma", f"x @ {index.url}/x")), "churn@1"
        )
        with pytest.raises(EnvironmentFailure):
            run_job(workspace, info)
        end_job(workspace, info, "failed")

    assert "http://" not in caplog.text
    dump = [str(workspace.environments.environment(n)) for n in (name, info.id)]
    with workspace.store.read() as session:
        for table in ("environments_environment", "jobs_job", "activity_entry"):
            rows = session.execute(text(f"SELECT * FROM {table}")).all()
            dump += [str(tuple(row)) for row in rows]
    for part in (secret, "host.example", "http://", "https://", index.url.split("/")[2]):
        assert part not in " ".join(dump), part
        assert part not in caplog.text, part
