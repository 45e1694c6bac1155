"""The views of a run's page, a module each; the screen chooses and calls `draw(run)`."""
