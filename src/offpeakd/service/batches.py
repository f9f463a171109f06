"""Puts a batch together: what was chosen, by which rules, in which opening, for which call."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from secrets import token_hex
from typing import Final

from offpeakd.core.batch import Batch
from offpeakd.core.plan import Take
from offpeakd.ports import SignedCall
from offpeakd.service.choice import Fit
from offpeakd.service.rules import Rules

_RANDOM: Final = 11
"""Random bytes of an id, after the five that tell the second."""


def batch_for(
    target: str, owner: str, take: Take, fit: Sequence[Fit], call: SignedCall, rules: Rules
) -> Batch:
    """The batch that is written down before its call is made.

    Args:
        target: where it goes.
        owner: random id of the daemon's present run.
        take: group and opening.
        fit: the requests, with their instances as just seen.
        call: as it is signed.
        rules: the configuration that decided.
    """
    batch_id, *attempt_ids = _ids(call.signed_at, 1 + len(fit))
    return Batch(
        id=batch_id,
        target=target,
        group=take.group,
        requests=tuple(request for request, _ in fit),
        attempt_ids=tuple(attempt_ids),
        owner=owner,
        windows=take.opening.windows,
        opening_start=take.opening.start,
        opening_end=take.opening.end,
        signed_at=call.signed_at,
        fenced=call.fenced,
        body_sha256=hashlib.sha256(call.body).hexdigest(),
        config_hash=rules.config_hash,
        tzdata_version=rules.tzdata_version,
        instance_versions=tuple(instance.whole_version for _, instance in fit),
    )


def _ids(at: datetime, number: int) -> list[str]:
    """Random ids that begin with the second: the latest lie side by side in an index.

    Wholly random ones would change as many pages of the database as there are ids.
    """
    second = f"{int(at.timestamp()):010x}"
    random = token_hex(_RANDOM * number)
    return [
        second + random[place : place + 2 * _RANDOM] for place in range(0, len(random), 2 * _RANDOM)
    ]
