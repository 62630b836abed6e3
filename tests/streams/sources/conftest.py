"""The feeds' web server as a fixture."""

from collections.abc import Iterator

import pytest

from tests.support.feed_server import FeedServer, serve


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with serve() as feeds:
        yield feeds
