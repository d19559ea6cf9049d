"""`sandbox`: made-up people, and the faults they act out."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

import connectors
from connectors import BadConfiguration, SourceBroken, SourceDenied, SourceTimeout, build_connector
from connectors.load import load_personas
from field_registry import Subject
from field_registry.identifiers import same_identifier

SHIPPED = Path(connectors.__file__).parent / "data" / "personas.yaml"


@pytest.fixture
def fetch(source: Any, environment: Any, person: Subject, ask: Any) -> Any:
    """Ask a persona with that record for a name."""

    async def run(record: dict[str, Any], seconds: float = 2.0) -> Any:
        made = source(connector="sandbox", config={"personas": {person.id_no: record}})
        connector = build_connector(made, environment())
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            return await connector.fetch(person, [ask(attribute="/base/name")], begun + seconds)
        finally:
            assert loop.time() - begun < seconds + 0.5

    return run


async def test_a_persona_answers(fetch: Any, person: Subject) -> None:
    """Records nest; the persona's own number is repeated."""
    [reply] = await fetch({"base": {"name": "陈小满"}})

    assert reply.raw == "陈小满"
    assert reply.record.echo == person.id_no


@pytest.mark.parametrize(
    ("fault", "error"), [("timeout", SourceTimeout), ("error", SourceBroken), ("denied", SourceDenied)]
)
async def test_a_persona_acts_out_its_fault(fetch: Any, fault: str, error: type[Exception]) -> None:
    """As a source in that state would, a timeout only after the whole wait."""
    with pytest.raises(error):
        await fetch({"fault": fault}, seconds=0.05)


async def test_a_persona_can_be_somebody_else(fetch: Any, person: Subject) -> None:
    """`wrong_subject` answers about another number, which is told apart."""
    [reply] = await fetch({"fault": "wrong_subject", "base": {"name": "x"}})

    assert not same_identifier(person.id_type, person.id_no, reply.record.echo)


def test_the_shipped_personas_load() -> None:
    """As JSON would carry them: dates are text; every fault has somebody who acts it out."""
    personas = load_personas(SHIPPED)

    assert personas["35058219910603996X"]["birth_date"] == "1991-06-03"
    assert {record["fault"] for record in personas.values() if "fault" in record} == {
        "timeout", "error", "denied", "wrong_subject",
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"- a\n", b"a: [", b"\xff\xfe\x00", b"a: 1\n", b"a: {fault: quake}\n"])
def test_a_file_that_is_none_is_refused_unquoted(
    tmp_path: Path, source: Any, environment: Any, content: bytes
) -> None:
    """The message names the file or the rule."""
    (tmp_path / "p.yaml").write_bytes(content)
    made = source(connector="sandbox", config={"personas": "p.yaml"})
    with pytest.raises(BadConfiguration, match="personas"):
        build_connector(made, environment(base_dir=str(tmp_path)))


def test_the_shipped_file_is_only_data() -> None:
    """It loads with the safe loader, and every identifier is text of 18 characters."""
    assert {len(str(key)) for key in yaml.safe_load(SHIPPED.read_text("utf-8"))} == {18}
