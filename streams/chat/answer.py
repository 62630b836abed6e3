"""A question's answer: the template of its intent where the model is sure, a hand-over where it is not. Pure."""

from datetime import datetime

from models.engines import Engine, Prediction
from streams.chat.templates import Templates
from streams.news.score import named, top
from streams.records import Answer, Origin, Question

INTENT = "intent"  # the head of an intents model
ALTERNATIVES = 3


def answer_question(
    question: Question,
    prediction: Prediction,
    engine: Engine,
    threshold: float,
    templates: Templates,
    now: datetime,
    origin: Origin,
) -> Answer:
    """The record for `chat-answers`. `threshold` is the calibrated probability below which nobody should guess."""
    probabilities = named(engine.labels[INTENT], prediction[INTENT])
    intent = top(probabilities)
    confidence = probabilities[intent]
    abstained = confidence < threshold
    likeliest = sorted(probabilities.items(), key=lambda item: -item[1])[:ALTERNATIVES]
    return Answer(
        id=f"{question.id}:answer",
        question_id=question.id,
        conversation_id=question.conversation_id or question.id,
        question=question.text,
        text=templates.handover() if abstained else templates.answer(intent).text,
        abstained=abstained,
        intent=None if abstained else intent,
        confidence=confidence,
        alternatives=dict(likeliest),
        answered_at=now,
        model=engine.version,
        origin=origin,
    )
