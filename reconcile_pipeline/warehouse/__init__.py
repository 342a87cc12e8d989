"""The warehouse room: table specifications, the SQL that fills them, the published copy.

Knows DuckDB and the `sql/` folder. Knows no Dagster, no external system and no HTTP.
"""
