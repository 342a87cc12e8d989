"""stub"""


def login_routes(identities):
    return []


async def refuse_role(request, role):
    return None
