"""What the demo shows while it runs: bars that move, alerts and a few answers as they come. All on stderr."""

from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streams.demo.ledger import Ledger
from streams.records import Alert, Answer, ScoredNews, Way
from streams.topics import CHAT_ANSWERS, DEAD_LETTERS, SCORED_NEWS

MARK = {"negative": "[red]▼[/]", "neutral": "[dim]■[/]", "positive": "[green]▲[/]"}
UNANSWERED: dict[Way, str] = {
    "handover": "handed over to a person",
    "clarify": "asked which of some is meant",
    "unsure": "asked to say it otherwise",
}
COLOR = {"info": "cyan", "warning": "yellow", "critical": "red"}


class Screen:
    """A live view; `talkative` also prints headlines and answers (a watched demo, not a fast one)."""

    def __init__(self, console: Console, headlines: int, questions: int, broken: int, talkative: bool) -> None:
        self.console, self._talkative = console, talkative
        self._bars = Progress(
            TextColumn("{task.description:18}"),
            BarColumn(40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks = {
            SCORED_NEWS.name: self._bars.add_task("headlines scored", total=headlines),
            CHAT_ANSWERS.name: self._bars.add_task("questions answered", total=questions),
            DEAD_LETTERS.name: self._bars.add_task("refused, kept", total=broken),
        }
        self.live = Live(Group(self._bars), console=console, refresh_per_second=8)

    def update(self, ledger: Ledger) -> None:
        for topic, task in self._tasks.items():
            self._bars.update(task, completed=ledger.settled_by(topic))

    def show(self, record: ScoredNews | Answer | Alert) -> None:
        if isinstance(record, Alert):
            self._alert(record)
        elif isinstance(record, Answer) and self._talkative:
            reply = (
                f"[yellow]{UNANSWERED.get(record.way, 'nobody guesses')}[/]" if record.abstained else answer_of(record)
            )
            self.console.print(f"  [cyan]?[/] {escape(record.question)}\n    {reply}", highlight=False)
        elif isinstance(record, ScoredNews) and self._talkative:
            verdicts = "  ".join(f"{MARK[e.sentiment]} {escape(e.name)}" for e in record.entities)
            line = f"  {MARK[record.sentiment]} {escape(record.text)}  {verdicts}"
            self.console.print(line, highlight=False, overflow="ellipsis", no_wrap=True)

    def _alert(self, alert: Alert) -> None:
        color = COLOR[alert.severity]
        self.console.print(
            f"[bold {color}]ALERT {alert.severity}[/] {clock(alert.at)} [bold]{escape(alert.summary)}[/]"
        )
        for evidence in alert.evidence[:3]:
            self.console.print(f"      {clock(evidence.at)} {escape(evidence.text)}", style="dim", highlight=False)


def clock(at: datetime) -> str:
    return at.strftime("%a %H:%M")


def answer_of(answer: Answer) -> str:
    """Its first sentence, and what it rests on where that is no template."""
    sources = [escape(source.instruction or source.document or "") for source in answer.sources]
    shown = ", ".join(filter(None, dict.fromkeys(sources)))
    return escape(first_sentence(answer.text)) + (f"  [dim]{shown}[/]" if shown else "")


def first_sentence(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return head + dot.strip()
