"""Recipes: people's own training code, run as durable jobs in an environment of its own."""
