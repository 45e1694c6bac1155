"""`pilothouse reviews`: meetings over what waits for people, and their minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import NAMES
from pilothouse.cli.output import Output
from pilothouse.reviews.api import Reviews

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

reviews = Group("reviews", help="Reviews: what waits for people, decided in a meeting.")
review_argument = click.argument("review")


@verb(reviews, Reviews.frame, Reviews.reviews, name="list", example="pilothouse reviews list")
def _list(ws: Workspace) -> pd.DataFrame:
    return ws.reviews.frame()


@verb(reviews, Reviews.agenda, example="pilothouse reviews agenda")
def _agenda(ws: Workspace) -> Output:
    items = ws.reviews.agenda()
    lines = [f"{number}. {item.title} ({item.state})" for number, item in enumerate(items, 1)]
    return Output(items, "\n".join(lines) or "Nothing waits.")


@verb(
    reviews,
    Reviews.start,
    writes=True,
    example='pilothouse reviews start "Models on Monday" --people "Ada Lovelace,Bo"',
)
@click.argument("title")
@click.option("--people", type=NAMES, default=(), help="Who else is there.")
def _start(ws: Workspace, title: str, people: tuple[str, ...]) -> Output:
    review = ws.reviews.start(title, people)
    count = len(review.agenda)
    return Output(review, f"review {review.id} has {count} item{'' if count == 1 else 's'}")


@verb(reviews, Reviews.current, example="pilothouse reviews current")
def _current(ws: Workspace) -> Output:
    review = ws.reviews.current()
    return Output(review, f"{review.title} ({review.id})" if review else "No review is open.")


@verb(reviews, Reviews.review, name="show", example="pilothouse reviews show 019b…")
@review_argument
def _show(ws: Workspace, review: str) -> object:
    return ws.reviews.review(review)


@verb(
    reviews,
    Reviews.note,
    writes=True,
    example='pilothouse reviews note 019b… promotion:019a… "wait for the labels of May"',
)
@review_argument
@click.argument("item")
@click.argument("text")
def _note(ws: Workspace, review: str, item: str, text: str) -> Output:
    ws.reviews.note(review, item, text)
    return Output(None, "the note is kept")


@verb(reviews, Reviews.end, writes=True, example="pilothouse reviews end 019b…")
@review_argument
def _end(ws: Workspace, review: str) -> Output:
    ended = ws.reviews.end(review)
    return Output(ended, f"{ended.title} has ended; `pilothouse reviews minutes {ended.id}`")


@verb(
    reviews,
    Reviews.minutes_markdown,
    Reviews.minutes_html,
    Reviews.minutes,
    name="minutes",
    example=(
        "pilothouse reviews minutes 019b…",
        "pilothouse reviews minutes 019b… --html minutes.html",
    ),
)
@review_argument
@click.option("--html", type=click.Path(path_type=Path), help="Write one HTML file instead.")
def _minutes(ws: Workspace, review: str, html: Path | None) -> Output:
    if html is not None:
        html.write_bytes(ws.reviews.minutes_html(review))
        return Output({"file": str(html)}, f"written to {html}")
    return Output(ws.reviews.minutes(review), ws.reviews.minutes_markdown(review))
