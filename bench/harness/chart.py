"""The chart: a bar for every line, its length the logarithm of the speed relative to native PostgreSQL."""
import math
import os
from xml.sax.saxutils import escape

from . import report

ROW, LEFT, WIDTH, TOP = 17, 330, 460, 46
LOWEST, HIGHEST = 0.1, 10.0
MARKS = (0.1, 0.2, 0.5, 1, 2, 5, 10)
FASTER, SLOWER, MISSED = "#2f7d4f", "#8aa4b8", "#c0563b"


def x_of(ratio):
    at = math.log(min(max(ratio, LOWEST), HIGHEST) / LOWEST) / math.log(HIGHEST / LOWEST)
    return LEFT + WIDTH * at


def write(results):
    rows = [(r, r["peers"]["ours"]) for r, _ in report.newest(report.load(results)) if "ratio" in r["peers"].get("ours", {})]
    if not rows:
        return
    height = TOP + ROW * (len(rows) + len({r["group"] for r, _ in rows})) + 12
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" height="{height}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="18" font-size="14" font-weight="bold">Speed relative to native PostgreSQL 18 (logarithmic; the whisker is the spread)</text>']
    for mark in MARKS:
        x = x_of(mark)
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - 8}" stroke="{"#333" if mark == 1 else "#ddd"}"/>'
                   f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle" fill="#555">{mark:g}</text>')
    y, group = TOP, None
    for result, ours in rows:
        if result["group"] != group:
            group = result["group"]
            y += ROW
            out.append(f'<text x="10" y="{y - 5}" font-weight="bold">{escape(group)}</text>')
        low, high = sorted((x_of(1), x_of(ours["ratio"])))
        colour = MISSED if report.verdict(result) is False else FASTER if ours["ratio"] >= 1 else SLOWER
        a, b = (x_of(v) for v in ours["ratio_spread"])
        out.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(result["title"].replace("`", ""))}</text>'
                   f'<rect x="{low:.1f}" y="{y + 3}" width="{max(high - low, 1):.1f}" height="{ROW - 6}" fill="{colour}"/>'
                   f'<line x1="{a:.1f}" x2="{b:.1f}" y1="{y + ROW / 2}" y2="{y + ROW / 2}" stroke="black"/>'
                   f'<text x="{LEFT + WIDTH + 8}" y="{y + 12}">{ours["ratio"]:.2f}</text>')
        y += ROW
    out.append("</svg>")
    with open(os.path.join(os.path.dirname(os.path.abspath(results)), "RESULTS.svg"), "w") as f:
        f.write("\n".join(out) + "\n")
