"""Answers of the pretended IAM: a token for a password, the project of a region."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import cast

from offpeakd.core.values import value
from offpeakd.emulator.call import Call
from offpeakd.emulator.refusals import RefusedError, iam_refuses
from offpeakd.emulator.reply import Reply, json_reply
from offpeakd.emulator.verify import Token, Tokens


@value
class Account:
    """Who may ask for a token, and for which project.

    Attributes:
        domain: name of the account.
        user: name of the IAM user.
        password: theirs.
        project_id: the one project.
        region: whose name the project bears.
    """

    domain: str
    user: str
    password: str = field(repr=False)
    project_id: str
    region: str


def issue_token(account: Account, tokens: Tokens, call: Call) -> Reply:
    """`POST /v3/auth/tokens`: the token is in the header `X-Subject-Token`."""
    auth = _inner(_body(call), "auth")
    identity = _inner(auth, "identity")
    user = _inner(_inner(identity, "password"), "user")
    if identity.get("methods") != ["password"]:
        raise iam_refuses(400, "Only the method password is supported.")
    given = (_inner(user, "domain").get("name"), user.get("name"), user.get("password"))
    if given != (account.domain, account.user, account.password):
        raise iam_refuses(401, "The username or password is wrong.")
    _check_scope(account, _inner(_inner(auth, "scope"), "project"))
    token = tokens.issue(call.at)
    return json_reply(201, _token_document(account, token), {"X-Subject-Token": token.text})


def list_projects(account: Account, call: Call) -> Reply:
    """`GET /v3/projects?name=`: the project of a region."""
    project = {
        "id": account.project_id,
        "name": account.region,
        "domain_id": "0" * 32,
        "parent_id": "0" * 32,
        "is_domain": False,
        "enabled": True,
        "description": "",
    }
    fits = call.query.get("name", account.region) == account.region
    return json_reply(200, {"projects": [project] if fits else [], "links": {}})


def _body(call: Call) -> Mapping[str, object]:
    try:
        return call.document()
    except RefusedError as error:
        raise iam_refuses(400, error.message) from None


def _inner(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    inner = document.get(name)
    if not isinstance(inner, dict):
        raise iam_refuses(400, f"The request body has no object {name}.")
    return cast("Mapping[str, object]", inner)


def _check_scope(account: Account, project: Mapping[str, object]) -> None:
    if account.project_id == project.get("id") or account.region == project.get("name"):
        return
    raise iam_refuses(401, "The project of the scope does not exist.")


def _token_document(account: Account, token: Token) -> dict[str, object]:
    domain = {"id": "0" * 32, "name": account.domain}
    return {
        "token": {
            "expires_at": _written(token.expires_at),
            "issued_at": _written(token.issued_at),
            "methods": ["password"],
            "project": {"id": account.project_id, "name": account.region, "domain": domain},
            "roles": [],
            "user": {"id": "0" * 32, "name": account.user, "domain": domain},
        }
    }


def _written(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
