"""MLflow's classical REST API over our rooms, so that its client logs here unchanged.

Handlers are functions from a `Call` to the JSON object of the answer. Those that write are run by
`ingest`, many in one transaction; those that read get a snapshot of their own.
"""
