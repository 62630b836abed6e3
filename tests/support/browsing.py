"""A Chromium for the tests that need a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.support.screenshot import ARGUMENTS, find_chromium


@contextmanager
def launched(wait_ms: float) -> Iterator[Any]:
    """`wait_ms`: how long what a test expects may take to come. Skips the test where no Chromium is found."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on the PATH (apt install chromium)")
    expect.set_options(timeout=wait_ms)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
