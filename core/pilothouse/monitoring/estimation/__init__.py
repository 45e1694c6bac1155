"""Performance without labels: what a window's metrics would be, if only the inputs have changed.

Of classes by calibrated probabilities (CBPE), of losses by a model of them (DLE). Which metrics can
be estimated is the task's: see `ExpectsClasses` and `ExpectsLosses` in `pilothouse.models.tasks`.
"""
