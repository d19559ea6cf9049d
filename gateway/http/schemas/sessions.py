"""Operators: how they log in, and as whom they are listed."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.http.schemas.consents import ConsentAnswer
from gateway.http.schemas.resolutions import Answered, Strict
from gateway.records import CallerRole

Secret = Annotated[str, Field(min_length=1, max_length=200)]


class LogInBody(Strict):
    """What an operator proves themself by. `new_password`: needed at the first log-in, 12 to 64 characters.

    `device`: what this device was given at an earlier log-in.
    """

    operator: Annotated[str, Field(min_length=1, max_length=64)] = Field(repr=False)
    password: Secret = Field(repr=False)
    totp: Annotated[str, Field(pattern=r"^[0-9]{6}$")] = Field(repr=False)
    new_password: Secret | None = Field(default=None, repr=False)
    device: Secret | None = Field(default=None, repr=False)


class SessionAnswer(Answered):
    """A session and the token that carries it.

    `device`: what this device is to present next time, instead of what it had; null when it is known already or the
    issuer logged in. It opens nothing by itself.
    """

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    session: str
    operator: str
    department: str
    roles: list[str]
    device: str | None


class OperatorAnswer(Answered):
    """One operator. `method`: how they log in. `locked_until`: until then strangers in their name have to wait."""

    id: str
    login: str
    name: str
    department: str
    roles: list[str]
    method: Literal["password", "oidc"]
    created_at: datetime
    locked_until: datetime | None
    disabled_at: datetime | None


class OperatorPage(Answered):
    """One page of operators."""

    operators: list[OperatorAnswer]
    next_cursor: str | None


class RolesBody(Strict):
    """All the roles an operator is to hold from now on."""

    roles: Annotated[list[CallerRole], Field(min_length=1, max_length=10)]


class OwnConsentPage(Answered):
    """One page of the consents about one person."""

    consents: list[ConsentAnswer]
    next_cursor: str | None


class Keys(Answered):
    """A JWK Set (RFC 7517)."""

    keys: list[dict[str, str]]
