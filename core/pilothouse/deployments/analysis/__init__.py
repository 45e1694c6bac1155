"""The analysis of a rollout: what two variants did in the same time, and what that proves."""
