"""What a moth can look like: the vocabulary in which the recipe of each species is written.

Wing coordinates: u runs from the base (0) to the outer margin (1), v from the costa (0) to the
dorsum (1). Colours are sRGB triples in 0..1. Lengths are fractions of the forewing length.
"""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A transverse line of a wing, where ``u = at + bend * (v - pivot)**2 + slant * (v - .5)``.

    Attributes
    ----------
    waves, amplitude : float
        Number and height of the scallops along it.
    sharp : bool
        Scallops end in points (dentate) instead of waves.
    pale_side : float
        Strength of the pale edge outside the dark line; negative: inside.
    """

    at: float
    width: float = 0.012
    strength: float = 0.75
    bend: float = 0.0
    pivot: float = 0.45
    slant: float = 0.0
    waves: float = 0.0
    amplitude: float = 0.0
    sharp: bool = False
    pale_side: float = 0.35


@dataclass(frozen=True, slots=True)
class Spot:
    """A mark at (u, v).

    Attributes
    ----------
    kind : str
        ``dot``, ``ring``, ``kidney``, ``bar``, ``lunule``, ``comma`` or ``eye``.
    size : float
        Radius.
    part : str
        Name under which the key points carry it.
    tone : Colour or None
        Filling; None takes the pale colour of the wing.
    pupil : float
        For eyes: radius of the dark pupil relative to the eye.
    """

    part: str
    kind: str
    u: float
    v: float
    size: float
    tone: Colour | None = None
    strength: float = 0.9
    pupil: float = 0.5


@dataclass(frozen=True, slots=True)
class WingPattern:
    """Everything painted on one wing."""

    ground: Colour
    outer: Colour
    dark: Colour
    pale: Colour
    basal: Colour | None = None
    antemedian: Line | None = None
    median: Line | None = None
    postmedian: Line | None = None
    subterminal: Line | None = None
    terminal_dots: float = 0.0
    spots: tuple[Spot, ...] = ()
    streak: float = 0.0
    apical_dash: float = 0.0
    margin: float = 0.0
    margin_colour: Colour | None = None
    fringe: int = 0
    veins: float = 0.2
    mottling: float = 0.5
    costal_marks: float = 0.0


@dataclass(frozen=True, slots=True)
class WingShape:
    """Control points of a wing outline.

    Attributes
    ----------
    costa, dorsum : tuple of (x, y)
        From the base outwards; x along the wing, y towards the dorsum.
    termen : tuple of float
        How far the outer margin bulges, from the apex to the tornus.
    scallops : float
        Height of the scallops of the outer margin.
    rounding : float
        How far apex and tornus are rounded off.
    """

    costa: tuple[tuple[float, float], ...]
    dorsum: tuple[tuple[float, float], ...]
    termen: tuple[float, ...]
    scallops: float = 0.0
    rounding: float = 0.03


@dataclass(frozen=True, slots=True)
class Habitus:
    """The build that the species of a genus share.

    Attributes
    ----------
    fore_angle, hind_angle : float
        Degrees above the horizontal of a set specimen's wings.
    rest : float
        Degrees that the forewings go back when the moth sits.
    antenna : str
        ``feathered``, ``thread`` or ``clubbed``.
    banded : Colour or None
        Colour of the bands along the abdomen.
    """

    fore: WingShape
    hind: WingShape
    fore_angle: float
    hind_angle: float
    rest: float
    thorax: tuple[float, float]
    abdomen: tuple[float, float]
    head: float
    antenna: str
    antenna_length: float
    fur: Colour
    fur_pale: Colour
    abdomen_colour: Colour
    banded: Colour | None = None
    wingspan_mm: float = 40.0
    tegula: float = 0.5


@dataclass(frozen=True, slots=True)
class Species:
    """One invented species and how it is told from its sisters.

    Attributes
    ----------
    differs : tuple of str
        Parts in which it differs from the type species of its genus; empty for that one.
    novel : bool
        Nobody has named it yet: its images are never labelled.
    """

    genus: str
    epithet: str
    authorship: str
    vernacular: str
    fore: WingPattern
    hind: WingPattern
    differs: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    novel: bool = False

    @property
    def name(self) -> str:
        """The binomial."""
        return f"{self.genus} {self.epithet}"


@dataclass(frozen=True, slots=True)
class Genus:
    """An invented genus."""

    name: str
    authorship: str
    vernacular: str
    habitus: Habitus
