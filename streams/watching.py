"""The watching agents' shells: entities and groups to windows, surges to storms, transitions to alerts; time's ticks.

entity-sentiments, group-sentiments -> watch_batch -> summaries -> alert_batch -> alerts
                                           └> surges -> storm_batch ─┘
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.batching import Batch
from streams.desk import Desk, Values, keep, load
from streams.events import Output, header, output
from streams.exact import ExactApp
from streams.intake import Refused, decode
from streams.news.alerts import EpisodeState, decode_episodes, raise_once
from streams.news.groups import OWN, STORM
from streams.news.rules import RuleBook
from streams.news.storms import (
    StormRule,
    StormState,
    decode_storm,
    encode_storm,
    observe_surge,
    pass_time,
    summary_of,
    surge_of,
)
from streams.news.summary import summarize
from streams.news.surge import expire, fold, open_episodes
from streams.news.upgrade import read_stored
from streams.news.windows import (
    GRACE_S,
    Live,
    Sighting,
    WindowState,
    encode_state,
    group_sighting,
    moment,
    seconds,
    sighting_of,
)
from streams.records import EntityObservation, GroupSentiments, Scope, Summary, Surge, Tick, Transition
from streams.tables import ExactTable, TopicTable
from streams.topics import ALERTS, SUMMARIES, SURGES, Topic

OPEN = OWN + "open"
"""The key of a partition's own value in a table: its streams with open episodes, and its time. No stream has it."""
LIVES = 5_000  # at about 50 KB each
TURN_S = 0.002  # then others may run: a second's news change thirty groups, and a headline would wait for them all
Rules = Callable[[], RuleBook]


class Open(msgspec.Struct):
    """A partition's streams with open episodes. `clock_s` is their latest event time, `seen_s` when that arrived."""

    keys: list[str] = []
    clock_s: float = 0.0
    seen_s: float = 0.0


class Told(msgspec.Struct, frozen=True):
    """A record as the streams of a partition see it."""

    key: str
    name: str
    scope: Scope
    sightings: list[Sighting]


def entity_told(record: EntityObservation) -> Told:
    return Told(record.entity, record.name, "entity", [sighting_of(record)])


def group_told(record: GroupSentiments) -> Told:
    return Told(record.group, record.name, record.scope, [group_sighting(record.partition, m) for m in record.mentions])


class Lives:
    """The states at work, kept between batches: what lies in the table, decoded. Whatever a batch could not keep ends
    the worker, and a rebalance empties it, so it never tells anything else than the table."""

    def __init__(self, app: ExactApp) -> None:
        self._app, self._generation = app, -1
        self._lives: dict[tuple[int, str], Live] = {}

    def of_now(self) -> dict[tuple[int, str], Live]:
        """Those of the present generation, at most LIVES."""
        generation = self._app.consumer_generation_id
        if generation != self._generation:
            self._generation = generation
            self._lives.clear()
        while len(self._lives) > LIVES:
            del self._lives[next(iter(self._lives))]
        return self._lives


class Turns:
    """Lets others run, every TURN_S of a long computation."""

    def __init__(self) -> None:
        self._until = time.monotonic() + TURN_S

    async def pause(self) -> None:
        if time.monotonic() >= self._until:
            await asyncio.sleep(0)
            self._until = time.monotonic() + TURN_S


@dataclass
class Changes:
    """What one batch does to a table of windows."""

    table: ExactTable
    lives: dict[tuple[int, str], Live]
    offsets: dict[tuple[int, str], int] = field(default_factory=dict)
    opens: dict[int, Open] = field(default_factory=dict)
    open_at: dict[int, int] = field(default_factory=dict)  # partition -> offset of the record that changed its Open

    def live(self, event: Any, key: str, scope: Scope) -> Live:
        slot = (event.message.partition, key)
        if slot not in self.lives:
            state = load(self.table, event, key, read_stored) or WindowState(entity=key, scope=scope)
            self.lives[slot] = Live(state)
        return self.lives[slot]

    def open(self, event: Any) -> Open:
        partition = event.message.partition
        if partition not in self.opens:
            self.opens[partition] = load(self.table, event, OPEN, decode_open) or Open()
        return self.opens[partition]

    def changed(self, event: Any, key: str) -> None:
        self.offsets[event.message.partition, key] = event.message.offset

    def note(self, event: Any, state: WindowState) -> None:
        """Keep the partition's list of open episodes true, also when a replay finds the state as it should be."""
        opened = self.open(event)
        listed = state.entity in opened.keys
        if open_episodes(state) > 0:
            if not listed:
                opened.keys.append(state.entity)
        elif listed:
            opened.keys.remove(state.entity)
        if listed or opened.keys:
            if (state.clock_s or 0.0) > opened.clock_s:
                opened.clock_s, opened.seen_s = state.clock_s or 0.0, event.message.timestamp
            self.open_at[event.message.partition] = event.message.offset

    async def values(self, turns: Turns) -> Values:
        values: Values = {}
        for slot, offset in self.offsets.items():
            values[slot] = (offset, encode_state(self.lives[slot].settled()))
            await turns.pause()
        for partition, offset in self.open_at.items():
            values[partition, OPEN] = (offset, msgspec.json.encode(self.opens[partition]))
        return values


def decode_open(value: bytes) -> Open:
    return msgspec.json.decode(value, type=Open)


async def watch_batch(
    desk: Desk,
    agent: str,
    topic: Topic,
    table: ExactTable,
    lives: Lives,
    rules: Rules,
    read: Callable[[Any], Told],
    batch: Batch,
) -> None:
    """entity-sentiments or group-sentiments -> its table, summaries, surges.

    A summary for each transition, and one for each stream at the batch's end.
    """
    outputs, changes, book, turns = list[Output](), Changes(table, lives.of_now()), rules(), Turns()
    for event in batch.events:
        await turns.pause()
        message = event.message
        ce_type = header(message.headers, "ce_type")
        try:
            if ce_type == Tick.TYPE:
                outputs += tick(desk, changes, book, event, decode(event.value, Tick, ce_type))
                continue
            record = read(decode(event.value, topic.record, ce_type))
        except Refused as refused:
            outputs.append(desk.refuse(topic, message, refused))
            continue
        live, watching = changes.live(event, record.key, record.scope), book.watching(record.key)
        for sighting in record.sightings:
            told = fold(live, sighting, watching, record.name)
            if told is not None:
                changes.changed(event, record.key)
                outputs += transitions(desk, live.state, told)
        changes.note(event, live.state)
    for slot in changes.offsets:
        state = changes.lives[slot].state
        outputs.append(output(desk.settings, SUMMARIES, state.entity, summarize(state)))
        await turns.pause()
    await desk.publish(agent, outputs)
    await keep(table, await changes.values(turns))
    desk.finish(agent, topic, batch)


def tick(desk: Desk, changes: Changes, book: RuleBook, event: Any, told: Tick) -> Iterator[Output]:
    """Time has passed: open episodes of the partition that were calm long enough are over."""
    now_s = seconds(told.at) - GRACE_S
    for key in list(changes.open(event).keys):
        live = changes.live(event, key, "entity")
        ended = expire(live.state, now_s, book.watching(key))
        if ended:
            changes.changed(event, key)
            changes.note(event, live.state)
            yield from transitions(desk, live.state, ended)


def transitions(desk: Desk, state: WindowState, told: Sequence[Transition]) -> Iterator[Output]:
    """Each transition's summary, and what storms are made of."""
    for each in told:
        yield output(desk.settings, SUMMARIES, state.entity, summarize(state, each))
        if surge := surge_of(state, each):
            yield output(desk.settings, SURGES, "surges", surge)


async def storm_batch(desk: Desk, table: ExactTable, rule: StormRule, batch: Batch) -> None:
    """surges -> storms, summaries."""
    agent, outputs, states = "group_surges", list[Output](), dict[int, StormState]()
    offsets: dict[int, int] = {}
    for event in batch.events:
        message = event.message
        ce_type = header(message.headers, "ce_type")
        if message.partition not in states:
            states[message.partition] = load(table, event, STORM, decode_storm) or StormState()
        old = states[message.partition]
        try:
            if ce_type == Tick.TYPE:
                new, told = pass_time(old, seconds(decode(event.value, Tick, ce_type).at), rule)
            else:
                new, told = observe_surge(old, decode(event.value, Surge, ce_type), rule, message.timestamp)
        except Refused as refused:
            outputs.append(desk.refuse(SURGES, message, refused))
            continue
        if new is not old:
            states[message.partition], offsets[message.partition] = new, message.offset
        outputs += [output(desk.settings, SUMMARIES, each.entity, each) for each in map(summary_of, told)]
    await desk.publish(agent, outputs)
    await keep(table, {(p, STORM): (offset, encode_storm(states[p])) for p, offset in offsets.items()})
    desk.finish(agent, SURGES, batch)


async def alert_batch(desk: Desk, table: TopicTable, rules: Rules, batch: Batch) -> None:
    """summaries -> alerts, which are their own memory: what lies in the topic is not told again."""
    agent, outputs, states = "raise_alerts", list[Output](), dict[tuple[int, str], EpisodeState]()
    for event in batch.events:
        message = event.message
        try:
            summary = decode(event.value, Summary, header(message.headers, "ce_type"))
        except Refused as refused:
            outputs.append(desk.refuse(SUMMARIES, message, refused))
            continue
        if summary.transition is None:
            continue
        slot = (message.partition, summary.entity)
        old = states[slot] if slot in states else load(table, event, summary.entity, decode_episodes)
        states[slot], alert = raise_once(old, summary, rules())
        if alert is not None:
            record = output(desk.settings, ALERTS, alert.entity, alert)
            outputs.append(record._replace(partition=message.partition))  # where the table looks for it
            desk.metrics.alerts.labels(alert.kind, alert.status, alert.severity).inc()
    sent = await desk.publish(agent, outputs)
    table.remember(outputs, sent)
    desk.finish(agent, SUMMARIES, batch)


def ticks(
    desk: Desk, tables: Sequence[tuple[Topic, ExactTable]], partitions: Callable[[Topic], Sequence[Any]]
) -> list[Output]:
    """A tick for each partition of this worker's in which an episode is open; `partitions` gives places to read by."""
    found, now_s = [], desk.clock().timestamp()
    for topic, table in tables:
        for place in partitions(topic):
            key, decoder = (STORM, storm_open) if topic is SURGES else (OPEN, decode_open)
            opened = load(table, place, key, decoder)
            if opened is not None and opened.keys:
                at = moment(opened.clock_s + max(0.0, now_s - opened.seen_s))
                record = Tick(id=f"tick:{place.message.partition}:{at.isoformat()}", at=at)
                found.append(output(desk.settings, topic, "tick", record)._replace(partition=place.message.partition))
    return found


def storm_open(value: bytes) -> Open:
    """An open storm as the ticks see it."""
    state = decode_storm(value)
    return Open([state.episode] if state.episode else [], state.clock_s, state.seen_s)
