"""The import wizard: preview in the background, nothing written before the end."""

import csv

import pytest
from PIL import Image

from fgvc_studio.gui.dialogs.import_plan import project_folder
from fgvc_studio.gui.dialogs.import_wizard import ImportWizard
from fgvc_studio.gui.task_pool import TaskPool


@pytest.fixture
def pool():
    p = TaskPool()
    yield p
    p.shut_down()


@pytest.fixture
def photos(tmp_path):
    """Two categories with three photos each, a text file and a broken picture."""
    root = tmp_path / "moths 2026"
    for k, name in enumerate(("Arctia caja", "Deilephila elpenor")):
        (root / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (60, 40), (40 * i, 90 * k, 120)).save(root / name / f"{i}.jpg")
    (root / "notes.txt").write_text("caught by lamp")
    return root


def everything(folder):
    return sorted(str(p) for p in folder.rglob("*"))


def test_folder_is_previewed_and_planned_and_nothing_is_written(qtbot, pool, photos, tmp_path):
    before = everything(tmp_path)
    wizard = ImportWizard(pool, str(photos))
    qtbot.addWidget(wizard)
    wizard.show()
    wizard.place.setText(str(tmp_path))
    qtbot.waitUntil(lambda: wizard.go.isEnabled())
    assert wizard.model.rowCount() == 6
    assert wizard.model.data(wizard.model.index(0, 2), 0) == "Arctia caja"
    assert "2 categories" in wizard.facts.text()
    assert "notes.txt" in wizard.notes.toPlainText()
    assert wizard.folders.isVisible()
    assert not wizard.columns.isVisible()
    qtbot.waitUntil(lambda: len(wizard.model._pictures) == 6)
    plan = wizard.plan()
    assert plan.format == "image_folder"
    assert plan.project == tmp_path / "moths 2026.fgvc"
    assert everything(tmp_path) == before
    with qtbot.waitSignal(wizard.planned) as planned:
        wizard.go.click()
    assert planned.args[0].source == photos
    assert everything(tmp_path) == before


def test_meaning_of_folders_can_be_changed(qtbot, pool, photos):
    wizard = ImportWizard(pool, str(photos), into="Moths")
    qtbot.addWidget(wizard)
    wizard.show()
    qtbot.waitUntil(lambda: wizard.go.isEnabled())
    wizard.folders.setCurrentIndex(wizard.folders.findData("none"))
    qtbot.waitUntil(lambda: "no labels" in wizard.facts.text())
    plan = wizard.plan()
    assert plan.folders == "none"
    assert plan.project is None


def test_table_shows_columns_and_takes_another_label_column(qtbot, pool, photos, tmp_path):
    table = tmp_path / "labels.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "species", "english"])
        for i in range(3):
            writer.writerow([f"moths 2026/Arctia caja/{i}.jpg", "Arctia caja", "garden tiger"])
    wizard = ImportWizard(pool, str(table), into="Moths")
    qtbot.addWidget(wizard)
    wizard.show()
    qtbot.waitUntil(lambda: wizard.go.isEnabled())
    assert wizard.columns.isVisible()
    assert wizard.columns.boxes["path"].currentText() == "file"
    assert wizard.plan().mapping is None
    box = wizard.columns.boxes["label1"]
    box.setCurrentIndex(box.findData("english"))
    qtbot.waitUntil(
        lambda: wizard.model.data(wizard.model.index(0, 2), 0) == "garden tiger", timeout=5000
    )
    assert wizard.plan().mapping.label[0] == "english"


def test_what_cannot_be_read_is_said_in_words(qtbot, pool, tmp_path):
    wizard = ImportWizard(pool, str(tmp_path / "nowhere"))
    qtbot.addWidget(wizard)
    wizard.show()
    qtbot.waitUntil(lambda: "does not exist" in wizard.facts.text())
    assert not wizard.go.isEnabled()
    empty = tmp_path / "empty"
    empty.mkdir()
    wizard.source.setText(str(empty))
    wizard.look()
    qtbot.waitUntil(lambda: "0 images" in wizard.facts.text())
    assert not wizard.go.isEnabled()


def test_existing_project_is_not_overwritten(qtbot, pool, photos, tmp_path):
    (tmp_path / "moths 2026.fgvc").mkdir()
    wizard = ImportWizard(pool, str(photos))
    qtbot.addWidget(wizard)
    wizard.place.setText(str(tmp_path))
    qtbot.waitUntil(lambda: wizard.plan() is not None)
    assert not wizard.go.isEnabled()
    assert "already" in wizard.where.text()
    wizard.name.setText("Other")
    assert wizard.go.isEnabled()


def test_closing_drops_the_preview(qtbot, pool, photos):
    wizard = ImportWizard(pool, str(photos))
    wizard.show()
    wizard.reject()
    assert not pool.waiting("import preview")
    qtbot.wait(50)


@pytest.mark.parametrize(
    ("name", "folder"),
    [("Moths", "Moths.fgvc"), ("a/b: c?", "a b  c.fgvc"), ("  ", "Project.fgvc")],
)
def test_project_folder_names(tmp_path, name, folder):
    assert project_folder(tmp_path, name) == tmp_path / folder
