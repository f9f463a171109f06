"""What every test shares: a settled HOME, a stable hypothesis profile."""

import os
import tempfile

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
# A mutant is dead at the first counterexample: the smallest one is not asked for.
settings.register_profile(
    "mutate", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate]
)
settings.register_profile("long", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# The official SDK, a test-only oracle, writes into the home folder when it is imported.
os.environ["HOME"] = tempfile.mkdtemp(prefix="offpeakd-home-")
for name in [name for name in os.environ if name.startswith(("OFFPEAKD_", "HUAWEICLOUD_"))]:
    del os.environ[name]
