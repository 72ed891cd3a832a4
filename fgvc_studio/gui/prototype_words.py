"""How the workspace of prototypes calls branches, verdicts, parts of the suspicion, steps."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from fgvc_studio.domain.prototypes import Effects, Verdict

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
    if not photos:
        return translate("prototypes", "decides no photo")
    if photos == 1:
        return translate("prototypes", "decides 1 photo")
    return translate("prototypes", "decides {n} photos").format(n=f"{photos:,}")


def worth(purity: float) -> list[str]:
    """How pure it is, as far as that is known."""
    if purity != purity:
        return []
    words = translate("prototypes", "{value} of its best matches are alike")
    return [words.format(value=share(purity, 0))]


def facts_tip(name: str, relevance: float) -> str:
    """What the line of facts means."""
    told = [
        branch_tip(name) + ".",
        translate(
            "prototypes",
            "Decides: photos that are named as its category more for it than for any other "
            "prototype of its branch. Alike: the same part of the body where parts are known, "
            "otherwise the same category.",
        ),
    ]
    if relevance == relevance:
        words = translate("prototypes", "It adds {value} on average where its category wins.")
        told.append(words.format(value=f"{relevance:.2f}"))
    return " ".join(told)


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
        "validation": translate("prototypes", "checked photos"),
        "training": translate("prototypes", "photos it learned from"),
        "labelled": translate("prototypes", "labelled photos it did not learn from"),
    }.get(key, key)


def judged_on_tip(key: str) -> str:
    """What these items are good for."""
    return {
        "validation": translate(
            "prototypes",
            "Checked photos have a label but were kept out of the training, so they tell how the "
            "model does on photos that it has never seen.",
        ),
        "training": translate(
            "prototypes",
            "Too few labelled photos were kept out of the training, so these are photos that the "
            "model knows by heart: they hardly show what a change does to new ones.",
        ),
        "labelled": translate(
            "prototypes",
            "Photos that got a label after the training, so the model has never seen them.",
        ),
    }.get(key, "")


def capital(sentence: str) -> str:
    """A sentence that stands alone."""
    return sentence[:1].upper() + sentence[1:]


def share(value: float, digits: int = 1) -> str:
    """``84.1 %``."""
    return "–" if value != value else f"{100 * value:.{digits}f} %"


def effects_words(effects: Effects) -> str:
    """``right on 60 checked photos: 84.1 % → 83.3 % (2 become right, 3 become wrong). ...``."""
    return f"{_right(effects)} {_renamed(effects)}"


def _right(effects: Effects) -> str:
    if not effects.items:
        return translate("prototypes", "no labelled photo tells how often it is right.")
    before, after = share(effects.accuracy_before), share(effects.accuracy_after)
    turned = []
    if effects.better == 1:
        turned.append(translate("prototypes", "1 becomes right"))
    elif effects.better:
        turned.append(translate("prototypes", "{n} become right").format(n=f"{effects.better:,}"))
    if effects.worse == 1:
        turned.append(translate("prototypes", "1 becomes wrong"))
    elif effects.worse:
        turned.append(translate("prototypes", "{n} become wrong").format(n=f"{effects.worse:,}"))
    if not turned:
        words = translate("prototypes", "right on {n} {which}: {before}, as before.")
    else:
        words = translate("prototypes", "right on {n} {which}: {before} → {after} ({turned}).")
    return words.format(
        n=f"{effects.items:,}", which=judged_on(effects.on), before=before, after=after,
        turned=", ".join(turned),
    )  # fmt: skip


def _renamed(effects: Effects) -> str:
    """What happens to the photos that do not tell whether it is right."""
    total = len(effects.flips)
    if not total:
        return translate("prototypes", "No photo would get another name.")
    rest = total - effects.better - effects.worse - effects.stay
    if not rest:
        return translate("prototypes", "No other photo would get another name.")
    unlabelled = int((effects.flips.columns[:, 3] == 0).sum()) == rest
    if rest == 1:
        return (
            translate("prototypes", "1 unlabelled photo would get another name.")
            if unlabelled
            else translate("prototypes", "1 other photo would get another name.")
        )
    words = (
        translate("prototypes", "{n} unlabelled photos would get another name.")
        if unlabelled
        else translate("prototypes", "{n} other photos would get another name.")
    )
    return words.format(n=f"{rest:,}")


def figures() -> list[tuple[str, str]]:
    """Key and name of the accuracies of a model, in order."""
    return [
        ("accuracy", translate("prototypes", "Right")),
        ("balanced", translate("prototypes", "Right, each category counting alike")),
        ("worst_class", translate("prototypes", "Right in the worst category")),
        ("support", translate("prototypes", "Right by support prototypes alone")),
        ("trivial", translate("prototypes", "Right by trivial prototypes alone")),
    ]
