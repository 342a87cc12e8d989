"""One coherent made-up MSP, and one local server per external system that shows part of it.

Written from the vendors' documentation, not from our clients' needs. Nothing else in the package
imports this room except the demo, the `simulate` command and tests.
"""
