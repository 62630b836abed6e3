"""What the terminal sees of a replay: a bar and unusable rows on standard error, the account on standard output."""

import time
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from models.errors import InputError
from streams.sources.checkpoint import Keep
from streams.sources.files import Source, Unusable
from streams.sources.replay import Account

SHOWN_UNUSABLE = 20


class Report:
    """A context manager around the run; `keep` is saved at every tick. `strict` raises at the first unusable row."""

    def __init__(self, source: Source, strict: bool = False, keep: Keep | None = None) -> None:
        self._source, self._strict, self._keep = source, strict, keep
        self._account = Account()
        self._unusable = 0
        console = Console(stderr=True)
        columns: list[ProgressColumn] = [TextColumn(source.name, markup=False), BarColumn()]
        if source.size_bytes:  # by bytes, so that the end is known without counting rows first
            columns += [TextColumn("{task.percentage:.0f}%"), TimeRemainingColumn()]
        columns.append(TextColumn("{task.fields[counts]}"))
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self._progress.add_task("", total=source.size_bytes or None, counts="")

    def unusable(self, row: Unusable) -> None:
        """Say which line is no record and why, the first SHOWN_UNUSABLE of them."""
        line = f"{self._source.name}:{row.line}: {row.reason}"
        if self._strict:
            raise InputError(f"{line}; stopped there, because of --strict")
        self._unusable += 1
        if self._unusable <= SHOWN_UNUSABLE:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def tick(self, account: Account) -> None:
        self._account = account
        if self._keep is not None:
            self._keep.save(account.done)
        rate = account.acked / max(time.monotonic() - self._started_s, 1e-3)
        counts = f"{account.acked:,} acked, {account.skipped:,} skipped, {rate:,.0f}/s"
        self._progress.update(self._task, completed=self._source.position(), counts=counts)

    def __enter__(self) -> "Report":
        self._started_s = time.monotonic()
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()
        took_s = time.monotonic() - self._started_s
        account = self._account
        if self._unusable > SHOWN_UNUSABLE:
            click.echo(f"{self._source.name}: and {self._unusable - SHOWN_UNUSABLE:,} more unusable rows", err=True)
        click.echo(
            f"read {account.read:,}, sent {account.sent:,}, acked {account.acked:,}, skipped {account.skipped:,} "
            f"in {took_s:.1f} s ({account.acked / max(took_s, 1e-3):,.0f}/s)"
        )
