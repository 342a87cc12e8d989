"""Copies of what nothing else holds: landed pages, the ledger, pushed counts; and the way back."""
