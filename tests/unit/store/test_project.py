"""Opening, locking, upgrading and damage of the project folder."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

import apsw
import numpy as np
import pytest
from store_kit import Shop, decisions, new_images

from fgvc_studio.domain.errors import ProjectLockedError, ProjectTooNewError, UserError
from fgvc_studio.store import project, schema
from fgvc_studio.store.project import ProjectStore

HOLD = """
import sys
from pathlib import Path
from fgvc_studio.store.project import ProjectStore
store = ProjectStore.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""
READ = """
import sys
from pathlib import Path
from fgvc_studio.store.project import ProjectStore
path = Path(sys.argv[1])
with ProjectStore.open(path, read_only=True) as store:
    print(len(store.labels.columns().item_ids), store.images.count(), store.thumbs.get(1))
try:
    ProjectStore.open(path)
except Exception as error:
    print(type(error).__name__, error)
"""


def filled(path):
    store = ProjectStore.create(path)
    store.images.add(store.images.add_root(path / "photos"), new_images(5))
    shop = Shop(store)
    shop.label([1, 2], shop.category("a"))
    return store


def test_create_and_open(tmp_path):
    with ProjectStore.create(tmp_path / 'Żuki "x".fgvc') as store:
        identity = store.id
        assert store.name == 'Żuki "x"' and not store.read_only
    with ProjectStore.open(tmp_path / 'Żuki "x".fgvc') as store:
        assert (store.id, store.name) == (identity, 'Żuki "x"')
    with ProjectStore.create(tmp_path / "b", name="two\nlines") as store:
        assert store.name == "two\nlines" and store.id != identity


def test_a_folder_name_that_is_no_utf8_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9")
    for open_ in (ProjectStore.create, ProjectStore.open):
        with pytest.raises(UserError, match="no UTF-8"):
            open_(path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["日本 %41?x=1#", "two\nlines"])
def test_odd_folder_names(tmp_path, name):
    path = tmp_path / name
    filled(path).close()
    with ProjectStore.open(path) as store:
        assert len(store.labels.columns().item_ids) == 2
    with ProjectStore.open(path, read_only=True) as store:
        assert store.images.count() == 5


def test_create_refuses_a_folder_with_something_in_it(tmp_path):
    (tmp_path / "x").write_text("mine")
    for target in (tmp_path, tmp_path / "x"):
        with pytest.raises(UserError, match="is there already"):
            ProjectStore.create(target)
    with pytest.raises(UserError, match="cannot be made"):
        ProjectStore.create(tmp_path / "x" / "inside")
    assert (tmp_path / "x").read_text() == "mine"


def test_what_is_no_project(tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(UserError, match="is no project"):
            ProjectStore.open(target)


@pytest.mark.parametrize(
    "text", [b"", b"format = ", b"\xff\xfe\x00", b"format = 'x'\nid='1'\nname='n'", b"format = 1"]
)
def test_a_damaged_description_says_what_it_needs(tmp_path, text):
    filled(tmp_path / "p").close()
    (tmp_path / "p" / "project.toml").write_bytes(text)
    with pytest.raises(UserError, match="cannot be read") as caught:
        ProjectStore.open(tmp_path / "p")
    assert "format, id and name" in caught.value.remedy


@pytest.mark.parametrize("read_only", [False, True])
def test_damaged_databases_are_refused_with_a_remedy(tmp_path, read_only):
    store = filled(tmp_path / "p")
    backup = store.backup()
    store.close()
    database = tmp_path / "p" / "project.db"
    whole = database.read_bytes()
    for broken in (b"not a database" * 100, whole[:100] + b"\xaa" * (len(whole) - 100)):
        database.write_bytes(broken)
        with pytest.raises(UserError, match="damaged") as caught:
            ProjectStore.open(tmp_path / "p", read_only=read_only)
        assert "backups" in caught.value.remedy
    database.unlink()
    with pytest.raises(UserError, match="its decisions are missing"):
        ProjectStore.open(tmp_path / "p", read_only=read_only)
    database.write_bytes(backup.read_bytes())
    with ProjectStore.open(tmp_path / "p", read_only=read_only) as mended:
        assert mended.labels.get(2).category_id == 1


def test_damage_found_while_working_is_a_sentence_too(tmp_path):
    store = filled(tmp_path / "p")
    page = int(store._db.value("SELECT rootpage FROM sqlite_master WHERE name='labels'"))
    size = int(store._db.value("PRAGMA page_size"))
    store.close()
    with (tmp_path / "p" / "project.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xaa" * size)
    with ProjectStore.open(tmp_path / "p") as store:
        with pytest.raises(UserError, match="damaged"):
            store.labels.columns()
        with pytest.raises(UserError, match="damaged"):
            Shop(store).label([1], 1)
        assert store.categories.get(1).name == "a"


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path):
    filled(tmp_path / "p").close()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "p"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ProjectLockedError) as caught:
            ProjectStore.open(tmp_path / "p")
        assert f"process {holder.pid} on {os.uname().nodename} since 20" in caught.value.what
        assert "read-only" in caught.value.remedy
        with ProjectStore.open(tmp_path / "p", read_only=True) as reader:
            assert len(reader.labels.columns().item_ids) == 2
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        with ProjectStore.open(tmp_path / "p") as store:
            assert store.labels.get(1) is not None
    finally:
        holder.kill()
        holder.communicate()


def test_two_openings_in_one_process_are_refused_too(tmp_path):
    store = filled(tmp_path / "p")
    with pytest.raises(ProjectLockedError, match=str(os.getpid())):
        ProjectStore.open(tmp_path / "p")
    (tmp_path / "p" / "lock").write_text("{")
    with pytest.raises(ProjectLockedError, match="does not say which"):
        ProjectStore.open(tmp_path / "p")
    store.close()
    store.close()
    ProjectStore.open(tmp_path / "p").close()


def test_a_failed_opening_releases_the_lock(tmp_path):
    filled(tmp_path / "p").close()
    database = tmp_path / "p" / "project.db"
    whole = database.read_bytes()
    database.write_bytes(b"?" * 5000)
    with pytest.raises(UserError, match="damaged"):
        ProjectStore.open(tmp_path / "p")
    database.write_bytes(whole)
    ProjectStore.open(tmp_path / "p").close()


def test_a_reader_sees_what_the_writer_commits_and_writes_nothing(tmp_path):
    store = filled(tmp_path / "p")
    with ProjectStore.open(tmp_path / "p", read_only=True) as reader:
        Shop(store).label([3], 1)
        assert reader.labels.get(3).category_id == 1
        for write in (
            lambda: reader.set_setting("a", "b"),
            lambda: reader.images.add_root(tmp_path),
            lambda: reader.operations.undo(who="x"),
            lambda: Shop(reader).label([4], 1),
        ):
            with pytest.raises(UserError, match="for reading only"):
                write()
        assert store.labels.get(4) is None
    store.close()


def _without_write_everywhere():
    """Root, too, shall obey the mode of folders (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH go)."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)


def run_reader(path):
    return subprocess.run(
        [sys.executable, "-c", READ, path],
        capture_output=True, text=True, check=True, preexec_fn=_without_write_everywhere,
    ).stdout  # fmt: skip


@pytest.mark.parametrize("with_thumbs", [False, True])
def test_reading_in_a_folder_without_write_permission(tmp_path, with_thumbs):
    path = tmp_path / "p"
    store = filled(path)
    store.thumbs.put_many([(1, b"jpeg")])
    store.close()
    if not with_thumbs:
        for file in (path / "cache").iterdir():
            file.unlink()
        (path / "cache").rmdir()
    folders = [p for p in (path / "cache", path) if p.exists()]
    for folder in folders:
        for file in folder.iterdir():
            file.chmod(0o444 if file.is_file() else 0o555)
        folder.chmod(0o555)
    try:
        first, second = run_reader(path).splitlines()
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert first.startswith("2 5 ")
    assert second.startswith("UserError") and "cannot be written" in second


def test_a_newer_format_is_refused(tmp_path):
    filled(tmp_path / "p").close()
    text = (tmp_path / "p" / "project.toml").read_text()
    (tmp_path / "p" / "project.toml").write_text(text.replace("format = 1", "format = 99"))
    for read_only in (False, True):
        with pytest.raises(ProjectTooNewError, match="format 99") as caught:
            ProjectStore.open(tmp_path / "p", read_only=read_only)
        assert "newer version" in caught.value.remedy
    (tmp_path / "p" / "project.toml").write_text(text)
    connection = apsw.Connection(str(tmp_path / "p" / "project.db"))
    connection.execute("PRAGMA user_version=42")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(ProjectTooNewError, match="format 42"):
            ProjectStore.open(tmp_path / "p", read_only=read_only)
    assert not (tmp_path / "p" / "backups").exists()


def newer(monkeypatch, script):
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, script))
    monkeypatch.setattr(schema, "FORMAT", schema.FORMAT + 1)


def test_an_older_project_is_upgraded_after_a_backup(tmp_path, monkeypatch):
    store = filled(tmp_path / "p")
    before = decisions(store)
    store.close()
    newer(monkeypatch, "CREATE TABLE later (x); INSERT INTO later VALUES (7)")
    with pytest.raises(UserError, match="older format"):
        ProjectStore.open(tmp_path / "p", read_only=True)
    with ProjectStore.open(tmp_path / "p") as store:
        assert store._db.value("SELECT x FROM later") == 7
        assert decisions(store) == before
        assert store._db.value("PRAGMA user_version") == schema.FORMAT
    assert f"format = {schema.FORMAT}\n" in (tmp_path / "p" / "project.toml").read_text()
    (backup,) = (tmp_path / "p" / "backups").glob("*.db")
    copy = apsw.Connection(str(backup), flags=apsw.SQLITE_OPEN_READONLY)
    assert copy.execute("PRAGMA user_version").fetchone() == (schema.FORMAT - 1,)
    assert copy.execute("SELECT count(*) FROM labels").fetchone() == (2,)
    copy.close()
    ProjectStore.open(tmp_path / "p").close()
    assert len(list((tmp_path / "p" / "backups").glob("*.db"))) == 1, "once is enough"


def test_a_failing_upgrade_changes_nothing(tmp_path, monkeypatch):
    filled(tmp_path / "p").close()
    with monkeypatch.context() as patch:
        newer(patch, "CREATE TABLE later (x); INSERT INTO nowhere VALUES (1)")
        with pytest.raises(apsw.SQLError):
            ProjectStore.open(tmp_path / "p")
    with ProjectStore.open(tmp_path / "p") as store:
        assert store._db.value("SELECT count(*) FROM sqlite_master WHERE name='later'") == 0
        assert len(store.labels.columns().item_ids) == 2


def test_five_backups_are_kept_and_a_snapshot_is_a_database(tmp_path, monkeypatch):
    store = filled(tmp_path / "p")
    for second in range(8):
        monkeypatch.setattr(project.time, "strftime", lambda _f, s=second: f"project-{s}.db")
        store.backup()
    kept = sorted(p.name for p in (tmp_path / "p" / "backups").iterdir())
    assert kept == [f"project-{s}.db" for s in range(3, 8)]
    store.snapshot(tmp_path / "copy.db")
    store.snapshot(tmp_path / "copy.db")
    copy = apsw.Connection(str(tmp_path / "copy.db"))
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert copy.execute("SELECT count(*) FROM labels").fetchone() == (2,)
    copy.close()
    store.close()


def test_readers_of_ended_threads_are_closed(tmp_path):
    store = filled(tmp_path / "p")
    found = []
    for _ in range(12):
        thread = threading.Thread(target=lambda: found.append(store.images.count()))
        thread.start()
        thread.join()
    assert found == [5] * 12
    assert len(store._db._readers) <= 2
    store.close()


def test_a_thread_reads_the_state_before_a_recording_ends(tmp_path):
    store = filled(tmp_path / "p")
    seen = []
    with store.operations.record("t", "t", who="x"):
        store.labels.clear(np.array([1], np.int64))
        assert store.labels.get(1) is None
        thread = threading.Thread(target=lambda: seen.append(store.labels.get(1)))
        thread.start()
        thread.join()
    assert seen[0] is not None and store.labels.get(1) is None
    store.close()
