"""Limits and patience, as configured."""

from datetime import timedelta

from offpeakd.core.batch import BATCH_LIMIT
from offpeakd.core.values import value


@value
class Policy:
    """Limits and patience, as configured; the sections of the configuration name them."""

    batch_size: int = BATCH_LIMIT
    poll: timedelta = timedelta(seconds=5)
    guard: timedelta = timedelta(seconds=10)
    min_notice: timedelta = timedelta(minutes=10)
    preflight: timedelta = timedelta(seconds=60)
    retry_attempts: int = 5
    retry_first: timedelta = timedelta(minutes=5)
    retry_most: timedelta = timedelta(hours=6)
    follow_up_every: timedelta = timedelta(seconds=30)
    overdue: timedelta = timedelta(hours=4)
    fence: timedelta = timedelta(minutes=18)
    reconcile_every: timedelta = timedelta(seconds=30)
    looks: int = 3
    lease_ttl: timedelta = timedelta(seconds=60)
    retention: timedelta = timedelta(days=400)
