"""Draws the rows as bars: SVG that reads well on light and dark pages. Knows rows only."""

from xml.sax.saxutils import escape

WIDTH = 900
LABELS = 350  # where the bars begin
BAR_WIDTH = 380
ROW_HEIGHT = 46
TOP = 64

STYLE = """
  .page { fill: #ffffff; } .text { fill: #1f2328; } .soft { fill: #59636e; }
  .met { fill: #2da44e; } .missed { fill: #bc4c00; } .plain { fill: #0969da; }
  .other { fill: #d1d9e0; } .goal { stroke: #1f2328; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } .text { fill: #f0f6fc; } .soft { fill: #9198a1; }
    .met { fill: #3fb950; } .missed { fill: #db6d28; } .plain { fill: #4493f8; }
    .other { fill: #3d444d; } .goal { stroke: #f0f6fc; }
  }
  text { font: 13px system-ui, sans-serif; }
  .small { font-size: 11px; } .title { font-size: 16px; font-weight: 600; }
"""


def plain(markdown: str) -> str:
    return escape(markdown.replace("`", "").replace("\\|", "|"))


def draw(rows: list[dict], amount, ratio_text) -> str:
    """`amount(value, unit)` and `ratio_text(row, value)` write numbers as the table does."""
    height = TOP + ROW_HEIGHT * len(rows) + 14
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="banger-fs beside other tools">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>',
        '<text class="text title" x="16" y="28">'
        "banger-fs beside other tools: shorter is better</text>",
        '<text class="soft small" x="16" y="47">upper bar: banger-fs, lower bar: the other; '
        "upright line: the goal; at the right the ratio and both medians; "
        "each row has its own scale</text>",
    ]
    for number, row in enumerate(rows):
        lines += draw_row(row, TOP + number * ROW_HEIGHT, amount, ratio_text)
    return "\n".join(lines) + "\n</svg>\n"


def draw_row(row: dict, y: int, amount, ratio_text) -> list[str]:
    lines = [
        f'<text class="text" x="16" y="{y + 16}">{plain(row["what"])}</text>',
        f'<text class="soft small" x="16" y="{y + 31}">against {plain(row["against"])}</text>',
    ]
    if row["ratio"] is None:
        failed = f'<text class="soft" x="{LABELS}" y="{y + 20}">failed: see the table</text>'
        return [*lines, failed]
    # The longest of the three fills the width; what is too short to be seen is a line.
    longest = max(1.0, row["ratio"], row["goal"] or 0)

    def length(value: float) -> float:
        return max(1.5, round(BAR_WIDTH * value / longest, 1))

    kind = {True: "met", False: "missed", None: "plain"}[row["isMet"]]
    ours, other = (amount(row[side]["median"], row["unit"]) for side in ("ours", "other"))
    ratio = ratio_text(row, row["ratio"])
    for style, top, value in ((kind, y + 4, row["ratio"]), ("other", y + 20, 1.0)):
        lines.append(
            f'<rect class="{style}" x="{LABELS}" y="{top}" width="{length(value)}" height="14"/>'
        )
    if row["goal"] is not None:
        x = LABELS + length(row["goal"])
        lines.append(
            f'<line class="goal" x1="{x}" x2="{x}" y1="{y + 1}" y2="{y + 21}" stroke-width="2"/>'
        )
    x = LABELS + BAR_WIDTH + 12
    return [
        *lines,
        f'<text class="text" x="{x}" y="{y + 16}">{ratio}: {ours}</text>',
        f'<text class="soft small" x="{x}" y="{y + 31}">{other}</text>',
    ]
