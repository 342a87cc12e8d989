"""What `reconcile check` asks: may we read, what is there, what is unmapped, where to start."""

from datetime import date, datetime

from rich.console import Console
from rich.markup import escape

from reconcile_pipeline.cli.summary import money
from reconcile_pipeline.http import ApiClient, paginate
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.periods import period_of
from reconcile_pipeline.reality import (
    agreements_arrive,
    ask,
    board_is_explained,
    customers_appear,
    lines_have_quantities,
    most_are_mapped,
)
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.settings_systems import SystemSettings
from reconcile_pipeline.state import State
from reconcile_pipeline.systems.base import Stream, System
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.connect import open_for_reading

GOOD, BAD = "[green]ok[/green] ", "[red]fix[/red]"
QUESTIONS = (
    customers_appear,
    agreements_arrive,
    lines_have_quantities,
    most_are_mapped,
    board_is_explained,
)


async def check_systems(console: Console, settings: Settings, today: date, now: datetime) -> int:
    """Read the first page of every list of every system; returns how many systems failed."""
    failed = 0
    for account in settings.systems:
        system = SYSTEMS[account.kind]
        console.print(f"\n[bold]{account.name}[/bold] ({system.title})")
        try:
            await _check_system(console, system, account, today, now)
        except PipelineError as error:
            failed += 1
            console.print(f"  {BAD} {escape(error.message)}\n      Next: {escape(error.next_step)}")
        for topic, sentence in system.capabilities.items():
            console.print(f"      {topic}: {sentence}")
    return failed


async def _check_system(
    console: Console, system: System, account: SystemSettings, today: date, now: datetime
) -> None:
    if system.read is not None:
        for document in system.read(account, today, now):
            console.print(f"  {GOOD} {document.stream}: {len(document.records)} rows")
        return
    if system.client is None:
        return
    async with system.client(account) as client:
        try:
            for stream in system.streams(account, today):
                await _first_page(console, client, stream)
            for topic, probe in system.probes.items():
                console.print(f"  {GOOD} {topic}: {escape(await probe(account))}.")
        except PipelineError as error:
            if system.diagnose is None:
                raise
            raise await system.diagnose(client, account, error) from error


async def _first_page(console: Console, client: ApiClient, stream: Stream) -> None:
    if stream.request is None:
        return
    pages = paginate(client, stream.request, stream.paginator(), stream.records)
    async for page in pages:
        announced = stream.announced(page.reply.data)
        count = len(page.records)
        # Paginators remember what they have seen: a second one is asked whether there is more.
        second = stream.paginator()
        is_whole = second.next(second.first(stream.request), page.reply, count) is None
        more = "" if announced is not None or is_whole else " or more"
        console.print(f"  {GOOD} {stream.name}: {announced or count}{more}")
        return


def print_business(console: Console, settings: Settings, today: date) -> None:
    """Say what the published tables tell: reality, what is unmapped, where the money is."""
    published = State(settings.state_dir).published
    period = period_of(today)
    if not published.exists():
        console.print("\nNothing is published yet: `reconcile run` compares the counts.")
        return
    with open_for_reading(published) as connection:
        console.print(f"\n[bold]What {period} shows[/bold]")
        for question in QUESTIONS:
            verdict = question(connection, period)
            console.print(f"  {GOOD if verdict.is_good else BAD} {escape(verdict.message)}")
        rows = ask(connection, "billing_volume", period)
        console.print("\n[bold]Where to start: the services with the most billing[/bold]")
        for name, fed_by, amount, currency in rows:
            told = f"counted by {fed_by}" if fed_by else "no vendor connected yet"
            console.print(f"  {money(amount, currency):>18}  {escape(name)} ({escape(told)})")
