"""Model versions: promotion, gates, stages and signatures."""
