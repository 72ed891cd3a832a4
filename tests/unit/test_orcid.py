"""ORCID: shape, check digit, and the signature that stands on decisions."""

import pytest

from fgvc_studio.domain import orcid


@pytest.mark.parametrize(
    "typed",
    [
        "0000-0002-1825-0097",
        "https://orcid.org/0000-0002-1825-0097",
        "  orcid.org/0000-0002-1825-0097/ ",
        "0000000218250097",
    ],
)
def test_what_people_paste_is_understood(typed):
    assert orcid.normal(typed) == "0000-0002-1825-0097"


def test_the_check_digit_x_counts():
    assert orcid.normal("0000-0002-1694-233x") == "0000-0002-1694-233X"
    assert orcid.check_digit("000000021694233") == "X"


@pytest.mark.parametrize("digit", range(16))
def test_every_single_mistyped_digit_is_found(digit):
    right = "0000000218250097"
    for other in "0123456789":
        if other != right[digit]:
            with pytest.raises(ValueError):
                orcid.normal(right[:digit] + other + right[digit + 1 :])


@pytest.mark.parametrize("typed", ["12", "0000-0002-1825-009", "Maria", "0000-0002-1825-0097-1"])
def test_other_texts_are_refused(typed):
    with pytest.raises(ValueError):
        orcid.normal(typed)


def test_an_empty_field_is_no_fault():
    assert orcid.normal("  ") == ""


def test_a_signature_can_be_taken_apart():
    signed = orcid.signature("M. S. Merian", "0000-0002-1825-0097")
    assert orcid.parted(signed) == ("M. S. Merian", "0000-0002-1825-0097")
    assert orcid.signature("Ada", "") == "Ada"
    assert orcid.parted("Ada (of Kew)") == ("Ada (of Kew)", "")
