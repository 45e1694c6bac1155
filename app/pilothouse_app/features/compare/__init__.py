"""The views of Compare: each is a function of the context, which holds what was asked once.

`context` reads the address and asks the core; `cells` writes differences; `summary`, `figures`,
`differing`, `data`, `operating`, `slicing`, `parallel` and `steps` draw a view each; `leaving` is
what one takes away.
"""
