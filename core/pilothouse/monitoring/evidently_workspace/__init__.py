"""Windows as an Evidently workspace, and snapshots that Evidently made beside the windows."""
