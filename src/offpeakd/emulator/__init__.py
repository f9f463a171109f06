"""A pretended Huawei Cloud (DDS and IAM) over real HTTP, for demonstrations, trials and tests.

```python
with Emulator(EmulatorSettings(instances=20), clock) as cloud:
    ...  # a target with the endpoint cloud.url and the keys of cloud.settings
    cloud.world.calls, cloud.starts(instance_id)
```
"""

from offpeakd.emulator.cloud_model import DdsInstance, DdsJob, Snapshot, UpgradeCall
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import NO_FAULTS, Faults
from offpeakd.emulator.fleet import ORDINARY, Mix
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule
from offpeakd.emulator.verify import AccessKey

__all__ = [
    "NO_FAULTS",
    "ORDINARY",
    "AccessKey",
    "DdsInstance",
    "DdsJob",
    "Emulator",
    "EmulatorSettings",
    "Faults",
    "Mix",
    "Rule",
    "Snapshot",
    "UpgradeCall",
]
