"""The mapping room: what mapping pages show, check and record, and what a mapping would change.

Reads the published tables and the ledger; only `propose` writes, and only into the ledger. Knows
no web page, no Dagster and no external system.
"""
