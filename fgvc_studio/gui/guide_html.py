"""The Markdown of the guide as HTML for Qt's text view: what our pages use, and no more.

Qt reads Markdown itself but corrupts memory on some tables (6.11), and gives headings no anchors.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from fgvc_studio.gui import theme

_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_ITALIC = re.compile(r"(?<!\*)\*([^*\s][^*]*)\*")
_HEADING = re.compile(r"(#{1,4}) +(.+?)\s*$")
_ITEM = re.compile(r"( *)(?:[-*]|(\d+)\.) +(.*)$")


def slug(heading: str) -> str:
    """The name by which links reach a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def render(text: str, width: int) -> str:
    """One page as HTML; pictures are `width` pixels wide."""
    lines = text.splitlines()
    out: list[str] = []
    _blocks(lines, out, width)
    return f"<html><head><style>{_style()}</style></head><body>{''.join(out)}</body></html>"


def inline(text: str, width: int) -> str:
    """Marks within a line: pictures, links, code, bold, italic."""
    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return f"\0{len(kept) - 1}\0"

    text = _CODE.sub(lambda m: keep(f"<code>{html.escape(m[1])}</code>"), text)
    text = _IMAGE.sub(
        lambda m: keep(
            f'<img src="{html.escape(m[2])}" width="{width}"><br>'
            f'<span class="caption">{html.escape(m[1])}</span>'
        ),
        text,
    )
    text = html.escape(text, quote=False)
    text = _LINK.sub(r'<a href="\2">\1</a>', text)
    text = _ITALIC.sub(r"<i>\1</i>", _BOLD.sub(r"<b>\1</b>", text))
    return re.sub("\0(\\d+)\0", lambda m: kept[int(m[1])], text)


def _blocks(lines: list[str], out: list[str], width: int) -> None:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.startswith("```"):
            end = _until(lines, at + 1, lambda s: s.startswith("```"))
            out.append(f"<pre>{html.escape(chr(10).join(lines[at + 1 : end]))}</pre>")
            at = end + 1
        elif match := _HEADING.match(line):
            level = len(match[1])
            words = inline(match[2], width)
            out.append(f'<h{level}><a name="{slug(match[2])}"></a>{words}</h{level}>')
            at += 1
        elif line.startswith("|"):
            end = _until(lines, at, lambda s: not s.startswith("|"))
            out.append(_table(lines[at:end], width))
            at = end
        elif _ITEM.match(line):
            end = _list_end(lines, at)
            out.append(_list(lines[at:end], width))
            at = end
        else:
            end = _until(lines, at, lambda s: not s.strip() or _starts(s))
            words = inline(" ".join(s.strip() for s in lines[at:end]), width)
            picture = ' style="line-height: 100%"' if "<img" in words else ""
            out.append(f"<p{picture}>{words}</p>")
            at = end


def _starts(line: str) -> bool:
    return line.startswith(("|", "```")) or bool(_HEADING.match(line) or _ITEM.match(line))


def _until(lines: list[str], at: int, ends: Callable[[str], bool]) -> int:
    while at < len(lines) and not ends(lines[at]):
        at += 1
    return at


def _list_end(lines: list[str], at: int) -> int:
    """A list goes on over blank lines as long as items or indented lines follow."""
    while at < len(lines):
        line = lines[at]
        if line.strip() and not _ITEM.match(line) and not line.startswith(" "):
            return at
        if not line.strip():
            after = lines[at + 1] if at + 1 < len(lines) else ""
            if not (_ITEM.match(after) or after.startswith("  ")):
                return at
        at += 1
    return at


def _list(lines: list[str], width: int) -> str:
    first = _ITEM.match(lines[0])
    indent = len(first[1]) if first else 0
    tag = "ol" if first and first[2] else "ul"
    items: list[list[str]] = []
    for line in lines:
        match = _ITEM.match(line)
        if match and len(match[1]) == indent:
            items.append([match[3]])
        else:
            items[-1].append(line)
    return f"<{tag}>{''.join(_item(i, width) for i in items)}</{tag}>"


def _item(lines: list[str], width: int) -> str:
    """The words of an item, then what is indented below it (a table, a list)."""
    rest = [s.strip() if s.lstrip().startswith("|") else s for s in lines[1:]]
    end = _until(rest, 0, lambda s: not s.strip() or _starts(s) or bool(_ITEM.match(s)))
    words = " ".join([lines[0], *(s.strip() for s in rest[:end])])
    below: list[str] = []
    _blocks(rest[end:], below, width - 40)
    return f"<li>{inline(words, width)}{''.join(below)}</li>"


def _table(lines: list[str], width: int) -> str:
    rows = [[c.strip() for c in re.split(r"(?<!\\)\|", s.strip().strip("|"))] for s in lines]
    body = [r for r in rows if not all(re.fullmatch(r":?-+:?", c) for c in r)]
    cells = []
    for i, row in enumerate(body):
        tag = "th" if i == 0 and len(body) < len(rows) else "td"
        if tag == "th" and not any(row):
            continue
        cells.append("<tr>" + "".join(f"<{tag}>{inline(c, width)}</{tag}>" for c in row) + "</tr>")
    return (
        f'<table cellspacing="0" cellpadding="7" border="1" width="100%">{"".join(cells)}</table>'
        "<p></p>"
    )


def _style() -> str:
    t = theme.current()
    size = theme.px(14)
    return f"""
    body {{ color: {t.text}; font-size: {size}px; line-height: 140%; }}
    h1 {{ font-size: {theme.px(24)}px; margin-top: 6px; margin-bottom: 10px; }}
    h2 {{ font-size: {theme.px(18)}px; margin-top: 26px; margin-bottom: 6px; }}
    h3 {{ font-size: {theme.px(15)}px; margin-top: 18px; margin-bottom: 4px; }}
    p {{ margin-top: 4px; margin-bottom: 10px; }}
    li {{ margin-bottom: 4px; }}
    a {{ color: {t.accent}; }}
    th {{ text-align: left; color: {t.muted}; font-weight: 600; }}
    table {{ border-collapse: collapse; border-color: {t.border}; border-style: solid; }}
    code {{ font-family: monospace; background-color: {t.hover}; }}
    pre {{ font-family: monospace; white-space: pre-wrap; background-color: {t.hover}; }}
    .caption {{ color: {t.muted}; font-size: {theme.px(12)}px; }}
    """
