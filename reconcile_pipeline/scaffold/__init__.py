"""Starts a new connector: files that work together, and tests that say what is still made up.

The templates in `vendor/` are those files for an invented vendor, Acme RMM, word for word.
"""
