"""The desired state of deployments as a YAML file that Git may own: export, diff, apply."""
