"""Shared building blocks without a domain: errors, plugins, settings, clock, ids, ASGI helpers."""
