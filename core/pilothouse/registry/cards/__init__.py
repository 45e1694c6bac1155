"""Model cards: what is known of a version from evidence, and what people wrote of it."""
