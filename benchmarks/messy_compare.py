"""Compare our decoder with what Pillow alone says of a folder of bad files, as a Markdown table.

    python benchmarks/messy_compare.py FOLDER_OR_TAR

The folder holds the files and an expected.csv with the columns path, pillow13_result, format and
size_after_exif_transpose. Exit code 1 when a file crashes the decoder.
"""

import csv
import os
import sys
import tarfile
import tempfile
from pathlib import Path

from fgvc_studio.vision import decode

WHY = {
    "big/187MP_17000x11000.jpg": "JPEG is decoded at 1/8; the header's limit is 500 million pixels",
}


def path_of(root, name):
    """The file of a row; escapes in the table stand for bytes that a table cannot hold."""
    path = root / name
    if path.exists():
        return path
    raw = name.encode("utf-8").decode("unicode_escape").encode("latin-1")
    return root / os.fsdecode(raw)


def compare(root):
    same, differ, crashed = 0, [], 0
    with (root / "expected.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            theirs = row["pillow13_result"].removeprefix("error:")
            size = row["size_after_exif_transpose"]
            try:
                got = decode.examine(path_of(root, row["path"]))
                ours, note = "ok", got.note
                agree = theirs == "ok" and f"{got.width}x{got.height}" == size
                if theirs == "ok" and not agree:
                    note = f"{got.width}x{got.height} instead of {size}; {note}"
            except decode.DecodeError as error:
                ours, note, agree = "DecodeError", error.reason, theirs != "ok"
            except Exception as error:  # noqa: BLE001  (that is what is being looked for)
                ours, note, agree = "CRASH", repr(error), False
                crashed += 1
            same += agree
            if not agree:
                differ.append((row["path"], theirs, ours, WHY.get(row["path"], note)))
    return same, differ, crashed


def main():
    given = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        if given.is_file():
            with tarfile.open(given) as archive:
                archive.extractall(name, filter="tar")
            given = next(Path(name).rglob("expected.csv")).parent
        same, differ, crashed = compare(given)
    print(f"{same} files as Pillow says, {len(differ)} differ, {crashed} crashed\n")
    print("| file | Pillow alone | ours | why |\n|---|---|---|---|")
    for row in differ:
        print("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
