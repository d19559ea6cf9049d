"""What of a form is fetched under the law, whoever agrees: the items of one role, by the ground that permits each.

Such an item needs notice, not consent (PIPL art. 13, 18, 30 and 35). Made from the published form, registry and rules,
with the very verdicts that a resolution meets, so that the notice tells neither more nor less than will be done. Pure.
"""

from dataclasses import dataclass

from field_registry.items import Sensitivity
from gateway.consents.asked_items import asks_of, in_form_order
from gateway.resolution.compiled import CompiledForm, Wanted
from policies.grounds import Ground, GroundKind
from policies.rules import Profile, Scope


@dataclass(frozen=True, slots=True)
class DutyItem:
    """One item that is fetched without consent. `sources`, `fields`: pairs of Chinese and English names."""

    item: str
    name: str
    name_en: str
    sources: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]
    is_sensitive: bool


@dataclass(frozen=True, slots=True)
class Duty:
    """One ground and what it covers. `rule`: of the policy; `why`: its own sentence."""

    kind: GroundKind
    code: str
    citation: str
    rule: str
    why: str
    items: tuple[DutyItem, ...]


def duties_of(
    compiled: CompiledForm, role: str, department: str, caller_roles: frozenset[str]
) -> tuple[Duty, ...]:
    """By rule, what that department may fetch about that role without consent; empty when there is nothing."""
    form = compiled.form
    scope = compiled.rules.scope(Profile(form.matter, form.id, form.purpose, department, caller_roles))
    mine = in_form_order(form.fields, [want for want in compiled.wanted if want.role == role])
    by_rule: dict[str, tuple[Ground, list[DutyItem]]] = {}
    for want in mine:
        for rule, (ground, sources) in _settled(compiled, want, scope).items():
            by_rule.setdefault(rule, (ground, []))[1].append(_told(compiled, want, sources))
    whys = {rule.id: rule.why for rule in compiled.rules.rules}
    return tuple(
        Duty(ground.kind, ground.id, ground.citation, rule, whys.get(rule, ""), tuple(items))
        for rule, (ground, items) in sorted(by_rule.items())
    )


def _settled(compiled: CompiledForm, want: Wanted, scope: Scope) -> dict[str, tuple[Ground, list[str]]]:
    """rule → its ground and the sources it opens, where no consent is needed."""
    asks = tuple(asks_of(want))
    found: dict[str, tuple[Ground, list[str]]] = {}
    for ask, verdict in zip(asks, scope.verdicts(asks, compiled.tiers), strict=True):
        decision = None if verdict is None else verdict.settled
        if decision is not None and decision.allowed and decision.ground is not None:
            found.setdefault(decision.rule, (decision.ground, []))[1].append(ask.binding.source)
    return found


def _told(compiled: CompiledForm, want: Wanted, source_ids: list[str]) -> DutyItem:
    paths = set(want.paths)
    fields = [field for field in compiled.form.fields if field.path in paths]
    sources = [compiled.source(source_id) for source_id in source_ids]
    rows = want.rows
    columns = [item for each in source_ids for item, _ in rows.columns.get(each, ())] if rows else []
    return DutyItem(
        want.item.id,
        want.item.name,
        want.item.name_en or want.item.id,
        tuple(
            dict.fromkeys(
                (source.department, source.department_en or source.department) for source in sources
            )
        ),
        tuple((field.label, field.label_en or field.label) for field in fields),
        any(item.sensitivity is Sensitivity.sensitive for item in (want.item, *columns)),
    )
