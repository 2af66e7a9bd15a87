"""A proxy before a PostgreSQL server that can swallow the reply to an append that was committed.

Source: https://www.postgresql.org/docs/current/protocol-message-formats.html: each message of the
server has a byte for its type, four bytes for its length, and its body. ``T`` names the columns of
a reply, here the function that appends; ``Z`` (ready for query) comes once that is committed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Proxy"]

_APPENDING: Final = b"conditional_append"


class Proxy:
    """Passes bytes between clients and a server.

    Args:
        host: of the server.
        port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.dropped = 0
        self.dropping = False
        """Whether the next reply to an append is swallowed, and its connection cut."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._server)
                for pair in ((client, server, self._asked), (server, client, self._told)):
                    threading.Thread(target=pair[2], args=pair[:2], daemon=True).start()

    def _asked(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := client.recv(65_536):
                server.sendall(part)
        _cut(client, server)

    def _told(self, server: socket.socket, client: socket.socket) -> None:
        swallowing = False
        with contextlib.suppress(OSError):
            for kind, message in _messages(server):
                swallowing |= self.dropping and kind == b"T" and _APPENDING in message
                if swallowing and kind == b"Z":
                    self.dropping = False
                    self.dropped += 1
                    break
                if not swallowing:
                    client.sendall(message)
        _cut(client, server)


def _messages(server: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    kept = b""
    while part := server.recv(65_536):
        kept += part
        while len(kept) >= 5:
            size = 1 + int.from_bytes(kept[1:5], "big")
            if len(kept) < size:
                break
            yield kept[:1], kept[:size]
            kept = kept[size:]


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
