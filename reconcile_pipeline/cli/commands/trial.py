"""Commands that need no account anywhere: the demo, and simulators to try things on."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from reconcile_pipeline.cli.app import app, console
from reconcile_pipeline.cli.commands.data import pullable, run_and_report, stop_on_failures
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import load_settings

HIGHEST_PORT_BASE = 65_500


class Size(StrEnum):
    """How large a simulated MSP is: about 40, 400 or 5,000 companies."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Psa(StrEnum):
    """Which PSA the simulated MSP uses."""

    CONNECTWISE = "connectwise"
    AUTOTASK = "autotask"
    HALOPSA = "halopsa"
    KASEYA_BMS = "kaseya_bms"
    PULSEWAY = "pulseway"
    SYNCRO = "syncro"


PsaOption = Annotated[Psa, typer.Option("--psa", help="The PSA it uses.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Same seed, same MSP.")]
VendorsOption = Annotated[
    str,
    typer.Option(
        "--vendors",
        help="Vendors besides Pax8, NinjaOne and a file: all, none, or names with commas.",
    ),
]
SizeOption = Annotated[Size, typer.Option("--size", help="About 40, 400 or 5,000 companies.")]


@app.command()
def demo(
    seed: SeedOption = 2026,
    size: SizeOption = Size.SMALL,
    psa: PsaOption = Psa.CONNECTWISE,
    vendors: VendorsOption = "all",
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo's state goes.")] = Path(
        ".reconcile/demo"
    ),
) -> None:
    """Take a simulated MSP from its pulls to its closed month, then serve the review app."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.cli.open_month import keep_state, serve_open_month  # noqa: PLC0415
    from reconcile_pipeline.cli.walkthrough import (  # noqa: PLC0415 - Dagster is slow
        allow_writing,
        forget_earlier_demo,
        walk_through,
    )
    from reconcile_pipeline.simulators.serve import running  # noqa: PLC0415 - demo only
    from reconcile_pipeline.simulators.world.build import build_world  # noqa: PLC0415

    others = chosen(vendors)
    forget_earlier_demo(folder)
    folder.mkdir(parents=True, exist_ok=True)
    world = build_world(seed, size.value, datetime.now(UTC).date(), others)
    with running(world, psa=psa.value) as simulation:
        config = folder / "reconcile.toml"
        simulation.write_config(config, state_dir=".")
        allow_writing(config)
        settings = load_settings(config)
        for name, server in simulation.systems.items():
            console.print(f"{name:<24} simulated at {server.base_url}")
        month = pullable(settings, None)
        run_and_report(settings, month)
        keep_state(folder)
        stop_on_failures(walk_through(console, site_of(settings), month))
    console.print("See the same in the Dagster UI: make ui")
    # The first provider's PSA holds the demo's changes by now; the visitor's holds none.
    again = build_world(seed, size.value, datetime.now(UTC).date(), others)
    with running(again, psa=psa.value) as simulation:
        serve_open_month(console, folder, simulation)


@app.command()
def simulate(
    seed: SeedOption = 2026,
    size: SizeOption = Size.SMALL,
    psa: PsaOption = Psa.CONNECTWISE,
    *,
    vendors: VendorsOption = "all",
    port_base: Annotated[
        int,
        typer.Option(
            "--port-base", help="First port; 0 takes free ones.", min=0, max=HIGHEST_PORT_BASE
        ),
    ] = 0,
    latency_ms: Annotated[
        int, typer.Option("--latency-ms", help="Delay of every answer.", min=0)
    ] = 0,
    write_config: Annotated[
        Path | None, typer.Option("--write-config", help="Leave a reconcile.toml and .env here.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Leave the expected cards as JSON here.")
    ] = None,
) -> None:
    """Serve a simulated MSP, each system on its own port, until interrupted."""
    from reconcile_pipeline.simulators.serve import simulate as serve  # noqa: PLC0415

    try:
        serve(
            seed=seed,
            size=size.value,
            psa=psa.value,
            vendors=chosen(vendors),
            port_base=port_base,
            latency_ms=latency_ms,
            write_config=write_config,
            truth=truth,
            as_of=datetime.now(UTC).date(),
            # Flushes each line: whoever started this waits for `ready` at the end of a pipe.
            out=typer.echo,
        )
    except OSError as error:
        raise PipelineError(
            f"The simulated systems can't be served: {error.strerror or error}.",
            next_step="Choose another --port-base, or leave it out for free ports; --write-config"
            " and --truth must name files that can be written.",
            category=Category.INPUT,
        ) from error


def chosen(vendors: str) -> list[str]:
    """Return the names that an option means; `input` error for one that can't be simulated."""
    from reconcile_pipeline.simulators.world.vendors import SIDES  # noqa: PLC0415 - trials only

    if vendors in {"all", "none"}:
        return list(SIDES) if vendors == "all" else []
    names = [name.strip() for name in vendors.split(",")]
    unknown = [name for name in names if name not in SIDES]
    if unknown:
        raise PipelineError(
            f"There is no simulated vendor {unknown[0]!r}.",
            next_step=f"Vendors: all, none, or of {', '.join(SIDES)}.",
            category=Category.INPUT,
        )
    return names
