"""``runners speed``: how long a model takes, and what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runners.cli.common import (
    DTYPES,
    Failure,
    folder_type,
    progress_bar,
    results_option,
    sentences,
    sound_cards,
    tell,
    weights_option,
)

if TYPE_CHECKING:
    from sitegen.records import SpeedCase

__all__ = ["speed"]


@click.command()
@click.option("--model", "model_ids", multiple=True, required=True, metavar="ID", help="May be given several times.")
@click.option(
    "--random-weights", is_flag=True, help="Build the architecture without weights and time its network alone."
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps; auto takes a GPU if any.")
@click.option("--device-id", metavar="ID", help="What the device is called in results/speed.  [default: from its name]")
@click.option(
    "--dtype", "dtypes", type=click.Choice(DTYPES), multiple=True, default=["float32"], show_default=True,
    help="Precision; may be given several times.",
)  # fmt: skip
@click.option(
    "--batch", "batches", type=click.IntRange(1), multiple=True, default=[1], show_default=True,
    help="Images at once; may be given several times.",
)  # fmt: skip
@click.option("--height", type=click.IntRange(1), default=480, show_default=True, help="Rows of the image.")
@click.option("--width", type=click.IntRange(1), default=640, show_default=True, help="Columns of the image.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the network with torch.compile.")
@click.option("--warmup", type=click.IntRange(1), default=5, show_default=True, help="Untimed repeats.")
@click.option("--repeats", type=click.IntRange(2), default=30, show_default=True, help="Timed repeats.")
@click.option("--submitter", default="anonymous", show_default=True, help="Who runs it, for the record.")
@click.option("--note", default="", help="What a reader has to know, for the record: that others used the machine too.")
@weights_option
@results_option
@click.option("--out", type=folder_type, help="Folder of the speeds.  [default: results/speed]")
def speed(
    model_ids: tuple[str, ...], device: str, device_id: str | None, results: Path, out: Path | None, **options: Any
) -> None:
    """Measure latency, throughput, memory and operations, and add them to the record of each model and device."""
    with sentences():
        from runners.environment import chosen_device, device_name, set_precision, slug
        from runners.environment import device_id as id_of
        from runners.models import describe
        from runners.models.registry import checked_device
        from runners.speed import Plan, add_cases, measure, refusals

        if device_id is not None and slug(device_id) != device_id:
            raise click.UsageError("--device-id takes lower-case letters, digits and hyphens, such as nvidia-h100")
        set_precision()
        plan = Plan(device=checked_device(chosen_device(device)), **options)
        entries = [describe(model_id) for model_id in model_ids]
        if faults := [fault for entry in entries for fault in refusals(entry, plan)]:
            raise Failure("\n".join(faults))
        cards = sound_cards(results, model_ids)
        for entry in entries:
            with progress_bar(entry.id, plan.rounds, "repeats") as advance:
                params = cards[entry.id].params_m if entry.id in cards else None
                cases = measure(entry, plan, card_params_m=params, tick=lambda: advance(1), tell=tell)
            name = device_name(plan.device)
            path = add_cases(out or results / "speed", entry.id, device_id or id_of(plan.device), name, cases)
            _report_speed(path, cases)


def _report_speed(path: Path, cases: list[SpeedCase]) -> None:
    for case in cases:
        latency, how = case.latency, f"{case.timed}, {case.dtype}{', compiled' if case.compiled else ''}"
        click.echo(
            f"{path}: {how}, batch {case.batch}: {latency.median_ms:.4g} ms an image ({latency.p10_ms:.4g} to "
            f"{latency.p90_ms:.4g}), {case.images_per_second:.4g} images/s{_power(case)}"
        )
        if case.disturbed:
            tell(f"{path}: the process had a processor {100 * (case.cpu_share or 0):.0f} % of the time; measure again")


def _power(case: SpeedCase) -> str:
    if case.mean_power_w is None:
        return ""
    return f", {case.mean_power_w:.4g} W (peak {case.peak_power_w:.4g}), {case.energy_j:.4g} J an image"
