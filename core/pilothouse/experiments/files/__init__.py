"""Files of runs and logged models: listed as a tree, previewed within bounds."""
