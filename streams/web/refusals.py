"""What was not taken or failed, as one line of JSON."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from models.errors import BrokerUnavailable, GretchenError, TopicMismatch
from streams.web.take import Refused


def refusal(error: Exception) -> Response:
    """Of a Refused or an error of ours."""
    if isinstance(error, Refused):
        return JSONResponse({"error": str(error)}, error.status, error.headers)
    status = 503 if isinstance(error, BrokerUnavailable) else 404 if isinstance(error, TopicMismatch) else 500
    return JSONResponse({"error": str(error)}, status)


async def refused(request: Request, error: Exception) -> Response:
    return refusal(error)


async def not_there(request: Request, error: Exception) -> Response:
    """A path or a method that the API does not have."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"{error.detail.lower()}: see /docs"}, error.status_code, error.headers)


REFUSALS: dict[Any, Any] = {Refused: refused, GretchenError: refused}
