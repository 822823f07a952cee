# SPDX-License-Identifier: Apache-2.0
"""An Internet for one case: a network namespace that the case's process makes for itself, with public addresses on its
loopback device, a name server that remembers what it was asked, and servers. Nothing of it reaches the machine's network,
and it goes with the process.

    @case(image="base", network=True)
    def something(host):
        net = host.network
        net.names["example.com"] = ["93.184.216.34"]
        port = net.serve(handler)          # on every address; handler(connection) runs in a thread
"""

import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE, MS_BIND = 0x4000, 1 << 18, 4096

PUBLIC = "93.184.216.34"
PUBLIC_2 = "93.184.216.35"
PUBLIC_6 = "2606:4700::1111"
PRIVATE = "10.7.7.7"
CARRIER = "100.64.7.7"
METADATA = "169.254.169.254"
ADDRESSES = (f"{PUBLIC}/32", f"{PUBLIC_2}/32", f"{PRIVATE}/32", f"{CARRIER}/32", f"{METADATA}/32", f"{PUBLIC_6}/128")
NAME_SERVER = "127.0.0.53"

A, AAAA = 1, 28


class TestNet:
    """Made in the thread that starts everything else: threads and processes that it starts later are inside."""

    __test__ = False

    def __init__(self):
        self.names = {}  # name: [addresses], or a function that gives them at each query
        self.queries = []  # (name, type) as they came
        self.sockets = []
        self.closed = False
        self.folder = tempfile.mkdtemp(prefix="caisson-net.", dir="/tmp")
        _unshare()
        for command in (["ip", "link", "set", "lo", "up"], *(["ip", "addr", "add", one, "dev", "lo"] for one in ADDRESSES)):
            subprocess.run(command, check=True)
        self._replace("/etc/resolv.conf", f"nameserver {NAME_SERVER}\noptions timeout:2 attempts:1\n")
        self._replace("/etc/hosts", "127.0.0.1 localhost\n")
        self._replace("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        self._start_name_server()

    def _replace(self, path, text):
        own = os.path.join(self.folder, os.path.basename(path))
        with open(own, "w", encoding="utf-8") as file:
            file.write(text)
        _mount(own, path, MS_BIND)

    def add_line(self, path, line):
        """To one of the machine's files of names that this network has its own of."""
        with open(os.path.join(self.folder, os.path.basename(path)), "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def trust(self, pem):
        """The machine trusts the authority of this PEM file, and no other."""
        folder = os.path.join(self.folder, "certificates")
        os.mkdir(folder)
        named = subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-hash"], check=True, capture_output=True, text=True)
        shutil.copy(pem, os.path.join(folder, named.stdout.strip() + ".0"))
        _mount(folder, "/etc/ssl/certs", MS_BIND)

    def trust_as_administrator(self, pem):
        """As trust(), and the authority is one that the machine's administrator has added to its system's: a company's."""
        self.trust(pem)
        folder = os.path.join(self.folder, "administrator")
        os.mkdir(folder)
        shutil.copy(pem, os.path.join(folder, "company.crt"))
        _mount(folder, "/usr/local/share/ca-certificates", MS_BIND)

    def close(self):
        self.closed = True
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Servers

    def serve(self, handler, port=0, backlog=512):
        """A TCP server on all addresses of both families; handler(connection) in a thread for each. Returns its port."""
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=backlog)
        self.sockets.append(listener)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_quietly, args=(handler, connection), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    def serve_text(self, text, port=0):
        """Sends the text to who connects, and closes."""

        def handler(connection):
            with connection:
                connection.sendall(text.encode())

        return self.serve(handler, port)

    def serve_held(self):
        """Sends one byte to who connects, and keeps the connection until the other end says something or goes."""

        def handler(connection):
            connection.sendall(b"x")
            connection.recv(1)

        return self.serve(handler)

    def serve_http(self, body, port=0):
        """Answers each connection's one request with the body; returns (port, list of the requests' first lines)."""
        seen = []

        def handler(connection):
            with connection:
                head = _read_head(connection)
                if head is None:
                    return
                seen.append(head.split(b"\r\n")[0].decode())
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body.encode())

        return self.serve(handler, port), seen

    def serve_files(self, files, wrap=lambda connection: connection):
        """Answers requests, any number on a connection. files: {path: (content type, bytes)}. wrap: what makes the connection, as TLS would.
        Returns (port, list of the paths that were asked for)."""
        seen = []

        def handler(connection):
            with wrap(connection) as stream:
                reader = stream.makefile("rb")
                while line := reader.readline():
                    while reader.readline() not in (b"\r\n", b""):
                        pass
                    path = line.decode().split(" ")[1]
                    seen.append(path)
                    kind, body = files.get(path, ("text/plain", b"?"))
                    code = "200 OK" if path in files else "404 Not Found"
                    stream.sendall(f"HTTP/1.1 {code}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

        return self.serve(handler), seen

    def serve_proxy(self, names, authorization=None):
        """An HTTP proxy that knows CONNECT. names: {name or address: where it leads}; the others are forbidden. Returns (port, list of
        the targets that it was asked for)."""
        seen = []

        def handler(connection):
            with connection:
                head = _read_head(connection)
                if head is None:
                    return
                first, *fields = head.decode().split("\r\n")
                target = first.split(" ")[1]
                seen.append(target)
                name, _, port = target.rpartition(":")
                if authorization and f"Proxy-Authorization: {authorization}" not in fields:
                    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nwho?")
                elif name not in names:
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
                else:
                    with socket.create_connection((names[name], int(port))) as server:
                        connection.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
                        threading.Thread(target=_quietly, args=(lambda end: _pump(end, server), connection), daemon=True).start()
                        _pump(server, connection)

        return self.serve(handler), seen

    def serve_datagrams(self, answer, address=PUBLIC, port=0):
        """answer(bytes) -> bytes or None for each datagram. Returns (port, list of what came)."""
        server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((address, port))
        self.sockets.append(server)
        seen = []

        def run():
            while True:
                try:
                    data, peer = server.recvfrom(65536)
                except OSError:
                    return
                if self.closed:
                    return
                seen.append(data)
                reply = answer(data)
                if reply is not None:
                    server.sendto(reply, peer)

        threading.Thread(target=run, daemon=True).start()
        return server.getsockname()[1], seen

    # The name server: A, AAAA and TXT, over datagrams

    def _start_name_server(self):
        self.serve_datagrams(self._answer, NAME_SERVER, 53)

    def _answer(self, query):
        name, kind, question = _parse_question(query)
        self.queries.append((name, kind))
        known = self.names.get(name)
        addresses = known() if callable(known) else known
        records = b""
        count = 0
        for address in addresses or []:
            family, wanted = (socket.AF_INET6, AAAA) if ":" in address else (socket.AF_INET, A)
            if kind != wanted:
                continue
            data = socket.inet_pton(family, address)
            records += struct.pack(">HHHIH", 0xC00C, kind, 1, 1, len(data)) + data
            count += 1
        code = 0 if addresses is not None else 3
        return query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, count, 0, 0) + question + records


def _parse_question(query):
    labels, at = [], 12
    while query[at] != 0:
        labels.append(query[at + 1:at + 1 + query[at]].decode(errors="replace"))
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack(">H", query[at + 1:at + 3])[0], query[12:at + 5]


def _pump(source, target):
    while True:
        data = source.recv(65536)
        if not data:
            target.shutdown(socket.SHUT_WR)
            return
        target.sendall(data)


def _read_head(connection):
    """What comes up to the empty line, and perhaps more; None when the other end goes first."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            return None
        head += piece
    return head


def _quietly(handler, connection):
    try:
        handler(connection)
    except OSError:
        connection.close()


def _libc():
    return ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(source, target, flags):
    _check(_libc().mount(source.encode(), target.encode(), None, flags, None), f"mount {target}")


def _unshare():
    _check(_libc().unshare(CLONE_NEWNS | CLONE_NEWNET), "unshare")
    _mount("none", "/", MS_REC | MS_PRIVATE)
