"""Files of runs and models, shown without being trusted."""
