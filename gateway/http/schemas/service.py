"""Tokens, health and readiness."""

from typing import Literal

from gateway.http.schemas.resolutions import Answered


class TokenBody(Answered):
    """An access token (RFC 6749 section 5.1)."""

    access_token: str
    token_type: Literal["Bearer", "DPoP"]
    expires_in: int
    scope: str | None = None
    issued_token_type: str | None = None


class TokenProblem(Answered):
    """An OAuth error (RFC 6749 section 5.2)."""

    error: str
    error_description: str


class Health(Answered):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Answered):
    """Whether the service can resolve forms, and if not, why. `warnings`: what production should not be without."""

    ready: bool
    problems: list[str]
    warnings: list[str]
    registry_version: int
    policy_version: int
    forms: int
