"""A table is written only by its own room: others call the room's functions.

The whole core is read as syntax trees. Reads are free: a foreign table may be selected from.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import pilothouse

CORE = Path(pilothouse.__file__).parent
# They write whole databases, whatever the tables are.
EXEMPT = ("storage/migrations",)
STATEMENTS = ("insert", "update", "delete")
READERS = ("get", "get_one")


def rows() -> dict[str, str]:
    """The room of each table class, by its full name."""
    owners: dict[str, str] = {}
    for path in CORE.rglob("tables.py"):
        room = path.relative_to(CORE).parts[0]
        module = ".".join(("pilothouse", *path.relative_to(CORE).with_suffix("").parts))
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and any(k.arg == "table" for k in node.keywords):
                owners[f"{module}.{node.name}"] = room
    return owners


ROWS = rows()


def modules() -> list[Path]:
    """Every module of the core that could write a table."""
    paths = sorted(CORE.rglob("*.py"))
    return [p for p in paths if not str(p.relative_to(CORE)).startswith(EXEMPT)]


def foreign(tree: ast.Module, room: str) -> dict[str, str]:
    """The names, dotted for those of a module, under which a module knows tables of other rooms."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full, name = f"{node.module}.{alias.name}", alias.asname or alias.name
                if ROWS.get(full, room) != room:
                    names[name] = full
                names |= {
                    f"{name}.{row.rpartition('.')[2]}": row
                    for row, owner in ROWS.items()
                    if owner != room and row.rpartition(".")[0] == full
                }
    return names


def violations(source: str, room: str) -> Iterator[tuple[int, str]]:
    """Each line of a module that writes a table of another room, and what it does."""
    tree = ast.parse(source)
    names = foreign(tree, room)
    if not names:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _call(node, names)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _changes(node, names)


def _call(node: ast.Call, names: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    function = ast.unparse(node.func)
    if function in names:
        yield node.lineno, f"constructs {function}"
    if function.rpartition(".")[2] in STATEMENTS and node.args:
        table = ast.unparse(node.args[0])
        if table in names:
            yield node.lineno, f"{function}s {table}"


def _changes(
    function: ast.FunctionDef | ast.AsyncFunctionDef, names: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    """Attributes that are set, and rows that are deleted, of what is known to be a foreign row."""
    held = _rows_in(function, names)
    for node in ast.walk(function):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = [
                e for t in node.targets for e in (t.elts if isinstance(t, ast.Tuple) else [t])
            ]
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) in held:
                yield target.lineno, f"sets {ast.unparse(target)}"
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.args[0]) in held:
            called = ast.unparse(node.func)
            if called == "setattr" or called.endswith(("session.delete", "session.add")):
                yield node.lineno, f"{called}({ast.unparse(node.args[0])})"


def _rows_in(
    function: ast.FunctionDef | ast.AsyncFunctionDef, names: Mapping[str, str]
) -> set[str]:
    """Variables that hold a foreign row: by their annotation, or from `session.get`."""
    held: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            types = {part.strip() for part in ast.unparse(node.annotation).split("|")}
            if types & set(names):
                held.add(node.arg if isinstance(node, ast.arg) else ast.unparse(node.target))
        if isinstance(node, ast.Assign | ast.NamedExpr) and isinstance(node.value, ast.Call):
            call = node.value
            is_read = isinstance(call.func, ast.Attribute) and call.func.attr in READERS
            if is_read and call.args and ast.unparse(call.args[0]) in names:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                held.add(ast.unparse(target))
    return held


def test_no_room_writes_a_table_of_another_room() -> None:
    faults = [
        f"{path.relative_to(CORE)}:{line}: {what}"
        for path in modules()
        for line, what in violations(
            path.read_text(encoding="utf-8"), path.relative_to(CORE).parts[0]
        )
    ]
    assert not faults, "call a function of the room instead:\n" + "\n".join(faults)


IMPORT = "from pilothouse.experiments.tables import Run\n"
MODULE = "from pilothouse.experiments import tables\n"


@pytest.mark.parametrize(
    "source",
    [
        IMPORT + "Run(id='a')",
        MODULE + "tables.Run(id='a')",
        IMPORT + "session.execute(update(Run).values(name='a'))",
        IMPORT + "session.execute(sqlalchemy.delete(Run))",
        IMPORT + "def f(run: Run) -> None:\n    run.name = 'a'",
        IMPORT + "def f(run: Run | None) -> None:\n    setattr(run, 'name', 'a')",
        IMPORT + "def f(session):\n    row = session.get(Run, 'a')\n    session.delete(row)",
        IMPORT + "def f(session):\n    row = session.get_one(Run, 'a')\n    row.a, b = 1, 2",
    ],
)
def test_a_write_is_seen(source: str) -> None:
    assert list(violations(source, "registry"))
    assert not list(violations(source, "experiments"))


@pytest.mark.parametrize(
    "source",
    [
        IMPORT + "session.exec(select(Run).where(Run.id == 'a'))",
        IMPORT + "def f(session):\n    row = session.get(Run, 'a')\n    name = row.name",
        MODULE + "query = select(tables.Run.id)",
    ],
)
def test_a_read_is_free(source: str) -> None:
    assert not list(violations(source, "registry"))
