"""Checking a call receipt offline, years later, on any machine: every fault in plain words. Pure.

Looked at in turn: that the gateway signed it; that its digest is that of what it states; that the log's entries beside
it are those it names and tell the same story; that each is under a checkpoint which the log signed; that its number
leads to them; that officer and case, where they are shown, are what was logged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.audit.entries import commitment
from gateway.audit.note import BadKey, Verifier
from gateway.audit.proofs import BadProof, TlogProof
from gateway.consents.receipt_check import check_proof
from gateway.security.receipt_keys import CALL_RECEIPT_TYPE, BadReceipt, read_receipt
from gateway.slots import from_facts
from gateway.submissions.receipt_claims import digest_of, number_of, value_digest

_PARTS = ("receipt", "receipt_key", "entries", "verifier_keys", "digest", "number", "url", "officer")
_KINDS = ("intent", "outcome", "submission.received")
_SAME = ("form", "matter", "purpose", "department", "caller", "delivery")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. `faults`: one sentence each, none when the receipt holds.

    `record`: what it states; None when its signature does not hold. `log_size`: entries under the newest checkpoint.
    `issuer`: who signed it, by its own word.
    """

    faults: tuple[str, ...]
    record: Mapping[str, Any] | None = None
    log_size: int | None = None
    issuer: str = ""


def check_call_receipt(
    content: bytes,
    *,
    log_key: str | None = None,
    receipt_keys: Sequence[Mapping[str, Any]] = (),
) -> Checked:
    """What is wrong with a receipt file. Total: whatever the bytes are, there is an answer.

    `log_key`, `receipt_keys`: keys the checker has kept. Without them those in the file are used, and then the check
    shows only that the file agrees with itself.
    """
    try:
        file = _file(content)
        claims = signed_claims(file["receipt"], receipt_keys or [file["receipt_key"]], CALL_RECEIPT_TYPE)
        record = claims.get("record")
        if not isinstance(record, dict):
            raise BadReceipt("The signed part holds no record of what was fetched.")
    except BadReceipt as bad:
        return Checked((str(bad),))
    leaves, faults = _leaves(file["entries"])
    faults += tuple(_digests(file, claims, record))
    if leaves is None:
        return Checked(faults, record, issuer=str(claims.get("iss")))
    proved, size, places = _proofs(file, claims, [log_key] if log_key else file["verifier_keys"])
    try:
        told = (*_disagreements(record, leaves), *_number(file, record, claims, places))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        told = ("The record or an entry is not of the shape that this program writes.",)
    faults += (*proved, *told, *_officer(file, leaves[0]))
    return Checked(faults, record, size, str(claims.get("iss")))


def check_value(record: Mapping[str, Any], path: str, value: object, salt: str) -> bool:
    """Whether a receipt vouches for that value of that slot. `salt`: as the filled form carries it."""
    both = (*record.get("items", ()), *record.get("typed", ()))
    stated = {each["path"]: each["value_digest"] for each in both}.get(path)
    return stated is not None and bool(stated == value_digest(salt, path, value))


def signed_claims(compact: str, keys: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    """What the gateway signed, by whichever key fits; raises what the last one found (`BadReceipt`)."""
    found = BadReceipt("There is no key to check the signature with.")
    for key in keys:
        try:
            return read_receipt(compact, key, kind)
        except BadReceipt as bad:
            found = bad
    raise found


# ---------------------------------------------------------------- the file


def _file(content: bytes) -> dict[str, Any]:
    try:
        file = orjson.loads(content)
    except orjson.JSONDecodeError:
        file = None
    if not isinstance(file, dict) or not all(name in file for name in _PARTS):
        raise BadReceipt(f"This is not a call receipt: it is a JSON object with {', '.join(_PARTS)}.")
    entries, keys = file["entries"], file["verifier_keys"]
    texts = all(isinstance(file[name], str) for name in ("receipt", "digest", "number", "url"))
    lists = isinstance(entries, list) and 2 <= len(entries) <= len(_KINDS) and isinstance(keys, list) and keys
    if (
        not texts
        or not lists
        or not isinstance(file["receipt_key"], dict)
        or not all(map(_is_entry, entries))
    ):
        raise BadReceipt("This is not a call receipt: a part of it is of the wrong kind.")
    return file


def _is_entry(each: Any) -> bool:
    parts = ("entry", "leaf", "proof")
    return isinstance(each, dict) and all(isinstance(each.get(name), str) for name in parts)


def _leaves(entries: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, Any]] | None, tuple[str, ...]]:
    leaves = []
    for each in entries:
        try:
            leaf = orjson.loads(each["leaf"])
        except orjson.JSONDecodeError:
            leaf = None
        if not isinstance(leaf, dict):
            return None, (f"The log's entry {each['entry']} in the file is not readable.",)
        leaves.append(leaf)
    if [leaf.get("id") for leaf in leaves] != [each["entry"] for each in entries]:
        return leaves, ("An entry in the file bears another id than stands in it.",)
    return leaves, ()


# ---------------------------------------------------------------- what it says


def _digests(file: Mapping[str, Any], claims: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[str]:
    digest = digest_of(record)
    if claims.get("digest") != digest:
        yield "The signed digest is not that of what the receipt states."
    if file["digest"] != digest:
        yield "The digest beside the receipt is not that of what it states: one of the two was changed."
    if file["number"] != record.get("number"):
        yield "The number beside the receipt is not the one that was signed."
    if file["url"] != claims.get("url"):
        yield "The address beside the receipt is not the one that was signed."


def _number(
    file: Mapping[str, Any], record: Mapping[str, Any], claims: Mapping[str, Any], places: Sequence[int]
) -> Iterator[str]:
    if claims.get("jti") != record["receipt"]:
        yield "The receipt is signed under another id than it states."
    if len(places) > 1 and record["number"] != number_of(record["receipt"], places[1]):
        yield "The number does not lead to the log's entry in the file."


def _disagreements(record: Mapping[str, Any], leaves: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Where the signed receipt and the log's entries tell different stories."""
    intent, outcome = leaves[0], leaves[1]
    if [leaf.get("kind") for leaf in leaves] != list(_KINDS[: len(leaves)]):
        yield "The log's entries in the file are not an intent, its outcome and its submission."
    if [leaf.get("id") for leaf in leaves] != record["entries"]:
        yield "The log's entries in the file are not those that the receipt names."
    if not record["resolution"] == intent.get("request") == outcome.get("request"):
        yield "The log's entries in the file are about another resolution."
    if outcome.get("receipt") != record["receipt"]:
        yield "The log's outcome names another receipt."
    stated = {**record, "form": [record["form"]["id"], record["form"]["version"]]}
    for name in _SAME:
        if outcome.get(name) != stated[name]:
            yield f"The receipt and the log's entry differ about: {name}."
    if (intent.get("at"), outcome.get("at")) != (record["asked_at"], record["answered_at"]):
        yield "The receipt and the log's entries differ about: when it was asked and answered."
    if (intent.get("actor"), intent.get("commit")) != (
        record["officer"]["kind"],
        record["officer"]["commit"],
    ):
        yield "The receipt and the log's entry differ about: who worked."
    yield from _fields(record, intent, outcome)
    yield from _handed_in(record, leaves[2] if len(leaves) > 2 else None)


def _fields(
    record: Mapping[str, Any], intent: Mapping[str, Any], outcome: Mapping[str, Any]
) -> Iterator[str]:
    """Grounds as the intent tells them, and what was answered; rows may have moved since a form was handed in."""
    allowed = {(role, source, ground) for role, source, _, ok, _, ground in intent["asks"] if ok}
    for each in record["items"]:
        ground = each["ground"]
        for source in each["sources"]:
            if not ground or (each["role"], source["id"], f"{ground['kind']}:{ground['id']}") not in allowed:
                yield f"The log tells of no such ask, on that ground, for: {each['path']}."
    if "fields" in outcome.get("omitted", ()) or record["submitted_at"] is not None:
        return
    logged = {path: code for code, paths in outcome["fields"].items() for path in paths}
    for each in (*record["items"], *record["not_obtained"]):
        if logged.get(each["path"]) != each["outcome"]:
            yield f"The receipt and the log's entry differ about: {each['path']}."


def _handed_in(record: Mapping[str, Any], leaf: Mapping[str, Any] | None) -> Iterator[str]:
    at = None if leaf is None else leaf.get("at")
    if at != record["submitted_at"]:
        yield "The receipt and the log's entry differ about: when it was handed in."
    if leaf is None or "slots" not in leaf:
        return
    logged = {slot.path: (slot.outcome.value, slot.disposition.value) for slot in from_facts(leaf["slots"])}
    for each in (*record["items"], *record["not_obtained"], *record["typed"]):
        if logged.get(each["path"]) != (each["outcome"], each["disposition"]):
            yield f"The receipt and the log's entry differ about what became of: {each['path']}."


# ---------------------------------------------------------------- the log


def _proofs(
    file: Mapping[str, Any], claims: Mapping[str, Any], keys: Sequence[Any]
) -> tuple[tuple[str, ...], int | None, list[int]]:
    """Faults, entries under the newest checkpoint, and where each entry stands."""
    faults, sizes, places = [], [], []
    for each in file["entries"]:
        fault, size, place = _proof(each, claims, keys)
        if fault:
            faults.append(f"{each['entry']}: {fault}")
        else:
            sizes.append(size)
            places.append(place)
    return tuple(faults), max(sizes, default=None), places if not faults else []


def _proof(each: Mapping[str, str], claims: Mapping[str, Any], keys: Sequence[Any]) -> tuple[str, int, int]:
    fault = "There is no key to check the log with."
    for key in keys:
        try:
            proof = TlogProof.parse(each["proof"])
            checkpoint = check_proof(proof, each["leaf"].encode(), str(key))
        except (BadKey, BadProof) as bad:
            fault = str(bad)
            continue
        if Verifier.parse(str(key)).name != claims.get("log"):
            return "The proof is of another log than the receipt names.", 0, 0
        return "", checkpoint.size, proof.index
    return fault, 0, 0


def _officer(file: Mapping[str, Any], intent: Mapping[str, Any]) -> Iterator[str]:
    """Who worked, where it is shown: it has to be what the log's entry commits to."""
    shown = file.get("officer")
    if shown is None:
        return
    try:
        salt, document = bytes.fromhex(shown["salt"]), shown["document"].encode()
        private = orjson.loads(document)
        is_right = commitment(salt, document) == intent.get("commit") and salt.hex() == shown["salt"]
        is_right &= (private.get("actor"), private.get("case")) == (shown["actor"], shown["case"])
    except (KeyError, TypeError, ValueError, AttributeError):
        is_right = False
    if not is_right:
        yield "Who worked, or on which case, is not what was logged."
