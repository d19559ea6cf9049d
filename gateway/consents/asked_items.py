"""What of a form a person has to be asked for: the items of one role that some rule permits by consent only.

Made from the published form, registry and rules, never from what a caller lists: nobody is asked for more than the form
can use, and nothing that a duty already covers is dressed up as a choice (PIPL art. 6 and 13).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from field_registry import Ask, Item, Source
from field_registry.items import Sensitivity, ShareAttribute, names_others
from forms.definition import Field
from gateway.resolution.compiled import CompiledForm, Wanted
from policies.rules import Profile, Scope


@dataclass(frozen=True, slots=True)
class AskedItem:
    """One item as it stands in a notice.

    `sources`: (department, its English name) of each source that would be asked. `fields`: (label, English label) of
    the fields it fills. `is_required`: whether one of them must be filled. `is_sensitive`: the item or one of its
    columns is (PIPL art. 28). `names_others`: it tells of other people than its subject. `why`: the rule's sentence.
    """

    item: str
    name: str
    name_en: str
    sources: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]
    share: ShareAttribute
    is_required: bool
    is_sensitive: bool
    names_others: bool
    why: str


def items_to_ask(
    compiled: CompiledForm, role: str, departments: Iterable[str], caller_roles: frozenset[str]
) -> tuple[AskedItem, ...]:
    """The items of that role, in form order, that at least one of these departments receives by consent only."""
    form = compiled.form
    scopes = [
        compiled.rules.scope(Profile(form.matter, form.id, form.purpose, department, caller_roles))
        for department in departments
    ]
    mine = [want for want in compiled.wanted if want.role == role]
    asked = (
        _asked(compiled, want, _by_consent(compiled, want, scopes))
        for want in in_form_order(form.fields, mine)
    )
    return tuple(item for item in asked if item is not None)


def in_form_order(fields: tuple[Field, ...], wanted: list[Wanted]) -> list[Wanted]:
    """These, in the order in which a person meets them on the form."""
    place = {field.path: number for number, field in enumerate(fields)}
    return sorted(wanted, key=lambda want: min((place[path] for path in want.paths), default=len(place)))


def _by_consent(compiled: CompiledForm, want: Wanted, scopes: list[Scope]) -> Mapping[str, str]:
    """source → the rule that permits it by consent, where nothing else settles it."""
    asks = list(asks_of(want))
    found: dict[str, str] = {}
    for scope in scopes:
        for ask, verdict in zip(asks, scope.verdicts(asks, compiled.tiers), strict=True):
            if verdict is not None and verdict.settled is None:
                found.setdefault(ask.binding.source, verdict.permits[0].rule)
    return found


def asks_of(want: Wanted) -> Iterator[Ask]:
    """What would be asked of each of its sources if the whole form were shown."""
    everything_shown = dict.fromkeys(want.paths, True)
    for binding in want.bindings:
        yield Ask(want.item, binding, want.role, want.columns(binding.source, everything_shown))


def _asked(compiled: CompiledForm, want: Wanted, rules: Mapping[str, str]) -> AskedItem | None:
    if not rules:
        return None
    items = (want.item, *_columns(want, rules))
    fields = [field for field in compiled.form.fields if field.path in set(want.paths)]
    return AskedItem(
        item=want.item.id,
        name=want.item.name,
        name_en=want.item.name_en or want.item.id,
        sources=tuple(dict.fromkeys(_department(compiled.source(source)) for source in rules)),
        fields=tuple((field.label, field.label_en or field.label) for field in fields),
        share=want.item.share,
        is_required=any(field.required for field in fields),
        is_sensitive=any(item.sensitivity is Sensitivity.sensitive for item in items),
        names_others=names_others(want.item, items[1:]),
        why=next((rule.why for rule in compiled.rules.rules if rule.id in rules.values()), ""),
    )


def _columns(want: Wanted, sources: Iterable[str]) -> tuple[Item, ...]:
    if want.rows is None:
        return ()
    return tuple(dict.fromkeys(item for source in sources for item, _ in want.rows.columns.get(source, ())))


def _department(source: Source) -> tuple[str, str]:
    return source.department, source.department_en or source.department
