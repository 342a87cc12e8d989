"""The matching room: which names are the same thing, and which links form one service group.

Pure functions over plain rows. No I/O, no SQL, no Dagster.
"""
