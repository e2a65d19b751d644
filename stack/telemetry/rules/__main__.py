"""`python -m stack.telemetry.rules`: write the rules, committed at a time scale of 1, or elsewhere at another."""

from __future__ import annotations

from pathlib import Path

import click

from stack.telemetry.generated import write
from stack.telemetry.rules import JOBS, render

__all__ = ["FOLDER", "main"]

FOLDER = Path(__file__).parent / "generated"


@click.command()
@click.option("--scale", type=float, default=1.0, show_default=True, help="Divides every window and every `for`.")
@click.option("--job", "jobs", multiple=True, default=JOBS, help="A job of this deployment; all where not given.")
@click.option("--runbooks", default="", help="Where docs/runbooks is served, for `runbook_url`.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, help="Where to write.")
def main(scale: float, jobs: tuple[str, ...], runbooks: str, folder: Path) -> None:
    """Write every file of rules, and remove what is no longer one."""
    changed = write(folder, render(scale, jobs=jobs, runbooks=runbooks), "*.yml")
    click.echo("\n".join(changed) if changed else f"{folder} is up to date")


if __name__ == "__main__":
    main()
