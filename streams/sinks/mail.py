"""An alert as an e-mail, and one attempt to hand it to an SMTP server."""

import hashlib
import logging
import shlex
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from streams.intake import utc
from streams.records import Alert
from streams.sinks.config import Mail
from streams.sinks.outcome import Delivered, Failed, Outcome, Rejected
from streams.sinks.wording import headlines, members, one_line, sources, subject, title, web_address

log = logging.getLogger(__name__)


def message(sink: Mail, alert: Alert) -> EmailMessage:
    """The same alert has the same Message-ID in every attempt; an episode's mails are one thread."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sink.sender, ", ".join(sink.recipients), title(alert)
    mail["Date"] = format_datetime(utc(alert.at))
    mail["Message-ID"] = address(alert.id)
    if alert.status != "opened":
        mail["In-Reply-To"] = mail["References"] = address(f"{alert.episode}:opened")
    mail["Auto-Submitted"] = "auto-generated"  # no vacation replies (RFC 3834)
    lines = [one_line(alert.summary), ""]
    for evidence in headlines(alert):
        source = f" ({brought})" if (brought := sources(evidence)) else ""
        lines += [f"- {one_line(evidence.text)}{source}"]
        lines += [f"  {url}"] if (url := web_address(evidence.url)) else []
    if named := members(alert):
        lines += ["", f"Entities: {named}"]
    lines += ["", f"{subject(alert)}, open since {utc(alert.opened_at):%Y-%m-%d %H:%M} UTC."]
    if alert.status != "resolved":
        lines += [f"To hear no more of it until it is over: gretchen alerts ack {shlex.quote(one_line(alert.episode))}"]
    mail.set_content("\n".join(lines) + "\n")
    return mail


def address(id: str) -> str:
    """A Message-ID: an alert's id may hold any character, a Message-ID may not."""
    return f"<{hashlib.sha256(id.encode()).hexdigest()[:32]}@gretchen.invalid>"


def send(sink: Mail, mail: EmailMessage) -> Outcome:
    """One attempt; blocks for up to `timeout_s` in each step of it."""
    try:
        server = connect(sink)
    except smtplib.SMTPException as error:
        return judge(error)
    except OSError as error:  # among them TLS and certificates
        return Failed(one_line(f"{type(error).__name__}: {error}"))
    try:
        if sink.security == "starttls":
            server.starttls(context=ssl.create_default_context(cafile=sink.ca_file or None))
        if sink.username:
            server.login(sink.username, sink.password)
        if refused := server.send_message(mail, sink.sender, list(sink.recipients)):
            # to send it again would tell those who were not refused twice
            log.warning("%r: %d of %d recipients refused", sink, len(refused), len(sink.recipients))
    except smtplib.SMTPException as error:
        return judge(error)
    except OSError as error:
        return Failed(one_line(f"{type(error).__name__}: {error}"))
    finally:
        server.close()  # without QUIT: its answer, or the lack of one, says nothing about the mail
    return Delivered()


def connect(sink: Mail) -> smtplib.SMTP:
    if sink.security == "tls":
        context = ssl.create_default_context(cafile=sink.ca_file or None)
        return smtplib.SMTP_SSL(sink.host, sink.port, timeout=sink.timeout_s, context=context)
    return smtplib.SMTP(sink.host, sink.port, timeout=sink.timeout_s)


def judge(error: smtplib.SMTPException) -> Outcome:
    """What an SMTP error means: replies of 500 and more are for good (RFC 5321, 4.2.1), all else may pass."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        detail = f"all {len(codes)} recipients refused, SMTP {', '.join(map(str, sorted(set(codes))))}"
        return Rejected(detail) if min(codes) >= 500 else Failed(detail)
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        detail = one_line(f"SMTP {error.smtp_code}: {said}")
        return Rejected(detail) if error.smtp_code >= 500 else Failed(detail)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Rejected(one_line(f"the server can't do what we want: {error}"))
    return Failed(one_line(f"{type(error).__name__}: {error}"))
