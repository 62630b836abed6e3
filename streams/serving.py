"""What agents have thought for them: inference in a thread, off the event loop, and each stage's time told apart."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from models.engines import Encoded, Engine, Prediction, Request
from streams.chat.answering import Answering
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


Thing = TypeVar("Thing")


class Timed:
    """Another thing, the time of each call of one of its methods told."""

    def __init__(self, thing: Any, method: str, tell: Callable[[float], None]) -> None:
        self._thing = thing
        call = getattr(thing, method)

        def timed(*args: Any) -> Any:
            begun = time.monotonic()
            result = call(*args)
            tell(time.monotonic() - begun)
            return result

        setattr(self, method, timed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)

    def __len__(self) -> int:
        return len(self._thing)

    def __bool__(self) -> bool:
        return True  # there is a thing, whether it has a length or not


def watched(answering: Answering, metrics: Metrics, agent: str) -> Answering:
    """The same, its stages told: understand (intents), live, retrieve and read (documents)."""

    def timed(thing: Thing, method: str, stage: str) -> Thing:
        return cast(Thing, Timed(thing, method, metrics.stage.labels(agent, stage).observe))

    intents, live, documents = answering.intents, answering.live, answering.documents
    if intents is not None:
        intents = timed(intents, "think", "understand")
    if live is not None:
        live = timed(live, "think", "live")
    if documents is not None:
        index, reader = timed(documents.index, "search", "retrieve"), timed(documents.reader, "read_many", "read")
        documents = replace(documents, index=index, reader=reader)
    return replace(answering, intents=intents, live=live, documents=documents)
