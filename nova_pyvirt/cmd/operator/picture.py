# SPDX-License-Identifier: Apache-2.0
"""The picture of a guest's start: a bar for each stage on one time axis (SVG, or a page with it)."""

import math
from html import escape
from typing import Final

from nova_pyvirt.core.introspect import Row
from nova_pyvirt.util.native import time

_LEFT: Final = 170
_WIDTH: Final = 640
_RIGHT: Final = 110
_TOP: Final = 64
_ERROR: Final = 20
#: characters of an error that fit in
_TEXT: Final = 130
_ROW: Final = 24
_BAR: Final = 14
_TICKS: Final = 6

#: plain colours: not every viewer knows CSS variables
_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #1b1f24; }
.title { font-size: 15px; font-weight: 600; } .soft { fill: #5b6570; }
.middle { text-anchor: middle; }
.paper { fill: #ffffff; } .grid { stroke: #d8dee4; }
.bar { fill: #2f6fb3; } .inner { fill: #7fb0de; } .failed { fill: #c0392b; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .soft { fill: #9aa5b1; } .paper { fill: #0d1117; }
  .grid { stroke: #30363d; } .bar { fill: #58a6ff; } .inner { fill: #2f6fb3; }
  .failed { fill: #ff7b72; }
}
"""


def svg(row: Row) -> str:
    """The picture of one row of the table starts."""
    count = len(row["stages"])
    first = _TOP + (_ERROR if row["error"] else 0)
    height = first + _ROW * count + 36
    width = _LEFT + _WIDTH + _RIGHT
    total = max(row["seconds"], 1e-6) * 1000
    step = _step(total)
    scale = _WIDTH / total
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" aria-label="{escape(_title(row))}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text class="title" x="16" y="26">{escape(_title(row))}</text>',
        f'<text class="soft" x="16" y="45">{escape(_subtitle(row))}</text>',
        *_error(row),
        *_axis(total, step, scale, first, first + _ROW * count),
    ]
    for index, stage in enumerate(row["stages"]):
        parts += _stage(row, stage, first + _ROW * index, scale)
    return "\n".join([*parts, "</svg>", ""])


def _title(row: Row) -> str:
    return f"Start of {row['domain']}: {row['seconds'] * 1000:.1f} ms, {row['outcome']}"


def _subtitle(row: Row) -> str:
    begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["begun"]))
    return f"{begun}  {row['uuid']}"


def _error(row: Row) -> list[str]:
    """The line that says what a start failed with; the whole of it on hovering."""
    text = row["error"]
    if not text:
        return []
    cut = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
    return [f'<text x="16" y="64">{escape(cut)}<title>{escape(text)}</title></text>']


def _step(total: float) -> float:
    """A round distance of the axis's ticks."""
    raw = total / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw)


def _axis(total: float, step: float, scale: float, top: int, bottom: int) -> list[str]:
    parts = []
    for number in range(int(total / step) + 1):
        x = _LEFT + number * step * scale
        label = f"{number * step:g}" + (" ms" if number == 0 else "")
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{bottom + 4}"/>'
        )
        parts.append(f'<text class="soft middle" x="{x:.1f}" y="{bottom + 20}">{label}</text>')
    return parts


def _stage(row: Row, stage: Row, top: int, scale: float) -> list[str]:
    took = stage["seconds"]
    took = (row["seconds"] - stage["begin"] if took is None else took) * 1000
    x = _LEFT + stage["begin"] * 1000 * scale
    wide = max(took * scale, 1.5)
    kind = "failed" if stage["failed"] else "inner" if stage["depth"] else "bar"
    middle = top + _ROW / 2 + 4
    indent = 16 + 12 * stage["depth"]
    note = f"{took:.2f}" if took < 10 else f"{took:.1f}"
    note += " ms, failed" if stage["failed"] else " ms"
    return [
        f'<text x="{indent}" y="{middle:.0f}">{escape(stage["name"])}</text>',
        f'<rect class="{kind}" x="{x:.1f}" y="{top + (_ROW - _BAR) / 2:.0f}" rx="2"'
        f' width="{wide:.1f}" height="{_BAR}"><title>{escape(stage["name"])}: {note}</title></rect>',
        f'<text class="soft" x="{x + wide + 6:.1f}" y="{middle:.0f}">{note}</text>',
    ]


def html(row: Row) -> str:
    """A page with the picture and the numbers."""
    lines = "".join(
        f"<tr><td>{'&nbsp;' * 4 * one['depth']}{escape(one['name'])}</td>"
        f"<td>{one['begin'] * 1000:.2f}</td>"
        f"<td>{(one['seconds'] or 0) * 1000:.2f}</td>"
        f"<td>{'failed' if one['failed'] else ''}</td></tr>\n"
        for one in row["stages"]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f"<title>{escape(_title(row))}</title>\n"
        "<style>body { font: 14px system-ui, sans-serif; margin: 2em; color-scheme: light dark }\n"
        "td, th { padding: 2px 12px; text-align: right } td:first-child, th:first-child"
        " { text-align: left }\nsvg { max-width: 100%; height: auto }</style></head><body>\n"
        f"{svg(row)}<table>\n<tr><th>stage</th><th>at ms</th><th>took ms</th><th></th></tr>\n"
        f"{lines}</table>\n</body></html>\n"
    )
