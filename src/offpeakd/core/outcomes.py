"""What can come of one instance's part in a call, and the state that follows."""

from enum import StrEnum

from offpeakd.core.values import value


class ErrorKind(StrEnum):
    """What an error of the cloud asks of us (`docs/usage/errors.md` has the table)."""

    PERMANENT = "permanent"
    """Give up this request; a person decides."""
    RETRY = "retry"
    """May pass: later, inside a window."""
    PARAMETER = "parameter"
    """A parameter is wrong: permanent for a lone instance; a batch is split first."""
    DONE = "done"
    """Already the latest version: a success."""
    AUTH = "auth"
    """Key, token, account or permission: the target stops, the daemon does not."""
    CONFIGURATION = "configuration"
    """Wrong host, path, region or project: the target stops."""
    THROTTLED = "throttled"
    """Too many calls: the target backs off."""
    AMBIGUOUS = "ambiguous"
    """The work may go on behind the error."""


@value
class CloudProblem:
    """An error the cloud named.

    Attributes:
        code: such as `DBS.200011`; `HTTP.404` where the body named none.
        message: the cloud's text, in whichever language its site speaks.
        kind: what it asks of us.
        status: HTTP status that carried it; 202 for one instance's refusal.
    """

    code: str
    message: str
    kind: ErrorKind
    status: int


@value
class Accepted:
    """The cloud started a job for the instance."""

    job_id: str


@value
class Refused:
    """The cloud named an error and started nothing."""

    problem: CloudProblem


@value
class NotSent:
    """Proved: not one byte of the call was written."""

    why: str


@value
class Unclear:
    """Nothing proves that the cloud did or did not start it."""

    why: str


Outcome = Accepted | Refused | NotSent | Unclear
