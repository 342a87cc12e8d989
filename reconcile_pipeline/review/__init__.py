"""The review room: how people see cards and hand in decisions.

Everything that is decided passes through `decide`. Uses the ledger; knows no asset and no vendor.
"""
