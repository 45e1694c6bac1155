"""Readers of MLflow's stores: database, folder, server."""
