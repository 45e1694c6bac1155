"""The components that every screen is built from. They know no noun.

How to write a screen
---------------------
A file `screens/<noun>.py` with `SCREEN = Screen(...)` and `render()` is a screen; no other file is
edited. `section=None` makes a detail page, which is reached by its address. A typical page:

    def render() -> None:
        ws = workspace()                                      # components.workspace
        models = ws.registry.models()                         # one query of the core
        with header("Registry", note=plural(len(models), "model")):  # title left, action right
            if st.button("Register", type="primary"): ...
        if models.empty:
            empty("No models yet", "Register a run.", to=("Open runs", screen("experiments")))
            return

        with filter_bar():
            query = search("registry_q", "Name")              # key = parameter in the address
        with fill_window("models", reserve=12):                     # a table that fills the window
            table(models, {"name": name_column("Model"), "stage": status_column("Stage"), ...},
                  key="models", alt="Models", opens=("model", "name"), height="stretch")

- `workspace`: the one cached object. Screens call its API and draw; they compute nothing, keep no
  state that matters, and call one command per click.
- `links`: kind and ref of an object to its page and parameters (`address`, `link`, `go`; `go_next`
  in callbacks; `query_param("id")` reads a parameter of this page). A new kind of detail page is
  one line in `PAGES`.
- `header` (`header`, `facts`, `section`), `filters` (`filter_bar`, `search`, `choose_or_all`,
  `choose_one`, `choose_many`, `switch`, `pager`), `table` (rows whose name opens the object),
  `kpis` (a row of tiles), `empty_state`, `status` (badges).
- `confirm`: a command with its consequence, a reason and type-to-confirm, then a toast after the
  rerun (`toasts.toast_next`). Errors of the core are shown inside the dialog. Larger dialogs are
  built from `dialogs`; `parameter_form` draws the parameters of a plugin.
- `charting`: draws a chart of `charts/` (`figure(charts.roc(frame, dark=dark()), key=, alt=)`).
- `live`: redraws one part of the page while something runs, without redrawing the page.
- `formats`: writes numbers, times, sizes and raw keys; no screen formats values itself.
- `errors`: the shell guards every screen: let `PilothouseError` propagate, it is shown as a box.

What several screens of one noun share lies in `features/<noun>`. Which features may import another
is listed in `pyproject.toml` and checked by import-linter.
"""
