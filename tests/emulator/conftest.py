"""An emulator whose time is told, and a caller of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from fakes.emulated_calls import Caller
from fakes.set_clock import SetClock
from offpeakd.emulator import ORDINARY, Emulator, EmulatorSettings


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def settings() -> EmulatorSettings:
    """Ten instances without oddities; jobs take ten minutes and show after five seconds."""
    return EmulatorSettings(
        instances=10,
        mix=ORDINARY,
        job_duration=timedelta(minutes=10),
        job_visible_after=timedelta(seconds=5),
    )


@pytest.fixture
def cloud(settings: EmulatorSettings, clock: SetClock) -> Iterator[Emulator]:
    with Emulator(settings, clock) as emulator:
        yield emulator


@pytest.fixture
def caller(cloud: Emulator, clock: SetClock) -> Iterator[Caller]:
    caller = Caller(cloud, clock)
    yield caller
    caller.close()
