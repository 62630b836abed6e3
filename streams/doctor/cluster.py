"""Checks of Kafka: does it answer, at addresses we can reach, with our topics as we want them, and is it read?"""

import socket
import time
from collections.abc import Iterator, Mapping

from models.errors import BrokerUnavailable, TopicMismatch
from streams.admin import admin_client
from streams.doctor.finding import Finding, error, ok, warning
from streams.inventory import Holding, Inventory, take_inventory
from streams.settings import Settings

CONNECT_S = 3.0
WATCH_S = 3.0


def check_broker(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Reached at the given address, then at the addresses it tells its clients to use."""
    chosen = bool(environ.get("KAFKA_BOOTSTRAP_SERVERS"))
    refusals = [said for address in settings.bootstrap_servers.split(",") if (said := why_unreachable(address.strip()))]
    if len(refusals) == len(settings.bootstrap_servers.split(",")):
        if chosen:
            remedy = "start it, or correct KAFKA_BOOTSTRAP_SERVERS"
            yield error("broker", "; ".join(refusals), wanted="a Kafka that answers", remedy=remedy, exit_code=6)
        else:
            remedy = "`gretchen demo` brings its own; for anything else set KAFKA_BOOTSTRAP_SERVERS to your Kafka"
            yield warning("broker", "; ".join(refusals), remedy=remedy)
        return
    try:
        with admin_client(settings) as admin:
            # private, and the only way: any request goes to the advertised addresses, which are what may be wrong
            advertised = [f"{broker.host}:{broker.port}" for broker in admin._manager.cluster.brokers()]
    except BrokerUnavailable:
        got = f"{settings.bootstrap_servers} takes connections, but talks no {settings.security_protocol} Kafka with us"
        remedy = "check the port, KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_* and KAFKA_SSL_CAFILE"
        yield error("broker", got, remedy=remedy, exit_code=6)
        return
    lost = [said for address in advertised if (said := why_unreachable(address))]
    if lost:
        got = f"{settings.bootstrap_servers} answers, but sends its clients elsewhere: {'; '.join(lost)}"
        yield error("broker", got, remedy="mend advertised.listeners in the broker's configuration", exit_code=6)
    elif len(advertised) < settings.replication_factor:
        got = f"{len(advertised)} brokers at {', '.join(advertised)}"
        remedy = "lower GRETCHEN_REPLICATION_FACTOR, or add brokers"
        yield error("broker", got, wanted=f"{settings.replication_factor} for the replicas", remedy=remedy, exit_code=6)
    else:
        yield ok("broker", f"{len(advertised)} at {', '.join(advertised)}")


def why_unreachable(address: str) -> str:
    """Why nothing can be reached at host:port, empty where something takes connections."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return f"{address!r} is not host:port"
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except socket.gaierror:
        return f"{host} is no known host name"
    except TimeoutError:
        return f"{address} does not answer within {CONNECT_S:.0f} s (a firewall?)"
    except OSError as raised:
        return f"{address}: {raised.strerror or raised}"
    return ""


def check_topics(settings: Settings) -> Iterator[Finding]:
    """Raises BrokerUnavailable."""
    yield from judge_topics(settings, take_inventory(settings).topics)


def judge_topics(settings: Settings, holdings: list[Holding]) -> Iterator[Finding]:
    missing = [one.topic for one in holdings if not one.partitions]
    there = [one for one in holdings if one.partitions]
    bad = [one for one in there if one.partitions != one.wanted_partitions]
    if missing:
        remedy = "`gretchen topics create`; a worker also creates them when it starts"
        yield warning("topics", f"not there: {', '.join(missing)}", remedy=remedy)
    for one in bad:
        yield error(
            "topics",
            f"{one.topic} has {one.partitions} partitions",
            wanted=str(one.wanted_partitions),
            remedy=f"set GRETCHEN_PARTITIONS={one.partitions}, or GRETCHEN_TOPIC_PREFIX for topics of your own",
            exit_code=TopicMismatch.exit_code,
        )
    for one in there:
        if one.leaderless:
            got = f"{one.topic} has {one.leaderless} partitions without a leader"
            yield error("topics", got, remedy="look at the brokers: one is down", exit_code=BrokerUnavailable.exit_code)
        if one.replication < settings.replication_factor:
            got = f"{one.topic} has {one.replication} replicas"
            remedy = "reassign its partitions, or lower GRETCHEN_REPLICATION_FACTOR"
            yield warning("topics", got, wanted=str(settings.replication_factor), remedy=remedy)
    if there and not bad:
        records = sum(one.records for one in there)
        yield ok("topics", f"{len(there)} with {settings.partitions} partitions each, {records:,} records in all")


def check_lag(settings: Settings) -> Iterator[Finding]:
    """Looks twice: what counts is whether the committed offsets move, not what a group says of itself."""
    before = take_inventory(settings)
    if not lag_by_topic(settings, before):
        yield from judge_lag(settings, before, before)
        return
    time.sleep(WATCH_S)
    yield from judge_lag(settings, before, take_inventory(settings))


def judge_lag(settings: Settings, before: Inventory, after: Inventory) -> Iterator[Finding]:
    """Of the workers' group. The lag counts as moving when a commit was made between the two looks."""
    group = next((one for one in after.groups if one.name == settings.app_id), None)
    lag = lag_by_topic(settings, after)
    if group is None:
        yield warning("workers", f"no worker of {settings.app_id} has read anything yet", remedy="`gretchen worker`")
        return
    shown = ", ".join(f"{topic}: {behind:,}" for topic, behind in lag.items()) or "nothing"
    state = f"{group.members} consuming as group {group.name} ({group.state}), behind by {shown}"
    if not group.members:
        yield warning("workers", state, remedy="`gretchen worker`") if lag else ok("workers", state)
    elif stalled := [topic for topic in lag if committed(settings, before, topic) == committed(settings, after, topic)]:
        got = f"{state}; {', '.join(stalled)} did not move within {WATCH_S:.0f} s"
        remedy = (
            "a rebalance or a start takes some seconds: look again; if it stays, restart the worker and read its log"
        )
        yield warning("workers", got, wanted="a lag that falls", remedy=remedy)
    else:
        yield ok("workers", state)


def lag_by_topic(settings: Settings, inventory: Inventory) -> dict[str, int]:
    """Topics the workers' group is behind on."""
    return {one.topic: lag for one in inventory.topics if (lag := one.lag.get(settings.app_id, 0))}


def committed(settings: Settings, inventory: Inventory, topic: str) -> int:
    """Records the workers' group has done, over all partitions."""
    held = next(one for one in inventory.topics if one.topic == topic)
    return held.records - held.lag.get(settings.app_id, 0)
