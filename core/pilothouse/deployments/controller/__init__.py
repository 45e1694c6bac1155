"""The worker's side of serving: makes the running model processes match what is desired."""
