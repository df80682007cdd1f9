"""How every figure looks, and how it is saved: one style sheet, two widths, colors that are told apart in gray print.

The style applies inside `context` only, so that importing the package changes nobody's own plots. What is drawn lives
in `figures`.
"""

import base64
import functools
import io
import re
from collections import Counter
from importlib import resources
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import matplotlib.style  # not loaded by matplotlib itself
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from fer_tf import paths
from fer_tf.emotions import COLORS, MARKERS
from fer_tf.errors import choose

MM = 1 / 25.4
COLUMN = 85 * MM
"""Width of a journal's column, in inches."""
PAGE = 178 * MM
"""Width of a journal's page, in inches."""
TILE = 28 * MM
"""Side of a face in a grid of faces, in inches."""

INK = "#222222"
GRAY = "#6E6E6E"
PALE = "#DDDDDD"
BLUE = "#0072B2"
SPLITS = {"train": "#0B3C5D", "validation": "#5B93BF", "test": "#C3D5E8"}
"""Colors of the splits: one hue in three lightnesses, so that they are neither an emotion's nor lost in gray print."""
HATCHES = {"train": "", "validation": "", "test": "////"}
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)), (0, (1, 1)), (0, (3, 1, 1, 1)))

# Equal steps of CIELAB lightness (99 to 17) at the hue of Okabe and Ito's blue: perceptually uniform, and white where
# there is nothing, so that a confusion matrix costs no ink outside its diagonal.
SEQUENTIAL = LinearSegmentedColormap.from_list(
    "fer_blue", ["#FBFCFE", "#D6E0EF", "#B0C4DF", "#89A9D0", "#608FC1", "#2976B1", "#0B5C90", "#00446D", "#002C4C"]
)
DIVERGING = mpl.colormaps["PuOr_r"]

FORMATS = ("svg", "pdf", "png")
_METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
_SHEET = resources.files("fer_tf.figures") / "fer.mplstyle"


def context():
    """The project's style for the length of a `with` block, whatever the reader's own settings are."""
    return mpl.style.context(["default", str(_SHEET)])


def applied(draw):
    """`draw` inside the project's style: the decorator of every figure function."""

    @functools.wraps(draw)
    def drawing(*args, **kwargs):
        with context():
            return draw(*args, **kwargs)

    return drawing


def figure(width=COLUMN, height=None, layout="constrained"):
    """An empty figure in the project's style.

    Args:
        width: inches, `COLUMN` or `PAGE`.
        height: inches; three quarters of a column's width where not given.
        layout: matplotlib's layout engine, "none" where a figure places its axes itself.
    Returns: matplotlib Figure, unknown to pyplot: a notebook shows it once, as a cell's value, and nothing has to be
        closed.
    """
    return _NotebookFigure(figsize=(width, height or 0.75 * COLUMN), layout=layout)


def panel(ax=None, width=COLUMN, height=None):
    """The (Figure, Axes) that a figure function of one panel draws on: the caller's axes, or new ones of that size in inches."""
    if ax is not None:
        return ax.get_figure(root=True), ax
    drawing = figure(width, height)
    return drawing, drawing.add_subplot()


def rows(names):
    """(Figure, Axes) of a line for each name, from the first down, with the name above its line.

    So a name may be a sentence, and the figure is still narrow enough for a phone.

    Args:
        names: list of k str; their lines are at y = 0 to k - 1.
    """
    wrapped = [fill(name, 50) for name in names]
    height = 0.3 + 0.16 * any("\n" in name for name in wrapped)
    drawing = figure(COLUMN, 0.85 + height * len(names))
    ax = drawing.add_subplot()
    above = {"xytext": (1, 4), "textcoords": "offset points", "va": "bottom", "fontsize": 7}
    above["bbox"] = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5}  # over the lines of the grid
    for place, name in enumerate(wrapped):
        ax.annotate(name, (0, place), xycoords=ax.get_yaxis_transform(), **above)
    ax.set_yticks([])
    ax.set_ylim(len(names) - 0.5, -1)
    ax.grid(axis="x")
    return drawing, ax


def color(emotion):
    """The color of an emotion, the same in every figure; gray for a class that is none."""
    return COLORS.get(emotion, GRAY)


def marker(emotion):
    """The marker of an emotion, which tells it apart without its color."""
    return MARKERS.get(emotion, "o")


def as_printed(value, decimals):
    """A published number with all its digits, and at least so many decimals.

    Example:
        >>> as_printed(0.6435, 3), as_printed(0.63, 3)
        ('0.6435', '0.630')
    """
    return max(f"{value:.{decimals}f}", f"{value:.6g}", key=len)


def ink_on(background):
    """`INK` or "white", whichever is read more easily on a background of any matplotlib color.

    Relative luminance and contrast: WCAG 2.1, section 1.4.3.
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(background)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.065 else INK


def save(fig, path, formats=FORMATS):
    """Saves a figure under one name in several formats; the same figure gives the same bytes.

    Its layout stays as it is from then on.

    Args:
        fig: matplotlib Figure.
        path: place and name without a suffix, such as "reports/sample/figures/class_distribution".
        formats: of "svg", "pdf" and "png" (150 dpi).
    Returns: list of Path, one for each format.
    Raises InputError: an unknown format, or the place cannot be written; files are written whole or not at all.
    """
    path = Path(path)
    for name in formats:
        choose("figure format", name, FORMATS)
    written = []
    # The salt makes the SVG's ids repeatable, and differ between two figures on one page.
    with context(), mpl.rc_context({"svg.hashsalt": path.name}):
        _lay_out(fig)
        for name in formats:
            target = path.with_name(f"{path.name}.{name}")
            with paths.writing(target) as part:
                if name == "png":
                    fig.saved_png = _png(fig)
                    part.write_bytes(fig.saved_png)
                else:
                    fig.savefig(part, format=name, metadata=_METADATA[name])
            written.append(target)
    return written


def slim_svg(text):
    """An SVG of matplotlib's in less than half the bytes, with nothing missing that is seen.

    Digits beyond a hundredth of a point go, as do names that nothing refers to and groups without one; fonts and styles that are
    repeated are said once, paths leave out what goes without saying, and pictures inside, which are written as RGBA, become gray
    or have 256 colors; photographs become WebP.

    Args:
        text: str.
    Returns: str, on one line.
    """
    unseen = r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>| transform=.rotate\(-0 [^)]*\)['\"]"
    text = re.sub(unseen, "", text, flags=re.S)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(?<=\d\.\d\d)\d+", "", tag[0]), text)  # words keep theirs
    text = re.sub(r'style="[^"]*"', lambda style: style[0].replace("'", ""), text)
    if font := re.search(r"font-family: [^;\"}]+", text):
        text = text.replace(f"; {font[0]}", "").replace(f"{font[0]}; ", "").replace("*{", f"*{{{font[0]}; ", 1)
    text = re.sub(r"data:image/png;base64,([^'\"]+)", lambda data: _smaller(data[1]), text)
    return _shorter(_without_empty_groups(" ".join(text.replace('"', "'").split())))


def _without_empty_groups(text):
    """An SVG on one line, without ids that nothing refers to, and without groups that hold some shapes and say nothing."""
    used = set(re.findall(r"#([\w.-]+)", text))
    text = re.sub(r" id='([^']*)'", lambda name: name[0] if name[1] in used else "", text)
    text = text.replace("> <", "><").replace("<g/>", "")
    shapes = r"((?:<(?:path|use|image)\b[^>]*/>|<text\b[^>]*>[^<]*</text>|<defs><path\b[^>]*/></defs>)*)"
    while (fewer := re.sub(f"<g>{shapes}</g>", r"\1", text)) != text:
        text = fewer
    return text


def _shorter(text):
    """An SVG on one line whose names are short, whose repeated styles are classes, and whose paths are brief."""
    styles = Counter(re.findall(r" style='([^']+)'", text))
    classes = {style: f"s{number}" for number, style in enumerate(styles) if styles[style] > 1}
    rules = "".join(f".{name}{{{style}}}" for style, name in classes.items())
    text = re.sub(r" style='([^']+)'", lambda s: f" class='{classes[s[1]]}'" if s[1] in classes else s[0], text)
    text = text.replace("</style>", f"{rules}</style>", 1)
    names, named = {}, r"(?<= id=')[^']+|(?<=url\(#)[^)]+|(?<=href='#)[^']+"
    text = re.sub(named, lambda name: names.setdefault(name[0], f"i{len(names)}"), text)
    return re.sub(r"(?<= d=')[^']+", lambda path: _brief(path[0]), text)


def _brief(path):
    """A path's data without zeros at the end of decimals, spaces around commands, and commands that repeat the one before.

    Example:
        >>> _brief("M 0.50 10 L 1.00 -2.25 L 3 4 z")
        'M.5 10 1-2.25 3 4z'
    """
    path = re.sub(r"(\.\d*?)0+(?!\d)", lambda end: end[1].rstrip("."), path)
    brief, before = "", ""
    for command, numbers in re.findall("([MLHVCSQTAZmlhvcsqtaz]) *([^A-Za-z]*)", path):
        same = (before, command) in (("M", "L"), ("L", "L"), ("C", "C"), ("Q", "Q"))
        brief, before = f"{brief}{' ' if same else command}{numbers.strip()}", command
    return re.sub(r" (?=-)|(?<![\d.])0(?=\.)", "", brief)


def _smaller(data):
    """A PNG in base64 as a data address: gray where it is, else with 256 colors; a WebP where that has half the bytes at most."""
    png, webp = io.BytesIO(), io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        if picture.convert("RGBA").getextrema()[3] != (255, 255):
            return f"data:image/png;base64,{data}"
        colors = picture.convert("RGB")
    red, green, blue = colors.split()
    alike = red.tobytes() == green.tobytes() == blue.tobytes()
    (red if alike else colors.quantize(256, dither=Image.Dither.NONE)).save(png, "PNG", optimize=True)
    colors.save(webp, "WEBP", quality=75, method=6)
    data = min(data, base64.b64encode(png.getvalue()).decode(), key=len)
    photograph = base64.b64encode(webp.getvalue()).decode()
    if 2 * len(photograph) <= len(data):  # maps and diagrams of few colors stay sharp, and are small as PNG
        return f"data:image/webp;base64,{photograph}"
    return f"data:image/png;base64,{data}"


def _lay_out(fig):
    """Lays a figure out for good; each format would do so anew, which takes as long as the drawing."""
    if fig.get_layout_engine() is not None:
        fixed = any(ax.get_aspect() != "auto" for ax in fig.axes)
        for _ in range(3 if fixed else 1):  # axes of a fixed aspect find their place in a few rounds
            fig.draw_without_rendering()
        fig.set_layout_engine("none")


class _NotebookFigure(Figure):
    """A Figure that a notebook shows without pyplot being imported."""

    def _repr_png_(self):
        with context():
            picture = getattr(self, "saved_png", None) or _png(self)
        # more pixels than the 100 to the inch that it is shown at, for dense screens
        return picture, {"width": round(100 * self.get_figwidth())}


def _png(fig, dpi="figure"):
    """A figure as the bytes of a PNG with 256 colors, half the size of one with all of them and no worse to look at."""
    buffer, small = io.BytesIO(), io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi, metadata=_METADATA["png"])
    with Image.open(buffer) as picture:
        resolution = picture.info.get("dpi", (150, 150))
        palette = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        palette.save(small, format="png", optimize=True, dpi=resolution)
    return small.getvalue()
