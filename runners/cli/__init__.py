"""The ``runners`` command: thin; each command reads its options, calls one function and reports.

The modules hold one group of commands each. What needs torch or the data sets is imported when a command runs.
"""

from __future__ import annotations

import click

from runners.cli import again, evaluate, lessons, listing, models, pictures, speed

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fathom-depth")
def main() -> None:
    """Measure depth models on data sets and write run records."""


for command in (
    again.reproduce,
    again.rescore,
    evaluate.evaluate,
    lessons.lessons,
    listing.check,
    listing.doctor,
    listing.fetch,
    listing.listing,
    models.new_model,
    models.prove,
    pictures.gallery,
    pictures.report,
    speed.speed,
):
    main.add_command(command)
