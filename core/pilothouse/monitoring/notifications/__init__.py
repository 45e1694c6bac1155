"""Notifications: alerts delivered to people through channels, at least once, and never twice over.

A transaction that moves alerts queues the deliveries it causes (`outbox`); the worker has them sent
by a child process (`sender`), in which alone Apprise is loaded.
"""
