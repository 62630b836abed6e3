"""The newcomer's path: past conversations, or a list of questions and answers, to a bot that answers."""

import csv
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer

from models.errors import InputError, SettingsError
from streams.admin import ensure_topics, kafka_client_config
from streams.commands.chat import command, trunks
from streams.records import Answer, ChatFeedback, Origin
from streams.settings import Settings
from streams.topics import CHAT_ANSWERS, CHAT_FEEDBACK

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "streams" / "sample"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("GRETCHEN_") and name != "GRETCHEN_FORBID_SKIPS":
            monkeypatch.delenv(name)
    yield


def run(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def learning() -> None:
    pytest.importorskip("onnx", reason="learning wants the [learn] extra")
    pytest.importorskip("sklearn", reason="learning wants the [learn] extra")


def test_conversations_become_a_bot_that_answers_in_other_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning()
    found, bot = tmp_path / "found", tmp_path / "bot"
    run("learn", SAMPLE / "conversations.jsonl", "--out", found)
    report = (found / "report.md").read_text()
    assert "| tax" in report and "Asked too seldom" in report
    proposal = (found / "proposal.toml").read_text()
    for personal in ("4029388172645093", "DE93299900110002900517", "petra.wendisch", "Wendisch", "0176 04069021"):
        assert personal not in proposal and personal not in report
    with pytest.raises(SettingsError, match="is approved"):
        run("train", found, "--out", bot)
    (found / "proposal.toml").write_text(proposal.replace("approved = false", "approved = true"))
    run("train", found, "--out", bot)
    assert "macro F1" in (bot / "report.md").read_text()

    monkeypatch.setenv("GRETCHEN_TEMPLATES", str(bot / "templates"))
    monkeypatch.setenv("GRETCHEN_INTENTS_MODEL", str(bot / "intents"))
    run("templates", "check")
    rehearsal = tmp_path / "rehearsal.jsonl"
    turns = [
        {"customer": "hello", "expect": {"way": "small-talk"}},
        {
            "customer": "where is the interest certificate for my tax return?",
            "expect": {"contains": ["Documents > Taxes"]},
        },
        {"customer": "and what is the rent of a safe deposit box?", "expect": {"contains": ["84"], "abstained": False}},
    ]
    rehearsal.write_text(json.dumps({"id": "own", "turns": turns}) + "\n")
    told = json.loads(run("test", rehearsal, "--json", "--at-least", "1").output.splitlines()[-1])
    assert (told["right"], told["failing"]) == (3, [])


def test_a_list_of_questions_and_answers_needs_no_approval(tmp_path: Path) -> None:
    learning()
    run("learn", "--faq", SAMPLE / "faq.csv", "--out", tmp_path / "faq")
    run("train", tmp_path / "faq", "--out", tmp_path / "bot")
    report = (tmp_path / "bot" / "report.md").read_text()
    assert "Too few examples" in report and (tmp_path / "bot" / "intents" / "model.onnx").exists()


def test_a_proposal_that_may_have_been_edited_is_not_overwritten(tmp_path: Path) -> None:
    run("learn", "--faq", SAMPLE / "faq.csv", "--out", tmp_path)
    (tmp_path / "proposal.toml").write_text("# mine\n")
    with pytest.raises(InputError, match="somebody may have edited it"):
        run("learn", "--faq", SAMPLE / "faq.csv", "--out", tmp_path)
    assert (tmp_path / "proposal.toml").read_text() == "# mine\n"
    run("learn", "--faq", SAMPLE / "faq.csv", "--out", tmp_path, "--overwrite")


def test_columns_may_have_other_names_and_an_encoding(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    rows = [["Frage", "Antwort"], ["Wo öffnet ihr?", "In Münster."], ["Wann öffnet ihr?", "Um neun."]]
    with file.open("w", encoding="latin-1", newline="") as into:
        csv.writer(into).writerows(rows)
    run(
        "learn", "--faq", file, "--question", "Frage", "--answer", "Antwort", "--encoding", "latin-1", "--out", tmp_path
    )
    assert "In Münster." in (tmp_path / "proposal.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no turn of a customer or an agent: no row"),
        ('{"conversation": 1, "role": "narrator", "text": "x"}\n', "unknown role.*'narrator'"),
        ('{"conversation": 1, "role": "agent", "text": "We open at nine every day."}\n', "no question with a reply"),
        ("nonsense\n", "no turn of a customer or an agent"),
    ],
)
def test_a_file_to_learn_nothing_from_says_why(tmp_path: Path, text: str, said: str) -> None:
    learning()
    file = tmp_path / "talks.jsonl"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        run("learn", file, "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "proposal.toml").exists()


def test_intents_without_examples_are_named(tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text('[one]\nanswer = "1"\nexamples = ["is it one?"]\n\n[two]\nanswer = "2"\n')
    with pytest.raises(InputError, match=r"1 intents have no examples \(two\)"):
        run("train", tmp_path, "--out", tmp_path / "bot")


def test_a_bot_below_the_mark_fails_the_command_and_shows_why(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text(json.dumps({"id": "d", "turns": [{"customer": "hello", "expect": {"way": "template"}}]}) + "\n")
    output = run("test", file, "--at-least", "0.5", code=1).output
    assert "way: wanted template, got small-talk" in output and "turns right           0 of 1 (0.0%)" in output
    run("test", file)


def test_a_dialogue_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text('{"id": "d"}\n')
    with pytest.raises(InputError, match=r"d\.jsonl:1: .*turns"):
        run("test", file)
    file.write_text("")
    with pytest.raises(InputError, match="no dialogue"):
        run("test", file)


def test_mistakes_in_answers_are_shown_and_intents_that_nobody_answers(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[one]\nansver = 'x'\n")
    with pytest.raises(SettingsError, match="did you mean answer"):
        run("templates", "check", tmp_path)
    (tmp_path / "a.toml").write_text("[one]\nanswer = 'x'\n")
    with pytest.raises(SettingsError, match="no answer is written for 77"):
        run("templates", "check", tmp_path)
    assert "1 answers in en, no mistake" in run("templates", "check", tmp_path, "--no-model").output


class Counting:
    """A trunk of two numbers a text that counts what it is asked."""

    class model:  # noqa: N801 - stands in for a trunk's
        name = b"one"

        @classmethod
        def SerializeToString(cls) -> bytes:  # noqa: N802 - onnx's name
            return cls.name

    tokenizer = b""

    def __init__(self, dimensions: int) -> None:
        self.asked, self.dimensions = list[str](), dimensions

    def vectors(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return np.array([[len(text)] * self.dimensions for text in texts], np.float32)


def test_vectors_are_reckoned_once_and_those_of_another_trunk_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunks, "CHUNK", 2)
    store, trunk = tmp_path / "new" / "vectors.npz", Counting(2)

    def kept(of: Counting, *texts: str) -> list[list[float]]:
        kept: list[list[float]] = trunks.kept_vectors(of, texts, store, lambda done, total: None).tolist()  # type: ignore[arg-type]
        return kept

    assert kept(trunk, "a", "bb", "ccc", "a") == [[1, 1], [2, 2], [3, 3], [1, 1]]
    assert kept(trunk, "dddd", "bb") == [[4, 4], [2, 2]] and trunk.asked == ["a", "bb", "ccc", "dddd"]
    monkeypatch.setattr(Counting.model, "name", b"other")
    assert kept(Counting(3), "bb") == [[2, 2, 2]]
    store.write_bytes(store.read_bytes()[:50])  # as a full disk would leave it
    assert kept(Counting(3), "bb") == [[2, 2, 2]]


@pytest.mark.kafka
def test_judged_conversations_are_read_out_of_kafka(kafka_settings: Settings, tmp_path: Path) -> None:
    answer = Answer(
        id="q1:answer", question_id="q1", conversation_id="c", question="when do you open?", text="At nine.",
        abstained=False, intent="hours", confidence=1.0, alternatives={},
        answered_at=datetime(2026, 11, 25, tzinfo=UTC), model="m", origin=Origin(0, 0),
    )  # fmt: skip
    liked = ChatFeedback(id="f", answer_id=answer.id, conversation_id="c", good=True, at=answer.answered_at)
    ensure_topics(kafka_settings)
    producer = KafkaProducer(**kafka_client_config(kafka_settings), acks="all")
    producer.send(CHAT_ANSWERS.of(kafka_settings), key=b"c", value=b"somebody else's record")
    producer.send(CHAT_ANSWERS.of(kafka_settings), key=b"c", value=msgspec.json.encode(answer))
    producer.send(CHAT_FEEDBACK.of(kafka_settings), key=b"q1:answer", value=msgspec.json.encode(liked))
    producer.close()
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "GRETCHEN_TOPIC_PREFIX": kafka_settings.topic_prefix,
    }
    out = tmp_path / "talks.jsonl"
    result = CliRunner().invoke(command, ["feedback", "--out", str(out)], env=environ, catch_exceptions=False)
    assert result.exit_code == 0 and "2 turns, 1 of them customers'; 1 answers were judged" in result.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["role"], row["text"]) for row in rows] == [("customer", "when do you open?"), ("agent", "At nine.")]
