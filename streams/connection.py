"""How aiokafka's clients are opened, as the settings say."""

import ssl
from typing import Any

from models.errors import SettingsError
from streams.settings import Settings


def aiokafka_options(settings: Settings, client: str, request_s: float) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client; brokers know it as `client`. Raises SettingsError for an unreadable
    CA file."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": int(request_s * 1000),
        "client_id": f"{settings.app_id}-{client}",
    }
    if settings.security_protocol.endswith("SSL"):
        try:
            options["ssl_context"] = ssl.create_default_context(cafile=settings.ssl_cafile or None)
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError(
                f"KAFKA_SSL_CAFILE: got {settings.ssl_cafile!r}, wanted a file of PEM certificates ({error})"
            ) from None
    if settings.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password,
        }
    return options
