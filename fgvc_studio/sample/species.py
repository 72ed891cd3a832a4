"""The recipe: 24 invented species in 4 invented genera.

Names, authors and places are made up. Within a genus a species differs from the type species in
one to three small parts (`Species.differs`), as sister species do; genera differ in their build.
"""

from __future__ import annotations

from dataclasses import replace

from fgvc_studio.sample import genera as g
from fgvc_studio.sample.traits import Colour, Line, Species, WingPattern


def _spots(pattern: WingPattern, **changes: dict[str, object] | None) -> WingPattern:
    """Change the spots named by part; None leaves one out."""
    spots = []
    for spot in pattern.spots:
        change = changes.get(spot.part, {})
        if change is not None:
            spots.append(replace(spot, **change))  # type: ignore[arg-type]
    return replace(pattern, spots=tuple(spots))


def _line(pattern: WingPattern, which: str, **changes: object) -> WingPattern:
    """Change one transverse line."""
    old: Line = getattr(pattern, which)
    return replace(pattern, **{which: replace(old, **changes)})  # type: ignore[arg-type]


_UF, _UH = g.UMBRIVOLA_FORE, g.UMBRIVOLA_HIND
_OF, _OH = g.OCELLARNIA_FORE, g.OCELLARNIA_HIND
_SF, _SH = g.STRIGANEA_FORE, g.STRIGANEA_HIND
_CF, _CH = g.CELEROPHA_FORE, g.CELEROPHA_HIND
_RUST: Colour = (0.78, 0.42, 0.20)
_CREAM: Colour = (0.95, 0.90, 0.78)
_INK: Colour = (0.08, 0.07, 0.08)

_UMBRIVOLA = (
    Species(
        "Umbrivola",
        "vespertalis",
        "Hallström, 1887",
        "Common Dusk Owlet",
        _UF,
        _UH,
        synonyms=("Umbrivola fuscatina",),
    ),
    Species(
        "Umbrivola",
        "ferrugisticta",
        "Hallström, 1887",
        "Rust-spot Owlet",
        _spots(_UF, reniform={"tone": _RUST, "strength": 1.0, "size": 0.068}),
        _UH,
        differs=("reniform",),
    ),
    Species(
        "Umbrivola",
        "cultrata",
        "Dubrovsky, 1923",
        "Dagger Owlet",
        replace(_UF, streak=0.95),
        _UH,
        differs=("streak",),
    ),
    Species(
        "Umbrivola",
        "rectifascia",
        "Dubrovsky, 1923",
        "Straight-lined Owlet",
        _line(_UF, "postmedian", waves=0.0, bend=-0.1, width=0.022, strength=0.95, pale_side=0.6),
        _UH,
        differs=("postmedian",),
    ),
    Species(
        "Umbrivola",
        "albomarginella",
        "Moreau-Tanaka, 1958",
        "Pale-hemmed Owlet",
        replace(
            _spots(_UF, orbicular=None),
            fringe=0,
            terminal_dots=0.2,
            margin=0.10,
            margin_colour=(0.74, 0.67, 0.57),
        ),
        _UH,
        differs=("margin", "fringe", "orbicular"),
        novel=True,
    ),
    Species(
        "Umbrivola",
        "flavipennis",
        "Moreau-Tanaka, 1958",
        "Saffron-winged Owlet",
        _UF,
        replace(
            _UH,
            ground=(0.87, 0.68, 0.35),
            pale=(0.93, 0.79, 0.5),
            outer=(0.45, 0.36, 0.28),
            margin=0.22,
        ),
        differs=("hindwing_ground",),
    ),
)

_OCELLARNIA = (
    Species(
        "Ocellarnia",
        "speculatrix",
        "Brandeis & Okafor, 1911",
        "Common Mirror Emperor",
        _OF,
        _OH,
        synonyms=("Ocellarnia gemmifera", "Ocellarnia speculata"),
    ),
    Species(
        "Ocellarnia",
        "caecoides",
        "Brandeis & Okafor, 1911",
        "Half-blind Emperor",
        _OF,
        _spots(_OH, hindwing_eyespot={"size": 0.052}),
        differs=("hindwing_eyespot",),
    ),
    Species(
        "Ocellarnia",
        "cyanops",
        "Nakagawa-Bright, 1949",
        "Blue-eyed Emperor",
        _spots(_OF, eyespot={"tone": (0.38, 0.55, 0.77), "size": 0.104}),
        _spots(_OH, hindwing_eyespot={"tone": (0.38, 0.55, 0.77), "size": 0.104}),
        differs=("eyespot", "hindwing_eyespot"),
    ),
    Species(
        "Ocellarnia",
        "undulosa",
        "Nakagawa-Bright, 1949",
        "Wavy Emperor",
        _line(_OF, "postmedian", waves=7.5, amplitude=0.034),
        _line(_OH, "postmedian", waves=8.0, amplitude=0.034),
        differs=("postmedian",),
    ),
    Species(
        "Ocellarnia",
        "nigropupilla",
        "Castellan, 1977",
        "Great-pupilled Emperor",
        _spots(_OF, eyespot={"pupil": 0.80}, apical_spot=None),
        _spots(_OH, hindwing_eyespot={"pupil": 0.80}),
        differs=("eyespot", "hindwing_eyespot", "apical_spot"),
        novel=True,
    ),
    Species(
        "Ocellarnia",
        "simplicilinea",
        "Castellan, 1977",
        "Plain-banded Emperor",
        replace(_OF, antemedian=None, basal=None),
        replace(_OH, antemedian=None),
        differs=("antemedian",),
    ),
)

_STRIGANEA = (
    Species(
        "Striganea",
        "pallidaria",
        "Veldkamp, 1902",
        "Common Silk Carpet",
        _SF,
        _SH,
        synonyms=("Striganea lactearia",),
    ),
    Species(
        "Striganea",
        "quadripunctaria",
        "Veldkamp, 1902",
        "Four-dotted Silk Carpet",
        _spots(_SF, discal_spot={"kind": "dot", "size": 0.038, "tone": _INK}),
        _spots(_SH, hindwing_spot={"size": 0.032, "tone": _INK}),
        differs=("discal_spot", "hindwing_spot"),
    ),
    Species(
        "Striganea",
        "repandula",
        "Ferreira-Holt, 1931",
        "Scalloped Silk Carpet",
        _line(_SF, "postmedian", waves=6.0, amplitude=0.036, width=0.016, sharp=True),
        _line(_SH, "postmedian", waves=6.0, amplitude=0.034, width=0.016, sharp=True),
        differs=("postmedian",),
    ),
    Species(
        "Striganea",
        "fimbriaria",
        "Ferreira-Holt, 1931",
        "Tessellated Silk Carpet",
        replace(_SF, fringe=10),
        replace(_SH, fringe=9),
        differs=("fringe",),
    ),
    Species(
        "Striganea",
        "conjuncta",
        "Ilves, 1966",
        "Joined-line Silk Carpet",
        _line(_line(_SF, "antemedian", at=0.42, slant=-0.05), "postmedian", at=0.60),
        _SH,
        differs=("antemedian", "postmedian"),
        novel=True,
    ),
    Species(
        "Striganea",
        "umbralimbata",
        "Ilves, 1966",
        "Shaded Silk Carpet",
        replace(_SF, margin=0.20, margin_colour=(0.50, 0.53, 0.40)),
        replace(_SH, margin=0.22, margin_colour=(0.52, 0.55, 0.42)),
        differs=("margin",),
        novel=True,
    ),
)

_CELEROPHA = (
    Species(
        "Celeropha",
        "sagittata",
        "Lindqvist-Amaro, 1934",
        "Common Arrow Hawk",
        _CF,
        _CH,
        synonyms=("Celeropha velocissima",),
    ),
    Species(
        "Celeropha",
        "brevistriga",
        "Lindqvist-Amaro, 1934",
        "Short-streaked Hawk",
        replace(_CF, streak=0.0),
        _CH,
        differs=("streak",),
    ),
    Species(
        "Celeropha",
        "lunigera",
        "Petrossian, 1952",
        "Moon-bearing Hawk",
        _spots(_CF, discal_spot={"kind": "lunule", "size": 0.055}),
        _CH,
        differs=("discal_spot",),
    ),
    Species(
        "Celeropha",
        "melanzona",
        "Petrossian, 1952",
        "Black-zoned Hawk",
        _CF,
        _line(_CH, "postmedian", at=0.60, width=0.15, strength=0.98),
        differs=("hindwing_band",),
    ),
    Species(
        "Celeropha",
        "ochriptera",
        "Adeyemi-Roux, 1988",
        "Ochre-winged Hawk",
        _CF,
        replace(_CH, ground=(0.86, 0.66, 0.38), outer=(0.78, 0.62, 0.40), pale=(0.92, 0.80, 0.58)),
        differs=("hindwing_ground",),
        novel=True,
    ),
    Species(
        "Celeropha",
        "trilineata",
        "Adeyemi-Roux, 1988",
        "Three-lined Hawk",
        replace(
            _CF,
            antemedian=Line(0.30, width=0.020, slant=0.12, strength=0.85, pale_side=0.5),
            median=Line(0.50, width=0.020, slant=0.13, strength=0.85, pale_side=0.5),
        ),
        _CH,
        differs=("antemedian", "median"),
        novel=True,
    ),
)

GENERA = g.GENERA
SPECIES: tuple[Species, ...] = _UMBRIVOLA + _OCELLARNIA + _STRIGANEA + _CELEROPHA
