"""One recipe: training code of one's own with its runs; it is run and removed here."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import title
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.links import query_param, screen
from pilothouse_app.components.live import live
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.pipelines.recipe import (
    VIEWS,
    environment_line,
    is_under_way,
    recipe_commands,
    recipe_facts,
    recipe_links,
    recipe_runs,
    recipe_view,
)

SCREEN = Screen(
    title="Recipe",
    path="recipe",
    icon=":material/receipt_long:",
    summary="Training code with its runs",
    parent="pipelines",
)


def render() -> None:
    """The recipe the address names."""
    name = query_param("name")
    back = ("Pipelines", screen("pipelines", pipelines_view="Recipes"))
    if not name:
        with header("Recipe", back=back):
            pass
        empty("Which recipe?", "The address names none.", to=("Open pipelines", back[1]))
        return
    ws = workspace()
    recipe = ws.recipes.recipe(name)
    with header(f"Recipe {name}", back=back):
        recipe_commands(recipe)
    facts(recipe_facts(recipe))
    environment = ws.recipes.environment(name)
    environment_line(environment)

    with st.container(horizontal=True, vertical_alignment="center"):
        view = switch("recipe_view", VIEWS, "Show", format_func=title)
        recipe_links(recipe, environment)
    left, right = st.columns([46, 54], gap="medium")
    busy = is_under_way(recipe, environment)
    with left:
        live(lambda: recipe_runs(recipe), key="recipe_live", busy=busy)
    with right:
        section(title(view))
        recipe_view(recipe, view)
