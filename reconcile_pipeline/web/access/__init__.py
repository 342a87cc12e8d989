"""Who may come in, and what they may do: the guard before every page, accounts, logging in.

Knows no page and no card. `guard` stands before the whole app, `identities` tells who asks,
`login` lets people in and `refuse_role` keeps them to their role.
"""
