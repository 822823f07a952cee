# SPDX-License-Identifier: Apache-2.0
"""What users expect of a connection, and how many of them there can be: as cases_network.py."""

import hashlib
import os
import signal
import socket
import struct
import threading

import testnet
from harness import case, equal, true, wait_until
from netprobe import PROBE, detached, inside, log_of, python


@case(image="base", network=True, timeout=600)
def a_connection_is_a_whole_one(host):
    """Half-closes, resets and back-pressure both ways, and 32 MiB unchanged both ways."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    size = 32 << 20

    def digest_of(connection):
        seen = hashlib.sha256()
        while piece := connection.recv(1 << 16):
            seen.update(piece)
        return seen.hexdigest()

    # Reads to the client's end, answers with the digest, and ends: the client's half-close must not end the other half.
    def take(connection):
        with connection:
            connection.sendall(digest_of(connection).encode())

    blob = os.urandom(1 << 20)

    def give(connection):
        with connection:
            for _ in range(size >> 20):
                connection.sendall(blob)

    resets = []

    def reset(connection):
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def await_reset(connection):
        connection.sendall(b"x")
        try:
            while connection.recv(1):
                pass
            resets.append("end")
        except ConnectionResetError:
            resets.append("reset")

    # Never reads: what the client can send is bounded by the buffers between them.
    stalled = threading.Event()

    def stall(connection):
        stalled.wait(120)
        connection.close()

    ports = [net.serve(one) for one in (take, give, reset, await_reset, stall)]
    expected = hashlib.sha256(blob * (size >> 20)).hexdigest()
    script = f'''
import hashlib, os, struct
def connect(port):
    return socket.create_connection(("example.com", port), 120)
take, give, reset, await_reset, stall = {ports!r}
data = os.urandom(1 << 20)
one = connect(take)
for _ in range({size >> 20}):
    one.sendall(data)
one.shutdown(socket.SHUT_WR)
answer = b""
while piece := one.recv(100):
    answer += piece
print(answer.decode() == hashlib.sha256(data * {size >> 20}).hexdigest())
one = connect(give)
seen = hashlib.sha256()
while piece := one.recv(1 << 16):
    seen.update(piece)
print(seen.hexdigest())
one = connect(reset)
one.sendall(b"x")
try:
    print(one.recv(1))
except ConnectionResetError:
    print("reset")
one = connect(await_reset)
one.recv(1)
one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
one.close()
one = connect(stall)
one.setblocking(False)
import select
sent = 0
while select.select([], [one], [], 3)[1]:
    sent += one.send(data)
print(sent < 24 << 20, sent > 0)
'''
    done = python(host, script, "--allow", "example.com")
    stalled.set()
    done.expect(out=f"True\n{expected}\nreset\nTrue True\n")
    wait_until(lambda: resets, "the server saw the client's end")
    equal(resets, ["reset"], "what the server saw of a client that resets")


@case(image="base", network=True, timeout=600)
def an_upstream_that_refuses_or_dies_is_seen_so(host):
    """A port on which nothing listens is refused, not accepted and then closed; a server that dies in the middle ends the read."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = unused.getsockname()[1]
    short = net.serve_text("half")
    python(host, f'print(probe("example.com", {closed}), probe("example.com", {short}), probe("nowhere.example.com", 80))', "--allow",
           "example.com", "--allow", "nowhere.example.com").expect(out="ECONNREFUSED half ECONNREFUSED\n", err_has="2 connections failed: example.com:")


@case(image="base", network=True, timeout=900)
def ten_thousand_names_are_resolved(host):
    """Each name has an address of its own, and the same one when it is asked for again; the keeper's memory for them is bounded."""
    name = detached(host, "names", "--allow", "*.example.com")
    keeper = host.inspect(name)["keeper_pid"]

    def own_mib():
        with open(f"/proc/{keeper}/smaps_rollup", encoding="utf-8") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Private_Dirty")) / 1024

    before = own_mib()
    script = r'''
import random, struct
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(10)
one.connect(("198.18.0.1", 53))
# As resolvers do: a datagram may be lost, here to a flow that ends because the host held the machine up for ten seconds.
def address(name):
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0\0\1\0\1"
    for number in random.sample(range(65536), 3):
        one.send(struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + question)
        try:
            while int.from_bytes((answer := one.recv(4096))[:2]) != number:
                pass
            return answer[-4:]
        except TimeoutError:
            pass
found = {number: address(f"host-{number}.example.com") for number in range(10000)}
again = random.sample(range(10000), 200)
print(len(set(found.values())), all(address(f"host-{number}.example.com") == found[number] for number in again))
'''
    host.caisson("exec", name, "--", "python3", "-c", PROBE + script, timeout=800).expect(out="10000 True\n", err="")
    taken = own_mib() - before
    true(taken < 24, f"10000 names took {taken:.1f} MiB of the keeper's memory")
    host.caisson("rm", "-f", name).expect()
    equal(host.network.queries, [], "queries at the host's name server")


@case(image="base", network=True, timeout=900, processors=2)
def five_thousand_connections_at_once(host):
    """All are made, all work, and the keeper is still there."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    count = 5000
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with net.internet():
        listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=8192)
    net.sockets.append(listener)
    port = listener.getsockname()[1]
    open_ones = []

    def echo():
        import selectors
        waiting = selectors.DefaultSelector()
        listener.setblocking(False)
        waiting.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                try:
                    if key.fileobj is listener:
                        connection, _ = listener.accept()
                        connection.setblocking(False)
                        open_ones.append(connection)
                        waiting.register(connection, selectors.EVENT_READ)
                    elif data := key.fileobj.recv(100):
                        key.fileobj.send(data)
                    else:
                        waiting.unregister(key.fileobj)
                        key.fileobj.close()
                except OSError:
                    return

    threading.Thread(target=echo, daemon=True).start()
    script = f'''
import resource, selectors
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
address = (socket.gethostbyname("example.com"), {port})
waiting = selectors.DefaultSelector()
for number in range({count}):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(address)
    waiting.register(one, selectors.EVENT_WRITE, number)
answers, failures = set(), 0
while len(answers) + failures < {count}:
    events = waiting.select(120)
    if not events:
        break
    for key, mask in events:
        one = key.fileobj
        try:
            if mask & selectors.EVENT_WRITE:
                one.send(str(key.data).encode())
                waiting.modify(one, selectors.EVENT_READ, key.data)
            elif one.recv(100) == str(key.data).encode():
                answers.add(key.data)
                waiting.unregister(one)
            else:
                failures += 1
                waiting.unregister(one)
        except OSError:
            failures += 1
            waiting.unregister(one)
print(len(answers), failures)
'''
    host.caisson("run", "--allow", "example.com", "--net-connections", "6000", "-u", "root", "--", "python3", "-c", PROBE + script,
                 timeout=800).expect(out=f"{count} 0\n", err="")


@case(image="base", network=True)
def limits_of_the_network_hold_and_are_said(host):
    """N9: how many connections at a time, and how many bytes in all."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    port = net.serve_held()
    script = f'''
ones = [socket.create_connection(("example.com", {port}), 20) for _ in range(3)]
print([one.recv(1) for one in ones], probe("example.com", {port}))
'''
    name = detached(host, "few", "--allow", "example.com", "--net-connections", "3")
    inside(host, name, script).expect(out="[b'x', b'x', b'x'] ECONNREFUSED\n")
    refused = [entry for entry in log_of(host, name, "connect") if entry["verdict"] == "refused"]
    equal(refused[0]["reason"], "the limit of 3 connections at a time is reached (--net-connections)", "the reason in the ledger")
    host.caisson("rm", "-f", name).expect()

    def flood(connection):
        with connection:
            while True:
                connection.sendall(bytes(1 << 16))

    flooding = net.serve(flood)
    script = f'''
address = socket.gethostbyname("example.com")
one = socket.create_connection((address, {flooding}), 20)
got = 0
try:
    while piece := one.recv(1 << 16):
        got += len(piece)
except ConnectionResetError:
    print("reset", got <= 2 << 20)
print(probe(address, {port}))
try:
    print(socket.gethostbyname("example.com"))
except socket.gaierror:
    print("no names")
'''
    python(host, script, "--allow", "example.com", "--net-total", "2M").expect(
        out="reset True\nECONNREFUSED\nno names\n", err="caisson: the network limit of 2 MiB in all is used up (--net-total)\n")


@case(image="base", network=True, timeout=600)
def datagrams_pass_both_ways_and_their_flows_are_bounded(host):
    """N1, N9: whole datagrams, over both families and by name; what no rule allows is refused at once, as a closed port is; many flows of
    several workers keep apart, those that are too many are refused, and connections go on."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    udp, seen = net.serve_datagrams(lambda data: b"udp " + data)
    udp6, _ = net.serve_datagrams(lambda data: b"udp6 " + data, testnet.PUBLIC_6)
    port = net.serve_text("hello")
    workers, flows = 4, 150
    script = f'''
import threading
UDP = socket.SOCK_DGRAM
one = socket.socket(socket.AF_INET, UDP)
one.settimeout(60)
one.connect((socket.gethostbyname("example.com"), {udp}))
for text in (b"a", b"x" * 8000, b""):
    one.send(text)
    print(one.recv(65536) == b"udp " + text, end=" ")
print(probe("{testnet.PUBLIC_6}", {udp6}, UDP, b"x"), probe("{testnet.PUBLIC_6}", {udp}, UDP, b"no"),
      probe("example.com", {udp} + 1, UDP, b"no"), probe("{testnet.PUBLIC}", {udp}, UDP, b"no"))
address = socket.gethostbyname("example.com")
counts, kept = dict(answered=0, refused=0, lost=0), []
def outcome(one, text):
    for _ in range(6):
        try:
            one.send(text)
            return "answered" if one.recv(100) == b"udp " + text else "lost"
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:  # a datagram may be lost
            pass
    return "lost"
def work(worker):
    for number in range({flows}):
        one = socket.socket(socket.AF_INET, UDP)
        one.settimeout(10)
        one.connect((address, {udp}))
        kept.append(one)
        result = outcome(one, b"%d-%d" % (worker, number))
        with lock:
            counts[result] += 1
lock = threading.Lock()
threads = [threading.Thread(target=work, args=(worker,)) for worker in range({workers})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(counts["answered"] + counts["refused"], counts["refused"] > 0, probe("example.com", {port}))
'''
    python(host, script, "--allow", f"udp:example.com:{udp}", "--allow", f"udp:[{testnet.PUBLIC_6}]:{udp6}", "--allow", f"example.com:{port}").expect(
        out=f"True True True udp6 x ECONNREFUSED ECONNREFUSED ECONNREFUSED\n{workers * flows} True hello\n",
        err_has="the limit of 512 flows of datagrams at a time is reached")
    true(b"no" not in seen, "a datagram that was refused arrived")


@case(image="base", network=True, timeout=600)
def the_total_of_the_network_holds_over_starts(host):
    """N9: neither a stop nor a killed keeper gives anything of it back, and inspect says what was used."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    total, piece = 1 << 20, 300 << 10

    def give(connection):
        with connection:
            connection.sendall(bytes(piece))

    port = net.serve(give)
    load = f'''
def load():
    try:
        with socket.create_connection(("example.com", {port}), 20) as one:
            got = 0
            while data := one.recv(1 << 16):
                got += len(data)
            return got
    except (OSError, socket.gaierror) as error:
        return type(error).__name__
print(load())
'''
    name = detached(host, "total", "--allow", "example.com", "--net-total", "1M")
    inside(host, name, load).expect(out=f"{piece}\n")
    used = host.inspect(name)["network_bytes"]
    true(piece < used < piece + 10000, f"{used} bytes were used")
    host.caisson("stop", name).expect()
    equal(host.inspect(name)["network_bytes"], used, "bytes of the stopped sandbox")
    host.caisson("start", name).expect()
    inside(host, name, load).expect(out=f"{piece}\n")
    # The keeper is killed, and has no time to say anything.
    keeper = host.inspect(name)["keeper_pid"]
    used = host.inspect(name)["network_bytes"]
    true(2 * piece < used, f"{used} bytes were used")
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: host.inspect(name)["status"] == "stopped", "the sandbox is stopped")
    kept = host.inspect(name)["network_bytes"]
    true(used <= kept <= used + total // 32, f"{kept} of {used} bytes were kept")
    host.caisson("start", name).expect()
    inside(host, name, load).expect(out=f"{piece}\n")
    # What is left does not suffice for another one, nor for anything behind it.
    inside(host, name, load).expect(out="ConnectionResetError\n")
    inside(host, name, load).expect(out="gaierror\n")
    inside(host, name, f"print(probe('{testnet.PUBLIC}', {port}))").expect(out="ECONNREFUSED\n")
    equal(log_of(host, name, "connect")[-1]["reason"], "the network limit of 1 MiB in all is used up (--net-total)", "the reason in the ledger")
    host.caisson("stop", name).expect()
    equal(host.inspect(name)["network_bytes"], total, "bytes of the stopped sandbox whose total is used up")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def the_rate_of_the_network_holds_and_is_said(host):
    """N9: how many bytes a second, all connections together; names do not wait for them."""
    net = host.network
    net.names.update({"example.com": [testnet.PUBLIC], "other.example.com": [testnet.PUBLIC]})
    size = 1 << 20

    def send(connection):
        with connection:
            connection.sendall(bytes(size))

    port = net.serve(send)
    script = f'''
import threading, time
address = socket.gethostbyname("example.com")
got = []
def load():
    with socket.create_connection((address, {port}), 60) as one:
        count = 0
        while piece := one.recv(1 << 16):
            count += len(piece)
    got.append(count)
begin = time.monotonic()
loads = [threading.Thread(target=load) for _ in range(4)]
for one in loads:
    one.start()
print(socket.gethostbyname("other.example.com").startswith("198.1"), got)
for one in loads:
    one.join()
print(got == [{size}] * 4, time.monotonic() - begin > 3.5)
'''
    python(host, script, "--allow", "*.example.com", "--allow", "example.com", "--net-rate", "1M").expect(
        out="True []\nTrue True\n",
        err="caisson: the network limit of 1 MiB a second was reached, and connections waited for it (--net-rate)\n")
