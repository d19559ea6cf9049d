"""The README tells the truth: what it says to type works, in both languages the same.

Blocks are marked after the language.  ```bash run and ```python run are run from the repository's root; a ```text block
that follows at once is what they print, `…` standing for anything.  ```bash server is run, in order and in one shell,
against a demo city that is served meanwhile.  Blocks without a marker are for reading.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

READMES = ("README.md", "README.zh-CN.md")
PACKAGE_READMES = (
    "field_registry/README.md",
    "connectors/README.md",
    "forms/README.md",
    "policies/README.md",
    "gateway/reports/README.md",
    "gateway/security/README.md",
    "gateway/web/README.md",
)
MARKERS = {"", "run", "server"}

Parse = Callable[[str], Any]


def matches(expected: str, printed: str) -> bool:
    """Whether the output is as shown, `…` standing for anything and trailing blanks for nothing."""
    wanted = ".*?".join(
        re.escape(part) for part in re.sub(r"[ \t]+$", "", expected.strip(), flags=re.M).split("…")
    )
    return re.fullmatch(wanted, re.sub(r"[ \t]+$", "", printed.strip(), flags=re.M), re.DOTALL) is not None


def runnable(document: Any) -> Iterator[tuple[Any, str | None]]:
    """Every block marked `run`, with the output shown right after it, None when none is shown."""
    for block, after in zip(document.blocks, [*document.blocks[1:], None], strict=True):
        if block.marker == "run":
            yield block, after.text if after is not None and after.language == "text" else None


def run(block: Any, repository: Path) -> subprocess.CompletedProcess[str]:
    """Run one block from the root, with this Python's environment first on the path."""
    command = ["bash", "-euo", "pipefail"] if block.language == "bash" else [sys.executable, "-"]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(
        command,
        input=block.text,
        cwd=repository,
        env={"PATH": path, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize("name", [*READMES, *PACKAGE_READMES])
def test_what_it_says_to_run_runs(document: Parse, repository: Path, name: str) -> None:
    """Every block marked `run` ends without error and prints what is shown."""
    for block, expected in runnable(document(name)):
        outcome = run(block, repository)

        assert outcome.returncode == 0, f"{name}:{block.line}\n{outcome.stdout}\n{outcome.stderr}"
        assert expected is None or matches(expected, outcome.stdout), f"{name}:{block.line}\n{outcome.stdout}"


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The lines that `oncegate demo` says to copy, while the city they speak of is served."""
    printed = tmp_path_factory.mktemp("demo") / "printed"
    command = [sys.executable, "-m", "gateway", "demo", "--people", "1", "--traffic", "40", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONCEGATE_")}
    with printed.open("wb") as out:
        demo = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        give_up_at = time.monotonic() + 60
        while "/oauth/token" not in (text := printed.read_text(encoding="utf-8")):
            assert demo.poll() is None, text[-2000:]
            assert time.monotonic() < give_up_at, text[-2000:]
            time.sleep(0.1)
        lines = re.findall(r"^export .*$", text, re.MULTILINE)
        url = re.search(r"ONCEGATE=(\S+)", text)
        assert url is not None
        while not answers(f"{url[1]}/readyz"):
            assert time.monotonic() < give_up_at, "the city is not served"
            time.sleep(0.1)
        yield "\n".join(lines)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)


def answers(url: str) -> bool:
    """Whether the address answers well now."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_walk_through_works(document: Parse, exports: str) -> None:
    """The blocks marked `server`, typed in order into one shell, print what is shown after them."""
    blocks = list(document("README.md").blocks)
    steps = [(block, blocks[number + 1]) for number, block in enumerate(blocks) if block.marker == "server"]
    script = "\n".join([exports, *(f"{block.text}\necho '=== end of step'" for block, _ in steps)])
    outcome = subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, capture_output=True, text=True, check=False, timeout=60
    )
    printed = outcome.stdout.split("=== end of step\n")

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    for (block, shown), text in zip(steps, printed, strict=False):
        if shown.language == "text":
            assert matches(shown.text, text), f"README.md:{block.line}\n{text}"


@pytest.mark.parametrize("name", PACKAGE_READMES)
def test_each_package_shows_one_example(document: Parse, name: str) -> None:
    """A package's README has at least one example, and it is one that is run."""
    assert [block for block, _ in runnable(document(name)) if block.language == "python"]


@pytest.mark.parametrize("name", [*READMES, *PACKAGE_READMES])
def test_markers_are_known(document: Parse, name: str) -> None:
    """A mistyped marker would silently not be run."""
    assert {block.marker for block in document(name).blocks} <= MARKERS


@pytest.mark.parametrize(
    "name", [*READMES, *PACKAGE_READMES, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
)
def test_links_lead_somewhere(document: Parse, repository: Path, name: str) -> None:
    """Every relative link names a file or directory of the repository."""
    here = (repository / name).parent

    assert [link for link in document(name).links if not (here / link).exists()] == []


def test_both_languages_say_the_same(document: Parse) -> None:
    """The Chinese README has the sections, the commands and the links of the English one, in the same order."""
    english, chinese = (document(name) for name in READMES)

    assert [level for level, _ in english.headings] == [level for level, _ in chinese.headings]
    assert [(b.language, b.marker, b.text) for b in english.blocks] == [
        (b.language, b.marker, b.text) for b in chinese.blocks
    ]
    assert set(english.links) - set(READMES) == set(chinese.links) - set(READMES)


@pytest.mark.parametrize(
    ("expected", "printed", "is_same"),
    [
        ("a … c", "a b c\n", True),
        ("a\n…\nz", "a\nb\nc\nz", True),
        ("a", "b", False),
        ("sum: 7", "sum: 77", False),
    ],
)
def test_the_comparison_itself(expected: str, printed: str, is_same: bool) -> None:
    """An ellipsis stands for anything; nothing else does."""
    assert matches(expected, printed) == is_same
