"""One file per external system: its settings, paths, paging, and what its records mean.

`registry` lists them all; `base` says what each declares. Knows no Dagster, no landing, no SQL.
"""
