"""Finds the request a person means: by our number, or by the cloud's id of the instance."""

from offpeakd.core.errors import UsageError
from offpeakd.core.identifiers import IdentifierError, parse_instance_id, shown
from offpeakd.core.model import Request
from offpeakd.ports import Ledger

_BIGGEST = 2**63 - 1


def checked_name(name: str) -> str:
    """A text that can name a request.

    Raises:
        UsageError: it is neither a number nor an instance id.
    """
    if name.isascii() and name.isdecimal():
        return name
    try:
        return parse_instance_id(name)
    except IdentifierError as error:
        what = f"{shown(name)} is neither a request's number nor a DDS instance id"
        raise UsageError(what, fix=error.fix) from None


def look_up(ledger: Ledger, name: str) -> Request | None:
    """The request with that number, or the instance's live or else last one; None without any.

    Raises:
        UsageError: the name is neither a number nor an instance id.
    """
    name = checked_name(name)
    if name.isdecimal():
        number = int(name)
        return ledger.get(number) if number <= _BIGGEST else None
    return ledger.latest(name)


def find(ledger: Ledger, name: str) -> Request:
    """As `look_up`, for a request that has to exist.

    Raises:
        UsageError: there is none, or the name can't be one.
    """
    request = look_up(ledger, name)
    if request is None:
        raise UsageError(unknown(name), fix="`offpeakd list --all` shows every request.")
    return request


def unknown(name: str) -> str:
    """The sentence about a name that no request has."""
    if name.isdecimal():
        return f"there is no request {name}"
    return f"no request was ever made for instance {name}"
