"""Evidence packs: what decisions rested on, as one archive that a stranger can verify alone."""
