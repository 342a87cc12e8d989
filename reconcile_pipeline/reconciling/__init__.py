"""The reconciling room: from a card and a decision to exact line changes.

Pure functions over frozen rows. No I/O, no SQL, no Dagster; of ours only `model` is imported.
"""
