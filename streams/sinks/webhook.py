"""An alert for a webhook of the user's own: the record as JSON, signed. docs/alerting.md shows how to verify it."""

import hashlib
import hmac
from urllib.parse import quote

import msgspec

from streams.records import Alert
from streams.sinks.config import Webhook
from streams.sinks.post import Request

SAFE = "!#$&'()*+,/:;=?@[]^`{|} "  # of ASCII, all but % and ", which a header could not carry back as they are


def request(sink: Webhook, alert: Alert, now_s: float) -> Request:
    """The same alert has the same key and body in every attempt; timestamp and signature are of the attempt."""
    body, timestamp = msgspec.json.encode(alert), str(int(now_s))
    headers = {
        "Idempotency-Key": quote(alert.id, safe=SAFE),
        "X-Gretchen-Timestamp": timestamp,
        "X-Gretchen-Signature": f"v1={signature(sink.secret, timestamp, body)}",
    }
    if sink.authorization:
        headers["Authorization"] = sink.authorization
    return Request(sink.url, headers, body)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Hexadecimal HMAC-SHA256 over '<timestamp>.<body>'."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
