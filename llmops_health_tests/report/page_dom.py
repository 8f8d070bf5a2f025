"""A page as a tree, read with the standard parser, for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "br", "hr", "img", "input", "source", "wbr"})


@dataclass
class Node:
    """An element with its attributes, its children and its own text."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parent: Node | None = None
    children: list[Node | str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name, "")

    @property
    def classes(self) -> set[str]:
        """Names of its classes."""
        return set(self["class"].split())

    @property
    def text(self) -> str:
        """All text below, with spaces made one."""
        return " ".join("".join(self._texts()).split())

    def all(self, *tags: str) -> Iterator[Node]:
        """Yield the elements below, in document order; of any tag where none is given."""
        for child in self.children:
            if isinstance(child, Node):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    def within(self, tag: str) -> bool:
        """Return whether an element of that tag is above."""
        return self.parent is not None and (self.parent.tag == tag or self.parent.within(tag))

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child._texts()


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("document")
        self.at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # In HTML only void elements and those of SVG may close themselves.
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.at = self.at.parent or self.root

    def handle_endtag(self, tag: str) -> None:
        if self.at.tag != tag:
            raise ValueError(f"</{tag}> closes <{self.at.tag}> at {self.getpos()}")
        self.at = self.at.parent or self.root

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def parse(page: str) -> Node:
    """Return the tree of a page; raise ValueError where an element is not closed in its place."""
    tree = _Tree()
    tree.feed(page)
    tree.close()
    if tree.at is not tree.root:
        raise ValueError(f"<{tree.at.tag}> is not closed")
    return tree.root
