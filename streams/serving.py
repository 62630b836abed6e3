"""From requests to predictions, off the event loop: inference in a thread, each stage's time told apart."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from models.engines import Encoded, Engine, Prediction, Request
from streams.metrics import Metrics


@dataclass(frozen=True)
class Scorer:
    """An engine as one agent uses it."""

    engine: Engine
    metrics: Metrics
    agent: str

    async def predict(self, requests: Sequence[Request]) -> list[tuple[Encoded, Prediction] | None]:
        """In the order given. None for a request that breaks the engine when it is alone."""
        if not requests:
            return []
        asked_at = time.monotonic()
        try:
            return [*await asyncio.to_thread(self._run, requests, asked_at)]
        except Exception:  # noqa: BLE001 - which request is to blame is found by trying each alone
            return [await self._alone(request) for request in requests]

    async def _alone(self, request: Request) -> tuple[Encoded, Prediction] | None:
        try:
            return (await asyncio.to_thread(self._run, [request], time.monotonic()))[0]
        except Exception:  # noqa: BLE001 - the dead-letter boundary: the caller records it
            return None

    def _run(self, requests: Sequence[Request], asked_at: float) -> list[tuple[Encoded, Prediction]]:
        stages = self.metrics.stage
        begun = time.monotonic()
        stages.labels(self.agent, "queue").observe(begun - asked_at)
        encoded = self.engine.encode(requests)
        tokenized = time.monotonic()
        stages.labels(self.agent, "tokenize").observe(tokenized - begun)
        predictions = self.engine.infer(encoded)
        stages.labels(self.agent, "infer").observe(time.monotonic() - tokenized)
        self.metrics.batch_tokens.labels(self.agent).observe(sum(len(each.ids) for each in encoded))
        return list(zip(encoded, predictions, strict=True))
