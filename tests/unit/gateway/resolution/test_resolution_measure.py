"""Measuring: what happened, in names and counts; never a value."""

from typing import Any

from field_registry import Missing, OutcomeCode
from forms.definition import Field
from gateway.resolution.measure import measure
from gateway.telemetry import Telemetry

NAME = Field("name", "姓名", item="person.name")
SEX = Field("sex", "性别", item="person.sex")


def counted(bench: Any, said: Any) -> list[str]:
    """The metrics after one resolution."""
    telemetry = Telemetry()
    measure(bench.settled(bench.form(NAME, SEX), said), 0.02, telemetry)
    return telemetry.render().decode().splitlines()


def test_a_resolution_is_counted(bench: Any) -> None:
    """Its duration, its fields by outcome, and both its entries."""
    said = {("civil", "person.name"): bench.found("张三"), "person.sex": Missing(OutcomeCode.timeout)}
    lines = counted(bench, said)

    for line in (
        'oncegate_resolutions_total{outcome="answered"} 1.0',
        "oncegate_resolution_seconds_count 1.0",
        'oncegate_fields_total{outcome="filled"} 1.0',
        'oncegate_fields_total{outcome="timeout"} 1.0',
        'oncegate_entries_total{kind="intent"} 1.0',
        'oncegate_entries_total{kind="outcome"} 1.0',
    ):
        assert line in lines


def test_an_alarm_is_counted_by_source(bench: Any) -> None:
    """A source that answered about somebody else shows at once which one."""
    said = {"person.sex": bench.found("1", echo=bench.bob["id_no"])}

    assert 'oncegate_wrong_subject_total{source="civil"} 1.0' in counted(bench, said)


def test_no_value_is_in_the_metrics(bench: Any) -> None:
    """Neither values nor identifiers are labels."""
    said = {"person.name": bench.found("张三"), "person.sex": bench.found("1", echo=bench.bob["id_no"])}
    text = "\n".join(counted(bench, said))

    assert not any(each in text for each in ("张三", bench.ann["id_no"], bench.bob["id_no"]))
