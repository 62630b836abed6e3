"""Pictures of a running page, for the README: `python -m tests.support.screenshot URL FOLDER [--wait S]`.

Writes page-light.png, page-dark.png, page-narrow.png and page-phone.png (twice as many pixels as points), once
headlines are there and `--wait` seconds have passed.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

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
    "light": {"color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 1000, "height": 800}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}


def find_chromium() -> str | None:
    """The path of the first Chromium on the PATH."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


def take(url: str, folder: Path, wait_s: float = 2.0, views: tuple[str, ...] = tuple(VIEWS)) -> list[Path]:
    """One picture for each view. Raises FileNotFoundError without a Chromium."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    if path is None:
        raise FileNotFoundError(
            f"no Chromium on the PATH ({', '.join(CHROMIUMS)}); install one, e.g. apt install chromium"
        )
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for view in views:
            page = browser.new_context(device_scale_factor=2, **VIEWS[view]).new_page()
            page.goto(url)
            page.wait_for_selector(".headline", timeout=30_000)
            page.wait_for_timeout(wait_s * 1000)
            target = folder / f"page-{view}.png"
            page.screenshot(path=target)
            taken.append(target)
            page.close()
        browser.close()
    return taken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wait", type=float, default=2.0, metavar="S")
    given = parser.parse_args()
    for picture in take(given.url, given.folder, given.wait):
        print(picture)
