"""Makes the dark channel slow in workers that are told to load this module (``distributed.worker.preload``)."""

import time
from collections.abc import Sequence

from runners.models.base import Image
from runners.models.baselines import DarkChannel
from runners.prediction import Prediction

SECONDS = 0.25
"""Spent on an image."""


def dask_setup(_: object) -> None:
    """Have every prediction wait."""
    predict = DarkChannel.predict

    def slowly(self: DarkChannel, images: Sequence[Image]) -> list[Prediction]:
        time.sleep(SECONDS * len(images))
        return predict(self, images)

    DarkChannel.predict = slowly  # type: ignore[method-assign, assignment]
