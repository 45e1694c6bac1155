"""How mature the way of working is: levels 0 to 4, scored from the workspace's own evidence."""
