"""The landing room: every page as received, one manifest per pull, and which pull is evidence.

Writes only below the landing folder. Knows systems and http; knows no DuckDB and no Dagster.
"""
