"""Keeping a value for the next form: what the person's act "also my record" writes. Pure; nothing is stored here.

The act is an agreement of its own, beside whatever the form rests on: what was submitted serves only its purpose
(国务院令第716号 art. 7) unless the person says so for this very field. The value carries the purpose, form and day it
was given for and when it ends; an entry of its own names the item and never the value.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from field_registry import Item
from forms.definition import Form
from gateway.audit.entries import make_entry, rfc3339
from gateway.audit.noting import ITSELF
from gateway.errors import BadRequest
from gateway.ports import NewReference
from gateway.profiles.keepable import REMEDIES, kept_for, refusal_to_keep
from gateway.records import EntryKind, ProfileValue, SubjectKey
from gateway.runtime import Runtime

_TABLE, _COLUMN = "profile_value", "sealed"


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a value is given with. `form`, `purpose`: "" when the person writes it into the record itself.

    `entry_id`: of what it came with; None where its own entry is all there is.
    """

    form: str
    purpose: str
    submission_id: str | None = None
    entry_id: str | None = None


@dataclass(frozen=True, slots=True)
class Keeper:
    """Whose record it is, under which key, and who does the keeping. `caller`: as the log names it."""

    subject_ref: str
    key: SubjectKey | None
    caller: str = ITSELF


def make_profile_value(
    *,
    now: datetime,
    new_reference: NewReference,
    runtime: Runtime,
    subject_ref: str,
    key: SubjectKey | None,
    item: Item,
    value: object,
    form: Form,
    submission_id: str | None,
    entry_id: str,
    caller: str = ITSELF,
) -> ProfileValue:
    """A value to keep, with its entry `profile.kept`. `value`: normal. `entry_id`: of what it was collected with.

    Raises `BadRequest` ("not_keepable") for an item that may not be kept: ask `refusal_to_keep` first.
    """
    occasion = Occasion(form.id, form.purpose, submission_id, entry_id)
    keeper = Keeper(subject_ref, key, caller)
    return keep(item, value, occasion, keeper, runtime, now=now, new_reference=new_reference)


def keep(
    item: Item,
    value: object,
    occasion: Occasion,
    keeper: Keeper,
    runtime: Runtime,
    *,
    now: datetime,
    new_reference: NewReference,
) -> ProfileValue:
    """The same for any occasion; raises alike."""
    require_keepable(item, runtime)
    value_id, told_id = new_reference("prv", now), new_reference("aud", now)
    expires_at = _expiry(item, now, runtime)
    facts = {
        "subject": keeper.subject_ref,
        "value": value_id,
        "items": [item.id],
        "purpose": occasion.purpose,
        "submission": occasion.submission_id,
        "expires": rfc3339(expires_at),
    }
    return ProfileValue(
        id=value_id,
        subject_ref=keeper.subject_ref,
        item=item.id,
        given_at=now,
        expires_at=expires_at,
        purpose=occasion.purpose,
        form=occasion.form,
        submission_id=occasion.submission_id,
        entry_id=occasion.entry_id or told_id,
        sealed=seal_value(value, value_id, runtime, keeper.key),
        told=make_entry(
            told_id, EntryKind.profile_kept, now, caller=keeper.caller, request=None, facts=facts
        ),
    )


def require_keepable(item: Item, runtime: Runtime) -> None:
    """Nothing, or `BadRequest`: values of this item are not kept."""
    published = runtime.library.published
    refusal = refusal_to_keep(item, published.registry, published.day)
    if refusal is not None:
        raise BadRequest("not_keepable", f"{item.id}: {REMEDIES[refusal]}")


def seal_value(value: object, value_id: str, runtime: Runtime, key: SubjectKey | None) -> bytes:
    """A value as it is kept: under the key of its subject."""
    return runtime.sealer.seal(orjson.dumps(value), table=_TABLE, column=_COLUMN, row=value_id, key=key)


def open_value(value: ProfileValue, runtime: Runtime) -> Any:
    """The value, normal as it was kept; raises `CannotOpen` when it was altered or moved, or its key is gone."""
    key = runtime.keys.open(value.wrapped_key, value.subject_ref)
    opened = runtime.sealer.open(value.sealed, table=_TABLE, column=_COLUMN, row=value.id, key=key)
    return orjson.loads(opened)


def _expiry(item: Item, now: datetime, runtime: Runtime) -> datetime:
    published = runtime.library.published
    return now + kept_for(item, published.registry, published.day, runtime.settings.profile_kept)
