"""Files for CI systems that validate a version, deploy it to staging and try it there.

The commands are the same in all of them. They stop at the first that fails: `pilothouse validate`
ends with 1 when a gate fails, and with 2 when one cannot tell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.kit import names
from pilothouse.kit.errors import Invalid
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

VALIDATE = 'pilothouse validate "$MODEL" "$VERSION" --stage "$STAGE" --wait --json\n'
DEPLOY = """\
reason="deployed by a pipeline"
if pilothouse deployments show "$DEPLOYMENT" --json > /dev/null; then
  # It ends with 5 when the deployment serves this version already.
  pilothouse deployments switch-version "$DEPLOYMENT" "$VERSION" --reason "$reason" --wait ||
    [ $? -eq 5 ]
else
  pilothouse deployments launch "$DEPLOYMENT" "$MODEL" "$VERSION" --reason "$reason" --wait
fi
"""
SMOKE = """\
answer=$(pilothouse deployments predict "$DEPLOYMENT" --record '{record}' --json)
echo "$answer"
echo "$answer" | grep -Eq "\\"version\\": $VERSION[,}}]"
"""
# Signs that a CI system or a shell reads, as JSON writes them without meaning for those.
ESCAPES = {"'": "\\u0027", "${": "$\\u007b", "<<": "\\u003c<"}
HEAD = """\
{mark} Version {version} of {model} of Pilothouse: validate, deploy to staging, smoke test.
{mark} It needs the command `pilothouse`, the workspace that PILOTHOUSE_WORKSPACE names, and its
{mark} worker and server.
"""


EXPORTED = "exported a CI file of"  # the verb of the activity log


@dataclass(frozen=True)
class ReleaseFile:
    """A file for a CI system: its name in a repository, and its text."""

    filename: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def record_export(
    session: Session, store: Store, version: VersionInfo, program: str, file: ReleaseFile
) -> None:
    """Record that a file was exported, by its digest: it is evidence of a release by CI."""
    after = {"program": program, "file": file.filename, "sha256": file.digest}
    record(session, store, EXPORTED, "version", version.ref, after=after)


@dataclass(frozen=True)
class ReleaseSteps:
    """What a file does: steps with their commands, and the values that the commands read."""

    model: str
    version: int
    runner: str
    variables: Mapping[str, str]
    steps: Mapping[str, str]


@dataclass(frozen=True)
class CiSystem:
    """A CI system: its title, the file it reads, and how that is written."""

    title: str
    filename: str
    write: Callable[[ReleaseSteps], str]


def release_file(
    version: VersionInfo, program: str, stage: str, deployment: str = "", runner: str = ""
) -> ReleaseFile:
    """The file of a CI system. Raises Invalid for an unknown one, or without an example to try."""
    if program not in PROGRAMS:
        raise Invalid(f"no CI system named {program!r}.", fields={"program": ", ".join(PROGRAMS)})
    if not version.input_example:
        raise Invalid(
            f"{version.ref} has no input example to try.", hint="Register it with an example."
        )
    name = deployment or f"{version.model}-staging".lower()
    names.DEPLOYMENT.check(name)
    steps = ReleaseSteps(
        version.model,
        version.version,
        runner,
        {"MODEL": version.model, "STAGE": stage, "DEPLOYMENT": name},
        {"validate": VALIDATE, "deploy": DEPLOY, "smoke": SMOKE.format(record=_record(version))},
    )
    chosen = PROGRAMS[program]
    return ReleaseFile(chosen.filename, chosen.write(steps))


def _record(version: VersionInfo) -> str:
    text = json.dumps(version.input_example[0])
    for sign, escaped in ESCAPES.items():
        text = text.replace(sign, escaped)
    return text


def _github_actions(release: ReleaseSteps) -> str:
    jobs: dict[str, Any] = {}
    before = ""
    for name, command in release.steps.items():
        job: dict[str, Any] = {"runs-on": release.runner or "self-hosted"}
        if before:
            job["needs"] = before
        jobs[name] = {**job, "steps": [{"name": name, "run": command}]}
        before = name
    version = {"description": "The version to release", "default": str(release.version)}
    workflow = {
        "name": f"Release {release.model}",
        "on": {"workflow_dispatch": {"inputs": {"version": {**version, "type": "string"}}}},
        "env": {
            "PILOTHOUSE_WORKSPACE": "${{ vars.PILOTHOUSE_WORKSPACE }}",
            "VERSION": "${{ inputs.version }}",
            **release.variables,
        },
        "jobs": jobs,
    }
    return _yaml(release, workflow)


def _gitlab_ci(release: ReleaseSteps) -> str:
    jobs: dict[str, Any] = {}
    for name, command in release.steps.items():
        jobs[name] = {"stage": name, "script": [command]}
        if release.runner:
            jobs[name]["tags"] = [release.runner]
    pipeline = {
        "stages": list(release.steps),
        "variables": {"VERSION": str(release.version), **release.variables},
        **jobs,
    }
    return _yaml(release, pipeline)


def _circleci(release: ReleaseSteps) -> str:
    environment = {"VERSION": "<< pipeline.parameters.version >>", **release.variables}
    jobs: dict[str, Any] = {}
    workflow: list[Any] = []
    for name, command in release.steps.items():
        jobs[name] = {
            "machine": True,
            "resource_class": release.runner or "your-namespace/your-runner",
            "environment": environment,
            "steps": [{"run": {"name": name, "command": command}}],
        }
        workflow.append({name: {"requires": [list(jobs)[-2]]}} if len(jobs) > 1 else name)
    config = {
        "version": 2.1,
        "parameters": {"version": {"type": "string", "default": str(release.version)}},
        "jobs": jobs,
        "workflows": {"release": {"jobs": workflow}},
    }
    return _yaml(release, config)


def _jenkins(release: ReleaseSteps) -> str:
    agent = f"{{ label {_groovy(release.runner)} }}" if release.runner else "any"
    variables = "\n".join(
        f"        {name} = {_groovy(value)}" for name, value in release.variables.items()
    )
    stages = "\n".join(
        f"        stage({_groovy(name)}) {{\n            steps {{\n"
        f"                sh {_groovy_text(command)}\n            }}\n        }}"
        for name, command in release.steps.items()
    )
    version = _groovy(str(release.version))
    return (
        HEAD.format(mark="//", model=release.model, version=release.version)
        + f"pipeline {{\n    agent {agent}\n    parameters {{\n"
        + f"        string(name: 'VERSION', defaultValue: {version}, description: 'To release')\n"
        + f"    }}\n    environment {{\n{variables}\n    }}\n"
        + f"    stages {{\n{stages}\n    }}\n}}\n"
    )


def _groovy(text: str) -> str:
    """A text of Groovy in which nothing is replaced."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _groovy_text(text: str) -> str:
    """The same of several lines. A shell of Jenkins ends at the first command that fails."""
    escaped = text.replace("\\", "\\\\").replace("'''", "\\'\\'\\'")
    return f"'''{escaped}'''"


def _yaml(release: ReleaseSteps, document: Mapping[str, Any]) -> str:
    """YAML with commands as blocks, in the order given."""
    import yaml

    class BlockDumper(yaml.SafeDumper):
        """Writes texts of several lines as blocks, and repeats what occurs twice."""

        def ignore_aliases(self, data: Any) -> bool:
            """Without anchors, which people find hard to read."""
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    BlockDumper.add_representer(str, text)
    head = HEAD.format(mark="#", model=release.model, version=release.version)
    return head + yaml.dump(
        dict(document), Dumper=BlockDumper, sort_keys=False, width=4096, allow_unicode=True
    )


PROGRAMS: Mapping[str, CiSystem] = {
    "github-actions": CiSystem("GitHub Actions", ".github/workflows/release.yml", _github_actions),
    "gitlab-ci": CiSystem("GitLab CI", ".gitlab-ci.yml", _gitlab_ci),
    "circleci": CiSystem("CircleCI", ".circleci/config.yml", _circleci),
    "jenkins": CiSystem("Jenkins", "Jenkinsfile", _jenkins),
}
