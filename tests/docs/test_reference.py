"""What can be set, counted, typed or answered is documented: the tables of gateway/README.md are made from the code.

A table that lags behind fails here; `make reference` writes them anew.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from field_registry.outcomes import FILLED, OUTCOME_TEXTS
from gateway.cli import app
from gateway.settings import settings_table
from gateway.telemetry import Telemetry

README = "gateway/README.md"


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table. `head`: column names separated by |."""
    columns = head.split("|")
    lines = [columns, ["---"] * len(columns), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def settings() -> str:
    """Every setting, by its environment variable."""
    rows = ((f"`{row.variable}`", row.type, f"`{row.default}`", row.help) for row in settings_table())
    return table(
        "variable|type|default|meaning", ((cell.replace("|", "\\|") for cell in row) for row in rows)
    )


def metrics() -> str:
    """Every metric, as /metrics names it."""
    families = sorted(Telemetry().registry.collect(), key=lambda family: family.name)
    suffix = {"counter": "_total"}
    return table(
        "metric|kind|meaning",
        ((f"`{each.name}{suffix.get(each.type, '')}`", each.type, each.documentation) for each in families),
    )


def outcomes() -> str:
    """Every outcome code, and what can be done about it."""
    return table(
        "code|the applicant reads|fixed by|retry|value",
        (
            (
                f"`{code.value}`",
                f"{text.zh} {text.en}",
                text.fixed_by.value,
                yes(text.retry),
                yes(code in FILLED),
            )
            for code, text in OUTCOME_TEXTS.items()
        ),
    )


def commands() -> str:
    """Every command, and the first sentence of its help."""
    return table(
        "command|does", ((f"`oncegate {name}`", help_) for name, help_ in leaves(typer.main.get_command(app)))
    )


def leaves(command: click.Command, path: str = "") -> Iterator[tuple[str, str]]:
    """(full name, help) of every command that does something."""
    inner = getattr(command, "commands", None)  # typer's groups are click's in all but class
    if inner is None:
        yield path, command.get_short_help_str(200)
        return
    for name, each in inner.items():
        yield from leaves(each, f"{path} {name}".strip())


def yes(claim: bool) -> str:
    """A mark for a table."""
    return "yes" if claim else "–"


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings,
    "metrics": metrics,
    "outcomes": outcomes,
    "commands": commands,
}


def with_table(text: str, name: str, made: str) -> str:
    """The document with that table replaced."""
    pattern = rf"(<!-- {name}: made from the code -->\n).*?(<!-- end -->)"
    replaced, count = re.subn(pattern, lambda match: match[1] + made + match[2], text, flags=re.DOTALL)
    assert count == 1, f"{README} has no place for the table of {name}"
    return replaced


@pytest.mark.parametrize("name", TABLES)
def test_the_reference_is_what_the_code_says(repository: Path, name: str) -> None:
    """Nothing exists without its line, and no line describes what is gone."""
    path = repository / README
    text = path.read_text(encoding="utf-8")
    expected = with_table(text, name, TABLES[name]())
    if os.environ.get("WRITE_REFERENCE"):
        path.write_text(expected, encoding="utf-8")
        return

    assert expected == text, "run `make reference`"


def test_every_setting_says_what_it_does() -> None:
    """Help is never empty, and ends as a sentence does."""
    assert [row.name for row in settings_table() if not row.help.endswith(".")] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readmes_name_no_setting_that_is_gone(document: Callable[[str], Any], name: str) -> None:
    """A variable that sets nothing is worse than none."""
    named = set(re.findall(r"\b(ONCEGATE_[A-Z_]+)\b", document(name).text))
    known = {row.variable for row in settings_table()} | {"ONCEGATE_SETTINGS_FILE", "ONCEGATE_REQUIRE_ALL"}

    assert named - known == {name for name in named if name.startswith("ONCEGATE_BENCH_")}
