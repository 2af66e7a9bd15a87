"""Following a log in PostgreSQL, by the library's subscription, without missing what comes as it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventsourcing.dcb.postgres_tt import PostgresDCBSubscription

if TYPE_CHECKING:
    from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT


class WatchfulSubscription(PostgresDCBSubscription):
    """The library's subscription, which looks once more as soon as it listens.

    The library's reads what is there, and in another thread begins to listen for more. What is appended
    after it read and before it listens, it sees only when yet another event is appended.
    """

    def _listen(self) -> None:
        from psycopg.sql import SQL, Identifier  # noqa: PLC0415 — an extra

        recorder: PostgresDCBRecorderTT = self._recorder
        try:
            with recorder.datastore.get_connection() as connection:
                self._listen_connection = connection
                self._has_listen_connection.set()
                connection.execute(SQL("LISTEN {0}").format(Identifier(recorder.channel_name)))
                self._has_been_notified.set()
                while not self._has_been_stopped and not self._thread_error:
                    # A second at most, so that a stop is noticed though nothing comes.
                    for _ in connection.notifies(timeout=1, stop_after=1):
                        self._has_been_notified.set()
        except BaseException as error:  # noqa: BLE001 — whoever iterates is told
            if self._thread_error is None:
                self._thread_error = error
            self.stop()
