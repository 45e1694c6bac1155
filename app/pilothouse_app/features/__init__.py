"""What the screens show and do, a folder for each noun of the core."""
