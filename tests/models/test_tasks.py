import tomllib
from pathlib import Path
from typing import Any

import pytest

from models.errors import InputError
from models.tasks.task import load_task, parse_task

NEWS = Path(__file__).parents[2] / "models" / "tasks" / "news.toml"


def raw() -> dict[str, Any]:
    return tomllib.loads(NEWS.read_text(encoding="utf-8"))


def test_the_shipped_tasks_have_the_heads_that_serving_expects() -> None:
    news, intents = load_task("news"), load_task("intents")
    assert {name: head.on for name, head in news.heads.items()} == {
        "sentiment": "text", "topic": "text", "entity_sentiment": "span",
    }  # fmt: skip
    assert (
        news.heads["sentiment"].labels == news.heads["entity_sentiment"].labels == ("negative", "neutral", "positive")
    )
    assert len(news.heads["topic"].labels) == 20
    assert len(intents.heads["intent"].labels) == 77 and intents.abstain_on == "intent"


def test_phrasebank_is_measured_and_never_trained_on() -> None:
    sources = [source for source in load_task("news").sources if source.name.startswith("phrasebank")]
    assert len(sources) == 2 and {source.use for source in sources} == {"measure"}


def test_an_unknown_task_names_those_that_ship() -> None:
    with pytest.raises(InputError, match=r"nonsense.*one of clinc150, encoder, instructions, intents, news, reader"):
        load_task("nonsense")


def test_a_task_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(InputError, match=r"bad\.toml: not a TOML file"):
        load_task(str(tmp_path / "bad.toml"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("max_tokens"), "'max_tokens' is missing"),
        (lambda t: t["heads"]["topic"].update(on="word"), r"heads\.topic"),
        (lambda t: t["heads"]["topic"].update(labels=["a", "a"]), r"heads\.topic"),
        (lambda t: t["sources"][0].update(head="mood"), "is for head 'mood'"),
        (lambda t: t["sources"][0].update(reader="xls"), "reader 'xls'"),
        (lambda t: t["sources"][0].update(use="sell"), "use 'sell'"),
        (lambda t: t["sources"][0].update(colour="red"), "colour"),
        (lambda t: t["training"].update(momentum=1), "momentum"),
    ],
)
def test_a_task_with_a_fault_is_refused_by_name(change: Any, message: str) -> None:
    task = raw()
    change(task)
    with pytest.raises(InputError, match=message):
        parse_task(task, "news.toml")
