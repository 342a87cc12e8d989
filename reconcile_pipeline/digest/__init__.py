"""Digests: what people are told by Slack, Teams and mail, when, and how it gets there.

Reads the published tables and the landing folder's manifests; decides nothing, writes nothing but
its own memory and the alerts file. Knows no Dagster.
"""
