"""The pages of the user guide: where they lie, their order, their headings, and a search."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "resources" / "guide", _PACKAGE.parent / "docs" / "guide")
ORDER = (
    "first-steps.md", "browse.md", "finding-new-species.md", "can-i-trust-it.md", "train.md",
    "teach-it-your-eye.md", "history.md",
)  # fmt: skip
OF_WORKSPACE = {
    "go.browse": "browse.md",
    "go.discover": "finding-new-species.md",
    "go.prototypes": "can-i-trust-it.md",
    "go.train": "train.md",
    "go.history": "history.md",
}
_HEADING = re.compile(r"^(#{1,3}) +(.+?)\s*$")
_MARKS = re.compile(r"[*_`|]|!?\[([^\]]*)\]\([^)]*\)")
_BEFORE, _AROUND = 12, 90


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes
    ----------
    headings : tuple of (level, text)
        Levels 1 to 3 in order; the first is the title.
    """

    file: str
    text: str
    headings: tuple[tuple[int, str], ...]

    @property
    def title(self) -> str:
        """Its first heading."""
        return self.headings[0][1] if self.headings else self.file

    @property
    def entry(self) -> str:
        """Its title in the contents: behind the name of the workspace that it explains."""
        names = [c for c, file in OF_WORKSPACE.items() if file == self.file]
        word = names[0].removeprefix("go.").capitalize() if names else self.title
        return (
            self.title if word == self.title else f"{word}: {self.title[0].lower()}{self.title[1:]}"
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that a search found: page, the heading above it, and the words around it."""

    file: str
    heading: str
    words: str


def folder() -> Path:
    """Where the pages are: inside the installed package, or in the source tree."""
    return next((f for f in _FOLDERS if f.is_dir()), _FOLDERS[-1])


@cache
def pages() -> tuple[Page, ...]:
    """All pages that are there, those of `ORDER` first."""
    there = sorted(p.name for p in folder().glob("*.md"))
    names = [n for n in ORDER if n in there] + [n for n in there if n not in ORDER]
    return tuple(_read(name) for name in names)


def page(file: str) -> Page | None:
    """The page of this name; None where there is none."""
    return next((p for p in pages() if p.file == file), None)


def _read(name: str) -> Page:
    text = (folder() / name).read_text("utf-8")
    found, fenced = [], False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        match = None if fenced else _HEADING.match(line)
        if match:
            found.append((len(match[1]), plain(match[2])))
    return Page(name, text, tuple(found))


def _around(text: str, at: int) -> str:
    """Some words of `text` from a little before `at`."""
    start = text.rfind(" ", 0, max(0, at - _BEFORE)) + 1 if at > _BEFORE else 0
    return ("… " if start else "") + text[start : start + _AROUND].strip()


def plain(line: str) -> str:
    """A line of Markdown without its marks."""
    return re.sub(r"\s+", " ", _MARKS.sub(lambda m: m[1] or "", line)).strip()


def search(wanted: str) -> list[Hit]:
    """Places with all words of `wanted`, a paragraph at a time, headings first."""
    needles = wanted.lower().split()
    if not needles:
        return []
    in_headings, in_text = [], []
    for page in pages():
        heading = page.title
        for block in re.split(r"\n\s*\n", page.text):
            match = _HEADING.match(block)
            heading = plain(match[2]) if match else heading
            text = plain(block.lstrip("# "))
            low = text.lower()
            if all(n in low for n in needles):
                hit = Hit(page.file, heading, _around(text, low.find(needles[0])))
                (in_headings if match else in_text).append(hit)
    return in_headings + in_text


def pictures(text: str) -> list[str]:
    """Pictures that a page shows, as they are named there."""
    return re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)
