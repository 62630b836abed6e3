"""The report of a run: index.html, and its pictures as PNG beside it."""

import importlib.util
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from models.errors import InputError, SettingsError
from streams.backtest.page import page
from streams.backtest.results import Account
from streams.backtest.running import Told
from streams.backtest.sensitivity import Tried
from streams.news.surge import SEVERITIES

MOST_DRAWN = 60  # episodes: at some 30 KB each the page stays below 3 MB


def require_matplotlib() -> None:
    """Raises SettingsError before any work is done."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SettingsError(
            "--report: got no matplotlib, wanted it to draw; pip install 'gretchen[report]', or go without --report"
        )


def write_report(folder: Path, name: str, told: Account, alerts: Sequence[Told], rows: Sequence[Tried]) -> Path:
    """The page's path. Raises InputError when it can't be written."""
    from streams.backtest.pictures import a_day, episode, png, sensitivities

    chosen, left_out = choose(alerts)
    pictures = {f"episode-{number:03}.png": png(episode(each)) for number, each in enumerate(chosen, start=1)}
    drawn = list(zip(chosen, pictures.values(), strict=True))
    daily = curve = None
    if told.first_at and told.last_at:
        opened = [each.alert.at for each in alerts if each.alert.status == "opened"]
        daily = pictures["alerts-a-day.png"] = png(
            a_day(opened, datetime.fromisoformat(told.first_at), datetime.fromisoformat(told.last_at))
        )
    if len(rows) > 1:
        curve = pictures["sensitivity.png"] = png(sensitivities(rows, told.days))
    html = page(name, told, drawn, left_out, daily, rows, curve)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in pictures.items():
            (folder / file).write_bytes(content)
        (folder / "index.html").write_text(html, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{folder}: can't write the report: {error.strerror}; name a folder that can be") from None
    return folder / "index.html"


def choose(alerts: Sequence[Told]) -> tuple[list[list[Told]], int]:
    """The episodes to draw, by time, and how many are left out: the less severe, then the likelier."""
    episodes: dict[str, list[Told]] = defaultdict(list)
    for each in alerts:
        episodes[each.alert.episode].append(each)
    ranked = sorted(episodes.values(), key=weight)[:MOST_DRAWN]
    return sorted(ranked, key=lambda each: each[0].alert.at), max(0, len(episodes) - MOST_DRAWN)


def weight(episode: Sequence[Told]) -> tuple[int, float]:
    worst = max(SEVERITIES.index(each.alert.severity) for each in episode)
    return -worst, min(each.alert.p_value for each in episode)
