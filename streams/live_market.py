"""The live tables for a process that is no worker: read once, then kept up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import BrokerUnavailable
from streams.admin import wait_for_broker
from streams.chat.turns import Market
from streams.mirror import MarketMirror
from streams.settings import Settings

PATIENCE_S = 120.0  # with a busy cluster


@contextmanager
def live_market(settings: Settings) -> Iterator[Market]:
    """All that is in them when it begins. Raises BrokerUnavailable."""
    wait_for_broker(settings)
    with MarketMirror(settings) as market:
        if not market.wait(PATIENCE_S):
            raise BrokerUnavailable(
                f"{settings.bootstrap_servers}: the live tables could not be read within {PATIENCE_S:.0f} s; try again,"
                " or ask without --live"
            )
        yield market
