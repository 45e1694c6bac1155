"""Quality checks: figures of each version of a dataset, held against limits, with a history."""
