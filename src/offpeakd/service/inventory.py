"""Looks at a target's instances, so that no call is made on old knowledge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from offpeakd.core.seen import Instance
from offpeakd.ports import Clock, Cloud, Controls

PAGE: Final = 100
"""Instances a page of the cloud's listing holds."""

OVERDUE: Final = timedelta(seconds=10)
"""How long what was seen may wait to be remembered, while one call follows the other."""


@dataclass(slots=True, eq=False, repr=False)
class Inventory:
    """The last look at one target's instances. Used by that target's lane alone.

    What was seen is stored for people alone. Thousands take as long as many calls, so that waits
    until no call does.

    Attributes:
        target: its name.
        cloud: where to look.
        controls: where to remember what was seen, for `show` and `why`.
        clock: for the age of a look.
        before_looking: done before the cloud is asked, which takes its time.
    """

    target: str
    cloud: Cloud
    controls: Controls
    clock: Clock
    before_looking: Callable[[], None] = field(default=lambda: None, init=False)
    _seen: dict[str, Instance] = field(default_factory=dict, init=False)
    _looked_at: timedelta | None = field(default=None, init=False)
    _took: timedelta = field(default=timedelta(0), init=False)
    _called_at: dict[str, timedelta] = field(default_factory=dict[str, timedelta], init=False)
    _unstored: dict[str, Instance] = field(default_factory=dict[str, Instance], init=False)
    _unstored_since: timedelta | None = field(default=None, init=False)

    def age(self) -> timedelta | None:
        """How old the last full look is; None before the first."""
        return None if self._looked_at is None else self.clock.boottime() - self._looked_at

    def look(self) -> None:
        """Read the whole listing.

        Raises:
            CloudError: it can't be read.
            CredentialsError: no usable key or token.
        """
        self.before_looking()
        began = self.clock.boottime()
        instances = self.cloud.list_instances()
        self._seen = {instance.id: instance for instance in instances}
        self._looked_at, self._took = began, self.clock.boottime() - began
        self._called_at = {one: at for one, at in self._called_at.items() if at >= began}
        self._keep(self._seen)

    def remember(self) -> None:
        """Store what was seen since this was done last.

        Raises:
            DatabaseError: the store can't be written; it is kept, and overdue after a while.
        """
        if self._unstored:
            self._unstored_since = self.clock.boottime()
            self.controls.see_instances(self.target, tuple(self._unstored.values()))
            self._unstored = {}
        self._unstored_since = None

    def is_overdue(self) -> bool:
        """Whether what was seen has waited for long enough, whoever else waits."""
        since = self._unstored_since
        return since is not None and self.clock.boottime() - since >= OVERDUE

    def takes_long(self, age: timedelta) -> bool:
        """Whether the listing is half that old once it is read, so that little is gained by it.

        What the last look showed is believed for ten times as long as that took.

        Args:
            age: how old a look may be.
        """
        known_age = self.age()
        believed = known_age is not None and known_age <= 10 * self._took
        return believed and self._took > age / 2

    def called(self, ids: Sequence[str]) -> None:
        """A call naming these instances was made: what was seen of them before is void."""
        now = self.clock.boottime()
        self._called_at.update(dict.fromkeys(ids, now))

    def at_most(
        self, age: timedelta, ids: Sequence[str], *, more_to_come: bool
    ) -> Mapping[str, Instance | None]:
        """The chosen instances, seen within `age` and since a call last named them.

        The whole listing is read where it costs fewer calls than asking one by one, or where
        further batches will profit from it: not where it takes so long that it is old by then.

        Args:
            age: how old a look may be.
            ids: the chosen.
            more_to_come: whether further batches wait behind these.

        Returns:
            by id; None for one that the cloud does not know.

        Raises:
            CloudError: it can't be read.
            CredentialsError: no usable key or token.
        """
        known_age = self.age()
        fresh = known_age is not None and known_age <= age
        if fresh and sum(map(self._is_void, ids)) <= self._pages():
            return {instance_id: self._known(instance_id) for instance_id in ids}
        if self._pages() > len(ids) and (not more_to_come or self.takes_long(age)):
            return self._one_by_one(ids)
        self.look()
        if self._pages() > len(ids) and self._took > age:
            return self._one_by_one(ids)
        return {instance_id: self._known(instance_id) for instance_id in ids}

    def _pages(self) -> int:
        return 1 + len(self._seen) // PAGE

    def _known(self, instance_id: str) -> Instance | None:
        """A listing may lag behind a new instance, so absence is confirmed by asking for it."""
        known = None if self._is_void(instance_id) else self._seen.get(instance_id)
        return known if known is not None else self._ask(instance_id)

    def _is_void(self, instance_id: str) -> bool:
        called_at = self._called_at.get(instance_id)
        return called_at is not None and (self._looked_at is None or called_at >= self._looked_at)

    def _one_by_one(self, ids: Sequence[str]) -> Mapping[str, Instance | None]:
        found = {instance_id: self._ask(instance_id) for instance_id in ids}
        self._keep({name: seen for name, seen in found.items() if seen is not None})
        return found

    def _keep(self, seen: Mapping[str, Instance]) -> None:
        self._unstored |= seen
        if self._unstored_since is None:
            self._unstored_since = self.clock.boottime()

    def _ask(self, instance_id: str) -> Instance | None:
        self.before_looking()
        return self.cloud.find_instance(instance_id)
