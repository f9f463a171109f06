"""Where a secret in use comes from: files, the environment, or a service that renews it."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

from offpeakd.adapters.huaweicloud.credentials.secret_files import (
    Print,
    SecretFile,
    fingerprint,
    read_secret,
)
from offpeakd.core.errors import CloudError, CredentialsError
from offpeakd.core.values import value
from offpeakd.ports import Clock

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

RETRY_PAUSE: Final = timedelta(seconds=60)
"""Between two tries to renew what still holds, and the age below which a new one is not fetched."""


UNTOLD_LIFE: Final = timedelta(hours=1)
"""How long something is used whose answer does not say when it ends."""


class Source(Protocol[T_co]):
    """Gives a secret, as fresh as it has to be."""

    def get(self) -> T_co:
        """The secret.

        Raises:
            CredentialsError: there is none.
            CloudUnreachableError: the service that gives it does not answer.
            CloudThrottledError: it asks us to wait.
        """
        ...

    def renew(self) -> bool:
        """The cloud refuses the secret: get another one next time; False where there is none."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Fixed(Generic[T]):
    """Secrets that nothing renews, such as those of the environment."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read

    def get(self) -> T:
        """The secret."""
        return self._read()

    def renew(self) -> bool:
        """There is no other."""
        return False

    def close(self) -> None:
        """Nothing to close."""


class Files(Generic[T]):
    """Secrets in files, read again when one of these changes."""

    def __init__(
        self,
        files: tuple[SecretFile, ...],
        environ: Mapping[str, str],
        build: Callable[[tuple[str, ...]], T],
    ) -> None:
        """Nothing is read yet.

        Args:
            files: one secret each.
            environ: tells of mounts whose modes are not ours to judge.
            build: what the secrets make together, in the files' order.
        """
        self._files = files
        self._environ = environ
        self._build = build
        self._lock = threading.Lock()
        self._read: tuple[tuple[Print | None, ...], T] | None = None

    def get(self) -> T:
        """The secrets as they are now."""
        with self._lock:
            # Looked at before reading: a change in between is then seen the next time.
            prints = tuple(fingerprint(file) for file in self._files)
            if self._read is None or self._read[0] != prints:
                secrets = tuple(read_secret(file, self._environ) for file in self._files)
                self._read = (prints, self._build(secrets))
            return self._read[1]

    def renew(self) -> bool:
        """Changes are seen at each use: there is no other now."""
        return False

    def close(self) -> None:
        """Nothing to close."""


@value
class Fresh(Generic[T]):
    """A secret that a service just gave.

    Attributes:
        secret: it.
        life: how long it holds from now.
        keep: how long to use it before another one is fetched ahead.
    """

    secret: T
    life: timedelta
    keep: timedelta


@value
class _Held(Generic[T]):
    fresh: Fresh[T]
    since: timedelta


class Renewing(Generic[T]):
    """A secret from a service, kept while it holds and fetched anew ahead of its end.

    Ages are counted since boot: a wall clock that is set wrong neither keeps a dead token alive
    nor fetches one with every call.
    """

    def __init__(
        self, fetch: Callable[[], Fresh[T]], clock: Clock, close: Callable[[], None]
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._close = close
        self._lock = threading.Lock()
        self._held: _Held[T] | None = None
        self._refused = False
        self._quiet_until = timedelta(0)

    def get(self) -> T:
        """The secret, fetched when there is none that holds."""
        with self._lock:
            now = self._clock.boottime()
            held = self._held
            if held is None or self._refused or now >= held.since + held.fresh.life:
                return self._fetched().secret
            if now < max(held.since + held.fresh.keep, self._quiet_until):
                return held.fresh.secret
            try:
                return self._fetched().secret
            except (CloudError, CredentialsError):
                # The one at hand still holds: its end is early enough to tell anybody.
                self._quiet_until = now + RETRY_PAUSE
                return held.fresh.secret

    def renew(self) -> bool:
        """Fetch another one at the next use; False for one so new that it would not help."""
        with self._lock:
            now = self._clock.boottime()
            if self._held is None or now - self._held.since < RETRY_PAUSE:
                return False
            self._refused = True
            return True

    def close(self) -> None:
        """Close the connections to the service."""
        self._close()

    def _fetched(self) -> Fresh[T]:
        fresh = self._fetch()
        self._held = _Held(fresh, self._clock.boottime())
        self._refused = False
        return fresh


def life_of(begins: datetime, ends: datetime | None) -> timedelta:
    """How long something holds; both instants are the service's own, so our clock has no say."""
    return ends - begins if ends is not None and ends > begins else UNTOLD_LIFE
