"""What every store says when it will not: the same words over SQL and in memory.

A refusal names the kind of trouble, never what was to be stored; the driver's own sentence would hold it.
"""

from collections.abc import Collection
from datetime import timedelta

from gateway.errors import BadRequest, Conflict, NotFound, StoreUnavailable, Unavailable
from gateway.security.duties import conflict_of
from policies.consent import ConsentState

ENDED_BY_ERASURE = frozenset(
    {
        *(ConsentState.requested, ConsentState.deferred, ConsentState.given),
        *(ConsentState.renewed, ConsentState.paused),
    }
)
"""States that a consent does not stay in when its subject is erased; the others are ends already."""

LEFT_BEHIND = timedelta(seconds=60)
"""An idempotency key still without its resource after so long belongs to a process that is gone; twice the patience."""

_HIGHEST_VERSION = 2**31 - 1


def is_id(text: str) -> bool:
    """Whether text can be an id or cursor of ours at all.

    What is not printable was never given out. Asking a database for it (NUL, half a surrogate pair) breaks the
    statement, and with it the look-ups of everybody who shares it.
    """
    return text.isprintable()


def erased_key(ref: str) -> str:
    """What takes the place of an erased subject's blind index, which no subject can have."""
    return f"erased:{ref}"


def is_version(number: int) -> bool:
    """Whether a number can be a version; beyond that drivers overflow."""
    return 0 < number <= _HIGHEST_VERSION


def unavailable() -> StoreUnavailable:
    """The database cannot be reached, is too late, or cannot write."""
    return StoreUnavailable(
        "store_unavailable", "The gateway cannot reach its database; nothing was released. Try again shortly."
    )


def not_written_any_more(why: str) -> StoreUnavailable:
    """The database has another schema than this program knows."""
    return StoreUnavailable("schema_moved", why)


def log_busy() -> Unavailable:
    """More read the log at this moment than it has room for."""
    return Unavailable("log_busy", "Many are reading the log at this moment. Try again in a second.")


def already_recorded() -> Conflict:
    """A key is taken, or what a row refers to is not there."""
    return Conflict(
        "already_recorded",
        "A record of that id exists, or one it refers to does not. Read again, then decide.",
    )


def changed_meanwhile() -> Conflict:
    """What a change was judged by is not so any more."""
    return Conflict(
        "changed_meanwhile", "Somebody else changed this since it was read. Read it again, then decide."
    )


def not_storable() -> BadRequest:
    """A text too long or with characters no database keeps, a number too large, a time without zone."""
    return BadRequest(
        "not_storable",
        "A text is too long or holds control characters, or a time has no zone. Nothing was written.",
    )


def require_separate(roles: Collection[str]) -> None:
    """Nothing, or a refusal: roles that no one may unite are not stored, whoever asks (`gateway.security.duties`)."""
    conflict = conflict_of(roles)
    if conflict is not None:
        raise BadRequest("roles_incompatible", conflict)


def used_up() -> Conflict:
    """A gate was to take a use that is not left, or of a consent it did not name."""
    return Conflict(
        "consent_used_up", "The consent has no use left. Nothing was released; ask for a new consent."
    )


def version_exists(version: int) -> Conflict:
    """Somebody published that version first."""
    return Conflict("version_exists", f"Version {version} is published already; publish under a new number.")


def no_such_version(kind: str, version: int) -> NotFound:
    """Nothing of that kind was published under that number."""
    return NotFound(f"unknown_{kind}_version", f"There is no published version {version} of the {kind}.")


def no_such_form_version(form_id: str, version: int) -> NotFound:
    """The form was not published under that number."""
    return NotFound("unknown_form_version", f"That form has no published version {version}.")
