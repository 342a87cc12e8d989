"""Progress of a pull on the terminal: one bar per list, with pages of expected pages where known.

Without a terminal (CI, cron) nothing is drawn; the summary at the end says it all.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from reconcile_pipeline.landing.progress import Progress, listening


@contextmanager
def pull_progress(console: Console) -> Iterator[None]:
    """Show progress while the block runs."""
    if not console.is_terminal:
        yield
        return
    columns = (
        TextColumn("{task.description:<36}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("pages  {task.fields[records]} records"),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        tasks: dict[tuple[str, str], TaskID] = {}

        def show(progress: Progress) -> None:
            place = (progress.system, progress.stream)
            if place not in tasks:
                name = f"{progress.system} {progress.stream}"
                tasks[place] = bars.add_task(name, total=None, records=0)
            bars.update(
                tasks[place],
                completed=progress.pages,
                total=progress.expected,
                records=progress.records,
            )

        with listening(show):
            yield
