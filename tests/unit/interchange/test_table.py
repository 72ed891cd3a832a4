import pytest

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Box, Skipped, Split
from fgvc_studio.interchange.base import ColumnMapping
from fgvc_studio.interchange.registry import sniff
from fgvc_studio.interchange.table import TableReader


@pytest.fixture
def make(tmp_path):
    def make(text, *files, name="labels.csv"):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        path = tmp_path / name
        path.write_text(text)
        return path

    return make


def rows(source, mapping=None, images=None):
    found = list(TableReader().rows(source, mapping, images))
    return (
        [row for row in found if not isinstance(row, Skipped)],
        {row.path: row.reason for row in found if isinstance(row, Skipped)},
    )


def texts(preview):
    return {w.text: w for w in preview.warnings}


def test_labels_tree_splits_and_facts(make):
    source = make(
        "path;fine;coarse;split;eventDate;lat;lon;locality;trap\n"
        "a/1.jpg;Gala;Apple;train;13/08/2019;48,5;3,25;Lyon;T1\n"
        "a/2.jpg;Gala;Apple;valid;3/8/2019;;;;\n",
        "a/1.jpg",
        "a/2.jpg",
    )
    assert sniff(source).format == "table"
    found, skipped = rows(source)
    assert not skipped
    assert [r.category for r in found] == [("Apple", "Gala")] * 2
    assert [r.split for r in found] == [Split.TRAIN, Split.VAL]
    assert found[0].metadata == {
        "date": "2019-08-13",
        "latitude": "48.5",
        "longitude": "3.25",
        "place": "Lyon",
        "trap": "T1",
    }
    assert found[1].metadata == {"date": "2019-08-03"}
    only_fine, _ = rows(source, ColumnMapping(path="path", label=("fine",), split=""))
    assert only_fine[0].category == ("Gala",)
    assert only_fine[0].split is Split.NONE


def test_paths_are_found_however_they_are_written(make, tmp_path):
    source = make(
        f"image,label\n{tmp_path}/img/A 1.jpg,x\nimg\\b.jpg,x\nC.JPG,x\nd,x\nold/disk/e.jpg,x\n"
        "img/f%20g.jpg,x\n'=h.jpg,x\n",
        "img/A 1.jpg", "img/b.jpg", "img/c.jpg", "img/d.png", "img/e.jpg", "img/f g.jpg",
        "img/=h.jpg",
    )  # fmt: skip
    found, skipped = rows(source, images=tmp_path)
    assert not skipped
    assert [r.relative for r in found] == [
        f"img/{n}" for n in ("A 1.jpg", "b.jpg", "c.jpg", "d.png", "e.jpg", "f g.jpg", "=h.jpg")
    ]
    assert found[0].path == tmp_path / "img" / "A 1.jpg"


def test_rows_without_an_image_say_why(make, tmp_path):
    outside = tmp_path.parent / "outside.jpg"
    outside.write_bytes(b"x")
    source = make(
        f"image,label\nmissing.jpg,x\n{outside},x\n../outside.jpg,x\nhttps://a.org/b.jpg,x\n"
        "twin.jpg,x\n,x\na/twin.jpg,x\n",
        "a/twin.jpg",
        "b/twin.jpg",
    )
    (tmp_path / "link.jpg").symlink_to(outside)
    source.write_text(source.read_text() + "link.jpg,x\n")
    found, skipped = rows(source, images=tmp_path)
    assert [r.relative for r in found] == ["a/twin.jpg"]
    assert "no such file" in skipped["missing.jpg"]
    assert "outside" in skipped[str(outside)]
    assert "outside" in skipped["../outside.jpg"]
    assert "web address" in skipped["https://a.org/b.jpg"]
    assert "fits several files" in skipped["twin.jpg"]
    assert "names no image" in skipped["row 7"]
    assert "links are not followed" in skipped["link.jpg"]


def test_preview_warns_in_words(make):
    source = make(
        "path,species,split\n1.jpg,Danaus,train\n2.jpg,danaus ,val\n1.jpg,Vanessa,train\n"
        "2.jpg,Danaus,valid\n3.jpg,,nonsense\n4.jpg,Danaus,train\n",
        "1.jpg",
        "2.jpg",
        "3.jpg",
        "extra.jpg",
    )
    preview = TableReader().preview(source)
    assert (preview.rows, preview.labelled, preview.categories) == (5, 4, 2)
    assert [s.path for s in preview.skipped] == ["4.jpg"]
    assert preview.mapping.label == ("species",)
    found = " ".join(texts(preview))
    for words in (
        "no such file",
        "again with another category",
        "name an image again; the first",
        "without a category",
        "differ only in capitals",
        "spaces at an end",
        "Several words are used for the same split",
        "mean no known split",
        "does not mention",
    ):
        assert words in found, words
    unmentioned = texts(preview)["Images in the folder that the table does not mention."]
    assert unmentioned.examples == ("extra.jpg",)


def test_unclear_values_are_kept_as_written(make):
    source = make("path,date,lat,lon\n1.jpg,3/8/2019,48,3\n2.jpg,spring,99,3\n", "1.jpg", "2.jpg")
    mapping = ColumnMapping(latitude="lat", longitude="lon")
    found, _ = rows(source, mapping)
    assert found[0].metadata == {"date as written": "3/8/2019", "latitude": "48", "longitude": "3"}
    assert found[1].metadata["latitude as written"] == "99"
    warnings = texts(TableReader().preview(source, mapping))
    assert warnings["Dates that are unclear; they are kept as written."].count == 2


def test_boxes_of_both_kinds(make):
    source = make("path,xmin,ymin,xmax,ymax\n1.jpg,10,20,30,50\n1.jpg,5,5,1,1\n", "1.jpg")
    found, _ = rows(source)
    assert [r.boxes for r in found] == [(Box(10, 20, 20, 30),), ()]
    source = make("path,x,y,width,height\n1.jpg,10,20,30.5,50\n", "1.jpg")
    assert rows(source)[0][0].boxes == (Box(10, 20, 30.5, 50),)


def test_label_cells_that_hold_a_path_in_the_tree(make):
    source = make(
        "path,category_path\n1.jpg,Animalia > Insecta>Danaus\n2.jpg,NA\n", "1.jpg", "2.jpg"
    )
    found, _ = rows(source)
    assert [r.category for r in found] == [("Animalia", "Insecta", "Danaus"), ()]


def test_the_type_row_of_ecotaxa_is_no_image(make):
    source = make("img_file_name\tobject_lat\n[t]\t[f]\n1.jpg\t18.0\n", "1.jpg", name="ecotaxa.tsv")
    found, skipped = rows(source)
    assert [r.relative for r in found] == ["1.jpg"]
    assert not skipped


def test_images_beside_the_table(make, tmp_path):
    source = make("Filename,Label\n1.jpg,x\n", "images/1.jpg", name="t.csv")
    labels = tmp_path / "labels"
    labels.mkdir()
    source = source.rename(labels / "t.csv")
    assert TableReader().root(source) == tmp_path / "images"
    assert rows(source)[0][0].relative == "1.jpg"


def test_faults_of_the_whole_table(make):
    source = make("a,b\nx,y\nx,z\n")
    with pytest.raises(UserError, match="No column"):
        TableReader().preview(source)
    with pytest.raises(UserError, match="no column 'q'"):
        TableReader().preview(source, ColumnMapping(path="q"))
    assert TableReader().sniff(source) == 0.2
