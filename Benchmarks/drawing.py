"""Small drawings of measurements as SVG, written by hand: panels with a logarithmic axis of sizes."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 430, 250
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 44, 40
HEAD = 40


def panels(title, series, bar):
    """Two panels a row; `bar` is (size, factor): the line that no size should be above, drawn from that size on."""
    rows = (len(series) + 1) // 2
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEAD + rows * HEIGHT}" font-family="sans-serif" '
             f'font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>',
             f'<text x="{WIDTH}" y="26" font-size="16" text-anchor="middle">{escape(title)}</text>']
    for number, (name, points) in enumerate(series):
        parts.append(f'<g transform="translate({number % 2 * WIDTH},{HEAD + number // 2 * HEIGHT})">{panel(name, points, bar)}</g>')
    return "\n".join(parts + ["</svg>\n"])


def panel(name, points, bar):
    sizes = [size for size, _ in points]
    limit = next((value * bar[1] for size, value in points if size == bar[0]), None)
    top = nice(1.1 * max([value for _, value in points] + ([limit] if limit else [])))
    x = lambda size: LEFT + (WIDTH - LEFT - RIGHT) * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])
    y = lambda value: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top
    parts = [f'<text x="{LEFT}" y="{TOP - 16}">{escape(name)}</text>']
    for step in range(5):
        value = top * step / 4
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
    for size in sizes:
        parts.append(f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{size:,.0f}</text>')
    if limit:
        parts.append(f'<line x1="{x(bar[0]):.1f}" x2="{x(sizes[-1]):.1f}" y1="{y(limit):.1f}" y2="{y(limit):.1f}" stroke="#c33" '
                     f'stroke-dasharray="5 4"/><text x="{x(sizes[-1]):.1f}" y="{y(limit) - 5:.1f}" text-anchor="end" fill="#c33">'
                     f'bar: {bar[1]} × that of {bar[0]}</text>')
    line = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1465b4" stroke-width="2"/>')
    for size, value in points:
        parts.append(f'<circle cx="{x(size):.1f}" cy="{y(value):.1f}" r="3.5" fill="#1465b4"/>'
                     f'<text x="{x(size):.1f}" y="{y(value) - 9:.1f}" text-anchor="middle" fill="#1465b4">{value:,.3g}</text>')
    return "".join(parts)


def nice(value):
    """The next of 1, 2, 4, 5, 8 and their tens at or above."""
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value * 0.999)
