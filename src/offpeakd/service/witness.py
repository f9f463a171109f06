"""Whether the wall clock may end or forget anything: what cannot be taken back waits for proof."""

from collections.abc import Callable, Mapping

from offpeakd.core.clock_trust import UNWITNESSED
from offpeakd.core.model import Request
from offpeakd.core.values import value
from offpeakd.core.verdicts import Verdict
from offpeakd.service.holds import Holds


@value
class Witness:
    """All targets' clouds on the one clock of this machine.

    Attributes:
        lanes: the holds of every target that is served, by its name.
    """

    lanes: Callable[[], Mapping[str, Holds]]

    def doubt(self) -> Verdict | None:
        """Why the clock may not be trusted; None while it may. Asks nobody.

        One cloud that contradicts is enough. A cloud that has told no time is no witness where
        another one is.
        """
        lanes = tuple(self.lanes().values())
        heard = tuple(one for one in lanes if one.witnessed()) or lanes
        found = [one.clock_doubt() for one in heard] or [UNWITNESSED]
        return next((one for one in found if one is not None), None)

    def doubt_about(self, request: Request) -> Verdict | None:
        """As `doubt`; where there is one, after asking a cloud, of this request's instance.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        if self.doubt() is None:
            return None
        lanes = self.lanes()
        asked = lanes.get(request.target) or next(iter(lanes.values()), None)
        if asked is not None:
            asked.ask_about(request.instance_id)
        return self.doubt()
