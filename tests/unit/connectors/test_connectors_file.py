"""`file`: a dropped table, indexed, read again when it changes, never lost to a broken successor."""

import asyncio
import os
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors import BadConfiguration, SourceBroken, build_connector
from connectors.kinds import file_mapping as m
from connectors.protocol import Connector, Found
from field_registry import Missing, OutcomeCode, Subject
from field_registry.items import Datatype

HEAD = "身份证号,姓名,学校\n"
LINE = "35058219910603996x,陈小满,示范小学\n"


@pytest.fixture
def drop(tmp_path: Path, source: Any, environment: Any) -> Any:
    """Write a file and build a connector to it."""

    def make(content: bytes | str, name: str = "drop.csv", **config: Any) -> Connector:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        made = source(connector="file", config={"path": name, "key": "身份证号"} | config)
        return build_connector(made, environment(base_dir=str(tmp_path)))

    return make


def soon() -> float:
    """Event-loop time in two seconds."""
    return asyncio.get_running_loop().time() + 2


def raw(replies: Any) -> list[object]:
    """What was found, or the reason."""
    return [reply.raw if isinstance(reply, Found) else reply.reason for reply in replies]


async def replaced(path: Path, content: str, connector: Connector) -> None:
    """A new file in its place, and the time the connector needs to read it."""
    overwrite(path, content)
    await connector.health()


def overwrite(path: Path, content: str) -> None:
    """New content with a new time, even where the clock of the file system is coarse."""
    before = path.stat().st_mtime_ns
    path.write_text(content, "utf-8")
    os.utime(path, ns=(0, before + 1_000_000))


async def test_a_line_is_found_by_its_key(drop: Any, person: Subject, ask: Any) -> None:
    """Keys are compared without regard to case and space; the file's own mark is dropped."""
    connector = drop("\ufeff" + HEAD + LINE)

    assert raw(await connector.fetch(person, [ask(attribute="学校"), ask("person.x", "电话")], soon())) == [
        "示范小学",
        OutcomeCode.empty_at_source,
    ]


async def test_another_encoding_is_read_as_configured(drop: Any, person: Subject, ask: Any) -> None:
    """Registers still drop GB 18030."""
    connector = drop((HEAD + LINE).encode("gb18030"), encoding="gb18030")

    assert raw(await connector.fetch(person, [ask(attribute="姓名")], soon())) == ["陈小满"]


async def test_several_lines_are_rows_or_ambiguous(drop: Any, person: Subject, ask: Any) -> None:
    """A repeating item takes every line of the key; any other needs exactly one."""
    connector = drop(HEAD + LINE + LINE.replace("示范", "中心"))
    schools = ask("person.schools", "*", datatype=Datatype.rows, columns=(("school.name", "学校"),))

    assert raw(await connector.fetch(person, [ask(attribute="姓名"), schools], soon())) == [
        OutcomeCode.identity_ambiguous,
        [{"school.name": "示范小学"}, {"school.name": "中心小学"}],
    ]


async def test_a_changed_file_is_read_again(drop: Any, tmp_path: Path, person: Subject, ask: Any) -> None:
    """A new drop answers without a restart."""
    connector = drop(HEAD + LINE)
    before = raw(await connector.fetch(person, [ask(attribute="学校")], soon()))
    await replaced(tmp_path / "drop.csv", HEAD + LINE.replace("示范", "实验"), connector)
    after = raw(await connector.fetch(person, [ask(attribute="学校")], soon()))

    assert (before, after) == (["示范小学"], ["实验小学"])


@pytest.mark.parametrize(
    "broken", ["", "姓名,学校\n陈,x\n", "身份证号,姓名,姓名\n1,2,3\n", '身份证号,"姓名\nx', "\udcff"]
)
async def test_a_broken_file_does_not_replace_a_good_one(
    drop: Any, tmp_path: Path, person: Subject, ask: Any, broken: str
) -> None:
    """The old index keeps answering and health says why; a good file heals it."""
    connector = drop(HEAD + LINE)
    await connector.fetch(person, [ask(attribute="学校")], soon())
    path = tmp_path / "drop.csv"
    path.write_bytes(broken.encode("utf-8", "surrogateescape"))
    health = await connector.health()
    kept = raw(await connector.fetch(person, [ask(attribute="学校")], soon()))
    await replaced(path, HEAD + LINE, connector)

    assert not health.ok
    assert "older file" in health.detail
    assert kept == ["示范小学"]
    assert (await connector.health()).ok


async def test_a_removed_file_keeps_answering(drop: Any, tmp_path: Path, person: Subject, ask: Any) -> None:
    """A drop that is being replaced is not an outage."""
    connector = drop(HEAD + LINE)
    await connector.fetch(person, [ask(attribute="学校")], soon())
    (tmp_path / "drop.csv").unlink()

    assert raw(await connector.fetch(person, [ask(attribute="学校")], soon())) == ["示范小学"]
    assert "not there" in (await connector.health()).detail


@pytest.mark.parametrize(
    ("content", "name"),
    [("", "a.csv"), ("x,y\n1,2\n", "a.csv"), (b"not a zip", "a.xlsx"), (b"\xff\xfe,", "a.csv")],
)
async def test_a_first_file_that_is_broken_is_a_fault(
    drop: Any, person: Subject, ask: Any, content: Any, name: str
) -> None:
    """Without an older index there is nothing to answer from."""
    connector = drop(content, name)

    with pytest.raises(SourceBroken):
        await connector.fetch(person, [ask()], soon())


async def test_many_callers_read_the_file_once(drop: Any, person: Subject, ask: Any) -> None:
    """Whoever comes while it is being read waits for that reading."""
    connector = drop(HEAD + LINE)
    results = await asyncio.gather(
        *(connector.fetch(person, [ask(attribute="姓名")], soon()) for _ in range(20))
    )

    assert {str(raw(replies)) for replies in results} == {"['陈小满']"}


async def test_a_spreadsheet_gives_plain_cells(tmp_path: Path, drop: Any, person: Subject, ask: Any) -> None:
    """Dates as ISO 8601, whole numbers without .0, from the sheet that is named."""
    book = openpyxl.Workbook()
    book.active.append(["wrong", "sheet"])
    sheet = book.create_sheet("学籍")
    sheet.append(["身份证号", "入学", "年级", "平均"])
    sheet.append(["35058219910603996X", date(2024, 9, 1), 3, 91.5])
    book.save(tmp_path / "made.xlsx")
    book.close()
    connector = drop((tmp_path / "made.xlsx").read_bytes(), "drop.xlsx", sheet="学籍")
    asks = [ask("person.a", "入学"), ask("person.b", "年级"), ask("person.c", "平均")]

    assert raw(await connector.fetch(person, asks, soon())) == ["2024-09-01", 3, 91.5]


def test_lines_of_two_people_under_one_key_are_broken(ask: Any) -> None:
    """An echo that differs within one key means that the file is mixed up."""
    with pytest.raises(SourceBroken):
        m.interpret([{"e": "1"}, {"e": "2"}], [ask()], echo="e", recorded_at=None)


def test_a_key_that_became_a_number_is_still_found() -> None:
    """Spreadsheets turn digits into numbers."""
    index = m.build_index(
        [["k", "v", ""], [12345.0, "a", "x"], [" 12346 ", "b"], [None, "c"], ["", "d"]], "k"
    )

    assert {key: lines[0]["v"] for key, lines in index.items()} == {"12345": "a", "12346": "b"}
    assert m.interpret(index.get("9", ()), [], echo=None, recorded_at=None) == []
    assert Missing(OutcomeCode.not_found) == m.interpret((), [None], echo=None, recorded_at=None)[0]  # type: ignore[list-item]


@pytest.mark.parametrize(
    "path", ["/etc/drop.csv", "../drop.csv", "a/../../drop.csv", "${here}/../drop.csv", "/${here}.csv"]
)
def test_a_registry_names_no_file_out_of_the_base_directory(source: Any, environment: Any, path: str) -> None:
    """Whoever may publish a registry may not have files of the host read."""
    made = source(connector="file", config={"path": path, "key": "k"})
    with pytest.raises(BadConfiguration, match=r"path: .* below the base directory"):
        build_connector(made, environment(allow_private_addresses=False, places={"here": "/srv/drop"}))


@pytest.mark.parametrize("path", ["drop.csv", "a/drop.csv", "${here}/drop.csv", "${file}"])
def test_a_file_below_the_base_directory_or_at_a_place_is_fine(
    source: Any, environment: Any, path: str
) -> None:
    """A relative path, or the operator's own setting with something below it."""
    made = source(connector="file", config={"path": path, "key": "k"})
    places = {"here": "/srv/drop", "file": "/srv/drop.csv"}
    build_connector(made, environment(allow_private_addresses=False, places=places))
