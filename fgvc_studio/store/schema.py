"""Tables and numbered migrations.

`DECISIONS` are recorded by the session extension; the other tables hold facts. In ``operations``,
``changeset`` is a zlib stream or, with labels as columns in front of it, what `recording.Changes`
packs; empty where it is that of ``target`` (redo) or its inverse. ``items`` is a zlib stream of the
steps between ascending int64 ids. A label's ``operation_id`` says who, when and which run.
"""

from __future__ import annotations

import apsw

DECISIONS = (
    "labels", "marks", "rejections", "splits", "categories", "category_names",
    "discoveries", "clusters", "cluster_members", "verdicts", "bans", "choices",
)  # fmt: skip

_VERSION_1 = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (id INTEGER PRIMARY KEY, path TEXT NOT NULL, relative INTEGER NOT NULL);
CREATE TABLE images (
  id INTEGER PRIMARY KEY, root_id INTEGER NOT NULL, path BLOB NOT NULL,
  size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 BLOB NOT NULL,
  width INTEGER NOT NULL, height INTEGER NOT NULL, phash INTEGER NOT NULL,
  format TEXT NOT NULL, note TEXT NOT NULL, duplicate INTEGER NOT NULL, duplicate_of INTEGER,
  UNIQUE (root_id, path));
CREATE INDEX images_sha256 ON images (sha256);
CREATE TABLE items (
  id INTEGER PRIMARY KEY, image_id INTEGER NOT NULL,
  x REAL, y REAL, width REAL, height REAL);
CREATE INDEX items_image ON items (image_id);
CREATE TABLE skipped (
  root_id INTEGER NOT NULL, path BLOB NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (root_id, path)) WITHOUT ROWID;
CREATE TABLE metadata_columns (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE metadata (
  column_id INTEGER NOT NULL, item_id INTEGER NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (column_id, item_id)) WITHOUT ROWID;
CREATE TABLE categories (
  id INTEGER PRIMARY KEY AUTOINCREMENT, parent_id INTEGER, name TEXT NOT NULL,
  rank TEXT NOT NULL, authorship TEXT NOT NULL, note TEXT NOT NULL, provisional INTEGER NOT NULL);
CREATE TABLE category_names (
  id INTEGER PRIMARY KEY AUTOINCREMENT, category_id INTEGER NOT NULL, name TEXT NOT NULL,
  kind INTEGER NOT NULL, language TEXT NOT NULL);
CREATE TABLE labels (
  item_id INTEGER PRIMARY KEY, category_id INTEGER NOT NULL, source INTEGER NOT NULL,
  confidence REAL NOT NULL, operation_id INTEGER NOT NULL);
CREATE TABLE marks (item_id INTEGER PRIMARY KEY, marks INTEGER NOT NULL);
CREATE TABLE splits (item_id INTEGER PRIMARY KEY, split INTEGER NOT NULL);
CREATE TABLE rejections (
  item_id INTEGER NOT NULL, category_id INTEGER NOT NULL, PRIMARY KEY (item_id, category_id));
CREATE TABLE discoveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, title TEXT NOT NULL,
  space TEXT NOT NULL, run TEXT NOT NULL, at REAL NOT NULL, who TEXT NOT NULL,
  items INTEGER NOT NULL, clusters INTEGER NOT NULL, low INTEGER NOT NULL,
  estimate INTEGER NOT NULL, high INTEGER NOT NULL, facts BLOB NOT NULL);
CREATE TABLE clusters (
  id INTEGER PRIMARY KEY AUTOINCREMENT, discovery_id INTEGER NOT NULL, number INTEGER NOT NULL,
  row INTEGER NOT NULL, given TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
  category_id INTEGER,
  parent_id INTEGER, correct INTEGER, shown INTEGER);
CREATE TABLE cluster_members (
  discovery_id INTEGER NOT NULL, item_id INTEGER NOT NULL, cluster_id INTEGER NOT NULL,
  PRIMARY KEY (discovery_id, item_id)) WITHOUT ROWID;
CREATE TABLE verdicts (
  run TEXT NOT NULL, prototype INTEGER NOT NULL, verdict TEXT NOT NULL, note TEXT NOT NULL,
  who TEXT NOT NULL, at REAL NOT NULL, item_id INTEGER NOT NULL, x REAL NOT NULL, y REAL NOT NULL,
  branch TEXT NOT NULL, category_id INTEGER NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL,
  PRIMARY KEY (run, prototype)) WITHOUT ROWID;
CREATE TABLE bans (
  run TEXT NOT NULL, prototype INTEGER NOT NULL, reason TEXT NOT NULL,
  who TEXT NOT NULL, at REAL NOT NULL, item_id INTEGER NOT NULL, x REAL NOT NULL, y REAL NOT NULL,
  branch TEXT NOT NULL, category_id INTEGER NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL,
  PRIMARY KEY (run, prototype)) WITHOUT ROWID;
CREATE TABLE choices (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE operations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL, host TEXT NOT NULL,
  kind TEXT NOT NULL, verb TEXT NOT NULL, summary TEXT NOT NULL, count INTEGER NOT NULL,
  run_id TEXT, target INTEGER, undone INTEGER NOT NULL DEFAULT 0,
  abandoned INTEGER NOT NULL DEFAULT 0, tables TEXT NOT NULL, items BLOB NOT NULL,
  changeset BLOB NOT NULL);
CREATE INDEX operations_open ON operations (kind, undone, abandoned, id);
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1,)
"""Script ``i`` brings version ``i`` to ``i + 1``; `FORMAT` is the number of scripts."""
FORMAT = len(MIGRATIONS)


def version(connection: apsw.Connection) -> int:
    """Version of the schema in a database; 0 for an empty one."""
    found = connection.execute("PRAGMA user_version").fetchone()
    return int(found[0]) if found else 0


def upgrade(connection: apsw.Connection) -> int:
    """Bring a database to the newest version, each step in its own transaction."""
    for number in range(version(connection), len(MIGRATIONS)):
        with connection:
            connection.execute(MIGRATIONS[number])
            connection.execute(f"PRAGMA user_version={number + 1}")
    return version(connection)
