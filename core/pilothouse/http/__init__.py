"""What programs talk to: predictions first, then the management API, metrics and health."""
