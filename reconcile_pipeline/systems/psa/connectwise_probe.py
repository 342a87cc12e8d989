"""Whether a ConnectWise server answers bundles as it answers single calls: for `reconcile check`.

Asks for a few agreements' additions both ways and compares every field. Changes nothing.
"""

from collections.abc import Sequence

from reconcile_pipeline.http import ApiClient, ApiError, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account
from reconcile_pipeline.systems.psa.connectwise_account import make_bundling
from reconcile_pipeline.systems.psa.connectwise_bundles import SWITCH_OFF, BundlingClient, size_of

PROBED = 5
"""Agreements whose additions are asked for both ways."""
ADVISED = 25
_PAGE_SIZE = 1000


async def probe(account: Account) -> str:
    """Ask both ways; says in one sentence what came of it.

    Raises:
        PipelineError: `settings`, when bundles are switched on and the answers differ; whatever
            the single calls raise.
    """
    size = size_of(account)
    async with make_bundling(account, PROBED) as client:
        listed = await client.get(Request("/finance/agreements", {"pageSize": str(PROBED)}))
        agreements = [int(agreement["id"]) for agreement in listed.data]
        if not agreements:
            return "not tried: there is no agreement"
        why = await _difference(client, agreements)
    if why and size:
        raise PipelineError(
            f"{account.name}: bundle_size is {size}, and {why}.",
            next_step=SWITCH_OFF,
            category=Category.SETTINGS,
            system=account.name,
        )
    if why:
        return f"can't be used: {why}"
    told = f"the additions of {len(agreements)} agreements are the same as by single calls"
    return told if size else f"{told}: bundle_size = {ADVISED} would save most calls"


async def _difference(client: BundlingClient, agreements: Sequence[int]) -> str:
    """What tells bundles from single calls; "" for nothing."""
    single = []
    for agreement in agreements:
        # Numbered, so that the client doesn't bundle it.
        asked = {"pageSize": str(_PAGE_SIZE), "page": "1"}
        path = f"/finance/agreements/{agreement}/additions"
        reply = await ApiClient.get(client, Request(path, asked))
        single.append(reply.data)
    try:
        parts = await client.ask(agreements, page_size=_PAGE_SIZE)
    except ApiError as error:
        if error.is_transient or error.category is Category.CREDENTIALS:
            raise
        return f"the server refuses or mixes up bundles ({error.message})"
    for agreement, whole, part in zip(agreements, single, parts, strict=True):
        if part is None and len(whole) < _PAGE_SIZE:
            return f"the part of agreement {agreement} is not whole"
        if part is not None and part.data != whole:
            return f"agreement {agreement} has other additions in a bundle than by its own call"
    return ""
