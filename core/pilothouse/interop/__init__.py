"""Other systems' protocols and formats, spoken over the rooms below."""
