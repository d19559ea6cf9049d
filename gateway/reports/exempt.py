"""The 免提交 list: papers that need not be handed in, because what they say is shared; and what keeps the others.

By the registry: everything the matter reads from the paper has an authoritative source. In practice: of the fields that
ask for the same, the one least filled shows in how many applications the paper could really have stayed at home. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from field_registry import Registry
from forms.definition import Form, Material
from forms.materials import Missing, missing_of, paths_of
from gateway.reports.rates import Rate


@dataclass(frozen=True, slots=True)
class MaterialLine:
    """One paper of one form. `missing`: what keeps it from being exempt; empty when it is.

    `least`: of its parts that the form asks, the field least filled; `observed`: how often it was filled. None where
    the form asks for none of its parts, or nobody applied.
    """

    form: Form
    material: Material
    missing: tuple[Missing, ...]
    least: str | None = None
    observed: Rate | None = None

    @property
    def is_exempt(self) -> bool:
        """Whether it need not be handed in, by the registry."""
        return not self.missing


def material_lines(
    forms: Iterable[Form], registry: Registry, on: date, filled: Mapping[tuple[str, str], Rate]
) -> list[MaterialLine]:
    """Every paper of these forms, in their order. `filled`: form and field → slots filled by register or licence."""
    return [_line(form, material, registry, on, filled) for form in forms for material in form.materials]


def _line(
    form: Form,
    material: Material,
    registry: Registry,
    on: date,
    filled: Mapping[tuple[str, str], Rate],
) -> MaterialLine:
    paths = [path for each in paths_of(material, form).values() for path in each]
    seen = {path: rate for path in paths if (rate := filled.get((form.id, path))) and rate.denominator}
    least = min(seen, key=lambda path: (seen[path].numerator / seen[path].denominator, path), default=None)
    return MaterialLine(
        form, material, missing_of(material, registry, on), least, None if least is None else seen[least]
    )


def share_exempt(lines: Iterable[MaterialLine]) -> Rate:
    """How many papers are exempt by the registry."""
    each = [line.is_exempt for line in lines]
    return Rate(sum(each), len(each))


def share_observed(lines: Iterable[MaterialLine]) -> Rate:
    """Of papers whose parts forms ask for, weighted by how often: how many could have stayed at home.

    A paper that is not exempt counts as handed in each time.
    """
    seen = [(line.observed, line.is_exempt) for line in lines if line.observed is not None]
    return Rate(
        sum(rate.numerator for rate, is_exempt in seen if is_exempt),
        sum(rate.denominator for rate, _ in seen),
    )
