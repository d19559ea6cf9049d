"""Charts: well-formed, readable without eyes, deaf to markup, true to their numbers."""

from xml.etree import ElementTree as ET

import pytest

from gateway.reports.charts import Bar, Point, bar_chart, line_chart, shortened

SVG = "{http://www.w3.org/2000/svg}"
BARS = (Bar("民政", 0.75, "75.0 % (3/4)", mark=0.5), Bar("公安", None, "件数不足，不公布"))
POINTS = (
    Point("10/1", 0.5, "50 %"),
    Point("10/2", 0.6),
    Point("10/3", None),
    Point("10/4", 0.9),
    Point("10/5", 1.0),
)


def bars(*each: Bar) -> ET.Element:
    return ET.fromstring(bar_chart(each or BARS, title="各部门", description="说明", name="by"))


def line(*points: Point) -> ET.Element:
    return ET.fromstring(line_chart(points, title="逐日", description="说明", name="days"))


def texts(chart: ET.Element) -> list[str | None]:
    return [each.text for each in chart.iter(f"{SVG}text")]


@pytest.mark.parametrize("chart", [bars(), line(*POINTS)])
def test_a_chart_is_named_and_described_for_those_who_cannot_see_it(chart: ET.Element) -> None:
    """An image by its role, labelled by a title and a description that stand in it."""
    named = (chart.get("aria-labelledby") or "").split()

    assert chart.get("role") == "img"
    assert {each.get("id") for each in chart if each.tag in (f"{SVG}title", f"{SVG}desc")} == set(named)


def test_every_bar_says_its_value_in_words() -> None:
    """Label and value stand as text; a withheld one says so and draws no bar."""
    chart = bars()

    assert texts(chart) == ["民政", "75.0 % (3/4)", "公安", "件数不足，不公布"]
    fills = [each.get("fill") for each in chart.iter(f"{SVG}rect")]
    assert len(fills) == 3  # two tracks, one bar


def test_a_bar_is_as_long_as_its_share() -> None:
    """Three quarters of the track; the mark of the month before in its middle."""
    track, bar = list(bars(BARS[0]).iter(f"{SVG}rect"))
    mark = next(bars(BARS[0]).iter(f"{SVG}line"))

    assert float(bar.get("width", 0)) == pytest.approx(0.75 * float(track.get("width", 0)))
    middle = float(track.get("x", 0)) + float(track.get("width", 0)) / 2
    assert float(mark.get("x1", 0)) == pytest.approx(middle)


@pytest.mark.parametrize("share", [-1.0, 2.0])
def test_nothing_is_drawn_outside(share: float) -> None:
    """A share that cannot be stays within the track."""
    track, bar = list(bars(Bar("x", share, "?")).iter(f"{SVG}rect"))

    assert 0 <= float(bar.get("width", 0)) <= float(track.get("width", 0))


def test_a_line_breaks_where_there_is_no_value() -> None:
    """Two runs and four dots for five points of which one is missing."""
    chart = line(*POINTS)

    assert len(list(chart.iter(f"{SVG}polyline"))) == 2
    assert len(list(chart.iter(f"{SVG}circle"))) == 4


@pytest.mark.parametrize("points", [(), POINTS[:1]])
def test_few_points_are_no_fault(points: tuple[Point, ...]) -> None:
    """A month that has hardly begun still has its chart."""
    assert not list(line(*points).iter(f"{SVG}polyline"))


def test_labels_do_not_crowd() -> None:
    """Of thirty-one days no more than twelve are written below."""
    days = [Point(f"10/{day}", 0.5) for day in range(1, 32)]

    assert len([each for each in texts(line(*days)) if each and each.startswith("10/")]) <= 12


@pytest.mark.parametrize("chart", [bars, lambda bar: line(Point(bar.label, 0.5, bar.text))])
def test_what_is_handed_in_is_text(chart) -> None:
    """A name made of markup is shown as it is written, wherever it stands."""
    evil = '"><script>x</script>&'

    drawn = chart(Bar(evil, 0.5, evil))

    assert evil in texts(drawn)
    assert not list(drawn.iter(f"{SVG}script"))


@pytest.mark.parametrize(
    ("text", "ems", "shown"),
    [("民政", 2, "民政"), ("民政局", 2, "民…"), ("abcdefgh", 3, "abc…"), ("", 1, "")],
)
def test_a_long_label_is_cut(text: str, ems: float, shown: str) -> None:
    """To the width it has, with an ellipsis; a short one not at all."""
    assert shortened(text, ems) == shown


def test_no_style_is_inline() -> None:
    """The policy of our pages would drop it: presentation stands in attributes."""
    for chart in (bars(), line(*POINTS)):
        assert not [each for each in chart.iter() if each.get("style")]
