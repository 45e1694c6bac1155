"""Personal data in the columns of datasets: found, marked, masked, and erased by entity."""
