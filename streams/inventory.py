"""What the cluster holds for us: each topic with its partitions and records, and how far each group has read."""

from collections.abc import Mapping
from typing import Any

import msgspec
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from streams.admin import UNKNOWN_TOPIC, admin_client
from streams.settings import Settings
from streams.topics import TOPICS, Topic

Offsets = Mapping[TopicPartition, int]


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One of our topics as it is; `partitions` 0 means that it is not there."""

    topic: str  # the name on the cluster
    key: str
    partitions: int = 0
    wanted_partitions: int
    replication: int = 0  # of the partition with the fewest replicas
    leaderless: int = 0  # partitions nobody can read or write now
    records: int = 0  # between the first and the last offset; compaction leaves gaps
    lag: dict[str, int] = {}  # consumer group -> records not yet committed


class Group(msgspec.Struct, frozen=True):
    """A consumer group that has read from our topics."""

    name: str
    state: str  # Stable, Empty, PreparingRebalance, …
    members: int | None  # None for a group of the newer protocol, which is asked otherwise


class Inventory(msgspec.Struct, frozen=True):
    topics: list[Holding]
    groups: list[Group]


def take_inventory(settings: Settings) -> Inventory:
    """Our topics, there or not, and the groups that read them. Raises BrokerUnavailable."""
    with admin_client(settings) as admin:
        described = describe(admin, [topic.of(settings) for topic in TOPICS])
        places = [
            TopicPartition(name, partition["partition_index"])
            for name, topic in described.items()
            for partition in topic["partitions"]
            if partition["leader_id"] >= 0
        ]
        first = offsets_at(admin, places, OffsetSpec.EARLIEST)
        last = offsets_at(admin, places, OffsetSpec.LATEST)
        # no protocol: commits were made for a group that never had members
        groups = {one["group_id"]: one for one in admin.list_groups() if one["protocol_type"] in ("consumer", "")}
        names = sorted(groups)
        committed = {
            name: {place: at.offset for place, at in offsets.items() if place in last and at.offset >= 0}
            for name, offsets in (admin.list_group_offsets(names) if names else {}).items()
        }
        readers = [name for name in names if committed[name]]
        classic = [name for name in readers if groups[name].get("group_type", "classic") == "classic"]
        described_groups = admin.describe_groups(classic) if classic else {}
    members = {name: len(one["members"]) for name, one in described_groups.items()}
    lag = {name: lag_of(first, last, committed[name]) for name in readers}
    return Inventory(
        [holding(topic, settings, described.get(topic.of(settings)), first, last, lag) for topic in TOPICS],
        [Group(name, groups[name]["group_state"], members.get(name)) for name in readers],
    )


def describe(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, Any]]:
    """Kafka's own description of those of the topics that are there."""
    return {topic["name"]: topic for topic in admin.describe_topics(names) if topic["error_code"] != UNKNOWN_TOPIC}


def offsets_at(admin: KafkaAdminClient, places: list[TopicPartition], spec: OffsetSpec) -> Offsets:
    found = admin.list_partition_offsets(dict.fromkeys(places, spec)) if places else {}
    return {place: at.offset for place, at in found.items()}


def lag_of(first: Offsets, last: Offsets, committed: Offsets) -> dict[str, int]:
    """Topic -> records behind, of the topics a group has committed to.

    A partition without a commit counts from its first record; so does one whose commit has been deleted away.
    """
    topics = {place.topic for place in committed}
    lag = dict.fromkeys(sorted(topics), 0)
    for place, end in last.items():
        if place.topic in topics:
            lag[place.topic] += max(0, end - max(committed.get(place, 0), first.get(place, 0)))
    return lag


def holding(
    topic: Topic,
    settings: Settings,
    described: Mapping[str, Any] | None,
    first: Offsets,
    last: Offsets,
    lag: Mapping[str, Mapping[str, int]],
) -> Holding:
    name = topic.of(settings)
    partitions = described["partitions"] if described else []
    return Holding(
        topic=name,
        key=topic.key,
        partitions=len(partitions),
        wanted_partitions=settings.partitions,
        replication=min((len(partition["replica_nodes"]) for partition in partitions), default=0),
        leaderless=sum(partition["leader_id"] < 0 for partition in partitions),
        records=sum(end - first.get(place, 0) for place, end in last.items() if place.topic == name),
        lag={group: behind[name] for group, behind in lag.items() if name in behind},
    )
