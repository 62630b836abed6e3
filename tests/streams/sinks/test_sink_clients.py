"""Reading goes on over lost brokers, and over what aiokafka breaks off itself."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.errors import KafkaConnectionError

from models.errors import SettingsError
from streams.settings import Settings
from streams.sinks.clients import client_options, keep_reading


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sinks.clients.AGAIN_S", 0.0)


def reads(*raised: BaseException) -> tuple[Callable[[asyncio.Event], Callable[[], Awaitable[None]]], list[int]]:
    """Connections that end by these, then one that ends as the process is told to stop."""
    left, opened = list(raised), list[int]()

    def with_stop(stop: asyncio.Event) -> Callable[[], Awaitable[None]]:
        async def read() -> None:
            opened.append(len(opened))
            if left:
                raise left.pop(0)
            stop.set()

        return read

    return with_stop, opened


@pytest.mark.parametrize("raised", [KafkaConnectionError(), OSError(), TimeoutError(), asyncio.CancelledError()])
def test_a_connection_that_ends_is_followed_by_another(raised: BaseException) -> None:
    with_stop, opened = reads(raised, raised)

    async def run() -> None:
        stop = asyncio.Event()
        await keep_reading(with_stop(stop), stop, "it")

    asyncio.run(run())
    assert len(opened) == 3


def test_a_bug_of_ours_is_not_read_over() -> None:
    with_stop, _ = reads(KeyError("x"))

    async def run() -> None:
        stop = asyncio.Event()
        await keep_reading(with_stop(stop), stop, "it")

    with pytest.raises(KeyError):
        asyncio.run(run())


def test_who_is_cancelled_in_earnest_ends() -> None:
    async def run() -> bool:
        reading = asyncio.create_task(keep_reading(lambda: asyncio.sleep(60), asyncio.Event(), "it"))
        await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.wait([reading], timeout=5)
        return reading.cancelled()

    assert asyncio.run(run())


def test_an_unreadable_ca_file_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"KAFKA_SSL_CAFILE: got '/nowhere'"):
        client_options(Settings(security_protocol="SSL", ssl_cafile="/nowhere"))


def test_credentials_reach_the_client() -> None:
    settings = Settings(security_protocol="SASL_SSL", sasl_username="me", sasl_password="hunter2")
    options = client_options(settings)
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("me", "hunter2")
    assert options["ssl_context"].check_hostname
