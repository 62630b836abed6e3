"""What is let in."""

import pytest
from starlette.datastructures import Headers

from streams.web.guard import Allowance, allowed_hosts, is_loopback, same_origin


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_on_loopback_only_its_own_names_are_answered(host: str) -> None:
    assert is_loopback(host)
    assert "*" not in allowed_hosts(host)
    assert host in allowed_hosts(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "desk.example.com"])
def test_an_address_on_the_network_is_answered_by_any_name(host: str) -> None:
    assert not is_loopback(host)
    assert allowed_hosts(host) == ["*"]


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"host": "127.0.0.1:8080"}, True),  # no browser
        ({"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}, True),
        ({"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080"}, True),
        ({"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:9090"}, False),
        ({"host": "127.0.0.1:8080", "origin": "http://evil.example"}, False),
        ({"host": "127.0.0.1:8080", "origin": "null"}, False),
        ({"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080", "sec-fetch-site": "cross-site"}, False),
        ({"host": "127.0.0.1:8080", "sec-fetch-site": "same-site"}, False),
        (
            {"host": "127.0.0.1:8080", "origin": "https://desk.example.com", "sec-fetch-site": "same-origin"},
            True,
        ),  # proxy
    ],
)
def test_questions_come_from_this_page_or_from_no_browser(headers: dict[str, str], taken: bool) -> None:
    assert same_origin(Headers(headers)) is taken


def test_an_allowance_gives_a_burst_and_then_its_rate() -> None:
    allowance = Allowance(burst=3, per_s=0.5)
    assert [allowance.take("a", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert not allowance.take("a", 1.0)
    assert allowance.take("a", 3.0)
    assert allowance.take("b", 3.0)


def test_an_allowance_never_grows_past_its_burst_and_forgets_who_is_silent() -> None:
    allowance = Allowance(burst=2, per_s=1.0, clients=10)
    assert [allowance.take("a", 1e9) for _ in range(3)] == [True, True, False]
    for i in range(50):
        allowance.take(f"client {i}", 1e9)
    assert len(allowance.buckets) == 10
