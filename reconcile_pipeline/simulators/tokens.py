"""Bearer tokens as the simulated vendors hand them out: opaque, and over after `expires_in`."""

import secrets
from http import HTTPStatus

from reconcile_pipeline.simulators.server import Query, Refusal, Simulator


def issue_token(simulator: Simulator) -> str:
    """A new token, good from now on for as long as the server's state says."""
    token = f"sim-{simulator.name}-{secrets.token_hex(16)}"
    simulator.state.tokens[token] = simulator.clock() + simulator.state.expires_in
    return token


def check_token(simulator: Simulator, query: Query) -> None:
    """Raise Refusal 401 unless the call carries a token that is known and not over."""
    scheme, _, token = query.headers.get("authorization", "").partition(" ")
    expires_at = simulator.state.tokens.get(token)
    if scheme.lower() != "bearer" or expires_at is None:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
    if expires_at <= simulator.clock():
        raise Refusal(HTTPStatus.UNAUTHORIZED, "The token has expired")
