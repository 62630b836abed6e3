"""An SMTP server on loopback with STARTTLS and AUTH PLAIN, as much of RFC 5321 as smtplib speaks; it can refuse."""

import base64
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).with_name("localhost.pem")  # self-signed, with its key, for these tests alone


@dataclass
class SmtpServer:
    """`replies` replaces the reply to a command (by its verb, or '.' for the end of the mail); 'hang' hangs."""

    port: int
    replies: dict[str, str] = field(default_factory=dict)
    mails: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)  # of each mail
    ended: threading.Event = field(default_factory=threading.Event)


def converse(server: SmtpServer, connection: socket.socket) -> None:
    secure, stream = False, connection.makefile("rwb")

    def say(verb: str, reply: str) -> None:
        reply = server.replies.get(verb, reply)
        if reply == "hang":
            server.ended.wait(30)
        stream.write(reply.encode() + b"\r\n")
        stream.flush()

    try:
        say("connect", "220 localhost")
        while line := stream.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            verb = verb.upper()
            if verb == "EHLO":
                say(verb, "250-localhost\r\n250 AUTH PLAIN" if secure else "250-localhost\r\n250 STARTTLS")
            elif verb == "STARTTLS":
                say(verb, "220 go on")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(CERTIFICATE)
                stream.close()
                connection = context.wrap_socket(connection, server_side=True)
                secure, stream = True, connection.makefile("rwb")
            elif verb == "AUTH":
                server.logins.append(base64.b64decode(rest.split()[1]).decode().replace("\0", " ").strip())
                say(verb, "235 welcome")
            elif verb == "DATA":
                say(verb, "354 go on")
                mail = b""
                while (line := stream.readline()) != b".\r\n":
                    mail += line
                server.mails.append(mail)
                server.encrypted.append(secure)
                say(".", "250 taken")
            elif verb == "QUIT":
                say(verb, "221 bye")
                break
            else:
                say(verb, "250 ok")
    finally:
        stream.close()
        connection.close()


@contextmanager
def serve_smtp() -> Iterator[SmtpServer]:
    class Conversation(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                converse(smtp, self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    listening = Server(("127.0.0.1", 0), Conversation)
    smtp = SmtpServer(listening.server_address[1])
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield smtp
    finally:
        smtp.ended.set()
        listening.shutdown()
        listening.server_close()
        thread.join()
