"""`pilothouse comments`: what people wrote about an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output
from pilothouse.comments.api import Comments

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

comments = Group("comments", help="Comments of people on runs, versions, promotions and others.")
kind_argument = click.argument("kind")
ref_argument = click.argument("ref")
comment_argument = click.argument("comment")
text_argument = click.argument("text")


@verb(
    comments,
    Comments.frame,
    Comments.comments,
    name="list",
    example="pilothouse comments list version churn@3",
)
@kind_argument
@ref_argument
def _list(ws: Workspace, kind: str, ref: str) -> pd.DataFrame:
    return ws.comments.frame(kind, ref)


@verb(
    comments,
    Comments.add,
    writes=True,
    example='pilothouse comments add version churn@3 "@Bo please look at the worst slice"',
)
@kind_argument
@ref_argument
@text_argument
def _add(ws: Workspace, kind: str, ref: str, text: str) -> Output:
    comment = ws.comments.add(kind, ref, text)
    return Output(comment, f"comment {comment.id}")


@verb(
    comments,
    Comments.edit,
    writes=True,
    example='pilothouse comments edit COMMENT "the worst slice is fine now"',
)
@comment_argument
@text_argument
def _edit(ws: Workspace, comment: str, text: str) -> Output:
    return Output(ws.comments.edit(comment, text), f"comment {comment} is edited")


@verb(
    comments,
    Comments.remove,
    writes=True,
    reason=True,
    example="pilothouse comments remove COMMENT",
)
@comment_argument
def _remove(ws: Workspace, comment: str, reason: str) -> Output:
    ws.comments.remove(comment, reason)
    return Output({"comment": comment}, f"comment {comment} is removed")
