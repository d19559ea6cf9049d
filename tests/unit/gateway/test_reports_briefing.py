"""The monthly briefing: what it says, and that it is two pages whatever anybody is called."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO

import pypdf
import pytest

from gateway.reports.briefing import SOURCE, Briefing, GapLine, Group, SourceLine, document_of
from gateway.reports.measures import Measures
from gateway.reports.rates import Rate
from gateway.submissions.printing import Sheet, print_pdf

MADE = datetime(2026, 11, 2, 1, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
NOW = Measures(applications=40, zero_typed=4, eligible=1000, offered=700, kept_a=600, kept_b=20, kept_c=10, typed=270,
               edited=30, disputed=5, missed=90)  # fmt: skip
BEFORE = replace(NOW, kept_a=500, typed=370)


def briefing(**changes: object) -> Briefing:
    made = Briefing(
        month=OCTOBER,
        made_at=MADE,
        hall="示范市政务服务中心",
        scope="全部表单 · all forms",
        now=NOW,
        before=BEFORE,
        days={OCTOBER: NOW, date(2026, 10, 2): BEFORE},
        departments=[Group("民政", NOW, BEFORE), Group("公安", None)],
        forms=[Group("高龄老人津贴申请审批表", NOW, BEFORE)],
        gaps=[GapLine("接通 车辆保险", "数源单位", 123, 3, 4.1), GapLine("请本人同意", "申请人", 9, 1, None)],
        repeat=[Group("民政", NOW, BEFORE), Group("公安", None), Group("水利", replace(NOW, missed=0))],
        sources=[
            SourceLine("税务", Rate(97, 100), 500, Rate(1, 30)),
            SourceLine("水务", Rate(9, 10), None, None),
        ],
        disputes=[("新收", "opened", 3), ("逾期", "overdue", 0)],
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_headline_is_m4_with_its_counts_and_its_change() -> None:
    """Rate, numerator and denominator, and percentage points against the month before."""
    headline = document_of(briefing())["headline"]

    assert headline["rate"] == "67.4 %"
    assert headline["counts"] == "630 / 935 个已答字段"
    assert headline["change"] == "较上月 +10.7 个百分点"


@pytest.mark.parametrize("before", [None, Measures()])
def test_a_first_month_is_compared_with_nothing(before: Measures | None) -> None:
    """No change is made up where the month before holds nothing."""
    told = document_of(briefing(before=before))

    assert told["headline"]["change"] == "上月无数据，无从比较"
    assert {figure["change"] for figure in told["figures"]} == {""}


def test_what_to_look_at_first_stands_at_the_head() -> None:
    """The lowest department of those that are published, the first gap with its gain, the least reliable source."""
    told = document_of(briefing(departments=[Group("民政", NOW), Group("公安", None), Group("水利", BEFORE)]))

    assert told["points"] == [
        "回填率最低的部门：水利，56.7 % (530/935)。",
        "最先解决：接通 车辆保险（数源单位），可使回填率提高 4.1 个百分点。",
        "可用率最低的数源：水务，90.0 % (9/10)。",
    ]


def test_where_there_is_nothing_to_look_at_nothing_is_pointed_at() -> None:
    """One department is not the lowest of any; a source that answered always does not fail."""
    told = document_of(briefing(gaps=[], sources=[SourceLine("税务", Rate(9, 9), 5, None)]))

    assert told["points"] == []


def test_a_month_under_way_says_so() -> None:
    """Its figures will still change; those of a month that is over will not."""
    now = datetime(2026, 10, 20, tzinfo=UTC)

    assert "本月未完" in document_of(briefing(made_at=now))["made"]
    assert "本月未完" not in document_of(briefing())["made"]


def test_no_change_is_told_as_none() -> None:
    """Not as minus nought."""
    assert document_of(briefing(before=NOW))["headline"]["change"] == "较上月 持平"


def test_what_is_withheld_is_said_to_be_withheld() -> None:
    """A department with too few applications has no bar, no row, and a word why."""
    told = document_of(briefing())

    assert "公安 件数不足，不公布" in told["departments"]["alt"]
    assert [row[0] for row in told["repeat"]["rows"]] == ["民政"]


def test_gains_are_shown_as_they_were_computed_together() -> None:
    """In the order given, with the warning that they are not to be added to others."""
    told = document_of(briefing())["gaps"]

    assert [row[-1] for row in told["rows"]] == ["+4.1", "–"]
    assert "不可" in told["note"]


def test_a_source_whose_time_is_unknown_has_a_dash() -> None:
    """Nothing was timed: its calls were never answered."""
    rows = document_of(briefing(sources=[SourceLine("水务", Rate(9, 10), None, None)]))["sources"]["rows"]

    assert rows[0][2:] == ["–", "1", "–"]


def groups(number: int, name: str) -> Sequence[Group]:
    return [Group(f"{name}{serial}", NOW, BEFORE) for serial in range(number)]


@pytest.mark.parametrize(
    "made",
    [
        briefing(),
        briefing(
            now=Measures(), before=None, days={}, departments=[], forms=[], gaps=[], repeat=[], sources=[]
        ),
        briefing(
            departments=groups(40, "一个名称很长很长的政府部门"),
            forms=groups(60, "一张名称特别特别长的“一件事”联办申请审批登记表"),
            gaps=[GapLine("接通一个名称很长的数源中的一个数据项" * 3, "数源单位", 9, 9, 1.0)] * 30,
            repeat=groups(40, "部门"),
            sources=[SourceLine("一个名称很长的业务系统", Rate(9, 10), 9, None)] * 40,
        ),
    ],
    ids=["plain", "empty", "crowded"],
)
async def test_it_is_two_pages(made: Briefing) -> None:
    """Of a month with nothing and of a province's alike."""
    pdf = pypdf.PdfReader(BytesIO(await print_pdf(Sheet(SOURCE, document_of(made), MADE))))

    assert len(pdf.pages) == 2
    assert "2026" in pdf.pages[0].extract_text()


async def test_nothing_that_is_told_becomes_markup() -> None:
    """A form named in typst's own language is printed by its name."""
    evil = '#panic("x") $a$ *b* <c> @d \\'
    made = briefing(gaps=[GapLine(evil, evil, 1, 1, 1.0)], hall=evil, forms=[Group(evil, NOW)])

    text = (
        pypdf.PdfReader(BytesIO(await print_pdf(Sheet(SOURCE, document_of(made), MADE))))
        .pages[1]
        .extract_text()
    )

    assert "#panic" in text
