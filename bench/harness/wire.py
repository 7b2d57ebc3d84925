"""A minimal client of PostgreSQL's protocol, version 3: the same few microseconds on top of every server that is measured.

Simple queries, COPY and cancel only; text format; TLS that trusts everybody; trust authentication; one connection per object, one thread per connection.
"""
import socket
import ssl
import struct

READ = 1 << 18
READY_LENGTH = 6  # 'Z', int32 5, transaction status


class ServerError(Exception):
    """An ErrorResponse: severity, SQLSTATE and message."""

    def __init__(self, body):
        fields = {f[:1].decode(): f[1:].decode("utf-8", "replace") for f in body.split(b"\0") if f}
        self.code = fields.get("C", "")
        super().__init__(f"{fields.get('V', 'ERROR')} {self.code}: {fields.get('M', '')}")


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


class Connection:
    """A session. Raises ServerError for what the server refuses, OSError when it is not there (or went away)."""

    def __init__(self, host, port, database, user="postgres", timeout=120.0, tls=False):
        self._address = (host, port)
        self._socket = socket.create_connection(self._address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._key = None
        try:
            if tls:
                self._encrypt()
            parameters = b"user\0" + user.encode() + b"\0database\0" + database.encode() + b"\0\0"
            self._socket.sendall(struct.pack("!II", len(parameters) + 8, 196608) + parameters)
            self._until_ready()
        except BaseException:
            self._socket.close()
            raise

    def _encrypt(self):
        self._socket.sendall(struct.pack("!II", 8, 80877103))
        if self._socket.recv(1) != b"S":
            raise ServerError(b"VFATAL\0Mthe server has no TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._socket = context.wrap_socket(self._socket)

    def query(self, sql):
        """Runs one or more statements; returns the rows of all of them as lists of str or None."""
        self._socket.sendall(message(b"Q", sql.encode() + b"\0"))
        return self._until_ready()

    def copy_out(self, sql):
        """Runs COPY ... TO STDOUT; returns the number of bytes that came. The data are not looked at: only the end is."""
        self._socket.sendall(message(b"Q", sql.encode() + b"\0"))
        total, tail, first = 0, b"", b""
        while not (len(tail) >= READY_LENGTH and tail[-READY_LENGTH:-1] == b"Z\0\0\0\5"):
            part = self._receive()
            first = first or part
            total += len(part)
            tail = part[-64:] if len(part) >= 64 else (tail + part)[-64:]
        if first[:1] == b"E":
            raise ServerError(first[5:])
        if b"COPY " not in tail:
            raise ServerError(b"VERROR\0MCOPY did not reach its end: " + tail.replace(b"\0", b" "))
        return total

    def copy_in(self, sql, data):
        """Runs COPY ... FROM STDIN with what copy_data() made."""
        self._socket.sendall(message(b"Q", sql.encode() + b"\0"))
        while (kind_body := self._message())[0] != b"G":
            if kind_body[0] == b"E":
                raise ServerError(kind_body[1])
        self._socket.sendall(data)
        self._socket.sendall(message(b"c"))
        self._until_ready()

    def cancel(self):
        """Asks the server, on another connection, to cancel what this session runs."""
        with socket.create_connection(self._address, 10) as other:
            other.sendall(struct.pack("!II", 16, 80877102) + self._key)
            other.recv(1)  # the server closes when it has passed the request on

    def close(self):
        try:
            self._socket.sendall(message(b"X"))
        except OSError:
            pass
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _receive(self):
        part = self._socket.recv(READ)
        if not part:
            raise ConnectionResetError("the server closed the connection")
        return part

    def _message(self):
        while len(self._buffer) < 5:
            self._buffer += self._receive()
        length = 1 + int.from_bytes(self._buffer[1:5], "big")
        while len(self._buffer) < length:
            self._buffer += self._receive()
        kind, body, self._buffer = self._buffer[:1], self._buffer[5:length], self._buffer[length:]
        return kind, body

    def _until_ready(self):
        rows, error = [], None
        while True:
            kind, body = self._message()
            if kind == b"Z":
                if error:
                    raise error
                return rows
            if kind == b"D":
                rows.append(self._row(body))
            elif kind == b"E":
                error = ServerError(body)
                if error.args[0].startswith("FATAL"):
                    raise error
            elif kind == b"K":
                self._key = body
            elif kind == b"R" and body[:4] != b"\0\0\0\0":
                raise ServerError(b"VFATAL\0Mthis client knows trust authentication only")

    @staticmethod
    def _row(body):
        row, at = [], 2
        for _ in range(int.from_bytes(body[:2], "big")):
            length = int.from_bytes(body[at:at + 4], "big", signed=True)
            at += 4
            row.append(None if length < 0 else body[at:at + length].decode())
            at += max(length, 0)
        return row


def copy_data(lines, chunk=8192):
    """Packs lines of COPY text into CopyData messages of about `chunk` bytes, as libpq does."""
    out, part, size = [], [], 0
    for line in lines:
        part.append(line)
        size += len(line)
        if size >= chunk:
            out.append(message(b"d", b"".join(part)))
            part, size = [], 0
    out.append(message(b"d", b"".join(part)) if part else b"")
    return b"".join(out)
