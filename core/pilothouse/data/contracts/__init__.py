"""Schema contracts of datasets: inferred, edited, checked, enforced."""
