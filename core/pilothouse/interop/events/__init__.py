"""Events: labels and requests that come as messages; predictions, alerts and commands that leave.

A connection joins a flow (what the messages are, `flows`) to a system (where they are, `systems`).
The worker keeps one child process for all connections that are enabled (`bridge`).
"""
