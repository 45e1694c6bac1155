"""The parts every screen is made of.

How to write a screen
---------------------
A file `screens/<noun>.py` with `SCREEN = Screen(...)` and `render()` is a screen; nothing else is
edited. `section=None` makes a detail page that is reached by its address. The order of a page:

    def render() -> None:
        ws = workspace()                                     # components.workspace
        found = ws.registry.models()                         # one question to the core
        with header("Registry", note=plural(len(found), "model")):   # title left, action right
            if st.button("Register", type="primary"): ...
        if found.empty:
            empty("No models yet", "Register a run.", to=("Open runs", screen("experiments")))
            return
        with filter_bar():
            query = search("registry_q", "name")             # key = parameter in the address
        with fill("models", reserve=12):                     # a table that fills the window
            table(found, {"name": name_column("Model"), "stage": status_column("Stage"), ...},
                  key="models", alt="Models", opens=("model", "name"), height="stretch")

- `workspace` the one cached object. Screens ask its verbs and draw; they compute nothing, keep no
  state that matters, and make one call of one verb per click.
- `links` kind and ref to page and parameters (`address`, `link`, `go`; `go_next` in callbacks;
  `wanted("id")` reads this page's own parameter). A new kind of page is one line in `PLACES`.
- `header` (`header`, `facts`, `section`), `filters` (`filter_bar`, `search`, `choose`, `pick`,
  `switch`, `pager`), `table` (paged rows whose name opens the object), `kpis`, `empty`, `status`.
- `confirm` a command: consequence, reason, type-to-confirm; then a toast after the rerun
  (`toasts.toast_next`). Refusals of the core are shown inside the dialog.
- `figures` draws a figure of `charts` (`figure(charts.roc(frame, dark=dark()), key=, alt=)`).
- `live` redraws one part of the page while something runs, without redrawing the page.
- `formats` writes numbers, times, sizes and raw keys; no screen formats by itself.
- `errors` the shell already guards a screen: let `PilothouseError` fly, it is shown as a box.
"""
