"""Makes the dark channel slow, in the process that imports it: ``distributed.worker.preload`` has workers do so."""

import time

from runners.models.baselines import DarkChannel

SECONDS = 0.25

_predict = DarkChannel.predict


def _slowly(self, images, intrinsics=None):  # type: ignore[no-untyped-def]
    time.sleep(SECONDS * len(images))
    return _predict(self, images, intrinsics)


DarkChannel.predict = _slowly  # type: ignore[method-assign]
