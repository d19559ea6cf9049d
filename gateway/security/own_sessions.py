"""A person's session on their own pages: a sealed cookie, ended at the next statement, and the nonces of its forms.

Nothing of a session is stored while it lasts: the cookie says whose it is and until when, and cannot be opened or made
without the root key. What is stored is that a session was ended, so that a copy of its cookie ends with it.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson

from gateway.errors import CannotOpen
from gateway.randomness import RandomChunks
from gateway.records import Caller, CallerRole
from gateway.runtime import Runtime

PERSON = "person"
"""The caller of what a person does on pages of ours, where no client stands between."""
_TABLE, _COLUMN, _ROW = "own-session", "cookie", "my"
_LONGEST_COOKIE = 2_000
_RANDOM = RandomChunks(16)


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A browser in which somebody logged in as themself. `ref`: their reference. `cookie`: what the browser keeps."""

    id: str
    ref: str
    ends_at: datetime
    cookie: str = field(repr=False)

    @property
    def caller(self) -> Caller:
        """Who acts, as use cases want it: a person by themself, through no client."""
        return Caller(PERSON, "", frozenset({CallerRole.person.value}), person=self.ref)


def new_own_session(ref: str, runtime: Runtime) -> OwnSession:
    """A session of that person that begins now."""
    ends_at = runtime.clock() + timedelta(seconds=runtime.settings.person_session_seconds)
    kept: dict[str, str | float] = {"id": _RANDOM.take().hex(), "ref": ref, "ends": ends_at.timestamp()}
    sealed = runtime.sealer.seal(orjson.dumps(kept), table=_TABLE, column=_COLUMN, row=_ROW)
    return _session(kept, base64.urlsafe_b64encode(sealed).decode())


async def own_session_of(cookie: str, runtime: Runtime) -> OwnSession | None:
    """The session that cookie stands for; None when it is not ours, over, or was ended. Raises `StoreUnavailable`."""
    if not 0 < len(cookie) <= _LONGEST_COOKIE:
        return None
    try:
        sealed = base64.b64decode(cookie.encode(), altchars=b"-_", validate=True)
        kept = orjson.loads(runtime.sealer.open(sealed, table=_TABLE, column=_COLUMN, row=_ROW))
    except (CannotOpen, binascii.Error, UnicodeError):
        return None
    session = _session(kept, cookie)
    if runtime.clock() >= session.ends_at:
        return None
    return None if await runtime.store.replays.was_used(_end_of(session, runtime)) else session


async def end_own_session(session: OwnSession, runtime: Runtime) -> None:
    """From now on no copy of its cookie opens anything, on any worker. Ending it twice is harmless."""
    await runtime.store.replays.add_once(_end_of(session, runtime), session.ends_at)


def own_nonce(session: OwnSession, step: str, runtime: Runtime) -> str:
    """What a form of that step must bring back: only a page shown to that session can know it."""
    return runtime.fingerprint(_message("form", session.id, step))


def is_own_nonce(nonce: str, session: OwnSession, step: str, runtime: Runtime) -> bool:
    """Whether a form came from a page of that step, shown to that session."""
    return nonce.isascii() and hmac.compare_digest(nonce, own_nonce(session, step, runtime))


def _session(kept: dict[str, str | float], cookie: str) -> OwnSession:
    ends_at = datetime.fromtimestamp(float(kept["ends"]), UTC)
    return OwnSession(str(kept["id"]), str(kept["ref"]), ends_at, cookie)


def _end_of(session: OwnSession, runtime: Runtime) -> str:
    return runtime.fingerprint(_message("ended", session.id))


def _message(purpose: str, *parts: str) -> bytes:
    return b"\0own-" + "\0".join((purpose, *parts)).encode(errors="replace")
