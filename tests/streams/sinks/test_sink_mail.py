"""Mails to a real SMTP conversation with STARTTLS; what each refusal means."""

import asyncio
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import httpx
import pytest

from streams.sinks.config import Mail
from streams.sinks.outcome import Delivered, Failed, Outcome, Rejected
from streams.sinks.senders import sender
from tests.support.page_records import alert
from tests.support.smtp_server import CERTIFICATE, SmtpServer, serve_smtp

ALERT = alert("Acmé", texts=("Acmé recalls pumps",))


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with serve_smtp() as server:
        yield server


def attempt(port: int, **changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "host": "localhost",
        "port": port,
        "username": "gretchen",
        "password": "hunter2",
        "ca_file": str(CERTIFICATE),
        "sender": "gretchen@example.com",
        "recipients": ("a@example.com", "b@example.com"),
        "timeout_s": 5.0,
        **changes,
    }

    async def run() -> Outcome:
        async with httpx.AsyncClient() as client:
            return await sender(Mail(name="mail", **values), client, print)(ALERT, None)

    return asyncio.run(run())


def test_a_mail_is_sent_after_starttls_and_a_login(smtp: SmtpServer) -> None:
    assert attempt(smtp.port) == Delivered()
    assert (smtp.logins, smtp.encrypted) == (["gretchen hunter2"], [True])
    read = message_from_bytes(smtp.mails[0], policy=default)
    assert "Acmé" in read["Subject"] and "Acmé recalls pumps" in read.get_content()


def test_no_password_goes_to_a_server_whose_certificate_is_not_trusted(smtp: SmtpServer) -> None:
    outcome = attempt(smtp.port, ca_file="")
    assert isinstance(outcome, Failed) and "certificate" in outcome.detail.lower()
    assert smtp.logins == smtp.mails == []


def test_no_mail_goes_in_the_clear_if_tls_was_asked_for(smtp: SmtpServer) -> None:
    smtp.replies["EHLO"] = "250-localhost\r\n250 SIZE"
    assert isinstance(attempt(smtp.port), Rejected)
    assert smtp.logins == smtp.mails == []


def test_without_tls_and_login_a_relay_takes_it_too(smtp: SmtpServer) -> None:
    assert attempt(smtp.port, security="none", username="", password="") == Delivered()
    assert smtp.encrypted == [False]


@pytest.mark.parametrize(
    ("verb", "reply", "kind"),
    [
        ("AUTH", "535 wrong password", Rejected),
        ("AUTH", "454 try later", Failed),
        ("RCPT", "550 nobody here", Rejected),
        ("RCPT", "451 greylisted", Failed),
        (".", "554 spam", Rejected),
        (".", "452 mailbox full", Failed),
        ("connect", "554 go away", Rejected),
        ("connect", "421 busy", Failed),
    ],
)
def test_a_refusal_is_for_good_or_for_now_by_its_code(smtp: SmtpServer, verb: str, reply: str, kind: type) -> None:
    smtp.replies[verb] = reply
    outcome = attempt(smtp.port)
    assert isinstance(outcome, kind) and reply[:3] in getattr(outcome, "detail", "")


def test_a_server_that_hangs_costs_the_timeout_and_no_more(smtp: SmtpServer) -> None:
    smtp.replies["."] = "hang"
    began = time.monotonic()
    assert isinstance(attempt(smtp.port, timeout_s=0.7), Failed)
    assert time.monotonic() - began < 5


def test_a_server_that_is_not_there_is_tried_later() -> None:
    with serve_smtp() as gone:
        port = gone.port
    assert isinstance(attempt(port), Failed)
