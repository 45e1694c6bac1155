"""The views of Compare, each a function of the `ComparisonContext`.

`context` reads the address and queries the core once; `tasks` says what the runs are models of;
`cells` writes differences; `summary`, `metrics`, `settings`, `data`, `evaluation` (with
`threshold`), `slices`, `parallel` and `histories` draw a view each; `export` offers files and code.
"""
