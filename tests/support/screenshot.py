"""Pictures for the README: of a running page, or of what a command wrote to its terminal.

    python -m tests.support.screenshot http://127.0.0.1:8080/ docs/images --views light
    FORCE_COLOR=1 COLUMNS=110 gretchen demo 2> demo.ansi
    python -m tests.support.screenshot demo.ansi docs/images

The first writes page.png, and page-dark.png, page-narrow.png and page-phone.png for the other views, once there is what
`--until` selects and `--wait` seconds have passed; the second terminal.png, the last `--lines` lines. An address that
ends in #/entity/KEY gives that stream's page: --name entity.
"""

import argparse
import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 1000, "height": 800}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
TERMINAL = """<!doctype html><meta charset="utf-8">
<style>
body {{ margin: 0; width: fit-content; background: #15191f; color: #e6e2d8 }}
pre {{ margin: 0; padding: 16px 20px; font: 13px/1.45 "DejaVu Sans Mono", "Liberation Mono", monospace }}
{stylesheet}
</style>
<body><pre><code>{code}</code></pre></body>"""


def find_chromium() -> str | None:
    """The path of the first Chromium on the PATH."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser. Raises FileNotFoundError without a Chromium."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    if path is None:
        raise FileNotFoundError(
            f"no Chromium on the PATH ({', '.join(CHROMIUMS)}); install one, e.g. apt install chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def take(
    url: str,
    folder: Path,
    wait_s: float = 2.0,
    views: tuple[str, ...] = tuple(VIEWS),
    scale: float = 1.0,
    name: str = "page",
    until: str = ".headline",
    patience_s: float = 30.0,
) -> list[Path]:
    """One picture of the page for each view, with `scale` pixels a point, once `until` selects something to be seen."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with chromium() as browser:
        pages = {view: browser.new_context(device_scale_factor=scale, **VIEWS[view]).new_page() for view in views}
        for page in pages.values():
            page.goto(url)
        for view, page in pages.items():  # all are there when it happens: an alert may be open for seconds only
            page.wait_for_selector(f"{until} >> visible=true", timeout=patience_s * 1000)
            page.wait_for_timeout(wait_s * 1000)
            target = folder / (f"{name}.png" if view == "light" else f"{name}-{view}.png")
            page.screenshot(path=target)
            taken.append(target)
    return taken


def take_terminal(ansi: str, target: Path, lines: int = 36, scale: float = 1.0) -> Path:
    """A picture of the last `lines` lines of a terminal that was sent `ansi`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "terminal.html"
        source.write_text(terminal_html("\n".join(settled(ansi).split("\n")[-lines:])))
        page = browser.new_context(device_scale_factor=scale).new_page()
        page.goto(source.as_uri())
        page.locator("body").screenshot(path=target)
    return target


def terminal_html(ansi: str) -> str:
    text = Text.from_ansi(ansi)
    console = Console(record=True, file=io.StringIO(), width=max(text.cell_len for text in text.split()))
    console.print(text)
    return console.export_html(theme=MONOKAI, code_format=TERMINAL)


def settled(ansi: str) -> str:
    """What is left on the screen after the moves of rich's live views: line feed, return, one line up, line erased."""
    rows, row = [""], 0
    for part in re.split(r"(\r?\n|\r|\x1b\[1A|\x1b\[2K|\x1b\[\?25[hl])", ansi):
        if part in ("\n", "\r\n"):
            row += 1
            rows += [""] * (row == len(rows))
        elif part == "\x1b[1A":
            row = max(0, row - 1)
        elif part == "\x1b[2K":
            rows[row] = ""
        elif part != "\r" and not part.startswith("\x1b[?25"):
            rows[row] += part
    return "\n".join(rows).rstrip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="the page's address, or a file of what a terminal was sent")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--views", default=",".join(VIEWS), help="default: %(default)s")
    parser.add_argument("--wait", type=float, default=2.0, metavar="S")
    parser.add_argument("--name", default="page", help="of the picture, default %(default)s")
    parser.add_argument("--until", default=".headline", metavar="CSS", help="what to wait for, default %(default)s")
    parser.add_argument("--patience", type=float, default=30.0, metavar="S", help="how long, default %(default)s")
    parser.add_argument("--lines", type=int, default=36, metavar="N")
    parser.add_argument("--scale", type=float, default=1.0, help="pixels a point, default %(default)s")
    given = parser.parse_args()
    if given.source.startswith("http"):
        views = tuple(given.views.split(","))
        for picture in take(
            given.source, given.folder, given.wait, views, given.scale, given.name, given.until, given.patience
        ):
            print(picture)
    else:
        sent = Path(given.source).read_bytes().decode()  # read_text would turn its carriage returns into line feeds
        print(take_terminal(sent, given.folder / "terminal.png", given.lines, given.scale))
