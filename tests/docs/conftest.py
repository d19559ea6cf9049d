"""Documents as data: headings, code blocks with their markers, tables."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. `marker`: the words after the language, e.g. "run" in ```bash run."""

    language: str
    marker: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file, taken apart. `headings`: (level, text). `links`: relative targets only."""

    path: Path
    text: str
    headings: Sequence[tuple[int, str]]
    blocks: Sequence[Block]
    links: Sequence[str]


def parse(path: Path) -> Document:
    """The document in that file."""
    text = path.read_text(encoding="utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    headings = [
        (int(token.tag[1:]), following.content)
        for token, following in pairwise(tokens)
        if token.type == "heading_open"
    ]
    blocks = [
        Block(*[*token.info.split(maxsplit=1), "", ""][:2], token.content, (token.map or [0])[0] + 1)
        for token in tokens
        if token.type == "fence"
    ]
    inner = [child for token in tokens for child in token.children or ()]
    targets = [str(child.attrs["href"]) for child in inner if child.type == "link_open"]
    links = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    return Document(path, text, headings, blocks, links)


@pytest.fixture(scope="session")
def repository(request: pytest.FixtureRequest) -> Path:
    """The root of the repository."""
    return request.config.rootpath


@pytest.fixture(scope="session")
def document(repository: Path) -> Callable[[str], Document]:
    """Parses a document by its path in the repository."""
    return lambda name: parse(repository / name)
