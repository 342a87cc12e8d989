"""The ledger room: what people and rules said. Append-only; the current state is a reading of it.

Knows SQLAlchemy Core. Knows no DuckDB, no Dagster and no external system.
"""
