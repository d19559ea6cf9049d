"""A page as whoever reads it has it: parsed without script, each element with its attributes and its text."""

from html.parser import HTMLParser
from typing import Any

import httpx

VOID: frozenset[str] = frozenset({"meta", "link", "input", "br", "img", "hr"})


class Page(HTMLParser):
    """A page as a phone has it: every element with its attributes, and the text of each."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.status, self.html, self.headers = answer.status_code, answer.text, answer.headers
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[list[str]] = []
        self.closed: list[str] = []
        self._open: list[int] = []
        self.feed(answer.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.texts.append([])
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)
        assert self.elements[self._open.pop()][0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        for number in self._open:
            self.texts[number].append(data)

    @property
    def text(self) -> str:
        """All there is to read."""
        return self.html if not self.texts else "".join(self.texts[0])

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """The attributes of every element of that tag that has those."""
        wanted = attributes.items()
        return [each for name, each in self.elements if name == tag and wanted <= each.items()]

    def text_of(self, tag: str) -> list[str]:
        """What every element of that tag says, white space folded."""
        return [
            " ".join("".join(text).split())
            for (name, _), text in zip(self.elements, self.texts, strict=True)
            if name == tag
        ]

    def form(self, step: str) -> dict[str, Any]:
        """The hidden fields of the form of that step, as a browser sends them."""
        hidden: dict[str, Any] = {}
        for name, each in self.elements:
            if name == "form":
                if hidden.get("step") == step:
                    break
                hidden = {}
            elif name == "input" and each.get("type") == "hidden":
                hidden[each["name"]] = each["value"]
        assert hidden.get("step") == step, f"the page has no form for {step}"
        return hidden
