"""What happens outside while the pipeline works: customers, technicians and vendors at their desks.

Each act changes one record of the world, so that a pull that was under way sees the old or the new.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from reconcile_pipeline.nemesis.house import House
from reconcile_pipeline.nemesis.snapshots import COUNTED
from reconcile_pipeline.simulators.config_files import write_backup
from reconcile_pipeline.simulators.world.records import AUTOTASK, BACKUP_CSV, NINJAONE, PAX8, Line

LOST_SHARE = 0.6


@dataclass
class Outside:
    """The world beyond the installation."""

    house: House
    dice: Random
    note: Callable[[str], None]
    lost: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    """What a vendor does not show at the moment, though it has not gone, and where it stood."""

    def something_changes(self) -> None:
        """One record of one system."""
        self.dice.choice([self.a_device, self.a_subscription, self.a_file_row, self.a_line])()

    def a_device(self) -> None:
        """Joins or leaves."""
        world = self.house.simulation.world
        device = self.dice.choice(world.devices)
        if self.dice.random() < 0.5 and len(world.devices) > 20:
            world.devices.remove(device)
            self.note(f"device {device.id} is gone")
        else:
            added = copy(device)
            lost = [each for _number, each in self.lost.get(NINJAONE, [])]
            added.id = max(each.id for each in [*world.devices, *lost]) + 1
            world.devices.append(added)
            self.note(f"device {added.id} joins organization {added.organization_id}")
        self._changed(NINJAONE)

    def a_subscription(self) -> None:
        """Has more seats, or fewer."""
        subscription = self.dice.choice(self.house.simulation.world.subscriptions)
        subscription.quantity = max(0, subscription.quantity + self.dice.choice([-2, -1, 1, 2, 5]))
        self.note(f"subscription {subscription.id} has {subscription.quantity} seats")
        self._changed(PAX8)

    def a_file_row(self) -> None:
        """Counts more, or less; the vendor's file is written anew."""
        row = self.dice.choice(self.house.simulation.world.backup_rows)
        row.quantity = max(Decimal(0), row.quantity + self.dice.choice([-1, 1, 3]))
        self.note(f"{row.account_name}: {row.quantity} of {row.service_name}")
        self._changed(BACKUP_CSV)

    def a_line(self) -> None:
        """Somebody types another quantity into the PSA."""
        lines = self.lines()
        if lines:
            line = self.dice.choice(lines)
            line.quantity = max(Decimal(1), line.quantity + self.dice.choice([-2, -1, 1, 3]))
            self.note(f"somebody types {line.quantity} into line {line.id}")
            self._changed(self.house.simulation.psa)

    def lines(self) -> list[Line]:
        """Lines of whole units that people may type into, and whose truth is the world's."""
        simulation = self.house.simulation
        if simulation.psa == AUTOTASK:
            # Its quantities are differences from days on: the writing game plays those.
            return []
        state: Any = simulation.systems[simulation.psa].state
        counted = {*getattr(state, "licences", ()), *getattr(state, "counted", ())}
        return [
            line
            for line in simulation.world.lines
            if line.id not in counted
            and str(line.id) not in counted
            and line.quantity >= 1
            and line.quantity == line.quantity.to_integral_value()
            and not line.less_included
        ]

    def much_is_lost(self) -> None:
        """A vendor suddenly shows far less: permissions, an outage, a filter somebody set."""
        system = self.dice.choice([*COUNTED])
        if system in self.lost:
            return
        records = getattr(self.house.simulation.world, COUNTED[system])
        gone = {id(each) for each in self.dice.sample(records, int(len(records) * LOST_SHARE))}
        self.lost[system] = [
            (number, each) for number, each in enumerate(records) if id(each) in gone
        ]
        records[:] = [each for each in records if id(each) not in gone]
        self.note(f"{system} shows {len(gone)} records less")
        self._changed(system)

    def it_is_back(self) -> None:
        """The vendor shows again what it had lost."""
        for system, gone in self.lost.items():
            records = getattr(self.house.simulation.world, COUNTED[system])
            for number, each in gone:
                # In its old place: vendors list by rising ids.
                records.insert(min(number, len(records)), each)
            self.note(f"{system} shows everything again")
            self._changed(system)
        self.lost.clear()

    def _changed(self, system: str) -> None:
        simulation = self.house.simulation
        if system == BACKUP_CSV:
            write_backup(self.house.folder / "imports" / "backup.csv", simulation.world)
        else:
            simulation.systems[system].state.changed()
