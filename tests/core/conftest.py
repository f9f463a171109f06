"""The core never looks at the machine's own time zone: here that is a far-off one."""

import os
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _far_off_machine() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()
