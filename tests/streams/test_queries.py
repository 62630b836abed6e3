"""What the tables hold is read from their changelogs: of all workers, newest values, nothing that is no stream's."""

import msgspec
import pytest
from kafka import KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaConnectionError

from models.errors import BrokerUnavailable, TopicMismatch
from streams.admin import admin_client, kafka_client_config
from streams.news.groups import group_of
from streams.news.windows import WindowState, encode_state
from streams.queries import CLOCK_RECORDS, each_state, partition_of, read_clock, read_state, read_states
from streams.settings import Settings
from streams.tables import wrap

KEYS = ["Nokia", "Ørsted", "Crédit Agricole", "三菱", "topic:earnings", "sector:banks", "all:"]


def write(settings: Settings, *values: tuple[str, int, WindowState]) -> None:
    """Append (key, source offset, state) where a worker would."""
    producer = KafkaProducer(**kafka_client_config(settings))
    for key, offset, state in values:
        table = "windows" if group_of(key).scope == "entity" else "groups"
        producer.send(
            f"{settings.app_id}-{table}-changelog",
            key=msgspec.json.encode(key),
            value=wrap(offset, encode_state(state)),
            partition=partition_of(key, settings.partitions),
        )
    producer.close()


def state_of(key: str, applied: int = 1) -> WindowState:
    return WindowState(entity=key, name=f"Name of {key}", scope=group_of(key).scope, applied=applied)


@pytest.fixture
def changelogs(kafka_settings: Settings) -> Settings:
    with admin_client(kafka_settings) as admin:
        names = [f"{kafka_settings.app_id}-{table}-changelog" for table in ("windows", "groups")]
        compacted = {"cleanup.policy": "compact"}
        admin.create_topics([NewTopic(name, kafka_settings.partitions, 1, topic_configs=compacted) for name in names])
        admin.wait_for_topics(names)
    return kafka_settings


@pytest.mark.kafka
def test_every_key_is_found_in_its_one_partition_and_among_all(changelogs: Settings) -> None:
    write(changelogs, *((key, n, state_of(key)) for n, key in enumerate(KEYS)))
    for key in KEYS:
        assert read_state(changelogs, key) == state_of(key)
    assert read_states(changelogs) == {key: state_of(key) for key in KEYS}
    assert {state.entity for state in each_state(changelogs, ["topic", "all"])} == {"topic:earnings", "all:"}
    assert read_states(changelogs, ["entity"]).keys() == set(KEYS[:4])


@pytest.mark.kafka
def test_a_key_without_a_state_is_none_also_where_the_partition_is_empty(changelogs: Settings) -> None:
    assert read_state(changelogs, "Nokia") is None
    assert read_states(changelogs) == {}
    write(changelogs, ("Nokia", 0, state_of("Nokia")))
    assert read_state(changelogs, "Nokiaa") is None


@pytest.mark.kafka
def test_the_value_that_has_seen_most_wins_not_one_that_a_zombie_wrote_later(changelogs: Settings) -> None:
    write(changelogs, *(("Nokia", offset, state_of("Nokia", offset)) for offset in (3, 8, 8, 5)))
    for found in (read_state(changelogs, "Nokia"), read_states(changelogs)["Nokia"]):
        assert found is not None
        assert found.applied == 8


@pytest.mark.kafka
def test_the_time_is_that_of_all_news_found_at_the_end_of_its_partition_or_anywhere(changelogs: Settings) -> None:
    assert read_clock(changelogs) is None
    beside = next(key for key in (f"topic:{n}" for n in range(99)) if at(changelogs, key) == at(changelogs, "all:"))
    write(changelogs, *(("all:", n, WindowState(entity="all:", scope="all", clock_s=60.0 + n)) for n in range(3)))
    assert read_clock(changelogs) == 62.0
    write(changelogs, *((beside, n, state_of(beside)) for n in range(CLOCK_RECORDS)))
    assert read_clock(changelogs) == 62.0
    write(changelogs, ("all:", 9, WindowState(entity="all:", scope="all", clock_s=300.0)))
    assert read_clock(changelogs) == 300.0


def at(settings: Settings, key: str) -> int:
    return partition_of(key, settings.partitions)


@pytest.mark.kafka
def test_what_a_partition_keeps_for_itself_is_no_stream(changelogs: Settings) -> None:
    producer = KafkaProducer(**kafka_client_config(changelogs))
    topic = f"{changelogs.app_id}-windows-changelog"
    producer.send(topic, key=msgspec.json.encode("\0open"), value=wrap(1, b'{"keys":["Nokia"]}'), partition=0)
    producer.send(topic, key=b'"gone"', value=None, partition=0)
    producer.close()
    assert read_states(changelogs, ["entity"]) == {}


@pytest.mark.kafka
def test_where_no_worker_has_run_the_error_says_so(kafka_settings: Settings) -> None:
    with pytest.raises(TopicMismatch, match=f"no topic {kafka_settings.app_id}-windows-changelog.*worker"):
        read_state(kafka_settings, "Nokia")
    with pytest.raises(TopicMismatch, match="groups-changelog"):
        read_states(kafka_settings, ["topic"])


def test_without_a_broker_the_error_says_where_none_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(**options: object) -> None:
        raise KafkaConnectionError("nobody there")

    monkeypatch.setattr("streams.admin.KafkaAdminClient", nobody)  # the real one leaves its socket open
    with pytest.raises(BrokerUnavailable, match=r"no Kafka answers at 127\.0\.0\.1:9092"):
        read_state(Settings(), "Nokia")
