"""The search language: text to a tree of predicates, and a tree to conditions in SQL.

    metrics.auc > 0.8 and (params.kind = 'tree' or forest) and started > now - 7d

One grammar serves the run table, saved views, the address and MLflow's protocol. Nothing is ever
evaluated: every value becomes a bound parameter.
"""

from pilothouse.experiments.query.parse import (
    ParseError,
    join_predicates,
    parse,
    parse_field,
    quote_text,
    write,
)
from pilothouse.experiments.query.syntax_tree import (
    MATCH_ALL,
    And,
    FieldReference,
    Not,
    Now,
    Or,
    Position,
    Predicate,
    Tree,
    Value,
    flat_predicates,
)

__all__ = [
    "MATCH_ALL",
    "And",
    "FieldReference",
    "Not",
    "Now",
    "Or",
    "ParseError",
    "Position",
    "Predicate",
    "Tree",
    "Value",
    "flat_predicates",
    "join_predicates",
    "parse",
    "parse_field",
    "quote_text",
    "write",
]
