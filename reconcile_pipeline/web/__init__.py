"""The review app: month end in a browser; server-rendered, and whole without JavaScript.

`app` assembles it, `serve` listens, `books` answers questions about the published tables, `pages/`
holds one module per page, `access/` decides who may do what. Nothing is computed here: decisions go
through the same doors as the command line's, and pulls and builds run as commands of their own.
"""
