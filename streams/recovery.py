"""How Faust 0.15.3 takes over partitions: tables first, then records, in an order that loses none.

Private parts of Faust, line numbers of faust-streaming 0.15.3; see docs/exactness.md.
"""

from typing import Any

import faust.tables
from faust.tables.recovery import Recovery
from faust.types import TP


class ActiveSet(set[Any]):
    """Never false. Faust hands its live set of active partitions to the fetcher thread, where an EMPTY set means all
    partitions (aiokafka's fetcher.py:1221): a long poll that meets a rebalance drains paused partitions, Faust
    discards what it got (transport/consumer.py:758), and the position has moved on: holes, or a recovery that
    never ends."""

    def __bool__(self) -> bool:
        return True


class ExactRecovery(Recovery):  # type: ignore[misc]
    """The end of a recovery in a safe order: seek, resume the flow, and stream partitions last.

    Faust (tables/recovery.py:624-667) resumes the partitions, then seeks, then flow_control.resume() empties
    every queue (mode/utils/queues.py:97-101): records fetched meanwhile are gone until the next rebalance, the
    partition's commits stall, and later records lift the watermark over the missing ones. It also resumes the
    flow although a newer rebalance has suspended it already (the generation changes only at the end of a
    rebalance).
    """

    _seen = -1

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any, generation_id: int = 0) -> None:
        self._seen = self.app.rebalancing_count
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def _stale(self, generation_id: int) -> bool:
        return bool(self.app.consumer_generation_id != generation_id or self.app.rebalancing_count != self._seen)

    async def _seek(self, consumer: Any, assignment: set[TP]) -> None:
        await consumer.perform_seek()
        new = [  # a partition without a commit is not sought back (transport/consumer.py:901)
            tp for tp in assignment if not self._is_changelog_tp(tp) and consumer._committed_offset.get(tp) is None
        ]
        if new:
            earliest = await consumer.earliest_offsets(*new)
            await consumer.seek_wait(earliest)
            consumer._committed_offset.update(earliest)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        app, consumer = self.app, self.app.consumer
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
        assignment = consumer.assignment()
        if assignment and not self._stale(generation_id):
            await self._wait(self._seek(consumer, assignment), timeout=app.conf.broker_request_timeout)
        await app._fetcher.maybe_start()
        if self._stale(generation_id):
            return  # the recovery of the newer rebalance goes on
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        self.tables.on_actives_ready()
        if not app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        app.on_rebalance_end()
        consumer.resume_partitions({tp for tp in assignment if not self._is_changelog_tp(tp)})
        self.log.info("Worker ready")


class ExactTables(faust.tables.TableManager):  # type: ignore[misc]
    """Recovers by ExactRecovery, from the start on."""

    _recovery: ExactRecovery | None

    async def on_start(self) -> None:
        """At once: Faust sleeps for a second, in which tables may still be added (tables/manager.py:140); all of ours
        are there before the app starts."""
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> ExactRecovery:
        if self._recovery is None:
            self._recovery = ExactRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
