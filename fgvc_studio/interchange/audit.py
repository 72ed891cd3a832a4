"""Warnings in words about the categories, splits and rows of a source."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from fgvc_studio.domain.records import Split
from fgvc_studio.interchange.base import EXAMPLES, Warning_


def clean_name(text: str) -> str:
    """Return a category name with outer and repeated spaces removed, in composed Unicode form."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def clean_category(raw: Iterable[str]) -> tuple[str, ...]:
    """Clean each name of a path in the tree and drop the empty ones."""
    return tuple(name for name in map(clean_name, raw) if name)


def warning(text: str, examples: Iterable[str], count: int | None = None) -> Warning_:
    """Make a warning with the first few examples; `count` is their number unless given."""
    found = list(examples)
    return Warning_(text, len(found) if count is None else count, tuple(found[:EXAMPLES]))


def counted(number: int, one: str, many: str) -> str:
    """``1 file`` / ``2,049 files``."""
    return f"{number:,} {one if number == 1 else many}"


def category_warnings(raw: Mapping[tuple[str, ...], int]) -> list[Warning_]:
    """Judge category paths as written, with the number of images of each."""
    warnings = []
    spaced = [" > ".join(path) for path in raw if any(n != " ".join(n.split()) for n in path)]
    if spaced:
        warnings.append(
            warning(
                "Category names with spaces at an end or doubled; the spaces are removed.",
                [repr(name) for name in spaced],
            )
        )
    variants: defaultdict[tuple[str, ...], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for path, count in raw.items():
        cleaned = clean_category(path)
        variants[tuple(name.casefold() for name in cleaned)][cleaned] += count
    mixed = [
        " / ".join(" > ".join(path) for path, _ in spellings.most_common())
        for spellings in variants.values()
        if len(spellings) > 1
    ]
    if mixed:
        warnings.append(
            warning(
                "Category names that differ only in capitals; each group becomes one category.",
                mixed,
            )
        )
    single = [
        " > ".join(next(iter(spellings)))
        for path, spellings in variants.items()
        if path and sum(spellings.values()) == 1
    ]
    if single and len(variants) > len(single):
        text = "One category has a single image." if len(single) == 1 else ""
        warnings.append(
            warning(text or f"{len(single):,} categories have a single image each.", single)
        )
    return warnings


def split_warnings(words: Mapping[str, int]) -> list[Warning_]:
    """Judge the words of a split column."""
    warnings = []
    by_split: defaultdict[Split, list[str]] = defaultdict(list)
    for word in words:
        by_split[Split.parse(word)].append(word)
    mixed = [
        " / ".join(sorted(spellings))
        for split, spellings in by_split.items()
        if split is not Split.NONE and len({s.strip() for s in spellings}) > 1
    ]
    if mixed:
        warnings.append(warning("Several words are used for the same split.", mixed))
    unknown = [word for word in by_split[Split.NONE] if word.strip()]
    if unknown:
        warnings.append(
            warning(
                "Words in the split column that mean no known split; "
                "those images are put into none.",
                unknown,
                sum(words[word] for word in unknown),
            )
        )
    return warnings


class Tally:
    """Counts cases of one kind and keeps the first few as examples."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[str] = []

    def add(self, example: str) -> None:
        """Count one case."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)

    def warning(self, text: str) -> list[Warning_]:
        """Return the warning in a list, or nothing when no case was seen."""
        return [Warning_(text, self.count, tuple(self.examples))] if self.count else []
