"""How the workspace of prototypes calls branches, verdicts, parts of the suspicion, steps."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from fgvc_studio.domain.prototypes import Verdict

translate = QCoreApplication.translate


def branch(name: str) -> str:
    """``support`` or ``trivial`` in the user's language."""
    return (
        translate("prototypes", "support")
        if name == "support"
        else translate("prototypes", "trivial")
    )


def branch_tip(name: str) -> str:
    """What that branch is for."""
    if name == "support":
        return translate(
            "prototypes",
            "Support: near the border to other categories, a part that tells them apart",
        )
    return translate("prototypes", "Trivial: far from the border, a typical part of the category")


def verdict(value: Verdict | str) -> str:
    """The short word of a verdict."""
    return {
        "keep": translate("prototypes", "Keep"),
        "background": translate("prototypes", "Background"),
        "duplicate": translate("prototypes", "Duplicate"),
        "wrong-part": translate("prototypes", "Wrong part"),
        "unsure": translate("prototypes", "Unsure"),
    }[str(value)]


def leads_in(photos: int) -> str:
    """In how many photos a prototype decides."""
    if photos == 1:
        return translate("prototypes", "leads in 1 photo")
    return translate("prototypes", "leads in {n} photos").format(n=f"{photos:,}")


def suspicion() -> tuple[str, str]:
    """The word, and what it is."""
    return (
        translate("prototypes", "Suspicion"),
        translate(
            "prototypes",
            "Mean of the parts below. It sorts, it never decides: many good prototypes look odd",
        ),
    )


def part(key: str) -> tuple[str, str]:
    """Name of a part of the suspicion, and the sentence that explains it."""
    return {
        "outside": (
            translate("prototypes", "Outside the object"),
            translate(
                "prototypes", "Share of what it sees that lies outside the object's mask or box"
            ),
        ),
        "outside_estimated": (
            translate("prototypes", "Outside (estimated)"),
            translate(
                "prototypes",
                "Share of what it sees that lies outside the object; no masks are known, so the "
                "object is guessed from the photos",
            ),
        ),
        "other_categories": (
            translate("prototypes", "Other categories"),
            translate(
                "prototypes", "Share of its ten best patches that lie in items of other categories"
            ),
        ),
        "border": (
            translate("prototypes", "At the edge"),
            translate(
                "prototypes", "Share of its ten best patches that lie at the edge of their photo"
            ),
        ),
        "disparate": (
            translate("prototypes", "Patches unlike"),
            translate("prototypes", "How unlike each other its ten best patches are"),
        ),
        "irrelevant": (
            translate("prototypes", "Hardly used"),
            translate(
                "prototypes", "How little it adds to the predictions of its category, by rank"
            ),
        ),
    }.get(key, (key.replace("_", " "), key))


def order(key: str) -> str:
    """How an order of the gallery is called."""
    return {
        "suspicion": translate("prototypes", "By suspicion"),
        "relevance": translate("prototypes", "By relevance"),
        "purity": translate("prototypes", "Least pure first"),
        "duplicates": translate("prototypes", "Duplicates first"),
        "category": translate("prototypes", "By category"),
        "usage": translate("prototypes", "By usage"),
    }[key]


def state(key: str) -> str:
    """How a state of the filter is called."""
    if key in ("", "open", "judged", "off"):
        return {
            "": translate("prototypes", "Any state"),
            "open": translate("prototypes", "Without a verdict"),
            "judged": translate("prototypes", "With a verdict"),
            "off": translate("prototypes", "Switched off"),
        }[key]
    return verdict(key)


def made_by(key: str) -> str:
    """How a model came about."""
    return {
        "train": translate("prototypes", "trained"),
        "reselect": translate("prototypes", "other patches chosen"),
        "refit": translate("prototypes", "last layer refitted"),
        "fine-tune": translate("prototypes", "fine-tuned by the verdicts"),
        "reproject": translate("prototypes", "patches looked for anew"),
    }.get(key, key)


def judged_on(key: str) -> str:
    """Which items an accuracy is of."""
    return {
        "validation": translate("prototypes", "validation photos"),
        "training": translate("prototypes", "training photos"),
        "labelled": translate("prototypes", "labelled photos"),
    }.get(key, key)


def share(value: float, digits: int = 1) -> str:
    """``84.1 %``."""
    return "–" if value != value else f"{100 * value:.{digits}f} %"


def effects_words(before: str, after: str, items: int, which: str) -> str:
    """``84.1 % → 83.3 % right on 60 validation photos``."""
    if before == after:
        return translate("prototypes", "{before} right on {n} {which}, as before").format(
            before=before, n=f"{items:,}", which=which
        )
    return translate("prototypes", "{before} → {after} right on {n} {which}").format(
        before=before, after=after, n=f"{items:,}", which=which
    )


def flip_words(total: int, better: int, worse: int) -> str:
    """``3 predictions change: 1 becomes right, 2 become wrong``."""
    if not total:
        return translate("prototypes", "no prediction changes")
    if total == 1:
        words = translate("prototypes", "1 prediction changes")
    else:
        words = translate("prototypes", "{n} predictions change").format(n=f"{total:,}")
    if better or worse:
        words += translate("prototypes", ": {better} to right, {worse} to wrong").format(
            better=f"{better:,}", worse=f"{worse:,}"
        )
    return words


def figures() -> list[tuple[str, str]]:
    """Key and name of the accuracies of a model, in order."""
    return [
        ("accuracy", translate("prototypes", "Right")),
        ("balanced", translate("prototypes", "Right, each category counting alike")),
        ("worst_class", translate("prototypes", "Right in the worst category")),
        ("support", translate("prototypes", "Right by support prototypes alone")),
        ("trivial", translate("prototypes", "Right by trivial prototypes alone")),
    ]
