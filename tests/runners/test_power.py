"""Power while something runs, with a stand-in for NVML: what it tells is kept, and nothing is made up."""

import time
from types import SimpleNamespace

import pytest
import torch

from runners import power as module
from runners import speed
from runners.power import Meter, Power, metered

UUID = "5f0c1e3a-0000-1111-2222-333344445555"


class NVMLError(Exception):
    """As pynvml has it."""


class Nvml:
    """What of pynvml is used; the call that ``fails`` names does so ``after`` a number of times."""

    NVMLError = NVMLError

    def __init__(self, fails: str = "", after: int = 0) -> None:
        self.fails, self.after = fails, after
        self.called: list[str] = []
        self.drawn = iter(range(100_000, 900_000, 10_000))

    def _call(self, name: str) -> None:
        self.called.append(name)
        if name == self.fails and self.called.count(name) > self.after:
            raise NVMLError(name)

    def nvmlInit(self) -> None:  # noqa: N802
        """Begin."""
        self._call("init")

    def nvmlShutdown(self) -> None:  # noqa: N802
        """End."""
        self._call("shutdown")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        """Return the id itself."""
        self._call("handle")
        return uuid

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:  # noqa: N802
        """Return milliwatts, 10 W more each time."""
        assert handle == f"GPU-{UUID}"
        self._call("power")
        return next(self.drawn)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU by its id, and a sample a millisecond."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid=UUID))
    monkeypatch.setattr(module, "_EVERY_S", 0.001)


def sampled(nvml: Nvml, calls: int = 20, **how: float) -> Meter:
    """What is metered until NVML was asked so often."""
    with metered(torch.device("cuda"), nvml, **how) as meter:
        late = time.monotonic() + 5
        while nvml.called.count("power") < calls and time.monotonic() < late:
            time.sleep(0.001)
    return meter


def test_samples_are_watts_of_the_device_by_its_id() -> None:
    """Mean and peak are those of the samples; NVML is begun once and ended once, and asked no more then."""
    nvml = Nvml()
    meter = sampled(nvml, settled_s=0)
    count = len(meter.samples)
    assert count >= 20
    assert meter.samples == list(range(100_000, 100_000 + 10_000 * count, 10_000))
    assert meter.power == Power(pytest.approx(100 + 5 * (count - 1)), 100 + 10 * (count - 1))
    assert nvml.called == ["init", "handle", *["power"] * count, "shutdown"]
    time.sleep(0.01)
    assert len(meter.samples) == count


def test_the_first_second_does_not_count() -> None:
    """NVML tells the mean of the last second: what ends before has no power, nor have nine samples."""
    meter = sampled(Nvml(), settled_s=60)
    assert (meter.samples, meter.power) == ([], None)
    assert module.SETTLED_S == 1
    assert Meter([100_000] * 9).power is None
    assert Meter([100_000] * 10).power == Power(100, 100)


@pytest.mark.parametrize(("fails", "after"), [("init", 0), ("handle", 0), ("power", 0), ("power", 15)])
def test_what_nvml_does_not_tell_is_none(fails: str, after: int) -> None:
    """No driver, no such device, no counter, one that stops in the middle."""
    nvml = Nvml(fails, after)
    with metered(torch.device("cuda"), nvml, settled_s=0) as meter:
        late = time.monotonic() + 5
        while nvml.called.count(fails) <= after and time.monotonic() < late:
            time.sleep(0.001)
    assert meter.power is None
    assert nvml.called[-1] == ("init" if fails == "init" else "shutdown")


def test_an_end_that_fails_loses_nothing() -> None:
    """The samples are there by then."""
    assert sampled(Nvml("shutdown"), settled_s=0).power is not None


def test_elsewhere_there_is_none() -> None:
    """A CPU is not asked about; and this machine's own NVML, where it has no driver, gives nothing."""
    nvml = Nvml()
    with metered(torch.device("cpu"), nvml, settled_s=0) as meter:
        time.sleep(0.02)
    assert (nvml.called, meter.power) == ([], None)
    if not torch.cuda.is_available():
        with metered(torch.device("cuda"), settled_s=0) as meter:
            time.sleep(0.02)
        assert meter.power is None


def test_energy_is_mean_power_for_the_mean_time_of_an_image() -> None:
    """200 W for 30 ms a batch of 2 are 3 J an image; without power there is no field at all."""
    assert speed._drawn(Power(200.0, 250.0), [20.0, 40.0], 2) == {
        "mean_power_w": 200.0, "peak_power_w": 250.0, "energy_j": 3.0,
    }  # fmt: skip
    assert speed._drawn(None, [20.0], 1) == {}
