"""What a call receipt (调用凭证) states, its number and its digests. Pure.

A receipt tells which items were fetched, from whom, when and on which ground; it holds no value. Of every value it
holds a salted digest, so that a value on paper can be held against it; the salt goes with the paper that shows the
value, never with the receipt. Who worked, on which case, is not in it either: it names the commitment that the log
already holds, against which both can be checked wherever they are shown.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from field_registry import Registry
from field_registry.outcomes import FILLED
from forms.answers import typed_rows
from forms.definition import Form
from forms.print import labels_of
from gateway.audit.entries import canonical
from gateway.reports.ledger import key_of
from gateway.slots import from_facts
from policies import Policy

RECEIPT_VERSION = "call-receipt/1"
SHORT_DIGEST = 16
"""Characters of a digest that a code carries: 64 bits, to be compared with what the log holds."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0"})
_PLACE, _SECRET = 7, 9
_FILLED = frozenset(code.value for code in FILLED)
_UNASKED = frozenset({"skipped_hidden", "office_use", "no_binding"})
_ASK = ("role", "source", "items", "allowed", "rule", "ground")

Leaf = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """What is known of one resolution. `intent`, `outcome`, `submission`: leaves of the log.

    `policy`: which was followed. `answer`: fields as they were answered, while that is kept; `values`: slot path →
    normalised value as it left or was handed in, while those are kept.
    """

    form: Form
    registry: Registry
    intent: Leaf
    outcome: Leaf
    submission: Leaf | None = None
    policy: Policy | None = None
    answer: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def stage(self) -> str:
        """How far it has come: "resolved", or "submitted"."""
        return "resolved" if self.submission is None else "submitted"

    @property
    def salted(self) -> str:
        """What the salts of its values are made from: the receipt, so that a kept value has one digest throughout.

        Where it was delivered masked, the stage too: what the person wrote over a masked value is printed with its
        salt, by which nobody may guess the value that was offered there.
        """
        receipt: str = self.outcome["receipt"]
        return receipt if self.outcome["delivery"] == "values" else f"{receipt}\0{self.stage}"


def number_of(receipt: str, place: int) -> str:
    """The short number of a receipt: where its entry stands in the log, and nine characters that nobody can guess.

    >>> number_of("rcp_01JD7ZK8000000000000ABCDE", 4711)
    '0000-4K70-000A-BCDE'
    """
    digits = "".join(_ALPHABET[place >> shift & 31] for shift in range(5 * (_PLACE - 1), -1, -5))
    return grouped(digits + receipt[-_SECRET:])


def grouped(number: str) -> str:
    """Sixteen characters in groups of four, as they are printed."""
    return "-".join(number[at : at + 4] for at in range(0, len(number), 4))


def place_in(number: str) -> tuple[int, str] | None:
    """Place in the log and secret of a short number, however it was typed; None when it is none."""
    plain = number.strip().upper().translate(_READ_AS).replace("-", "").replace(" ", "")
    if len(plain) != _PLACE + _SECRET or not set(plain) <= set(_ALPHABET):
        return None
    place = 0
    for each in plain[:_PLACE]:
        place = place << 5 | _ALPHABET.index(each)
    return place, plain[_PLACE:]


# ---------------------------------------------------------------- digests


def salt_of(salted: str, path: str, fingerprint: Callable[[bytes], str]) -> str:
    """The salt of one value, 32 hexadecimal characters: random to whoever lacks the key. `salted`: see `Story`.

    Of its own for each value: one can be shown without making the others guessable.
    """
    return fingerprint(f"\0receipt-salt\0{salted}\0{path}".encode())[:32]


def value_digest(salt: str, path: str, value: object) -> str:
    """SHA-256 over salt, path and value in canonical JSON: what a receipt holds of a value."""
    return digest_of({"path": path, "salt": salt, "value": value})


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document in canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(document)).hexdigest()


def is_same(left: str, right: str) -> bool:
    """Whether two digests are one, in a time that tells nothing."""
    return hmac.compare_digest(left.encode(), right.encode())


# ---------------------------------------------------------------- the record


def record_of(story: Story, *, number: str, salt: Callable[[str], str]) -> dict[str, Any]:
    """What the receipt states. `number`: its short one. `salt`: slot path → salt of its value."""
    intent, outcome, handed_in = story.intent, story.outcome, story.submission
    lines = _lines(story)
    return {
        "number": number,
        "receipt": outcome["receipt"],
        "resolution": outcome["request"],
        "stage": story.stage,
        "form": {"id": story.form.id, "version": story.form.version, "name": story.form.name},
        "matter": outcome["matter"],
        "purpose": outcome["purpose"],
        "purpose_name": _purpose(outcome["purpose"], story.policy),
        "department": outcome["department"],
        "caller": outcome["caller"],
        "officer": {"kind": outcome["actor"], "entry": intent["id"], "commit": intent.get("commit")},
        "registry_version": outcome["registry"],
        "policy_version": outcome["policy"],
        "asked_at": intent["at"],
        "answered_at": outcome["at"],
        "submitted_at": None if handed_in is None else handed_in["at"],
        "delivery": outcome["delivery"],
        "items": [
            {**_line(line), **_origin(line, story), "value_digest": _digest(line.path, story, salt)}
            for line in lines
            if line.is_fetched
        ],
        "not_obtained": [_line(line) for line in lines if not line.is_fetched and line.was_asked],
        "typed": [
            {**_line(line), "value_digest": _digest(line.path, story, salt)}
            for line in lines
            if line.is_typed
        ],
        "entries": [leaf["id"] for leaf in (intent, outcome, handed_in) if leaf is not None],
    }


@dataclass(frozen=True, slots=True)
class _Line:
    """One slot: as it was answered, and what became of it once the form was handed in."""

    path: str
    label: str
    outcome: str
    disposition: str | None = None
    source: str | None = None
    tier: str | None = None

    @property
    def is_fetched(self) -> bool:
        """Whether it got a value from a source."""
        return self.outcome in _FILLED

    @property
    def was_asked(self) -> bool:
        """Whether a source was asked, or might have been."""
        return self.outcome not in _UNASKED

    @property
    def is_typed(self) -> bool:
        """Whether the person filled it in where nothing was fetched."""
        return not self.is_fetched and self.disposition in ("typed", "edited", "kept")


def _lines(story: Story) -> list[_Line]:
    """Every slot, in the order of the form: as it was handed in, else as it was answered.

    Of a form so long that its entry keeps the names of fields sealed, none.
    """
    if story.submission is not None and "slots" in story.submission:
        slots = {slot.path: slot for slot in from_facts(story.submission["slots"])}
        labels = labels_of(story.form, slots)
        return [
            _Line(
                path,
                labels[path],
                slots[path].outcome.value,
                slots[path].disposition.value,
                slots[path].source,
                tier.value if (tier := slots[path].tier) is not None else None,
            )
            for path in _ordered(story.form, slots)
        ]
    codes = {path: code for code, paths in story.outcome["fields"].items() for path in paths}
    labels = labels_of(story.form, codes)
    return [_Line(path, labels[path], codes[path]) for path in _ordered(story.form, codes)]


def _line(line: _Line) -> dict[str, Any]:
    return {
        "path": line.path,
        "label": line.label,
        "outcome": line.outcome,
        "disposition": line.disposition,
    }


def _origin(line: _Line, story: Story) -> dict[str, Any]:
    """Item, sources, tier, times and ground of a slot: from the answer while it is kept, else from the log alone."""
    told = story.answer.get(line.path)
    of = story.form.field(without_row(line.path))
    item = of.item if of else None
    role, brought_by = key_of(line.path, story.form)
    asks = [ask for ask in _asks(story.intent) if ask["allowed"] and ask["role"] == role]
    asks = [ask for ask in asks if not {item, brought_by}.isdisjoint(ask["items"])]
    known = story.registry.items.get(item or "")
    answered = told["source"]["id"] if told and told.get("source") else line.source
    behind = [ask for ask in asks if answered in (None, ask["source"])] or asks
    return {
        "item": item,
        "item_name": known.name if known else item,
        "role": role or None,
        "tier": (told or {}).get("tier") or line.tier,
        "sources": [_source(each, story.registry) for each in dict.fromkeys(ask["source"] for ask in behind)],
        "recorded_at": told.get("recorded_at") if told else None,
        "retrieved_at": told.get("retrieved_at") if told else None,
        "rule": behind[0]["rule"] if behind else None,
        "ground": _ground(behind[0], told, story.policy) if behind else None,
    }


def _asks(intent: Leaf) -> list[dict[str, Any]]:
    return [dict(zip(_ASK, ask, strict=True)) for ask in intent["asks"]]


def _ground(ask: Mapping[str, Any], told: Mapping[str, Any] | None, policy: Policy | None) -> dict[str, Any]:
    kind, _, ground_id = ask["ground"].partition(":")
    answered = (told or {}).get("ground") or {}
    rules = policy.rules.rules if policy else ()
    cited = next((each.ground.citation for each in rules if each.id == ask["rule"] and each.ground), None)
    return {"kind": kind, "id": ground_id, "citation": answered.get("citation") or cited or None}


def _purpose(code: str, policy: Policy | None) -> str:
    known = policy.purposes.get(code) if policy else None
    return known.name if known else code


def _source(source_id: str, registry: Registry) -> dict[str, str]:
    known = registry.sources.get(source_id)
    name, department = (known.name, known.department) if known else (source_id, "")
    return {"id": source_id, "name": name, "department": department}


def _digest(path: str, story: Story, salt: Callable[[str], str]) -> str | None:
    value = story.values.get(path)
    return None if value is None else value_digest(salt(path), path, value)


def in_order(form: Form, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by slot path, rows of each group counted as they came: without the gaps a caller may have left."""
    ordered = dict(values)
    for group in form.groups:
        rows = typed_rows(group.path, values)
        for number in rows:
            for leaf in rows[number]:
                del ordered[f"{group.path}.{number}.{leaf}"]
        for place, row in enumerate(rows.values()):
            ordered |= {f"{group.path}.{place}.{leaf}": value for leaf, value in row.items()}
    return ordered


def without_row(path: str) -> str:
    """The field that a slot is one of: its path without the number of a row."""
    return ".".join(part for part in path.split(".") if not part.isdigit())


def _ordered(form: Form, paths: Any) -> Sequence[str]:
    """Slot paths in the order of the form, rows of a group one after another."""
    places = {field.path: number for number, field in enumerate(form.fields)}
    firsts = {field.group: places[field.path] for field in reversed(form.fields) if field.group}

    def key(path: str) -> tuple[int, int, int, str]:
        plain = without_row(path)
        field = form.field(plain)
        place = places.get(plain, len(places))
        if plain == path or field is None or field.group is None:
            return place, 0, 0, path
        row = path.removeprefix(f"{field.group}.").partition(".")[0]
        return firsts[field.group], int(row), place, path

    return sorted(paths, key=key)
