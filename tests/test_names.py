"""Names say what a thing is: no vague names, and one meaning for each public name.

The field's terms are in docs/glossary.md. Rules about names that occur more than once:

- A room is a package of the core (each side of `interop` for itself), a feature of the app, or one
  of its `components`, `screens` and `charts`. Within a room a module name occurs once. Across rooms
  it may repeat, because the folder names the noun: `data/versions.py`, `registry/versions.py`.
  `tables` and `api` are in every room. Packages of plugins (`workspace/checks`,
  `pipelines/workflows`) are rooms of their own: their modules are named after what they add.
- A public class name occurs once in the core and the app together.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (ROOT / "core" / "pilothouse", ROOT / "app" / "pilothouse_app")

VARIABLES = """
asked each found given kept known meant mine ours place said seen shown theirs told wanted
words
"""
MODULES = """
asking blocks bring children clauses compared confined courier courses deployed differing
endings expressions facts family figures fill finding fitting fleet grids ground hooks
keeping kept known labelling launching leaving lines listing logged looking marking marks
measures moving observed operating patches patterns places plain points promoting receiving
references registering removal rivals run_marks scene sending ship slicing standing starting
surroundings tall told turns verbs viewing watching weighing wire wishes
"""
CLASSES = """
Both Course Courier Finding Ground Hyper Influence Known Look Memory Notes Operating Places
Predicted Realised Room Scene Sheet Shelf Standing Wanted
"""
# Each exception with its reason; at most 15.
EXCEPTIONS: dict[str, str] = {}
MAX_EXCEPTIONS = 15


def test_no_variable_has_a_vague_name() -> None:
    vague = sorted(set(_vague_variables()) - set(EXCEPTIONS))
    assert not vague, f"name what each holds (rows, runs, message, requested, …): {vague}"


def test_no_module_or_class_has_a_vague_name() -> None:
    vague = [_name(path) for path in _modules() if path.stem in MODULES.split()]
    vague += [f"{_name(path)}:{name}" for path, name in _classes() if name in CLASSES.split()]
    assert not set(vague) - set(EXCEPTIONS), "use the field's term, see docs/glossary.md"


def test_every_exception_is_needed_and_has_its_reason() -> None:
    used = set(_vague_variables()) | {_name(path) for path in _modules()}
    used |= {f"{_name(path)}:{name}" for path, name in _classes()}
    assert set(EXCEPTIONS) <= used, "remove what is no longer needed"
    assert all(EXCEPTIONS.values())
    assert len(EXCEPTIONS) <= MAX_EXCEPTIONS


def test_a_module_name_occurs_once_in_a_room() -> None:
    rooms = defaultdict(list)
    for path in _modules():
        if not path.stem.startswith("__"):
            rooms[_room(path), path.stem].append(_name(path))
    repeated = {key: names for key, names in rooms.items() if len(names) > 1}
    assert not repeated, "name the module after what it holds, or give it a room of its own"


def test_a_public_class_name_occurs_once() -> None:
    classes = defaultdict(list)
    for path, name in _classes():
        if not name.startswith("_"):
            classes[name].append(_name(path))
    assert {name: paths for name, paths in classes.items() if len(paths) > 1} == {}


def _modules() -> Iterator[Path]:
    """Every module but migrations, which describe the schema of their day."""
    for package in PACKAGES:
        yield from (p for p in sorted(package.rglob("*.py")) if "versions" not in p.parent.parts)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _room(path: Path) -> str:
    """`pilothouse.data` for a module anywhere in it; two levels where those are the rooms."""
    _, package, *folders, _ = path.relative_to(ROOT).parts
    depth = 2 if folders[:1] in (["interop"], ["features"]) else 1
    if folders[-1:] in (["checks"], ["workflows"]):
        depth = len(folders)
    return ".".join([package, *folders[:depth]])


def _classes() -> Iterator[tuple[Path, str]]:
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield path, node.name


def _vague_variables() -> Iterator[str]:
    """`file:scope:name` of each assigned variable, field and parameter with a banned name."""
    vague = frozenset(VARIABLES.split())
    for path in _modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from (f"{_name(path)}:{name}" for name in _stores(tree, "", vague))


def _stores(node: ast.AST, scope: str, vague: frozenset[str]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        name = ""
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            name = child.id
        elif isinstance(child, ast.arg):
            name = child.arg
        elif isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
            name = child.attr
        if name.strip("_") in vague:
            yield f"{scope}{name}"
        is_scope = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _stores(child, f"{scope}{child.name}." if is_scope else scope, vague)
