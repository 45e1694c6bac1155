"""HTML pages that stand alone: one file, without a script, light and dark, on paper too."""
