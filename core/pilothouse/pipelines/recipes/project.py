"""What a folder of training code says of itself: its `MLproject` file, or a Python entry point.

Format: https://mlflow.org/docs/latest/projects (name, entry_points with parameters and a command,
python_env, conda_env). A project that needs a container is refused: there is none here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilothouse.kit.errors import Invalid

MLPROJECT = "MLproject"
MAIN = "main"
TYPES = ("string", "float", "path", "uri")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
ENVIRONMENT_FILES = ("requirements.txt", "conda.yaml", "python_env.yaml")


@dataclass(frozen=True)
class RecipeParameter:
    """A parameter of an entry point; without a default it must be given."""

    name: str
    type: str = "string"
    default: str | None = None

    def read(self, value: Any) -> str:
        """The text that goes into the command. Raises Invalid when it is none of its type."""
        text = str(value)
        if self.type == "float":
            try:
                float(text)
            except ValueError:
                raise Invalid(
                    f"{self.name} must be a number, not {text!r}.",
                    fields={f"parameters.{self.name}": "a number"},
                ) from None
        return text


@dataclass(frozen=True)
class Project:
    """An entry point: its command with `{parameter}` in it, and the files of its environment."""

    name: str
    command: str
    parameters: tuple[RecipeParameter, ...]
    environment_files: tuple[str, ...] = ()


def read_project(files: Mapping[str, bytes], entry_point: str = MAIN) -> Project:
    """The entry point of a folder's files (path to content).

    `entry_point` is one of the MLproject file, or a Python file in the folder. Raises Invalid.
    """
    if entry_point.endswith(".py"):
        return _python_file(files, entry_point)
    if MLPROJECT not in files:
        scripts = [path for path in sorted(files) if path.endswith(".py") and "/" not in path]
        raise Invalid(
            f"the folder has no {MLPROJECT} file.",
            hint=f"Name a Python file as the entry point: {', '.join(scripts) or 'it has none'}.",
            fields={"entry_point": "needed"},
        )
    return _from_mlproject(_yaml(files[MLPROJECT]), files, entry_point)


def entry_points(files: Mapping[str, bytes]) -> dict[str, tuple[RecipeParameter, ...]]:
    """What could be run in a folder: entry points of its MLproject file, then its Python files.

    Each with its parameters, of which a Python file declares none. Raises Invalid.
    """
    points: dict[str, tuple[RecipeParameter, ...]] = {}
    if MLPROJECT in files:
        content = _yaml(files[MLPROJECT])
        named = content.get("entry_points") if isinstance(content, dict) else None
        for name in named if isinstance(named, dict) else ():
            points[str(name)] = _from_mlproject(content, files, str(name)).parameters
    scripts = sorted(path for path in files if path.endswith(".py") and "/" not in path)
    return points | dict.fromkeys(scripts, ())


def fill_command(project: Project, values: Mapping[str, Any]) -> str:
    """The shell command with every parameter in its place, quoted.

    Parameters that the command does not name are appended as `--name value`, as MLflow does.
    Raises Invalid for a missing value, and for one of a wrong type.
    """
    declared = {parameter.name: parameter for parameter in project.parameters}
    texts: dict[str, str] = {}
    for name, parameter in declared.items():
        value = values.get(name, parameter.default)
        if value is None:
            raise Invalid(f"{name} is needed.", fields={f"parameters.{name}": "needed"})
        texts[name] = parameter.read(value)

    extra = {name: str(value) for name, value in values.items() if name not in declared}
    for name in extra:
        if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
            raise Invalid(f"{name!r} is not the name of a parameter.")

    named = set(PLACEHOLDER.findall(project.command))
    command = PLACEHOLDER.sub(lambda match: _quoted(texts, match[1]), project.command)
    appended = {name: text for name, text in texts.items() if name not in named} | extra
    options = [f"--{name} {shlex.quote(text)}" for name, text in appended.items()]
    return " ".join([command, *options])


def _quoted(texts: Mapping[str, str], name: str) -> str:
    if name not in texts:
        raise Invalid(f"the command names {{{name}}}, which is not one of its parameters.")
    return shlex.quote(texts[name])


def _python_file(files: Mapping[str, bytes], path: str) -> Project:
    if path not in files:
        raise Invalid(f"the folder has no file {path}.", fields={"entry_point": "no such file"})
    present = tuple(name for name in ENVIRONMENT_FILES if name in files)
    return Project(path.removesuffix(".py"), f"python {shlex.quote(path)}", (), present)


def _from_mlproject(content: Any, files: Mapping[str, bytes], entry_point: str) -> Project:
    if not isinstance(content, dict):
        raise Invalid(f"{MLPROJECT} is not a list of names and values.")
    if "docker_env" in content:
        raise Invalid(
            f"{MLPROJECT} asks for a container (docker_env), which recipes do not run in.",
            hint="Name a python_env or conda_env file with its packages instead.",
        )

    points = content.get("entry_points")
    if not isinstance(points, dict) or entry_point not in points:
        existing = ", ".join(points) if isinstance(points, dict) else "none"
        raise Invalid(
            f"{MLPROJECT} has no entry point {entry_point!r}.",
            hint=f"It has: {existing}.",
            fields={"entry_point": "no such entry point"},
        )
    point = points[entry_point]
    command = point.get("command") if isinstance(point, dict) else None
    if not isinstance(command, str) or not command.strip():
        raise Invalid(f"the entry point {entry_point!r} has no command.")

    return Project(
        name=str(content.get("name") or "recipe"),
        command=command.strip(),
        parameters=_parameters(point.get("parameters") or {}),
        environment_files=_environment_files(content, files),
    )


def _parameters(value: Any) -> tuple[RecipeParameter, ...]:
    if not isinstance(value, dict):
        raise Invalid(f"the parameters in {MLPROJECT} are not a list of names.")
    return tuple(_parameter(str(name), described) for name, described in value.items())


def _parameter(name: str, described: Any) -> RecipeParameter:
    """A parameter written as its type, or as an object of type and default."""
    content = described if isinstance(described, dict) else {"type": described}
    kind, default = str(content.get("type", "string")), content.get("default")
    if kind not in TYPES:
        raise Invalid(
            f"the parameter {name} in {MLPROJECT} has the type {kind!r}.",
            hint=f"Known: {', '.join(TYPES)}.",
        )
    return RecipeParameter(name, kind, None if default is None else str(default))


def _environment_files(content: Mapping[str, Any], files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The file that MLproject names, with the requirements file that a python_env refers to."""
    named = content.get("python_env") or content.get("conda_env")
    if named is None:
        return tuple(name for name in ENVIRONMENT_FILES if name in files)
    if str(named) not in files:
        raise Invalid(f"{MLPROJECT} names {named}, which is not in the folder.")
    beside = ("requirements.txt",) if "requirements.txt" in files else ()
    return tuple(dict.fromkeys([str(named), *beside]))


def _yaml(data: bytes) -> Any:
    import yaml

    try:
        # An alias makes little text into a value without end, and no MLproject file has one.
        events: Sequence[Any] = list(yaml.parse(data, yaml.SafeLoader))
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise Invalid(f"{MLPROJECT} holds aliases, which are not read.")
        return yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError, ValueError) as wrong:
        first = str(wrong).strip().splitlines()[0]
        raise Invalid(f"{MLPROJECT} cannot be read as YAML: {first}.") from wrong
