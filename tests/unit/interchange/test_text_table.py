import pytest

from fgvc_studio.domain.errors import UserError
from fgvc_studio.interchange.mapping import KNOWN_WORDS, guess_mapping
from fgvc_studio.interchange.text_table import TextTable

TEXT = "image,species\r\na.jpg,Hummel (Königin)\r\nb.jpg,Ñandú\r\n"


def table(tmp_path, data, **given):
    path = tmp_path / "table.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return TextTable(path, known_words=KNOWN_WORDS, **given)


def cells(found):
    return [row for _, row in found.rows()]


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"],
)
def test_encodings(tmp_path, encoding):
    found = table(tmp_path, TEXT.encode(encoding))
    assert found.columns == ["image", "species"]
    assert cells(found) == [["a.jpg", "Hummel (Königin)"], ["b.jpg", "Ñandú"]]


def test_one_name_that_is_not_utf8_does_not_change_the_rest(tmp_path):
    data = b"image,species\n" + "ü.jpg,Ñandú é\n".encode() * 5 + b"latin\xe9.jpg,x\n"
    found = table(tmp_path, data)
    assert cells(found)[-1][0].encode("utf-8", "surrogateescape") == b"latin\xe9.jpg"
    assert cells(found)[0] == ["ü.jpg", "Ñandú é"]
    assert any("not UTF-8" in note for note in found.notes)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_with_quoted_newlines(tmp_path, delimiter):
    rows = [["file", "label", "note"], ["a.jpg", "x", f'"two\nlines{delimiter} ""so"""']]
    rows += [[f"{i}.jpg", "y", "plain"] for i in range(5)]
    found = table(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    assert found.dialect.delimiter == delimiter
    assert cells(found)[0] == ["a.jpg", "x", f'two\nlines{delimiter} "so"']
    assert len(cells(found)) == 6


def test_decimal_commas_do_not_pass_for_delimiters(tmp_path):
    found = table(tmp_path, "file;lat;lon\na.jpg;48,5;3,25\nb.jpg;48,6;3,5\n")
    assert found.dialect.delimiter == ";"
    assert cells(found)[1] == ["b.jpg", "48,6", "3,5"]


def test_repeated_and_empty_headers_get_names(tmp_path):
    found = table(tmp_path, "path,name,name,\na.jpg,1,2,3\n")
    assert found.columns == ["path", "name", "name (2)", "column 4"]
    assert any("'name'" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a.jpg,Danaus\nb.jpg,Danaus\n", False),
        ("photo,kind\na.jpg,Danaus\n", True),
        ("ab12,monarch\ncd34,monarch\nef56,tiger\n", False),
        ("image\nab12\ncd34\n", True),
    ],
)
def test_header_is_seen_or_not(tmp_path, text, header):
    found = table(tmp_path, text)
    assert found.dialect.has_header is header
    assert len(cells(found)) == text.count("\n") - header
    assert bool(found.notes) is not header


def test_headerless_columns_are_guessed_by_content(tmp_path):
    found = table(tmp_path, "x/a.jpg,train,Danaus\nx/b.jpg,test,Danaus\n")
    guess = guess_mapping(found.columns, found.sample(), named=False)
    assert (guess.path, guess.label, guess.split) == ("column 1", ("column 3",), "column 2")


def test_ragged_and_blank_rows(tmp_path):
    found = table(tmp_path, "path,label\na.jpg\n\nb.jpg,x,extra\n , \nc.jpg,y\n")
    assert list(found.rows()) == [(2, ["a.jpg", ""]), (4, ["b.jpg", "x"]), (6, ["c.jpg", "y"])]
    assert found.ragged == 2


def test_faults_are_said_in_words(tmp_path):
    with pytest.raises(UserError, match="is empty"):
        table(tmp_path, "\n \n")
    with pytest.raises(UserError, match="never closed"):
        list(table(tmp_path, 'path,label\na.jpg,"open\n' + "b.jpg,x\n" * 3000).rows())
    with pytest.raises(UserError, match="cannot be read as ascii"):
        table(tmp_path, TEXT, encoding="ascii")


@pytest.mark.parametrize(
    ("header", "row", "path", "label"),
    [
        ("Filename,Label,Species", "a.jpg,0,Chinee apple", "Filename", ("Species",)),
        ("Filename,Label", "a.jpg,5", "Filename", ("Label",)),
        ("path,fine,coarse,split", "a.jpg,Gala,Apple,train", "path", ("coarse", "fine")),
        ("genus,file,family,species", "A,a.jpg,F,A b", "file", ("family", "genus", "species")),
        ("id,breed,label", "0f3,x,dingo", "id", ("label",)),
        ("name,side,image", "monarch,dorsal,gg1", "image", ("name",)),
    ],
)
def test_mapping_guesses(header, row, path, label):
    guess = guess_mapping(header.split(","), [row.split(",")])
    assert (guess.path, guess.label) == (path, label)


def test_corner_boxes_are_told_from_sizes():
    guess = guess_mapping(["f", "xmin", "ymin", "xmax", "ymax"], [["a.jpg", "1", "2", "3", "4"]])
    assert guess.box == ("xmin", "ymin", "xmax", "ymax")
    assert guess.corners is True
