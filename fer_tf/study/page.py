"""Lays out a study's report: one page that stands alone, with its pictures inside, and a README that GitHub shows."""

import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

import pandas as pd

from fer_tf import paths
from fer_tf.figures import style
from fer_tf.study import comparison, tables

TEMPLATES = Path(__file__).parent / "templates"
_PICTURE = re.compile(r'<figure id="figure-([^"]+)">\s*<img src="data:image/svg\+xml,([^"]+)"')


def write_page(folder, **content):
    """Writes index.html from its template, which shows `content`; `folder`'s figures/ holds the pictures as SVG."""
    import markupsafe

    def picture(name):
        # As text, a fifth smaller than base64: only what would end the attribute or the address is encoded.
        text = style.slim_svg((folder / "figures" / f"{name}.svg").read_text(encoding="utf-8"))
        return markupsafe.Markup("data:image/svg+xml," + quote(" ".join(text.split()), safe=" '=:/,;()+-_.!*{}@$?|[]"))

    day, css = datetime.now(UTC).strftime("%d %B %Y"), (TEMPLATES / "page.css").read_text(encoding="utf-8")
    page = template("page.html.j2", autoescape=True, picture=picture, grid=_grid)
    paths.write_text(folder / "index.html", page.render(css=css, day=day, not_run=comparison.NOT_RUN, **content))


def pictures_of(page):
    """The pictures inside an earlier page: dict of a figure's name to its SVG as str.

    Where the page is gone, it is looked for as it was committed; empty where there was none.
    """
    text = page.read_text(encoding="utf-8", errors="replace") if page.is_file() else paths.committed(page)
    return {name: unquote(data) for name, data in _PICTURE.findall(text)}


def write_readme(folder, table, **content):
    """Writes the study's README.md from its template, which shows `content`; `folder`'s pictures/ holds its pictures as PNG.

    Args:
        table: DataFrame of `comparison.readable_comparison`.
    """
    text = template("README.md.j2").render(table=tables.to_markdown(table), **content)
    paths.write_text(folder / "README.md", text)


def template(name, autoescape=False, **filters):
    """A file of `TEMPLATES` as a Jinja template."""
    import jinja2

    options = {"autoescape": autoescape, "trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), **options)
    environment.filters |= filters
    return environment.get_template(name)


def _grid(frame):
    """A DataFrame as an HTML table: numbers to the right, words that may wrap."""
    frame = frame.reset_index() if frame.index.name else frame
    formats = {name: tables.number_writer(column) for name, column in frame.items() if column.dtype.kind in "fiu"}
    index = not isinstance(frame.index, pd.RangeIndex)
    html = frame.to_html(index=index, border=0, classes="numbers", na_rep="", justify="unset", formatters=formats)
    wordy = [str(name) for name, column in frame.items() if column.astype(str).str.contains("[a-z]{4}").any()]
    for name in wordy[1:]:
        html = html.replace(f"<th>{escape(name)}</th>", f'<th class="words">{escape(name)}</th>')
    return re.sub(r"(?<=[a-z0-9])(_|/|--)(?=[a-z0-9])", r"\1<wbr>", html)  # a run's name may wrap on a narrow page
