"""The nemesis: seeded schedules of everything that goes wrong, against an independent oracle.

A test that ships, as the simulators do: `reconcile-nemesis` plays it anywhere. It looks inside
what it tests, and nothing that works imports it.
"""

from reconcile_pipeline.nemesis.command import main

__all__ = ["main"]
