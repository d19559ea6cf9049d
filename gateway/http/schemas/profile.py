"""`/v1/me/profile`: what is kept of me for my next forms."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, JsonValue

from gateway.http.schemas.resolutions import Answered, SourceBody, Strict


class CorrectBody(Strict):
    """What is to be kept from now on; any spelling a form would take."""

    value: JsonValue = Field(repr=False)


class Named(Answered):
    """A code and what it is called."""

    code: str
    name: str


class DifferenceBody(Answered):
    """A register said something else when it was last asked; that one is offered in forms. Reason for a dispute."""

    source: SourceBody
    retrieved_at: datetime


class ProfileValueBody(Answered):
    """One value that is kept. `purpose`, `form`: what it was given for; null for the record itself.

    `value`: normal; `display`: as a person reads it. `expires_at`: from then on it is offered no more.
    """

    item: str
    name: str
    value: Any
    display: str
    given_at: datetime
    expires_at: datetime
    purpose: Named | None
    form: str | None
    submission: str | None
    differs_from: DifferenceBody | None


class ProfilePage(Answered):
    """One page of what is kept, in the order it was given."""

    values: list[ProfileValueBody]
    next_cursor: str | None


class KeptBody(Answered):
    """What is kept now. `entry`: where the log says so."""

    item: str
    given_at: datetime
    expires_at: datetime
    entry: str


class DeletedBody(Answered):
    """What is kept no more."""

    item: Annotated[str, Field(max_length=100)]
    deleted_at: datetime
