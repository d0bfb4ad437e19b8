# SPDX-License-Identifier: Apache-2.0
"""TLS for a socket that one thread reads while another writes (an ssl.SSLSocket can't do that)."""

import ssl
from typing import Any

from nova_pyvirt.util.native import socket, threading

_CHUNK = 65536


class TLSSocket:
    """The socket methods the RPC uses, over TLS in memory; the lock is never held across I/O.

    :param sock: connected stream socket; owned
    """

    def __init__(
        self,
        sock: "socket.socket",
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        hostname: str | None = None,
    ) -> None:
        self._sock = sock
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side, hostname)
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def handshake(self) -> None:
        """Blocks until both sides agree; raises OSError (ssl.SSLError is one)."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                self._flush()
                return

    def _fill(self) -> None:
        data = self._sock.recv(_CHUNK)
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()

    def _flush(self) -> None:
        data = self._out.read()
        if data:
            self._sock.sendall(data)

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        while True:
            with self._lock:
                try:
                    return self._tls.read(size)
                except ssl.SSLWantReadError:
                    pass
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
            self._fill()

    def sendall(self, data: bytes) -> None:
        with self._writing:
            self._sock.sendall(self.encrypt(data))

    def encrypt(self, data: bytes) -> bytes:
        """What to put on the socket for `data`; the caller sends it, in order."""
        with self._lock:
            self._tls.write(data)
            return self._out.read()

    def pending(self) -> int:
        """Bytes that wait decrypted or undecrypted in memory."""
        with self._lock:
            return self._tls.pending() + self._in.pending

    def fileno(self) -> int:
        return self._sock.fileno()

    def shutdown(self, how: int) -> None:
        self._sock.shutdown(how)

    def close(self) -> None:
        self._sock.close()

    def peer_certificate(self) -> dict[str, Any] | None:
        """What ssl says about the other side's certificate; None without one."""
        return self._tls.getpeercert() or None
