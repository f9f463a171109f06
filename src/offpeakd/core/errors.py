"""Every error a person may read, and the exit code it ends a command with.

```
OffpeakdError                 1  anything we can name
├── UsageError                2  a wrong argument
├── ConfigurationError        2  problems in files and variables, all of them at once
├── WaitingError              3  asked about something that isn't done yet
├── CredentialsError          4  no key, a wrong key, or no permission
├── CloudError                1  the cloud answered something we can't work with
│   ├── CloudUnreachableError 5  no answer: DNS, connection, TLS, time-out
│   ├── CloudThrottledError   5  too many calls; says when to come back
│   ├── CloudDeniedError      4  the cloud refuses our key, token or permission
│   └── CloudRefusedError     1  a definite no to one read
├── DatabaseError             6  unreachable, damaged, full, read-only
│   ├── SchemaError           6  another schema than this program's
│   └── DatabaseUntrustedError 6 damaged, replaced, or a write that may not have reached the disk
└── DaemonRunningError        7  another daemon holds the database
```

A message says what is wrong and where; `fix` says how to mend it.
"""

from collections.abc import Mapping
from datetime import timedelta

from offpeakd.core.values import ordered_value


class OffpeakdError(Exception):
    """An error with a sentence for a person.

    Attributes:
        message: what is wrong, where and why, without a final full stop.
        fix: how to mend it, as an instruction; empty when nothing can be done by hand.
    """

    exit_code = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}. {self.fix}" if self.fix else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, vars(self))


def _restored(
    kind: type[OffpeakdError], args: tuple[object, ...], attributes: Mapping[str, object]
) -> OffpeakdError:
    """An error that came from another process: each kind has other arguments."""
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class UsageError(OffpeakdError):
    """A wrong argument, an impossible instant, an unknown id."""

    exit_code = 2


@ordered_value
class Problem:
    """One thing wrong in the configuration, with its place.

    Attributes:
        file: path as the user named it, or `environment`.
        line: counted from 1; 0 where the place is the file as a whole.
        column: counted from 1; 0 likewise.
        path: dotted path of the key, such as `windows.weeknights.from`; may be empty.
        what: what is wrong, without a final full stop.
        fix: how to mend it, as an instruction.
    """

    file: str
    line: int
    column: int
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        where = f"{place}: {self.path}" if self.path else place
        return f"{where}: {self.what}. {self.fix}".rstrip()


class ConfigurationError(OffpeakdError):
    """Everything wrong in the configuration, in the order of the files."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class WaitingError(OffpeakdError):
    """What was asked for isn't so yet."""

    exit_code = 3


class CredentialsError(OffpeakdError):
    """A key or token is missing, unreadable or refused."""

    exit_code = 4


class CloudError(OffpeakdError):
    """The cloud answered something this program can't work with."""


class CloudUnreachableError(CloudError):
    """No answer to a read: name, connection, TLS or time-out."""

    exit_code = 5


class CloudThrottledError(CloudError):
    """Too many calls.

    Attributes:
        retry_after: what the cloud asked for, or None where it did not say.
    """

    exit_code = 5

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message, fix="Calls to this target pause and go on by themselves.")
        self.retry_after = retry_after


class CloudDeniedError(CloudError):
    """The cloud refuses the key, the token, the project or the permission.

    Attributes:
        code: the cloud's.
        permission: whether the key is good and only lacks the right to this one call.
    """

    exit_code = 4

    def __init__(self, message: str, *, code: str, fix: str, permission: bool = False) -> None:
        super().__init__(message, fix=fix)
        self.code = code
        self.permission = permission


class CloudRefusedError(CloudError):
    """A definite no to one read."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class DatabaseError(OffpeakdError):
    """The database can't be reached, read or written."""

    exit_code = 6


class DatabaseConflictError(DatabaseError):
    """Two writers were in each other's way; this one was taken back, and may try again."""


class SchemaError(DatabaseError):
    """The database has another schema than this program."""


class DatabaseUntrustedError(DatabaseError):
    """What this process has open can't be relied on any more, however often it is tried again.

    The file is damaged or is no longer the one that was opened, or the disk failed to take what
    it was told to keep. Whoever meets it ends; a new start looks at everything afresh.
    """


class DaemonRunningError(OffpeakdError):
    """Another daemon holds the database."""

    exit_code = 7
