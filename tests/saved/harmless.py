"""What saved HTML may hold, whatever was written by the user: text, and elements that do nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from jupyter_amltrain.saved.page import MOST_BYTES

HOSTILE = "<script>alert(1)</script><img src=x onerror='alert(2)'>\u202e\x1b[31m\x00\"&amp;"
TAGS = {
    "div",
    "span",
    "strong",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "pre",
    "code",
    "p",
    "br",
}
DRAWN = {"svg", "rect", "polyline", "circle"}


class Page(HTMLParser):
    """What is in some HTML: its text, its elements, and that each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def harmless(html: str) -> Page:
    page = Page(html)
    assert page.tags <= TAGS | DRAWN
    assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href", "id", "data")}
    assert not re.search(r"url\(|https?:", html.replace(HOSTILE, ""))
    assert not {*html} & {"\u202e", "\x1b", "\x00"}
    assert len(html.encode()) < MOST_BYTES
    return page
