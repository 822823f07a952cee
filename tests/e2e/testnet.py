# SPDX-License-Identifier: Apache-2.0
"""An Internet for one case, in two network namespaces that the case's process makes for itself: the machine's, in which it and
what it starts are, with a public address of the machine's own and a name server that remembers what it was asked; and behind
a veth pair the Internet's, with the other addresses and the servers. Nothing of it reaches the real machine's network, and it
goes with the process, however that ends: nothing but its descriptors holds the Internet's namespace, which takes the pair along.

    @case(image="base", network=True)
    def something(host):
        net = host.network
        net.names["example.com"] = ["93.184.216.34"]
        port = net.serve(handler)          # on every address; handler(connection) runs in a thread
"""

import contextlib
import ctypes
import ipaddress
import itertools
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
ADDRESSES = (PUBLIC, PUBLIC_2, PRIVATE, CARRIER, METADATA, PUBLIC_6)
# The machine's, on the interface that leads to the Internet.
OWN = "93.184.216.40"
OWN_6 = "2606:4700::2222"
NAME_SERVER = "127.0.0.53"
# Where servers that ask for no port begin: nothing else takes one below those that the kernel gives out.
FIRST_PORT = 20000

A, AAAA = 1, 28


class TestNet:
    """Made in the thread that starts everything else: threads and processes that it starts later are in the machine's namespace."""

    __test__ = False

    def __init__(self):
        self.names = {}  # name: [addresses], or a function that gives them at each query
        self.queries = []  # (name, type) as they came
        self.sockets = []
        self.ports = itertools.count(FIRST_PORT)
        self.closed = False
        self.folder = tempfile.mkdtemp(prefix="caisson-net.", dir="/tmp")
        _unshare(CLONE_NEWNS | CLONE_NEWNET)
        _mount("none", "/", MS_REC | MS_PRIVATE)
        self.machine = _namespace()
        self._make_internet()
        self._replace("/etc/resolv.conf", f"nameserver {NAME_SERVER}\noptions timeout:2 attempts:1\n")
        self._replace("/etc/hosts", "127.0.0.1 localhost\n")
        self._replace("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        self._start_name_server()

    def _make_internet(self):
        _unshare(CLONE_NEWNET)
        self.beyond = _namespace()
        _ip("link set lo up")
        _ip(f"link add machine type veth peer name internet netns /proc/{os.getpid()}/fd/{self.machine}")
        _join("machine", ADDRESSES, (OWN, OWN_6))
        _setns(self.machine)
        _ip("link set lo up")
        _join("internet", (OWN, OWN_6), ADDRESSES)
        self._wait_for_link()

    def _wait_for_link(self):
        """A device of a pair takes a moment to begin once both are up, and loses what is sent before. TCP sends again."""
        with self.internet(), _listener(0) as one:
            port = one.getsockname()[1]
            for address in (PUBLIC, PUBLIC_6):
                with self.within(self.machine):
                    socket.create_connection((address, port), 30).close()

    @contextlib.contextmanager
    def within(self, namespace):
        """What this thread makes and starts meanwhile is in that namespace: self.machine or self.beyond."""
        before = _namespace()
        _setns(namespace)
        try:
            yield
        finally:
            _setns(before)
            os.close(before)

    def internet(self):
        """What this thread makes and starts meanwhile (sockets, processes) is on the Internet, at all of its addresses."""
        return self.within(self.beyond)

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
        for namespace in (self.beyond, self.machine):
            os.close(namespace)
        shutil.rmtree(self.folder, ignore_errors=True)

    # Servers

    def serve(self, handler, port=0, backlog=512):
        """A TCP server on all addresses of both families, of the Internet and of the machine; handler(connection) in a thread for each.
        Returns its port."""
        port = port or next(self.ports)
        for namespace in (self.beyond, self.machine):
            with self.within(namespace):
                listener = _listener(port, backlog)
            self.sockets.append(listener)
            threading.Thread(target=_accept, args=(listener, handler), daemon=True).start()
        return port

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
        """answer(bytes) -> bytes or None for each datagram. On the Internet, but for a loopback address. Returns (port, list of what
        came)."""
        with self.within(self.machine if ipaddress.ip_address(address).is_loopback else self.beyond):
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


def _listener(port, backlog=512):
    return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=backlog)


def _accept(listener, handler):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_quietly, args=(handler, connection), daemon=True).start()


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


def _unshare(flags):
    _check(_libc().unshare(flags), "unshare")


def _setns(namespace):
    _check(_libc().setns(namespace, CLONE_NEWNET), "setns")


def _namespace():
    """A descriptor of the network namespace that this thread is in; no program that is started gets it."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def _join(device, own, others):
    """One end of the pair: its own addresses, and the way to the other end's."""
    _ip(f"link set {device} up")
    for address in own:
        _ip(f"addr add {address} dev {device}" + (" nodad" if ":" in address else ""))
    for address in others:
        source = next(one for one in own if (":" in one) == (":" in address))
        _ip(f"route add {address} dev {device} src {source}")
