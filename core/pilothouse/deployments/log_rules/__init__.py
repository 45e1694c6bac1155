"""Rules of a deployment's prediction log: how long its rows are kept, and what was deleted."""
