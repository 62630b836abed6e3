"""How long to wait between attempts: exponential with full jitter, so that many senders don't come back as one."""

BASE_S = 1.0
LONGEST_S = 60.0


def pause_s(failures: int, retry_after_s: float | None, draw: float) -> float:
    """The wait after so many failures in a row, at least what the receiver asked for. `draw` is uniform in [0, 1).

    Full jitter as in Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return max(draw * min(BASE_S * 2.0 ** min(failures, 30), LONGEST_S), retry_after_s or 0.0)
