"""The push API: scripts send counts here. Gradient's vendor API on one side, ours on the other.

Writes into inboxes and nowhere else; reads the published tables to say what is mapped. Knows
neither Dagster nor the ledger.
"""
