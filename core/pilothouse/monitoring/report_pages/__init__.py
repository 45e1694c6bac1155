"""Pages of a window and of a period that stand alone: one HTML file each, without a script."""
