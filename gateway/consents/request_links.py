"""The secrets around a request: its link, the proof that it is the right person, the session after that, and its form.

Everything is a keyed digest of what is known anyway, so nothing secret is stored: neither the link nor a session can be
made from the database, and each is bound to one request. A digest's purpose stands first in what is digested, behind a
byte that no header, path or body of ours begins with, so that no other use of the key gives the same.
"""

import base64
import hmac
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from field_registry import Subject
from gateway.randomness import RandomChunks

Fingerprint = Callable[[bytes], str]

PROOF_LENGTH = 4
LAST_FOUR = "id-last-4"
_LINK_BYTES = 24  # 192 bits; 32 characters keep the QR code coarse enough for an old phone's camera
_RANDOM = RandomChunks(16)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which somebody confirmed that they are the person asked. `cookie`: what it keeps.

    `assurance`: how surely, as the record of what they agree to says: "id-last-4", or "oidc:" and the issuer's level.
    """

    request_id: str
    confirmed_at: datetime
    cookie: str
    assurance: str


def link_secret(request_id: str, fingerprint: Fingerprint) -> str:
    """The secret part of a request's link, 32 characters (base64url). Made again whenever the link is told again."""
    digest = bytes.fromhex(fingerprint(_message("link", request_id)))
    return base64.urlsafe_b64encode(digest[:_LINK_BYTES]).decode()


def link_digest(secret: str, fingerprint: Fingerprint) -> str:
    """What of a link is stored, to find its request by."""
    return fingerprint(_message("link-digest", secret))


def proof_of(request_id: str, typed: str, fingerprint: Fingerprint) -> str:
    """What is stored, and compared, of the last characters of an identifier."""
    folded = "".join(unicodedata.normalize("NFKC", typed).split()).upper()
    return fingerprint(_message("proof", request_id, folded))


def proof_characters(subject: Subject) -> str:
    """The characters by which a person confirms that they are this subject, or answer for it."""
    return subject.id_no[-PROOF_LENGTH:]


def new_session(
    request_id: str, now: datetime, fingerprint: Fingerprint, assurance: str = LAST_FOUR
) -> Session:
    """A session that was confirmed now; its cookie cannot be made without the key."""
    begun = f"{int(now.timestamp() * 1000)}.{_RANDOM.take().hex()}.{assurance.encode().hex()}"
    mac = fingerprint(_message("session", request_id, begun))
    return _session(request_id, begun, mac)


def session_of(
    request_id: str, cookie: str, now: datetime, lasts: timedelta, fingerprint: Fingerprint
) -> Session | None:
    """The session that cookie stands for; None when it is another request's, too old, or not ours."""
    begun, _, mac = cookie.rpartition(".")
    if not cookie.isascii() or not hmac.compare_digest(
        mac, fingerprint(_message("session", request_id, begun))
    ):
        return None
    session = _session(request_id, begun, mac)
    return session if now < session.confirmed_at + lasts else None


def form_nonce(session: Session, step: str, fingerprint: Fingerprint) -> str:
    """What a page's form must bring back: only a page shown to that session can know it."""
    return fingerprint(_message("form", session.request_id, session.cookie, step))


def is_nonce_of(nonce: str, session: Session, step: str, fingerprint: Fingerprint) -> bool:
    """Whether a form came from a page of that step, shown to that session."""
    return nonce.isascii() and hmac.compare_digest(nonce, form_nonce(session, step, fingerprint))


def _session(request_id: str, begun: str, mac: str) -> Session:
    milliseconds, _, assurance = begun.split(".")
    confirmed_at = _EPOCH + timedelta(milliseconds=int(milliseconds))
    return Session(request_id, confirmed_at, f"{begun}.{mac}", bytes.fromhex(assurance).decode())


def _message(purpose: str, *parts: str) -> bytes:
    return b"\0consent-" + "\0".join((purpose, *parts)).encode(errors="replace")


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
