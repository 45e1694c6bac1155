"""Who may call a deployment and how often: API keys, concurrency and rate limits."""
