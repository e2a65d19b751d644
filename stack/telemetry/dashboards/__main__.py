"""`python -m stack.telemetry.dashboards`: write the dashboards' JSON, here or for another set of stores."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from stack.telemetry.dashboards.explore import Backends, LogsKind, TracesKind
from stack.telemetry.dashboards.grafana import render_all
from stack.telemetry.generated import write

__all__ = ["FOLDER", "main"]

FOLDER = Path(__file__).parent / "json"


@click.command()
@click.option("--traces", type=click.Choice(get_args(TracesKind)), default="jaeger", show_default=True)
@click.option("--logs", type=click.Choice(get_args(LogsKind)), default="victorialogs", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, help="Where to write.")
def main(traces: TracesKind, logs: LogsKind, folder: Path) -> None:
    """Write the JSON of every dashboard, and remove what has no dashboard any more."""
    changed = write(folder, render_all(Backends(traces=traces, logs=logs)), "*.json")
    click.echo("\n".join(changed) if changed else f"{folder} is up to date")


if __name__ == "__main__":
    main()
