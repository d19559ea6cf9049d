"""Making entries: the leaf is canonical JSON without anything personal, the private part is sealed beside it.

Canonical here: keys sorted, no white space, UTF-8, no floating point: for such values the bytes equal RFC 8785.
"""

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from msgspec import Struct
from msgspec.json import Decoder
from msgspec.structs import asdict

from gateway.errors import CannotOpen
from gateway.ports import Sealer
from gateway.randomness import RandomChunks
from gateway.records import Entry, EntryKind, SubjectKey

_FORMAT = 1
# C2SP entry bundles give the length of an entry in 16 bits. A form with hundreds of rows can come to more: what is too
# long is kept in the sealed part, under the leaf's commitment.
_MOST_LEAF = 64_000
SALT_BYTES = 16
UNDER_SUBJECT = b"\x02"
"""How a private part begins that only its subject's key opens."""
_RESOLUTION, _RECEIPT = "res_", "rcp_"
_FINDING_KEY = 32  # characters: 128 bits
_SALTS = RandomChunks(SALT_BYTES)


def make_entry(
    entry_id: str,
    kind: EntryKind,
    now: datetime,
    *,
    caller: str,
    request: str | None,
    facts: Mapping[str, Any],
    private: Mapping[str, Any] | None = None,
    sealer: Sealer | None = None,
    key: SubjectKey | None = None,
    actor_key: str | None = None,
    case_key: str | None = None,
) -> Entry:
    """An entry ready to be committed.

    `facts`: references, codes, counts; must not hold names, numbers, addresses or values. `private`: who worked and on
    which case; sealed under this entry's id with a salt, and needs `sealer`. The leaf commits to it: whoever is shown
    it later can check that it is what was logged, and nobody can test a guess without the salt. `key`: of the subject
    named by `owner_of`; without one the root seals. `actor_key`, `case_key`: as `finding_key` makes them.
    """
    leaf: dict[str, Any] = {"v": _FORMAT, "id": entry_id, "kind": str(kind), "at": rfc3339(now)}
    leaf |= {"caller": caller, **facts}
    if request is not None:
        leaf["request"] = request
    sealed = None if private is None or sealer is None else _commit(leaf, private, sealer, key)
    whole = canonical(leaf)
    if len(whole) > _MOST_LEAF and sealer is not None:
        sealed = _commit(leaf, {**(private or {}), "omitted": _omit(leaf)}, sealer, key)
        whole = canonical(leaf)
    return Entry(entry_id, kind, now, request, caller, whole, sealed, actor_key, case_key)


def _commit(
    leaf: dict[str, Any], private: Mapping[str, Any], sealer: Sealer, key: SubjectKey | None
) -> bytes:
    """The private part as it is kept; the leaf says from then on what it is."""
    salt, document = _SALTS.take(), canonical(private)
    leaf["commit"] = commitment(salt, document)
    return sealer.seal(salt + document, table="audit_entry", column="sealed", row=leaf["id"], key=key)


def _omit(leaf: dict[str, Any]) -> dict[str, Any]:
    """Shorten the longest lists of a leaf until it fits, and give what they were; the leaf names them.

    Who was asked on which ground stays, for the order of intents and withdrawals is judged by it; what goes are the
    names of items and fields.
    """
    omitted: dict[str, Any] = {}
    for name in ("fields", "asks", "permitted", "denied", "slots"):
        if len(canonical(leaf)) <= _MOST_LEAF:
            break
        if name in leaf:
            omitted[name] = leaf[name]
            leaf[name] = _shortened(name, leaf[name])
            leaf["omitted"] = sorted(omitted)
    if len(canonical(leaf)) > _MOST_LEAF:
        raise ValueError("an entry is too long for the log")
    return omitted


def _shortened(name: str, whole: Any) -> Any:
    if name == "asks":  # rows of role, source, items, allowed, rule, ground
        return [[role, source, [], *rest] for role, source, _, *rest in whole]
    return {code: [] for code in whole} if name == "fields" else []


def open_private(entry: Entry, sealer: Sealer, key: SubjectKey | None = None) -> dict[str, Any]:
    """The private part of an entry; raises `CannotOpen` when it is not what its leaf commits to.

    `key`: of the subject named by `owner_of`, without which what is about a subject does not open; see
    `gateway.audit.unsealing`.
    """
    if entry.sealed is None:
        return {}
    private: dict[str, Any] = orjson.loads(disclosure_of(entry, sealer, key)[1])
    return private


def disclosure_of(entry: Entry, sealer: Sealer, key: SubjectKey | None = None) -> tuple[bytes, bytes]:
    """Salt and private part of an entry that has one, as they were logged; raises as `open_private` does.

    Handed out together they can be checked against the leaf's commitment by anybody (`commitment`).
    """
    assert entry.sealed is not None, "only of an entry that has a private part"
    opened = sealer.open(entry.sealed, table="audit_entry", column="sealed", row=entry.id, key=key)
    salt, document = opened[:SALT_BYTES], opened[SALT_BYTES:]
    if commitment(salt, document) != orjson.loads(entry.leaf).get("commit"):
        raise CannotOpen
    return salt, document


def commitment(salt: bytes, document: bytes) -> str:
    """What a leaf says of its private part: nobody can test a guess at the one without the other."""
    return hmac.digest(salt, document, "sha256").hex()


def finding_key(what: Literal["actor", "case"], text: str, fingerprint: Callable[[bytes], str]) -> str:
    """What an entry is found by from the number of an officer or a case: tells nothing without the key.

    What has a NUL in front can stand in no header and no path, of which there are fingerprints too.
    """
    # Made anew each time: what is sealed beside the leaf ends with its subject, and a memory of it here would not.
    return fingerprint(f"\0{what}\0{text.strip()}".encode())[:_FINDING_KEY]


def receipt_of(resolution_id: str) -> str:
    """The receipt of a resolution: the same reference by another name, so that the one leads to the other."""
    return f"{_RECEIPT}{resolution_id.removeprefix(_RESOLUTION)}"


def resolution_of(receipt_or_resolution: str) -> str:
    """The resolution that a receipt is about, or the resolution itself."""
    if receipt_or_resolution.startswith(_RECEIPT):
        return f"{_RESOLUTION}{receipt_or_resolution.removeprefix(_RECEIPT)}"
    return receipt_or_resolution


def subjects_of(leaf: Mapping[str, Any]) -> set[str]:
    """The references of the subjects that an entry is about; none for what is about nobody.

    `subject` is one; `subjects` are several, by role where they have one. `under`: other documents of a role's subject
    that something was taken from.
    """
    several = leaf.get("subjects") or ()
    refs = several.values() if isinstance(several, dict) else several
    under = [ref for others in (leaf.get("under") or {}).values() for ref in others]
    refs = {leaf.get("subject"), *refs, *under}
    refs.discard(None)
    return refs


class _About(Struct, frozen=True):
    """What a leaf says of its subjects, as it says it."""

    subject: Any = None
    subjects: Any = None
    under: Any = None


_ABOUT = Decoder(_About)


def subjects_in(leaf: bytes) -> set[str]:
    """The same of a leaf as it is kept. All else in it is passed over: two fifths of what reading it takes."""
    return subjects_of(asdict(_ABOUT.decode(leaf)))


def owner_of(leaf: Mapping[str, Any]) -> str | None:
    """Reference of the subject whose key the private part is sealed under: the applicant, else the first role's.

    None for what is about nobody, or about several without roles.
    """
    by_role = leaf.get("subjects")
    if isinstance(by_role, dict) and by_role:
        ref: str = by_role.get("applicant") or by_role[min(by_role)]
        return ref
    return leaf.get("subject")


def canonical(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON of a document that holds no floating-point number."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def rfc3339(moment: datetime) -> str:
    """UTC to the microsecond, ending in Z, whatever zone an aware time comes in.

    >>> rfc3339(datetime(2026, 11, 21, 2, 3, 4, 5, tzinfo=UTC))
    '2026-11-21T02:03:04.000005Z'
    """
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"
