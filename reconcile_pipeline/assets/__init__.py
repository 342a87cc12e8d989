"""Dagster shells around the rooms: each asset wires, none computes."""
