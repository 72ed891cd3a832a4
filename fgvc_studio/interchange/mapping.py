"""Guess which column of a table means what, from its names and its first rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fgvc_studio.domain.records import Split
from fgvc_studio.interchange.base import ColumnMapping
from fgvc_studio.interchange.text_table import looks_like_image, plain
from fgvc_studio.interchange.values import coordinate, number

_PATH = [
    "imagepath",
    "filepath",
    "relativepath",
    "path",
    "imgfilename",
    "imagefilename",
    "imagefile",
    "filename",
    "file",
    "image",
    "img",
    "imagename",
    "photo",
    "photofile",
    "picture",
    "mediapath",
    "media",
    "imageid",
    "photoname",
    "name",
    "id",
]
_LABEL = [
    "categorypath",
    "hierarchy",
    "objectannotationhierarchy",
    "category",
    "fine",
    "finelabel",
    "scientificname",
    "acceptedname",
    "species",
    "speciesname",
    "taxon",
    "taxonname",
    "objectannotationcategory",
    "label",
    "classname",
    "class",
    "classlabel",
    "categoryname",
    "labelname",
    "target",
    "variant",
    "variety",
    "cultivar",
    "determination",
    "identification",
    "name",
    "commonname",
    "vernacularname",
]
_TREE = (
    ("supercategory", "superclass", "coarse", "coarselabel", "parent", "group"),
    ("category", "fine", "finelabel", "class", "label", "species"),
)
_RANKS = (
    ("kingdom",),
    ("phylum", "division"),
    ("class",),
    ("order",),
    ("suborder",),
    ("superfamily",),
    ("family",),
    ("subfamily",),
    ("tribe",),
    ("genus",),
    ("scientificname", "species", "speciesname", "taxon"),
)
_SPLIT = ["split", "set", "subset", "partition", "usage", "dataset", "datasplit", "fold", "phase"]
_DATE = [
    "eventdate",
    "observedon",
    "date",
    "objectdate",
    "datetimeoriginal",
    "datetaken",
    "collectiondate",
    "observationdate",
    "captureddate",
    "captured",
    "datecollected",
    "timestamp",
    "datetime",
    "day",
]
_PLACE = [
    "locality",
    "verbatimlocality",
    "place",
    "placeguess",
    "location",
    "site",
    "sitename",
    "station",
    "region",
    "city",
]
_LATITUDE = ["decimallatitude", "latitude", "lat", "objectlat", "gpslatitude", "gpslat"]
_LONGITUDE = [
    "decimallongitude",
    "longitude",
    "lon",
    "lng",
    "long",
    "objectlon",
    "gpslongitude",
    "gpslon",
    "gpslong",
]
_SIZED = ("x y width height", "bboxx bboxy bboxwidth bboxheight", "bboxx bboxy bboxw bboxh",
          "xmin ymin width height", "left top width height", "boxx boxy boxwidth boxheight",
          "x y w h")  # fmt: skip
_CORNERS = ("xmin ymin xmax ymax", "x1 y1 x2 y2", "left top right bottom",
            "bboxxmin bboxymin bboxxmax bboxymax", "bboxx1 bboxy1 bboxx2 bboxy2")  # fmt: skip

KNOWN_WORDS = frozenset(
    [*_PATH, *_LABEL, *_SPLIT, *_DATE, *_PLACE, *_LATITUDE, *_LONGITUDE, "objectid", "note"]
    + [word for words in (*_SIZED, *_CORNERS) for word in words.split()]
    + [word for words in (*_RANKS, *_TREE) for word in words]
)


class _Columns:
    """The columns of a sample, looked up by plain name."""

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.names = list(header)
        self.by_plain: dict[str, str] = {}
        for name in header:
            self.by_plain.setdefault(plain(name), name)
        self.cells = {
            name: [row[i].strip() for row in rows if i < len(row) and row[i].strip()]
            for i, name in enumerate(header)
        }

    def first(
        self, words: Sequence[str], test: Callable[[list[str]], bool] = lambda cells: True
    ) -> str:
        for word in words:
            name = self.by_plain.get(word)
            if name is not None and test(self.cells[name]):
                return name
        return ""


def _share(cells: list[str], test: Callable[[str], bool]) -> float:
    return sum(map(test, cells)) / len(cells) if cells else 0.0


def _texts(cells: list[str]) -> bool:
    return _share(cells, lambda cell: number(cell) is None) > 0.5


def _splits(cells: list[str]) -> bool:
    return _share(cells, lambda cell: Split.parse(cell) is not Split.NONE) > 0.5


def _guess_path(columns: _Columns) -> str:
    images = {name: _share(cells, looks_like_image) for name, cells in columns.cells.items()}
    local = {
        name: share * (1 - _share(columns.cells[name], lambda cell: "://" in cell))
        for name, share in images.items()
    }
    best = max(local.values(), default=0.0)
    if best > 0.3:
        rivals = [name for name in columns.names if local[name] >= best - 0.05]
        ranks = {word: i for i, word in enumerate(_PATH)}
        return min(rivals, key=lambda name: ranks.get(plain(name), len(ranks)))
    weak = ("name", "id")
    found = columns.first([word for word in _PATH if word not in weak])
    if found:
        return found
    linked = max(images.values(), default=0.0)
    if linked > 0.3:
        return max(columns.names, key=images.__getitem__)
    return columns.first(weak)


def _guess_label(columns: _Columns, path: str) -> tuple[str, ...]:
    taken = {path}

    def usable(words: Sequence[str]) -> str:
        return columns.first([w for w in words if columns.by_plain.get(w) not in taken], _texts)

    ranks = [name for name in map(usable, _RANKS) if name]
    if len(ranks) >= 3 or (len(ranks) == 2 and plain(ranks[0]) in ("family", "genus")):
        return tuple(ranks)
    coarse, fine = usable(_TREE[0]), usable(_TREE[1])
    if coarse and fine:
        return (coarse, fine)
    label = usable(_LABEL)
    if not label:
        label = columns.first([w for w in _LABEL if columns.by_plain.get(w) not in taken], bool)
    return (label,) if label else ()


def _headless_label(columns: _Columns, path: str) -> tuple[str, ...]:
    for name in columns.names:
        cells = columns.cells[name]
        if name != path and _texts(cells) and not _splits(cells):
            return (name,)
    return next(((n,) for n in columns.names if n != path and columns.cells[n]), ())


def guess_mapping(
    header: Sequence[str], sample_rows: Sequence[Sequence[str]], *, named: bool = True
) -> ColumnMapping:
    """Guess the mapping of a table; every field is set, empty where no column fits.

    Parameters
    ----------
    named : bool
        Whether `header` comes from the table; False for numbered columns.
    """
    columns = _Columns(header, sample_rows)
    path = _guess_path(columns)
    if named:
        label = _guess_label(columns, path)
        split = columns.first(_SPLIT, _splits)
    else:
        label = _headless_label(columns, path)
        split = next((n for n in columns.names if _splits(columns.cells[n])), "")
    separator = ""
    if len(label) == 1:
        cells = columns.cells[label[0]]
        if _share(cells, lambda cell: ">" in cell) > 0.2:
            separator = ">"
    box: tuple[str, ...] = ()
    corners = False
    for words, is_corners in [(w, True) for w in _CORNERS] + [(w, False) for w in _SIZED]:
        names = [columns.first([word], lambda cells: not _texts(cells)) for word in words.split()]
        if all(names):
            box, corners = tuple(names), is_corners
            break
    return ColumnMapping(
        path=path,
        label=label,
        split=split,
        date=columns.first(_DATE),
        place=columns.first(_PLACE),
        latitude=columns.first(
            _LATITUDE, lambda c: _share(c, lambda x: bool(coordinate(x, 90))) > 0.5
        ),
        longitude=columns.first(
            _LONGITUDE, lambda c: _share(c, lambda x: bool(coordinate(x, 180))) > 0.5
        ),
        box=box,
        corners=corners,
        separator=separator,
    )
