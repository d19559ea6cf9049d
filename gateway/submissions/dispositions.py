"""Dispositions: what became of every slot between the answer and the submission. Pure.

Exactly one for every slot that is shown and takes an answer. What the gateway offered, or the caller where the gateway
had nothing, is compared with what came back; a field typed before anything was asked is `typed`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from field_registry import OutcomeCode, Tier
from field_registry.outcomes import Disposition
from forms.definition import Group
from forms.rows import identity_key
from gateway.resolution.compiled import CompiledForm
from gateway.submissions.commands import Assistance, SubmitCommand
from gateway.submissions.compare import Normal, Sheet, same, sheets_of
from gateway.submissions.ended import Ended
from gateway.submissions.offered import ROW_NOT_MATCHED, Offer, Offering
from gateway.submissions.pairing import Pair, pair_rows
from gateway.submissions.sent import Sent, rows_sent

NOTHING = Normal(None)
NONE_ENDED: Ended = {}
CONSENT_ENDED = "consent_ended"
REGISTERED = frozenset({Tier.A, Tier.B})
_D, _O = Disposition, OutcomeCode
_KNOWS_ROWS = frozenset({_O.filled, _O.filled_stale, _O.empty_at_source, _O.not_found, _O.invalid_value})
_HIDDEN = Offer("", _O.skipped_hidden)


@dataclass(frozen=True, slots=True)
class Judged:
    """One slot, judged.

    `path`: its own, rows counted as they came back and then those that did not. `sent`: where its value stands in what
    was sent; None for a row that did not come back. `offer`: as it was answered. `tier`: of what was offered, by the
    gateway or (`is_assisted`) by the caller. `disowned_as`: the outcome it counts as where it was offered on a consent
    that has ended since; then it is the person's own word or nothing.
    """

    path: str
    sheet: Sheet
    sent: str | None
    offer: Offer
    disposition: Disposition
    tier: Tier | None
    shown: Normal = field(repr=False)
    value: Normal = field(repr=False)
    is_assisted: bool = False
    disowned_as: OutcomeCode | None = None

    @property
    def is_disowned(self) -> bool:
        """Whether it was offered on a consent that has ended since."""
        return self.disowned_as is not None

    @property
    def is_offered(self) -> bool:
        """Whether the gateway had offered a value that still counts."""
        return self.tier is not None and not self.is_assisted

    @property
    def outcome(self) -> OutcomeCode:
        """What had become of it at resolve; where its ground is gone since, why."""
        return self.offer.outcome if self.disowned_as is None else self.disowned_as

    @property
    def reason(self) -> str | None:
        """That outcome in detail; None when it says it all."""
        return CONSENT_ENDED if self.is_disowned else self.offer.reason

    @property
    def source(self) -> str | None:
        """Which answered, or was asked in vain."""
        return None if self.is_disowned else self.offer.source

    @property
    def breaks_lock(self) -> bool:
        """Whether a locked value came back changed, and nobody disputes it. A whole row may be taken out."""
        changed = self.disposition in (_D.edited, _D.cleared)
        return self.is_offered and self.offer.locked and changed and self.sent is not None


def judge(
    compiled: CompiledForm,
    offering: Offering,
    sent: Sent,
    command: SubmitCommand,
    ended: Ended = NONE_ENDED,
) -> tuple[Judged, ...]:
    """Every slot of the form that is shown and takes an answer, in form order. `ended`: consents that stand no more."""
    judging = _Judging(offering, sent, command, ended, sheets_of(compiled))
    rows = rows_sent(compiled.form, sent)
    judged: list[Judged] = []
    groups: set[str] = set()
    for path, sheet in judging.sheets.items():
        if sheet.group is None:
            judged.extend(judging.single(path, sheet))
        elif sheet.group.path not in groups:
            groups.add(sheet.group.path)
            judged.extend(judging.group(sheet.group, rows[sheet.group.path]))
    return tuple(judged)


@dataclass(frozen=True, slots=True, eq=False)
class _Judging:
    offering: Offering
    sent: Sent
    command: SubmitCommand
    ended: Ended
    sheets: Mapping[str, Sheet]

    def single(self, path: str, sheet: Sheet) -> Iterator[Judged]:
        """The slot of a field outside groups, if it is one."""
        if sheet.field.may_be_eligible and self.sent.is_shown(path, path):
            offer = self.offering.slots.get(path, _HIDDEN)
            yield self._slot(path, path, sheet, offer, self.sent.values.get(path, NOTHING))

    def group(self, group: Group, sent: Mapping[int, Mapping[str, Normal]]) -> Iterator[Judged]:
        """The slots of a group: row by row as they came back, then what was offered in rows that did not."""
        columns = {
            sheet.field.leaf: sheet
            for sheet in self.sheets.values()
            if sheet.group is group and sheet.field.may_be_eligible
        }
        offered = self.offering.rows.get(group.path, {})
        identity = columns.get(group.identity_key)
        pairs = pair_rows(
            sent,
            offered,
            identity=group.identity_key,
            key_of=identity_key(identity.item if identity is not None else None),
            typed_keys=self.offering.row_keys.get(group.path, {}),
            sheets=columns,
        )
        for number, pair in enumerate(pairs):
            row = offered.get(pair.offered, {}) if pair.offered is not None else None
            for leaf, sheet in columns.items():
                yield from self._cell(group, number, pair, leaf, sheet, row)

    def _cell(
        self,
        group: Group,
        number: int,
        pair: Pair,
        leaf: str,
        sheet: Sheet,
        row: Mapping[str, Offer] | None,
    ) -> Iterator[Judged]:
        path = f"{group.path}.{number}.{leaf}"
        offer = self._new_cell(group, leaf) if row is None else row.get(leaf, _HIDDEN)
        if pair.sent is None:
            is_blank_row = row is not None and all(each.tier is None for each in row.values())
            if (offer.tier is not None or is_blank_row) and self.sent.is_shown(path, sheet.field.path):
                yield self._slot(path, None, sheet, offer, NOTHING)
            return
        sent_path = f"{group.path}.{pair.sent}.{leaf}"
        if self.sent.is_shown(sent_path, sheet.field.path):
            value = self.sent.values.get(sent_path, NOTHING)
            yield self._slot(path, sent_path, sheet, offer, value)

    def _new_cell(self, group: Group, leaf: str) -> Offer:
        """What would have been answered for a row that was not there: as for the column's other rows.

        Where the source's rows are known, this is none of them.
        """
        others = [row[leaf] for row in self.offering.rows.get(group.path, {}).values() if leaf in row]
        silent = next(
            (each for each in others if each.outcome not in _KNOWS_ROWS and not each.was_typed), None
        )
        if silent is not None:
            return Offer("", silent.outcome, silent.reason, source=silent.source)
        source = next((each.source for each in others if each.source), None)
        return Offer("", _O.not_found, ROW_NOT_MATCHED, source=source)

    def _slot(self, path: str, sent: str | None, sheet: Sheet, offer: Offer, value: Normal) -> Judged:
        disowned_as = None if offer.consent is None else self.ended.get(offer.consent)
        tier = None if disowned_as is not None else offer.tier
        shown = NOTHING if tier is None else sheet.normal(offer.value)
        assisted = self._assistance(sent) if offer.tier is None else None
        if assisted is not None:
            tier, shown = assisted.tier, sheet.normal(assisted.value)
        disputed = tier in REGISTERED and sent is not None and sent in self.command.disputes
        disposition = _D.disputed if disputed else disposition_of(tier is not None, shown, value)
        return Judged(
            path, sheet, sent, offer, disposition, tier, shown, value, assisted is not None, disowned_as
        )

    def _assistance(self, sent: str | None) -> Assistance | None:
        given = None if sent is None else self.command.assisted.get(sent)
        return None if given is None or given.value in (None, "") else given


def disposition_of(is_offered: bool, shown: Normal, value: Normal) -> Disposition:
    """What became of a slot that nobody disputes."""
    is_empty = value.value is None
    if not is_offered:
        return _D.blank if is_empty else _D.typed
    if is_empty:
        return _D.cleared
    return _D.kept if same(shown, value) else _D.edited
