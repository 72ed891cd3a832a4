"""The code about itself: lengths, words, start-up costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "fgvc_studio").rglob("*.py"))
LONGEST_MODULE = 400
LONGEST_FUNCTION = 80


def test_no_module_is_longer_than_400_lines():
    long = {
        str(p.relative_to(ROOT)): n
        for p in SOURCES
        if (n := len(p.read_text("utf-8").splitlines())) > LONGEST_MODULE
    }
    assert not long


def test_functions_stay_short():
    long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}:{node.name} {length}")
    assert not long


def test_the_window_never_pumps_events_or_kills_threads():
    banned = re.compile(r"processEvents|\.terminate\(\)")
    found = [
        f"{p.relative_to(ROOT)}"
        for p in SOURCES
        if "gui" in p.parts and banned.search(p.read_text("utf-8"))
    ]
    assert not found


def test_no_print_outside_the_command_line():
    found = []
    for path in SOURCES:
        if "cli" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                found.append(str(path.relative_to(ROOT)))
    assert not found


@pytest.mark.parametrize("colour", ["#"])
def test_colours_are_named_in_the_theme_and_palette_only(colour):
    literal = re.compile(rf"['\"]{colour}[0-9a-fA-F]{{6}}['\"]")
    allowed = {"theme.py", "palette.py"}
    found = [
        str(p.relative_to(ROOT))
        for p in SOURCES
        if "gui" in p.parts and p.name not in allowed and literal.search(p.read_text("utf-8"))
    ]
    assert not found


def test_the_command_line_loads_neither_torch_nor_qt():
    code = (
        "import sys, fgvc_studio.cli.app\n"
        "heavy = {'torch', 'PySide6', 'timm', 'openvino', 'umap', 'numba', 'faiss', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.strip() == "[]"


def test_pictures_are_decoded_with_their_format_told():
    """Qt's guessing in a thread can lock up the window (see `picture_decode`)."""
    guessing = re.compile(r"QImageReader\(|QImage\.fromData\(|loadFromData\(")
    found = [
        str(p.relative_to(ROOT))
        for p in SOURCES
        if "gui" in p.parts
        and p.name != "picture_decode.py"
        and guessing.search(p.read_text("utf-8"))
    ]
    assert not found
