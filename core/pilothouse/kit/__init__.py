"""What every room stands on and no room owns: errors, plugins, settings, clock, ids."""
