"""Rules: why a form cannot be taken as it was handed in, and what is merely to be said about it. Pure.

What a register gave, or failed to give, never keeps anybody from handing a form in: an offered value that the form's
own schema does not like, a required field that the register holds empty, a disputed one that is left open are findings.
A finding names a place and a rule, never a value.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from field_registry import OutcomeCode
from field_registry.outcomes import Disposition
from forms.answers import nest, typed_rows
from forms.definition import FieldKind
from forms.findings import Finding, pointer_of
from gateway.profiles.keepable import REMEDIES, refusal_to_keep
from gateway.resolution.compiled import CompiledForm
from gateway.submissions.commands import SubmitCommand
from gateway.submissions.compare import same
from gateway.submissions.dispositions import REGISTERED, Judged
from gateway.submissions.offered import GONE_WITH_IT, Opened
from gateway.submissions.sent import Sent
from policies.purposes import LockedEdits

_D = Disposition
_LEFT_OPEN = frozenset({OutcomeCode.empty_at_source, OutcomeCode.invalid_value})
_COLLECTED = frozenset({_D.typed, _D.edited})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a submission, and what is to be said about one that can be taken."""

    errors: tuple[Finding, ...]
    findings: tuple[Finding, ...]


def check(
    compiled: CompiledForm,
    sent: Sent,
    slots: Sequence[Judged],
    command: SubmitCommand,
    opened: Opened,
    *,
    on: date,
    locked_edits: LockedEdits = LockedEdits.mark,
) -> Verdict:
    """Everything to be said, errors first by what they are about; each place once. `on`: the day bindings count by."""
    checking = _Checking(compiled, sent, slots, command, opened, on)
    errors: list[Finding] = list(sent.errors)
    findings: list[Finding] = []
    for finding, is_error in checking.about():
        (errors if is_error else findings).append(finding)
    changed = [slot for slot in slots if slot.breaks_lock]
    if locked_edits is LockedEdits.refuse:
        errors += [Finding(_place(slot), "locked_value_changed", _LOCKED) for slot in changed]
    findings += _contradictions(slots)
    return Verdict(
        tuple({each.pointer: each for each in reversed(errors)}.values())[::-1],
        tuple({(each.pointer, each.code): each for each in findings}.values()),
    )


_LOCKED = "a register gave this value and the form locks it; leave it, or dispute it and say why"
_REQUIRED = "an answer is missing here"
_OPEN = "the form wants an answer here; it is taken without, since the register has none that can be used"
_DISPUTED_OPEN = "the form wants an answer here; it is taken without, since the one offered is disputed"
_NOT_DECLARED = "the person has to tick this before the form is handed in; send true once they have"
_NOT_SIGNED = "no signature came with it; the office has to see it on paper"
_UNREAD = "it cannot be read as what the field asks for, and is kept as it was typed"
_CONTRADICTION = "two fields ask for the same thing and came back with different answers"
_TEST = "a test opens no dispute and keeps nothing in anybody's record; both were checked and left"
_NOT_A_SLOT = "name a field that this form shows with these answers, by its path as in `values`"
_NOT_OFFERED = "only what was offered can be disputed; nothing was offered here"
_ALREADY = (
    "a dispute about this value is open already; no other was opened. Say what is right in the field itself"
)
_ENDED = (
    "the consent this value came by has ended; if the person states it themself, name the field in `own_word`"
)
_GONE = (
    "this stood on another ground and went with the answer when a consent in it ended; resolve again to be offered it, "
    "or name the field in `own_word` if the person states it themself"
)
_DROPPED = "the consent this value came by has ended, so it is not disputed any more; it is gone from here"
_OWN_RECORD = "this did not come from a register: correct it in the field itself; no dispute was opened"
_ALREADY_OFFERED = (
    "the gateway offered a value here; what a caller reads from a paper goes only where there was none"
)
_NO_ITEM = "this field stands for no item of the registry, so no record can keep it"
_UNBOUND = "it is not known whose record this would be: the field's role was given no subject"
_NOTHING_TO_KEEP = (
    "only what the person typed or changed is kept in their record; here there is no such thing"
)


@dataclass(frozen=True, slots=True, eq=False)
class _Checking:
    compiled: CompiledForm
    sent: Sent
    slots: Sequence[Judged]
    command: SubmitCommand
    opened: Opened
    on: date

    def about(self) -> Iterator[tuple[Finding, bool]]:
        """Everything, each with whether it is an error."""
        by_sent = {slot.sent: slot for slot in self.slots if slot.sent is not None}
        yield from self._values()
        yield from self._schema(by_sent)
        yield from self._missing()
        yield from self._declared()
        yield from self._disputes(by_sent)
        yield from self._assisted(by_sent)
        yield from self._kept(by_sent)
        if self.command.is_test and (self.command.keep or self.command.disputes):
            yield Finding("/test", "test_writes_nothing", _TEST), False
        for path in sorted(self.command.own_word - by_sent.keys()):
            yield Finding(self._named("own_word", path), "not_a_slot", _NOT_A_SLOT), True

    def _values(self) -> Iterator[tuple[Finding, bool]]:
        """What could not be read as its datatype: an error where everybody can write it rightly."""
        for slot in self.slots:
            if slot.value.problem and slot.disposition is not _D.kept:
                is_error = slot.sheet.is_strict
                detail = slot.value.problem if is_error else _UNREAD
                yield Finding(_place(slot), "not_normal", detail), is_error

    def _schema(self, by_sent: Mapping[str, Judged]) -> Iterator[tuple[Finding, bool]]:
        places = _places(self.compiled, self.sent)
        document = nest(self.compiled.form, self.sent.plain)
        for found in self.compiled.validator.errors(document):
            if (
                found.code == "required"
            ):  # `_missing` says it of fields; the form's own schema may want others too
                slot = by_sent.get(found.pointer[1:].replace("/", "."))
                if slot is not None and not slot.sheet.field.required:
                    yield _missing(slot)
                continue
            path = _slot_at(found.pointer, places)
            slot = by_sent.get(path) if path is not None else None
            offered_so = slot is not None and slot.is_offered and slot.disposition is _D.kept
            pointer = found.pointer if path is None else pointer_of(path)
            yield Finding(f"/values{pointer}", found.code, found.detail), not offered_so

    def _missing(self) -> Iterator[tuple[Finding, bool]]:
        for slot in self.slots:
            if slot.sheet.field.required and slot.sent is not None and slot.value.value is None:
                yield _missing(slot)

    def _declared(self) -> Iterator[tuple[Finding, bool]]:
        """Boxes that have to be ticked, and signatures, which may also stand on paper. Neither is a slot."""
        for each in self.compiled.form.fields:
            if not each.required or each.group or not self.sent.is_shown(each.path, each.path):
                continue
            value, place = self.sent.values.get(each.path), f"/values{pointer_of(each.path)}"
            if each.kind is FieldKind.consent_box and (value is None or value.value is not True):
                yield Finding(place, "required", _NOT_DECLARED), True
            elif each.kind is FieldKind.signature and value is None:
                yield Finding(place, "not_signed", _NOT_SIGNED), False

    def _disputes(self, by_sent: Mapping[str, Judged]) -> Iterator[tuple[Finding, bool]]:
        for path in self.command.disputes:
            slot, pointer = by_sent.get(path), self._named("disputes", path)
            if slot is None:
                yield Finding(pointer, "not_a_slot", _NOT_A_SLOT), True
            elif slot.is_disowned:
                yield Finding(pointer, "dispute_dropped", _DROPPED), False
            elif slot.outcome is OutcomeCode.disputed:
                yield Finding(pointer, "already_disputed", _ALREADY), False
            elif slot.tier is None:
                yield Finding(pointer, "not_offered", _NOT_OFFERED), True
            elif slot.tier not in REGISTERED:
                yield Finding(pointer, "own_record", _OWN_RECORD), False

    def _assisted(self, by_sent: Mapping[str, Judged]) -> Iterator[tuple[Finding, bool]]:
        for path in self.command.assisted:
            slot, pointer = by_sent.get(path), self._named("assisted", path)
            if slot is None:
                yield Finding(pointer, "not_a_slot", _NOT_A_SLOT), True
            elif slot.offer.tier is not None:
                yield Finding(pointer, "already_offered", _ALREADY_OFFERED), True

    def _kept(self, by_sent: Mapping[str, Judged]) -> Iterator[tuple[Finding, bool]]:
        registry = self.compiled.registry
        for path in sorted(self.command.keep):
            slot, pointer = by_sent.get(path), self._named("keep", path)
            item = None if slot is None else slot.sheet.item
            refusal = None if item is None else refusal_to_keep(item, registry, self.on)
            if slot is None:
                yield Finding(pointer, "not_a_slot", _NOT_A_SLOT), True
            elif item is None:
                yield Finding(pointer, "no_item", _NO_ITEM), True
            elif refusal is not None:
                yield Finding(pointer, refusal.value, REMEDIES[refusal]), True
            elif slot.sheet.role not in self.opened.roles:
                yield Finding(pointer, "subject_unbound", _UNBOUND), True
            elif slot.disposition not in _COLLECTED:
                yield Finding(pointer, "nothing_to_keep", _NOTHING_TO_KEEP), False
            elif slot.value.problem:
                yield Finding(pointer, "not_normal", slot.value.problem), True

    def _named(self, part: str, path: str) -> str:
        """A pointer to what a caller said of a path; to the part alone where the form has no such path."""
        known = {slot.sent for slot in self.slots} | self.sent.visible.keys() | self.sent.values.keys()
        return f"/{part}/{path.replace('~', '~0').replace('/', '~1')}" if path in known else f"/{part}"


def _missing(slot: Judged) -> tuple[Finding, bool]:
    """What is to be said of a slot that the form wants filled and that is not, and whether that is an error."""
    if slot.disposition is _D.disputed:
        return Finding(_place(slot), "required", _DISPUTED_OPEN), False
    if slot.offer.outcome in _LEFT_OPEN:
        return Finding(_place(slot), "required", _OPEN), False
    return Finding(_place(slot), "required", _REQUIRED), True


def needs_own_word(slots: Iterable[Judged], command: SubmitCommand) -> tuple[Finding, ...]:
    """The places whose value came by a consent that has ended, and that nobody states as the person's own word."""
    return tuple(
        Finding(_place(slot), "consent_ended", _GONE if slot.offer.consent == GONE_WITH_IT else _ENDED)
        for slot in slots
        if slot.is_disowned and slot.value.value is not None and slot.sent not in command.own_word
    )


def _contradictions(slots: Iterable[Judged]) -> Iterator[Finding]:
    """Fields of one item and role, outside groups or in one row, that came back with different answers."""
    together: dict[tuple[str, str, str], list[Judged]] = {}
    for slot in slots:
        if slot.sheet.item is not None and slot.value.value is not None:
            row = "" if slot.sheet.group is None else slot.path.removesuffix(slot.sheet.field.leaf)
            together.setdefault((slot.sheet.role, slot.sheet.item.id, row), []).append(slot)
    for first, *others in together.values():
        if any(not same(first.value, other.value) for other in others):
            for slot in (first, *others):
                yield Finding(_place(slot), "contradiction", _CONTRADICTION)


def _places(compiled: CompiledForm, sent: Sent) -> dict[str, str]:
    """Pointer into the nested answers → path as sent: nesting closes gaps between rows up."""
    form, plain = compiled.form, sent.plain
    places = {pointer_of(path): path for path in plain}
    for group in form.groups:
        for number, (as_sent, leaves) in enumerate(typed_rows(group.path, plain).items()):
            for leaf in leaves:
                places[pointer_of(f"{group.path}.{number}.{leaf}")] = f"{group.path}.{as_sent}.{leaf}"
    return places


def _slot_at(pointer: str, places: Mapping[str, str]) -> str | None:
    """The path of the slot a pointer leads to, or into."""
    while pointer:
        if pointer in places:
            return places[pointer]
        pointer = pointer.rpartition("/")[0]
    return None


def _place(slot: Judged) -> str:
    return f"/values{pointer_of(slot.sent or slot.path)}"
