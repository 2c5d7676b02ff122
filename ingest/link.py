"""Is there a connection to the broker? One of them, from CONNECT to its loss; never used again after that.

One thread reads (`packets`), any may send. TLS goes through memory buffers under a lock, since OpenSSL allows one
thread at a time, and a reader that waits for bytes must not hold up a sender.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import unquote

from pydantic.networks import AnyUrl

from ingest import wire
from ingest.wire import Packet, ProtocolError, Splitter, Version, Welcome, Wish
from schemas.settings import BrokerSettings

KEEPALIVE_SECONDS = 30
CONNECT_SECONDS = 10
READ_BYTES = 256 * 1024


class RefusedError(Exception):
    """The broker answered, and does not want us; the message is its reason."""


class HungUpError(Exception):
    """The broker closed the connection before it said a word, as 3.1.1 brokers do on a client that speaks 5."""


class Link:
    """A connection that was welcomed; `closed` is set when it is lost."""

    def __init__(self, url: AnyUrl, tls: BrokerSettings, wish: Wish, *, version: Version) -> None:
        """Connect and be welcomed.

        Raises:
            OSError: nobody answers there, or TLS fails.
            HungUpError: somebody answers, but not to this version of MQTT.
            RefusedError: we are not allowed in.
        """
        self.version = version
        self.closed = threading.Event()
        self._splitter = Splitter()
        self._sending = threading.Lock()
        secure = url.scheme == "mqtts"
        host = (url.host or "").strip("[]")
        self._socket = socket.create_connection((host, url.port or (8883 if secure else 1883)), CONNECT_SECONDS)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._tls = _Tls(self._socket, tls, host=host) if secure else None
            self.welcome, self._early = self._connect(url, wish)
        except BaseException:
            self._socket.close()
            raise
        self._socket.settimeout(1.5 * KEEPALIVE_SECONDS)
        threading.Thread(target=self._keep_alive, name="keep-alive", daemon=True).start()

    def send(self, data: bytes) -> None:
        """Send now; a lost connection takes it in silence, `closed` tells."""
        if self.closed.is_set():
            return
        try:
            with self._sending:
                self._socket.sendall(self._tls.wrap(data) if self._tls else data)
        except OSError:
            self.close()

    def packets(self) -> Iterator[list[Packet]]:
        """What each read brings, until the connection is lost or closed."""
        yield self._early
        while not self.closed.is_set():
            try:
                packets = list(self._splitter.feed(self._receive()))
            except (OSError, ProtocolError):
                break
            yield packets
        self.close()

    def limit_silence(self, seconds: float) -> None:
        """Let `packets` end when nothing has come for so long, instead of a keep-alive and a half."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        """End the connection, from any thread; the session stays with the broker."""
        if not self.closed.is_set():
            self.closed.set()
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _connect(self, url: AnyUrl, wish: Wish) -> tuple[Welcome, list[Packet]]:
        name, word = (unquote(text) if text else None for text in (url.username, url.password))
        hello = wire.connect(
            replace(wish, username=name, password=word), version=self.version, keepalive=KEEPALIVE_SECONDS
        )
        try:
            self._socket.sendall(self._tls.wrap(hello) if self._tls else hello)
            packets: list[Packet] = []
            while not packets:
                packets = list(self._splitter.feed(self._receive()))
            welcome = wire.welcome(packets[0], version=self.version)
        except (ConnectionError, ProtocolError) as error:
            raise HungUpError(str(error)) from error
        if welcome.code == 1 or welcome.code == 132:  # noqa: PLR1714 "unsupported protocol version" in 3.1.1 and in 5
            raise HungUpError("this version of MQTT is not spoken here")
        if welcome.code:
            raise RefusedError(f"code {welcome.code}")
        return welcome, packets[1:]

    def _receive(self) -> bytes:
        """At least one byte.

        Raises:
            OSError: the connection is lost.
        """
        while True:
            data = self._socket.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError("the broker closed the connection")
            if self._tls is None:
                return data
            with self._sending:
                data, answer = self._tls.unwrap(data)
                if answer:
                    self._socket.sendall(answer)
            if data:
                return data

    def _keep_alive(self) -> None:
        while not self.closed.wait(KEEPALIVE_SECONDS / 2):
            self.send(wire.PING)


class _Tls:
    """TLS as a function of bytes; a handshake at the start."""

    def __init__(self, plain: socket.socket, files: BrokerSettings, *, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = _context(files).wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        until = time.monotonic() + CONNECT_SECONDS
        while time.monotonic() < until:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                plain.sendall(self._outgoing.read())
                data = plain.recv(READ_BYTES)
                if not data:
                    raise ConnectionResetError("the broker closed the connection during the TLS handshake") from None
                self._incoming.write(data)
            else:
                plain.sendall(self._outgoing.read())
                return
        raise TimeoutError("the TLS handshake takes too long")

    def wrap(self, data: bytes) -> bytes:
        self._object.write(data)
        return self._outgoing.read()

    def unwrap(self, data: bytes) -> tuple[bytes, bytes]:
        """What came in, in the clear, and what TLS itself wants to answer."""
        self._incoming.write(data)
        clear = []
        try:
            while part := self._object.read(READ_BYTES):
                clear.append(part)
        except ssl.SSLWantReadError:
            pass
        return b"".join(clear), self._outgoing.read()


def _context(files: BrokerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca_file)
    if files.cert_file:
        context.load_cert_chain(files.cert_file, files.key_file)
    return context
