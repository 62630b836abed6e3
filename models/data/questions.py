"""Questions about passages: read as they lie there, answers checked against the passage, split by passage.

Every row becomes a question or is counted under the reason it was skipped for. A passage lies on one side only: a set
in one file is split by a hash of the passage, and a row of train whose passage some set of the task tests or chooses by
is dropped and counted. Where a set asks for it, questions are asked once more of a passage that does not answer them:
one that BM25 finds for the question in the same split, without the answer's words in it.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from models.data.corpus import SPLITS, Tally, hash_share, normalize, read_text
from models.errors import InputError
from models.tasks.task import Source, Task

HITS, NEAR = 20, 3  # of so many passages that BM25 finds, one of the first few that do not answer is taken
COLUMNS = ("id", "context", "question", "answer", "answer_start")
TREEBANK = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "``": '"', "''": '"'}
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Question:
    """`answers`: characters [start, end) of the passage, one an annotator, so repeated ones are votes; () where the
    passage does not answer.
    """

    id: str
    text: str
    passage: str
    answers: tuple[Span, ...]
    source: str

    @property
    def answer_texts(self) -> tuple[str, ...]:
        return tuple(self.passage[start:end] for start, end in self.answers)


@dataclass(slots=True)
class Questions(Tally):
    """Questions by split, by source all its passages, each once, and what became of the other rows."""

    examples: dict[str, list[Question]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    passages: dict[str, list[str]] = field(default_factory=dict)

    def of(self, split: str, source: str) -> list[Question]:
        return [question for question in self.examples[split] if question.source == source]


class Row(NamedTuple):
    """A question as its reader found it; `answers` are texts with the place they are said to begin at, if said.

    `answers` None: the set itself says that the passage does not answer. `where` is file:place for the messages.
    """

    split: str
    id: str
    question: str
    passage: str
    answers: tuple[tuple[str, int | None], ...] | None
    where: str


def load_questions(task: Task, root: Path, *, use: str = "train") -> Questions:
    """All sources of the task with this use. Raises InputError for what can't be read."""
    rows = {source.name: list(rows_of(source, root)) for source in task.sources}
    held = {
        normalize(row.passage)
        for source in task.sources
        for row in rows[source.name]
        if split_of(row, source) != "train"
    }
    questions = Questions()
    for source in task.sources:
        if source.use == use:
            add_source(questions, source, rows[source.name], held)
    return questions


def rows_of(source: Source, root: Path) -> Iterator[Row]:
    for split, path in source.files.items():
        yield from READ[source.reader](source, root, root / path, split)


def split_of(row: Row, source: Source) -> str:
    """The row's split; a set that is only measured is never trained on, whatever its files are called."""
    if source.use == "measure":
        return "dev" if row.split == "dev" else "test"
    share = hash_share(normalize(row.passage))
    if row.split == "all":
        held = source.test_share + source.dev_share
        return "test" if share < source.test_share else "dev" if share < held else "train"
    return "dev" if row.split == "train" and share < source.dev_share else row.split


def add_source(questions: Questions, source: Source, rows: Sequence[Row], held: set[str]) -> None:
    name = source.name
    seen: set[tuple[str, str]] = set()
    found: dict[str, list[Question]] = {split: [] for split in SPLITS}
    for row in rows:
        split = split_of(row, source)
        asked = normalize(row.question), normalize(row.passage)
        if not all(asked):
            questions.skip(name, "empty question or passage", row.where)
        elif asked in seen:
            questions.skip(name, "asked twice of the same passage", row.where)
        elif split == "train" and asked[1] in held:
            questions.skip(name, "passage held out", row.where)
        elif split == "train" and hash_share("keep " + asked[1]) >= source.train_share:
            questions.skip(name, "not in the share used", row.where)
        elif answers := spans_of(row, name, questions):
            found[split].append(Question(row.id, row.question, row.passage, answers, name))
            seen.add(asked)
        elif row.answers is None:
            found[split].append(Question(row.id, row.question, row.passage, (), name))
            seen.add(asked)
        else:
            questions.skip(name, "no answer in the passage", row.where)
    if not any(found.values()):
        where = rows[0].where if rows else ", ".join(source.files.values())
        raise InputError(
            f"{where}: no question of {name} can be used ({'; '.join(questions.notes()) or 'it is empty'})"
        )
    questions.passages[name] = list(dict.fromkeys(row.passage for row in rows if normalize(row.passage)))
    for split, of_split in found.items():
        questions.examples[split] += of_split + unanswerable(of_split, source.unanswerable)


def spans_of(row: Row, name: str, questions: Questions) -> tuple[Span, ...]:
    """Where the row's answers stand in its passage; those that stand elsewhere than said, or nowhere, are counted."""
    spans = []
    for text, start in row.answers or ():
        span = find_answer(row.passage, text, start)
        if span is None:
            questions.skip(name, "an answer that is not in the passage", row.where)
            continue
        if start is not None and span[0] != start and row.passage[start : start + len(text)] != text:
            questions.notice(name, "an answer that stands elsewhere than said", row.where)
        spans.append(span)
    return tuple(spans)


def find_answer(passage: str, text: str, start: int | None) -> Span | None:
    """The answer's characters without blanks around them: where it is said to begin, or else at its nearest mention."""
    blanks = len(text) - len(text.lstrip())
    wanted = text.strip()
    if not wanted:
        return None
    said = 0 if start is None else start + blanks
    if start is not None and passage[said : said + len(wanted)] == wanted:
        return said, said + len(wanted)
    places = []
    at = passage.find(wanted)
    while at >= 0:
        places.append(at)
        at = passage.find(wanted, at + 1)
    if not places:
        return None
    nearest = min(places, key=lambda place: abs(place - said))
    return nearest, nearest + len(wanted)


def unanswerable(questions: Sequence[Question], share: float) -> list[Question]:
    """Some of the questions, asked of a near passage without the answers' words; the same for the same questions."""
    chosen = [q for q in questions if q.answers and hash_share(f"unanswerable {q.text} {q.passage}") < share]
    passages = list(dict.fromkeys(q.passage for q in questions))
    if not chosen or len(passages) < 2:
        return []
    from models.data.lexical import Lexical

    made = []
    normal = {passage: f" {normalize(passage)} " for passage in passages}
    for question, near in zip(chosen, Lexical(passages).hits([q.text for q in chosen], HITS), strict=True):
        answers = {f" {normalize(text)} " for text in question.answer_texts}
        others = [
            passages[n]
            for n in near
            if passages[n] != question.passage and not any(answer in normal[passages[n]] for answer in answers)
        ][:NEAR]
        if others:
            other = others[int(hash_share(f"which {question.text}") * len(others))]
            made.append(Question(f"{question.id}-unanswerable", question.text, other, (), question.source))
    return made


def read_squad(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """SQuAD's JSON, 1.1 and 2.0, and what is laid out like it."""
    raw = _json(path, source.encoding)
    try:
        for a, article in enumerate(raw["data"]):
            for p, paragraph in enumerate(article["paragraphs"]):
                for asked in paragraph["qas"]:
                    where = f"{path}:data[{a}].paragraphs[{p}] question {asked['id']}"
                    answers = tuple((answer["text"], answer.get("answer_start")) for answer in asked["answers"])
                    impossible = asked.get("is_impossible", False)
                    yield Row(split, str(asked["id"]), asked["question"], paragraph["context"],
                              None if impossible else answers, where)  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not SQuAD's layout (data, paragraphs, qas, answers): {error!r}") from None


def read_table(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """A CSV or Parquet file with a line a question; SQuAD's `answers` of texts and starts are read too.

    An empty answer says that the passage does not answer. Without a column `answer_start` its first mention is meant.
    """
    rows, header = _records(path, source)
    names = {key: source.columns.get(key, key) for key in COLUMNS}
    several = source.columns.get("answers", "answers")
    wanted = {names["context"], names["question"], names["answer"] if several not in header else several}
    if missing := wanted - set(header):
        raise InputError(
            f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(header) or 'nothing'};"
            " name the columns in the task (columns = { context = …, question = …, answer = … })"
        )
    for n, record in rows:
        where = f"{path}:{n}"
        context, question = record[names["context"]], record[names["question"]]
        if context is None or question is None:
            raise InputError(f"{where}: fewer columns than the header has")
        answers = record.get(several) or {}
        try:
            if several in header:
                said = tuple(zip(answers["text"], answers["answer_start"], strict=True))
            else:
                start = record.get(names["answer_start"])
                text = record[names["answer"]] or ""
                said = ((text, int(start) if start not in (None, "") else None),) if text.strip() else ()
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{where}: an answer that can't be read: {error!r}") from None
        yield Row(split, str(record.get(names["id"]) or n), question, context, said or None, where)


def read_qamr(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """QAMR's tab-separated rows: answers are token indices into a sentence of its own file, one answer a judge."""
    sentences = dict(line.partition("\t")[::2] for line in read_text(root / source.sentences, "utf-8").splitlines())
    asked: dict[tuple[str, str], list[tuple[int, list[str]]]] = {}
    for n, line in enumerate(read_text(path, source.encoding).splitlines(), 1):
        cells = line.split("\t")
        if len(cells) != 9 or cells[0] not in sentences:
            raise InputError(
                f"{path}:{n}: {len(cells)} columns, sentence {cells[0]!r}; wanted QAMR's 9, and its sentence"
            )
        judged = [cells[6], *(cell.partition(":")[2] for cell in cells[7:])]
        asked.setdefault((cells[0], cells[5].strip()), []).append((n, judged))
    for (sentence, question), rows in asked.items():
        tokens = [TREEBANK.get(token, token) for token in sentences[sentence].split()]
        ends = [len(" ".join(tokens[: k + 1])) for k in range(len(tokens))]
        answers: list[tuple[str, int | None]] = []
        for places in (indices(said) for _, judged in rows for said in judged):
            if places and places[-1] < len(tokens):
                text = " ".join(tokens[places[0] : places[-1] + 1])
                answers.append((text, ends[places[-1]] - len(text)))
        n = rows[0][0]
        yield Row(split, f"{sentence}#{n}", question, " ".join(tokens), tuple(answers), f"{path}:{n}")


def indices(said: str) -> list[int]:
    """The token indices that a judge gave, none if they are not one span ("Invalid", or words here and there)."""
    places = [int(word) for word in said.split() if word.isdigit()]
    return places if places and places == list(range(places[0], places[-1] + 1)) else []


def read_tatqa(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """TAT-QA's questions that one span of the text answers; the passage is all text of the report's part."""
    try:
        for n, part in enumerate(_json(path, source.encoding)):
            passage = "\n".join(paragraph["text"] for paragraph in part["paragraphs"])
            for asked in part["questions"]:
                if asked["answer_type"] == "span" and asked["answer_from"] == "text":
                    answers = tuple((text, None) for text in asked["answer"])
                    yield Row(split, asked["uid"], asked["question"], passage, answers, f"{path}:[{n}] {asked['uid']}")
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not TAT-QA's layout (paragraphs, questions): {error!r}") from None


READ: Mapping[str, Callable[[Source, Path, Path, str], Iterator[Row]]] = {
    "squad": read_squad, "csv": read_table, "parquet": read_table, "qamr": read_qamr, "tatqa": read_tatqa,
}  # fmt: skip


def by_source(questions: Iterable[Question]) -> dict[str, list[Question]]:
    sets: dict[str, list[Question]] = {}
    for question in questions:
        sets.setdefault(question.source, []).append(question)
    return sets


def _records(path: Path, source: Source) -> tuple[Iterator[tuple[int, dict[str, Any]]], list[str]]:
    """Numbered rows by column, and the columns."""
    if source.reader == "csv":
        reader = csv.DictReader(iter(read_text(path, source.encoding).splitlines(keepends=True)))
        return ((reader.line_num, row) for row in reader), list(reader.fieldnames or ())
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: not a Parquet file that can be read: {error}") from None
    return iter(enumerate(table.to_pylist(), 1)), list(table.column_names)


def _json(path: Path, encoding: str) -> Any:
    try:
        return json.loads(read_text(path, encoding))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
