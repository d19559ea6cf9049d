"""What was sent: the person's final values, flat and normal, and what is wrong before anything is compared. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from forms.answers import flatten, given_twice, typed_rows
from forms.definition import Form
from forms.findings import Finding, pointer_of
from gateway.resolution.compiled import CompiledForm
from gateway.submissions.commands import SubmitCommand
from gateway.submissions.compare import Normal, Sheet, sheets_of
from gateway.submissions.offered import Offering


@dataclass(frozen=True, slots=True)
class Sent:
    """The values as they are compared and kept.

    `values`: path as sent → normal value, never blank. `visible`: as these values show the form; None is hidden too.
    `errors`: why they cannot be taken; pointers lead into the body.
    """

    values: Mapping[str, Normal] = field(repr=False)
    visible: Mapping[str, bool | None]
    errors: tuple[Finding, ...]

    def is_shown(self, path: str, field_path: str) -> bool:
        """Whether that slot is shown: by its own row where that says so, else by its column."""
        return self.visible.get(path, self.visible.get(field_path)) is True

    @property
    def plain(self) -> dict[str, object]:
        """Path → value, as the form's schema and print read them."""
        return {path: value.value for path, value in self.values.items()}


def read_sent(compiled: CompiledForm, command: SubmitCommand) -> Sent:
    """What was sent, read. Total: what is wrong becomes an error, and nothing sent stands in it."""
    form, sheets = compiled.form, sheets_of(compiled)
    answers = flatten(form, command.values)
    groups = _groups(form)
    values = {path: sheets[field_path(path, groups)].normal(value) for path, value in answers.values.items()}
    visible = compiled.visibility.of({path: value.value for path, value in values.items()})
    found = (*answers.findings, *given_twice(form, command.values))
    errors = [Finding(f"/values{each.pointer}", each.code, each.detail) for each in found]
    sent = Sent(values, visible, ())
    errors += _misplaced(sent, sheets, groups)
    return Sent(values, visible, tuple(errors))


def unmasked(compiled: CompiledForm, command: SubmitCommand, sent: Sent, offering: Offering) -> Sent:
    """The same where an answer was masked: what came back as the caller was shown it is the value behind the mask.

    Only of the very slot it was shown in. Nothing is told by it that the caller did not know: it was given the mask.
    """
    raw = flatten(compiled.form, command.values).values
    sheets, groups = sheets_of(compiled), _groups(compiled.form)
    echoed = {
        path: sheets[field_path(path, groups)].normal(offer.value)
        for path, offer in offering.slots.items()
        if offer.mask is not None and raw.get(path) == offer.mask
    }
    if not echoed:
        return sent
    values = {**sent.values, **echoed}
    visible = compiled.visibility.of({path: value.value for path, value in values.items()})
    read = Sent(values, visible, ())
    unread = tuple(each for each in sent.errors if each.code not in _MISPLACED)
    return Sent(values, visible, (*unread, *_misplaced(read, sheets, groups)))


def _groups(form: Form) -> tuple[str, ...]:
    return tuple(f"{group.path}." for group in form.groups)


def field_path(path: str, groups: tuple[str, ...]) -> str:
    """The field that a slot is one of; `groups`: their paths, each with a dot behind.

    >>> field_path("children.0.name", ("children.",))
    'children.name'
    """
    for group in groups:
        if path.startswith(group):
            return group + path[len(group) :].partition(".")[2]
    return path


def rows_sent(form: Form, sent: Sent) -> Mapping[str, Mapping[int, Mapping[str, Normal]]]:
    """The rows of each group in which something stands: row number as sent → leaf → value."""
    rows: dict[str, dict[int, dict[str, Normal]]] = {}
    for group in form.groups:
        numbers = typed_rows(group.path, sent.plain)
        rows[group.path] = {
            number: {leaf: sent.values[f"{group.path}.{number}.{leaf}"] for leaf in leaves}
            for number, leaves in numbers.items()
        }
    return rows


def content_of(sent: Sent, command: SubmitCommand) -> bytes:
    """Everything that tells one submission from another, in one spelling: the same form sent twice is equal."""
    said = {
        "values": sent.plain,
        "disputes": {path: [claim.reason, *claim.evidence] for path, claim in command.disputes.items()},
        "assisted": {path: [each.tier.value, each.value] for path, each in command.assisted.items()},
        "keep": sorted(command.keep),
        "own_word": sorted(command.own_word),
        "test": command.is_test,
    }
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


_MISPLACED = frozenset({"office_use", "not_a_field", "hidden_field"})


def _misplaced(sent: Sent, sheets: Mapping[str, Sheet], groups: tuple[str, ...]) -> Iterator[Finding]:
    """Values where none belongs: for the office, for a field that is not shown, for a display text."""
    for path in sent.values:
        sheet = sheets[field_path(path, groups)]
        if sheet.field.office_use:
            yield Finding(
                _in_values(path), "office_use", "this field is filled in by the office, not handed in"
            )
        elif sheet.field.kind == "display":
            yield Finding(_in_values(path), "not_a_field", "this is text to read; it takes no value")
        elif not sent.is_shown(path, sheet.field.path):
            detail = "the form does not show this field with these answers; send no value for it"
            yield Finding(_in_values(path), "hidden_field", detail)


def _in_values(path: str) -> str:
    return f"/values{pointer_of(path)}"
