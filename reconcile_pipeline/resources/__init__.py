"""Dagster resources: what assets get handed instead of opening it themselves."""
