import pytest

from fgvc_studio.interchange.values import coordinate, day_first, iso_date, number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019-08-13", "2019-08-13"),
        ("20190813", "2019-08-13"),
        ("2019:08:13 19:02:39", "2019-08-13T19:02:39"),
        ("2019-08-14 00:02:39 UTC", "2019-08-14T00:02:39Z"),
        ("2008-03-17T12:00:00-07:00", "2008-03-17T12:00:00-07:00"),
        ("13.8.2019", "2019-08-13"),
        ("13/08/2019", "2019-08-13"),
        ("8/13/2019", "2019-08-13"),
        ("12.VII.2019", "2019-07-12"),
        ("12 vii 1987", "1987-07-12"),
        ("13-Aug-2019", "2019-08-13"),
        ("August 13, 2019", "2019-08-13"),
        ("2019-08", "2019-08"),
        ("1987", "1987"),
        ("2019-08-13/2019-08-15", "2019-08-13/2019-08-15"),
        ("3/8/2019", None),
        ("3/3/2019", "2019-03-03"),
        ("31.02.2019", None),
        ("13/08/19", None),
        ("spring 2019", None),
        ("20140433", None),
        ("", None),
    ],
)
def test_dates(text, expected):
    assert iso_date(text) == expected


def test_other_rows_settle_the_order_of_days():
    assert day_first("13/08/2019") is True
    assert day_first("08/13/2019") is False
    assert day_first("03/08/2019") is None
    assert iso_date("3/8/2019", True) == "2019-08-03"
    assert iso_date("3/8/2019", False) == "2019-03-08"


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("48,8566", 90, "48.8566"),
        ("-24.4166666666667", 180, "-24.41666667"),
        ("48°51'24\"N", 90, "48.85666667"),
        ("W 2° 21′", 180, "-2.35"),
        ("\u221212,5", 180, "-12.5"),
        ("95", 90, None),
        ("48°51'N", 180, None),
        ("somewhere", 90, None),
        ("0.0", 90, "0"),
    ],
)
def test_coordinates(text, limit, expected):
    assert coordinate(text, limit) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.234,5", 1234.5), ("1,234.5", 1234.5), ("3,5", 3.5), ("-2e3", -2000.0), ("a", None)],
)
def test_numbers(text, expected):
    assert number(text) == expected
