"""The gap report in words: what to do, who has to, and what it brings, in Chinese with English beside. Pure."""

from gateway.reports.gap_causes import Catalogue, Fix, FixKind
from gateway.reports.gaps import Step
from gateway.reports.survey import Extent

_DO: dict[FixKind, tuple[str, str]] = {
    FixKind.connect: ("接入 {item}", "connect {item}"),
    FixKind.bind_field: (
        "在《{form}》中将“{field}”对应到 {item}",
        "say that {field} of {form} is {item}",
    ),
    FixKind.ground: ("为《{form}》取得 {item} 的调取依据", "get a ground for {item} in {form}"),
    FixKind.consent: ("《{form}》先取得当事人授权再填", "ask for consent before filling {form}"),
    FixKind.reliable: ("使数源 {source} 稳定应答", "make source {source} answer in time"),
    FixKind.second_source: ("为 {item} 增加第二数源", "add a second source for {item}"),
    FixKind.permit: (
        "请数源 {source} 的单位准许提供 {item}",
        "have the owner of {source} permit {item}",
    ),
    FixKind.mend: ("请数源 {source} 的单位更正 {item}", "have the owner of {source} put {item} right"),
}


def what_to_do(fix: Fix, catalogue: Catalogue) -> tuple[str, str]:
    """One thing to do, in Chinese and English."""
    item = catalogue.registry.items.get(fix.item)
    source = catalogue.registry.sources.get(fix.source)
    compiled = catalogue.forms.get(fix.form)
    line = catalogue.line(fix.form, fix.field)
    form = compiled.form if compiled is not None else None
    zh = {
        "item": f"{fix.item}（{item.name}）" if item is not None else fix.item,
        "source": f"{source.name}（{source.id}）" if source is not None else fix.source,
        "form": form.name if form is not None else fix.form,
        "field": line.field.label if line is not None else fix.field,
    }
    en = {
        "item": f"{fix.item} ({item.name_en or item.name})" if item is not None else fix.item,
        "source": fix.source,
        "form": fix.form,
        "field": fix.field,
    }
    do_zh, do_en = _DO[fix.kind]
    return do_zh.format_map(zh), do_en.format_map(en)


def department_of(fix: Fix, catalogue: Catalogue) -> str:
    """Who has to do it: the owner of the source, or of the item, or who publishes the form; "" when nobody is known."""
    if fix.source:
        source = catalogue.registry.sources.get(fix.source)
        return source.department if source is not None else ""
    if fix.form:
        compiled = catalogue.forms.get(fix.form)
        return compiled.form.department if compiled is not None else ""
    item = catalogue.registry.items.get(fix.item)
    return item.department if item is not None else ""


def sentence_of(step: Step, catalogue: Catalogue, extent: Extent) -> tuple[str, str]:
    """A whole step, in Chinese and English."""
    told = [what_to_do(fix, catalogue) for fix in step.fixes]
    departments = dict.fromkeys(filter(None, (department_of(fix, catalogue) for fix in step.fixes)))
    points, a_month = points_of(float(step.gain)), extent.a_month(step.applications)
    who_zh = f"；由{'、'.join(departments)}办理" if departments else ""
    who_en = f"; for {', '.join(departments)}" if departments else ""
    forms, at_most = len(step.forms), step.at_most
    forms_en, often_en = _many(forms, "form"), _many(a_month, "application")
    return (
        f"{'，并'.join(zh for zh, _ in told)}：回填率{'至多' if at_most else ''} {points} 个百分点，"
        f"涉及 {forms} 张表单、每月 {a_month:,} 件{who_zh}。",
        f"{' and '.join(en for _, en in told)}: {'at most ' if at_most else ''}{points} points on "
        f"{forms_en}, {often_en} a month{who_en}.",
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def points_of(gain: float) -> str:
    """A gain in percentage points, small ones with two places.

    >>> points_of(0.0412), points_of(0.0003)
    ('+4.1', '+0.03')
    """
    points = 100 * gain
    return f"{points:+.1f}" if abs(points) >= 0.1 else f"{points:+.2f}"
