"""The embedded Apache Kafka: fetch, verify, format, start, stop. One combined KRaft node on loopback.

    with EmbeddedKafka() as kafka:
        kafka.bootstrap_servers

`jars` and `java` find what is needed, `config` says how the node runs, `process` and `guard` make sure that it never
outlives us, `warm` lets it start faster, `node` ties them together, `choose` prefers an existing cluster.
deploy/kafka/lock.py writes broker.lock.
"""

from streams.broker.choose import broker_for
from streams.broker.node import EmbeddedKafka

__all__ = ["EmbeddedKafka", "broker_for"]
