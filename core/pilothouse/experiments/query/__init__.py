"""The search language: text to a tree of claims, and a tree to conditions in SQL.

    metrics.auc > 0.8 and (params.kind = 'tree' or forest) and started > now - 7d

One grammar serves the run table, saved views, the address and MLflow's protocol. Nothing is ever
evaluated: every value becomes a bound parameter.
"""

from pilothouse.experiments.query.parse import ParseError, named, of, parse, quoted, write
from pilothouse.experiments.query.tree import (
    EVERYTHING,
    And,
    Comparison,
    FieldReference,
    Not,
    Now,
    Or,
    Position,
    Tree,
    Value,
    simple,
)

__all__ = [
    "EVERYTHING",
    "And",
    "Comparison",
    "FieldReference",
    "Not",
    "Now",
    "Or",
    "ParseError",
    "Position",
    "Tree",
    "Value",
    "named",
    "of",
    "parse",
    "quoted",
    "simple",
    "write",
]
