"""Windows and predictions for other monitoring systems: whylogs, Arize."""
