"""The report as one HTML file that needs nothing beside it: styles and pictures are in it. All data is escaped."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

from streams.backtest.results import Account, percent, sentences
from streams.backtest.running import Told
from streams.backtest.sensitivity import MOST_EVENTS, Tried
from streams.records import Evidence

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin:1.5rem 0 .2rem}
img{max-width:100%;height:auto}table{border-collapse:collapse}td,th{padding:.15rem .6rem;text-align:right;
border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}.critical{color:#b00020}
.warning{color:#9a5b00}ul{margin:.2rem 0 0;padding-left:1.2rem}small{color:#555}
"""
CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(
    name: str,
    told: Account,
    episodes: Sequence[tuple[Sequence[Told], bytes]],
    left_out: int,
    a_day: bytes | None,
    rows: Sequence[Tried],
    curve: bytes | None,
) -> str:
    """`episodes`: their alerts and picture; `left_out`: how many more there were."""
    parts = [
        f"<h1>Backtest of {escape(name)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in sentences(told)),
        "<h2>Alerts a day</h2>" + picture(a_day, "alerts opened a day") if a_day else "",
        "<h2>Other sensitivities</h2>" + sensitivities(rows, told, curve),
        f"<h2>Episodes</h2>{drawn(len(episodes), left_out)}",
        *(section(alerts, drawing) for alerts, drawing in episodes),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Backtest of {escape(name)}</title><style>{STYLE}</style></head><body>"
        + "\n".join(filter(None, parts))
        + "</body></html>\n"
    )


def picture(content: bytes, what: str) -> str:
    return f'<img alt="{escape(what)}" src="data:image/png;base64,{b64encode(content).decode()}">'


def drawn(count: int, left_out: int) -> str:
    if not count:
        return "<p>None opened.</p>"
    if left_out:
        return (
            f"<p>{count} of {count + left_out}, the most severe and least likely ones, by time;"
            " the others are in the alerts alone.</p>"
        )
    return f"<p>All {count}, by time.</p>"


def section(alerts: Sequence[Told], drawing: bytes) -> str:
    """One episode: what was said of it when, its picture, its headlines."""
    said = [each.alert for each in alerts]
    worst = said[-1]
    lines = "".join(f"<li>{escape(f'{one.at:%Y-%m-%d %H:%M}')} UTC: {escape(one.summary)}</li>" for one in said)
    evidence = max((one.evidence for one in said), key=len)
    over = "" if worst.status == "resolved" else " <small>(still open at the end)</small>"
    return (
        f'<h3 id="{escape(worst.episode, quote=True)}">{escape(worst.name)} · {escape(worst.kind)} ·'
        f' <span class="{escape(worst.severity)}">{escape(worst.severity)}</span>{over}</h3>'
        f"<ul>{lines}</ul>{picture(drawing, f'{worst.name}: its series')}"
        + (f"<p><small>Held back: {escape(worst.held)}</small></p>" if worst.held else "")
        + (f"<p>Members: {escape(', '.join(worst.members))}</p>" if worst.members else "")
        + (f"<ul>{''.join(map(headline, evidence))}</ul>" if evidence else "")
    )


def headline(evidence: Evidence) -> str:
    shown = escape(evidence.text or evidence.news_id)
    if evidence.url and evidence.url.startswith(("http://", "https://")):
        shown = f'<a rel="noopener noreferrer" href="{escape(evidence.url, quote=True)}">{shown}</a>'
    where = ", ".join(filter(None, [evidence.source, *evidence.also_in]))
    said = " · ".join(filter(None, [f"{evidence.sentiment} {evidence.negative:.2f}", where, evidence.news_id]))
    return f"<li>{shown} <small>{escape(said)}</small></li>"


def sensitivities(rows: Sequence[Tried], told: Account, curve: bytes | None) -> str:
    if len(rows) < 2:
        return f"<p>Not tried: the history has more than {MOST_EVENTS:,} lines.</p>"
    head = ["false alarms promised", "alerts", "a day"]
    labeled = any(each.labels for each in rows)
    head += ["windows found", "recall", "precision", "median delay", "NAB score"] if labeled else []
    body = "".join(f"<tr>{cells(cells_of(each, told.days), 'td')}</tr>" for each in rows)
    return (
        "<p>The same history with every rule's promise of false alarms multiplied.</p>"
        f"<table><tr>{cells(head, 'th')}</tr>{body}</table>"
        + (picture(curve, "alerts a day by promise") if curve else "")
    )


def cells_of(each: Tried, days: float) -> list[str]:
    found = [f"{each.factor:g}×", f"{each.opened:,}", f"{each.opened / days:.3g}" if days > 0 else "-"]
    if (labels := each.labels) is None:
        return found
    delay = "-" if labels.median_delay_s is None else f"{labels.median_delay_s / 60:.0f} min"
    return [
        *found, f"{labels.found} of {labels.windows}", percent(labels.recall), percent(labels.precision), delay,
        f"{labels.nab:.2f}",
    ]  # fmt: skip


def cells(texts: Iterable[str], tag: str) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
