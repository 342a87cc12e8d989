"""stub"""

from reconcile_pipeline.web.access.users import Role, User


class Identities:
    def __init__(self, settings=None): ...


class Guard:
    def __init__(self, app, identities):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            scope.setdefault("state", {})
            scope["state"]["user"] = User("ann", Role.ADMIN, "local")
            scope["state"]["csrf"] = "x"
        await self.app(scope, receive, send)
