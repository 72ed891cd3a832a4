"""Hyper-parameters as frozen dataclasses whose fields carry what forms and options need."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.setting_words import Words, words_of

C = TypeVar("C")
AUTOMATIC = -1.0
"""The value of a number whose choice is left to the method, where its range begins with it."""
_KEY = "parameter"
_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is known of a hyper-parameter beside its value.

    Attributes
    ----------
    low, high : float
        Inclusive range of numbers.
    choices : tuple of str
        Allowed words; empty when free.
    symbol : str
        How the paper writes it.
    basic : bool
        Whether a form shows it without being asked for all settings.
    """

    help: str
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    symbol: str = ""
    choices: tuple[str, ...] = ()
    basic: bool = False


@dataclass(frozen=True, slots=True)
class FormField:
    """One line of a form: a field's name, kind (bool, int, float, str), default and facts.

    Attributes
    ----------
    words : Words
        What people read; see `setting_words`.
    """

    name: str
    kind: str
    default: Any
    parameter: Parameter
    words: Words

    @property
    def unit(self) -> str:
        """What a number counts; empty for plain numbers."""
        return self.parameter.unit or self.words.unit

    @property
    def title(self) -> str:
        """The name in words."""
        return self.words.title or self.name.replace("_", " ").capitalize()

    def told(self, value: object) -> str:
        """A value in words, with its unit."""
        about = self.parameter
        if isinstance(value, bool):
            return "yes" if value else "no"
        if not isinstance(value, int | float):
            return str(value)
        if value == AUTOMATIC == about.low:
            return "automatic"
        if value == 0 and self.words.zero:
            return self.words.zero
        number = f"{value:,}" if isinstance(value, int) else f"{value:g}"
        return f"{number} {self.unit}".strip()

    def line(self) -> str:
        """One line of help for the command line."""
        about = self.parameter
        facts = [self.kind, f"default {self.default}"]
        if about.choices:
            facts[0] = "|".join(about.choices)
        elif self.kind in ("int", "float"):
            facts.append(f"{_bound(about.low)}..{_bound(about.high)}")
        facts.extend(x for x in (self.unit, f"paper: {about.symbol}" * bool(about.symbol)) if x)
        return f"{self.name} ({', '.join(facts)}): {about.help}"


def param(default: Any, help: str, **facts: Any) -> Any:
    """A dataclass field with its `Parameter`."""
    return field(default=default, metadata={_KEY: Parameter(help=help, **facts)})


def form(config: type) -> list[FormField]:
    """The fields of a configuration class in order."""
    kinds = get_type_hints(config)
    return [
        FormField(
            f.name,
            kinds[f.name].__name__,
            f.default,
            f.metadata[_KEY],
            words_of(config.__name__, f.name),
        )
        for f in fields(config)
        if _KEY in f.metadata and f.default is not MISSING
    ]


@dataclass(frozen=True, slots=True)
class Told:
    """A setting of a run for reading.

    Attributes
    ----------
    value : str
        In words, with its unit.
    own : bool
        Whether it differs from the preset's.
    """

    field: FormField
    value: str
    own: bool

    @property
    def shown_first(self) -> bool:
        """Whether it is shown without being asked for."""
        return self.own or self.field.parameter.basic


def told(preset: object, settings: Mapping[str, object]) -> list[Told]:
    """The settings of a run in the order of the form; those of other versions are left out."""
    return [
        Told(f, f.told(settings[f.name]), settings[f.name] != getattr(preset, f.name))
        for f in form(type(preset))
        if f.name in settings
    ]


def changed(config: C, settings: Mapping[str, object]) -> C:
    """A configuration with other values, each checked and converted from text when needed.

    Raises
    ------
    UserError
        Unknown name, or a value that is no such number, out of range or not among the choices.
    """
    known = {f.name: f for f in form(type(config))}
    values = {}
    for name, value in settings.items():
        name = name.replace("-", "_")
        if name not in known:
            raise UserError(
                f"There is no setting {name!r}.", f"Choose among {', '.join(sorted(known))}."
            )
        values[name] = _checked(known[name], value)
    return dataclasses.replace(config, **values)  # type: ignore[type-var]


def parse_settings(words: Sequence[str]) -> dict[str, str]:
    """``key=value`` words as a mapping.

    Raises
    ------
    UserError
        A word without ``=``.
    """
    found = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key.strip():
            raise UserError(f"{word!r} is no setting.", "Write --set key=value.")
        found[key.strip()] = value.strip()
    return found


def _checked(field_: FormField, value: object) -> Any:
    about, name = field_.parameter, field_.name
    try:
        made = _converted(field_.kind, value)
    except (TypeError, ValueError):
        raise UserError(
            f"{value!r} is no value for {name}.", f"Give a value of the kind {field_.kind}."
        ) from None
    if about.choices and made not in about.choices:
        raise UserError(f"{name} cannot be {value!r}.", f"Choose {', '.join(about.choices)}.")
    number = isinstance(made, int | float) and not isinstance(made, bool)
    if number and not about.low <= made <= about.high:
        raise UserError(
            f"{name} cannot be {made:g}.",
            f"Choose a value from {_bound(about.low)} to {_bound(about.high)}.",
        )
    return made


def _converted(kind: str, value: object) -> Any:
    if kind == "bool":
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word not in _YES | _NO:
            raise ValueError(word)
        return word in _YES
    if kind == "int":
        number = float(str(value))
        if number != int(number):
            raise ValueError(number)
        return int(number)
    if kind == "float":
        number = float(str(value))
        if math.isnan(number):
            raise ValueError(number)
        return number
    return str(value)


def _bound(value: float) -> str:
    return "any" if math.isinf(value) else f"{value:g}"
