"""What a vendor's file has to say so that a world can have it.

A side is data; its writer puts one customer after the other into the vendor's own records, so
that they count to `need.vendor`, and around them what a vendor's lists are full of and nobody may
count.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World


class Writer(Protocol):
    """Fills the vendor's records, `world.at[system]`."""

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """Write one customer: an account per name of `account.names`, its id into `account.ids`.

        The units of the accounts sum to each need's `vendor`, and every account is one that the
        vendor lists and serves. `plan` is None for the provider's own account.
        """

    def finish(self) -> None:
        """Write what belongs to no customer: closed accounts, the vendor's own records."""


@dataclass(frozen=True, slots=True)
class VendorSide:
    """One vendor of the made-up MSP."""

    system: str
    share: float
    """The part of the customers that have an account there."""
    family: str
    """The kind of agreement its lines stand on: managed, cloud or backup."""
    products: tuple[PsaProduct, ...]
    """What the PSA's catalogue has for it; keys are unique over all vendors."""
    offers: tuple[Offer, ...]
    services: Mapping[str, str]
    """Every service the vendor can count: id -> name. Those in no offer are excluded by hand."""
    records: Callable[[], Any]
    """Makes the vendor's empty records: a dataclass of lists."""
    writer: Callable[[Random, World], Writer]
    has_sites: bool = True
    """A customer may have several accounts there."""
