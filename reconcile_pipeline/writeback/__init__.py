"""The write-back room: carries decided line changes into the PSA, each exactly once.

Looks before it touches, commits what it is about to do, looks again afterwards. Knows the ledger
and the systems' semantics; knows no Dagster, no decision file and no web page.
"""
