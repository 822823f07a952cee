# SPDX-License-Identifier: Apache-2.0
"""Attacks on the gate from inside of a sandbox: what is hidden in requests, ends that are none, descriptors, and a policy file that was
widened."""

import os
import resource
import socket
import struct
import threading

import testnet
from cases_http import http_server
from harness import case, equal, true
from netprobe import detached, inside, log_of

# The status of the answer to bytes as they are, "reset" or "end" where there is none.
RAW = r'''
import socket
def raw(port, data):
    try:
        with socket.create_connection(("example.com", port), 60) as one:
            one.sendall(data)
            got = b""
            while b"\r\n" not in got:
                piece = one.recv(65536)
                if not piece:
                    return "end"
                got += piece
            return got.split(b" ")[1].decode()
    except ConnectionResetError:
        return "reset"
'''


@case(image="base", network=True)
def what_is_hidden_in_a_request_does_not_arrive(host):
    """N13: a second request that only one of two readers would see, and another host than that of the connection."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    seen = []
    port = http_server(net, seen)
    place = f"example.com:{port}"
    hidden = f"GET /other HTTP/1.1\r\nHost: {place}\r\n\r\n"
    ok = f"POST /ok HTTP/1.1\r\nHost: {place}\r\n"
    attacks = {
        "two lengths": ("400", f"{ok}Content-Length: 0\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}"),
        "a length and chunks": ("400", f"{ok}Content-Length: {len(hidden) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        "chunks of another name": ("400", f"{ok}Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n{hidden}"),
        "a folded line": ("400", f"{ok}X: a\r\n Content-Length: {len(hidden)}\r\n\r\n{hidden}"),
        "a space before the colon": ("400", f"{ok}Content-Length : {len(hidden)}\r\n\r\n{hidden}"),
        "a bare LF": ("400", f"{ok}X: a\nContent-Length: {len(hidden)}\r\n\r\n{hidden}"),
        "a head that ends with bare LFs": ("400", f"{ok}X: a\n\n{hidden}"),
        "a bare CR": ("400", f"{ok}X: a\rContent-Length: {len(hidden)}\r\n\r\n{hidden}"),
        "two hosts": ("400", f"{ok}Host: other.example.com\r\nContent-Length: 0\r\n\r\n"),
        "another host": ("403", "GET /ok HTTP/1.1\r\nHost: other.example.com\r\n\r\n"),
        "another host in the URL": ("400", f"GET http://other.example.com/ok HTTP/1.1\r\nHost: {place}\r\n\r\n"),
        "a tunnel": ("400", f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n{hidden}"),
    }
    name = host.name("smuggler")
    host.caisson("run", "-d", "--name", name, "--allow", f"{place} GET,POST /ok", "--", "sleep", "100000").expect(out=f"{name}\n")
    script = RAW + f"for data in {[data.encode() for _, data in attacks.values()]!r}:\n    print(raw({port}, data))\n"
    done = host.caisson("exec", name, "--", "python3", "-c", script).expect()
    equal(dict(zip(attacks, done.out.splitlines())), {attack: status for attack, (status, _) in attacks.items()}, "answers")
    equal(seen, [], "requests at the server")
    control = (ok + "Content-Length: 0\r\n\r\n").encode()
    host.caisson("exec", name, "--", "python3", "-c", RAW + f"print(raw({port}, {control!r}))").expect(out="200\n")
    equal(seen, ["POST /ok HTTP/1.1"], "requests at the server")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def a_server_that_dies_within_its_answer_is_an_error(host):
    """N13: a body that was cut off is never taken for a whole one, whether its requests are read or its bytes pass."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]

    def serve(answer, reset):
        def handler(connection):
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                if reset:
                    # Not before the client has the answer: a reset overtakes it.
                    connection.recv(1)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        return net.serve(handler)

    head = b"HTTP/1.1 200 OK\r\n"
    read = [serve(head + b"Content-Length: 100\r\n\r\nhalf", False), serve(head + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", False)]
    passed = serve(head + b"\r\nhalf", True)
    script = f'''
import socket
def ask(port, more=b""):
    got = b""
    with socket.create_connection(("example.com", port), 60) as one:
        one.sendall(b"GET / HTTP/1.1\\r\\nHost: example.com:%d\\r\\n\\r\\n" % port)
        try:
            while piece := one.recv(65536):
                got += piece
                if more and got.endswith(b"half"):
                    one.sendall(more)
            return "end"
        except ConnectionResetError:
            return "reset"
print(*(ask(port) for port in {read!r}), ask({passed}, b"x"))
'''
    rules = [option for port in read for option in ("--allow", f"example.com:{port} GET /")]
    host.caisson("run", *rules, "--allow", f"example.com:{passed}", "--", "python3", "-c", script).expect(out="reset reset reset\n")


# A connection that begins so and goes on by a byte a second: how it ends.
DRIBBLE = r'''
import select, socket, threading
def dribble(port, first):
    with socket.create_connection(("example.com", port), 60) as one:
        one.sendall(first)
        for _ in range(150):
            if select.select([one], [], [], 1)[0]:
                try:
                    return one.recv(12).decode() or "end"
                except ConnectionResetError:
                    return "reset"
            try:
                one.sendall(b"x")
            except OSError:
                return "reset"
    return "goes on"
def all_at_once(*those):
    ends = [None] * len(those)
    def run(at):
        try:
            ends[at] = dribble(*those[at])
        except (OSError, ValueError) as error:
            ends[at] = repr(error)
    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(those))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return ends
'''


@case(image="base", network=True, timeout=600)
def who_dribbles_is_ended(host):
    """N9: a ClientHello, a request's head and an answer's head that come by a byte a second end; what is not read by the gate goes on."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    stopped = threading.Event()

    def dribbling(connection):
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not stopped.wait(1):
                connection.sendall(b"x")

    # A server that spoke first would be no HTTP server.
    judged, plain = (net.serve(lambda connection: stopped.wait(300)) for _ in range(2))
    dribbles = net.serve(dribbling)
    name = detached(host, "slow", "--allow", f"example.com:{judged} GET /", "--allow", f"example.com:{dribbles} GET /", "--allow",
                    f"example.com:{plain}")
    script = DRIBBLE + f'''
hello = b"\\x16\\x03\\x01\\x40\\x00\\x01\\x00\\x3f\\xfc\\x03\\x03"
whole = b"GET / HTTP/1.1\\r\\nHost: example.com:{dribbles}\\r\\n\\r\\n"
print(*all_at_once(({plain}, hello), ({judged}, b"GET / HT"), ({judged}, hello), ({dribbles}, whole), ({plain}, b"GET / HT")))
'''
    ended = host.caisson("exec", name, "--", "python3", "-c", script, timeout=400).expect().out.split()
    stopped.set()
    equal(ended, ["reset", "reset", "reset", "reset", "goes", "on"], "how they ended")
    reasons = {entry.get("reason") for entry in log_of(host, name, "disconnect", "request")}
    for reason in ("its TLS ClientHello took too long", "a request's head took too long", "the head of an answer took too long"):
        true(reason in reasons, f"'{reason}' is not among {reasons}")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True, timeout=600)
def what_is_held_unjudged_is_bounded(host):
    """N9: of hundreds of heads that do not end, the keeper holds so much and no more; those that are too many end."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    port, _ = net.serve_http("body")
    name = detached(host, "held", "--allow", f"example.com:{port} GET /")
    inside(host, name, f'print(probe("example.com", {port}, data=b"GET /no HTTP/1.1\\r\\nHost: example.com:{port}\\r\\n\\r\\n")[:12])').expect(
        out="HTTP/1.1 403\n")

    def resident_bytes():
        with open(f"/proc/{host.inspect(name)['keeper_pid']}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    before = resident_bytes()
    holding = host.start("exec", name, "--", "python3", "-c", f'''
import selectors, socket
head = b"GET / HTTP/1.1\\r\\nX: " + b"x" * 60000
held, ended = [], 0
for _ in range(600):
    one = socket.create_connection(("example.com", {port}), 60)
    one.sendall(head[:1])
    held.append(one)
print("begun", flush=True)
input()
for one in held:
    try:
        one.sendall(head[1:])
    except OSError:
        pass
waiting = selectors.DefaultSelector()
for one in held:
    waiting.register(one, selectors.EVENT_READ)
while ended <= 200 and (events := waiting.select(60)):
    for key, _ in events:
        try:
            ended += key.fileobj.recv(1) == b""
        except OSError:
            ended += 1
        waiting.unregister(key.fileobj)
print("some ended, some did not" if 200 < ended < 500 else ended, flush=True)
input()
''')
    # What as many connections cost that have sent a byte: the rest is what is held of their heads, and what an allocator wastes.
    equal(holding.stdout.readline(), b"begun\n", "the connections")
    begun = resident_bytes()
    holding.stdin.write(b"\n")
    holding.stdin.flush()
    equal(holding.stdout.readline(), b"some ended, some did not\n", "what became of them")
    held = resident_bytes() - begun
    true(held < (32 + 8) << 20, f"the keeper has grown by {held} bytes for the heads, and by {begun - before} for their connections")
    holding.communicate(b"\n", timeout=60)
    reasons = {entry.get("reason") for entry in log_of(host, name, "disconnect")}
    true(any("too much is held" in (reason or "") for reason in reasons), f"reasons in the ledger: {reasons}")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def a_keeper_with_few_descriptors_keeps_some_for_its_owner(host):
    """N9: connections end where the descriptors that are meant for them end; they are refused, and everything else goes on."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    port = net.serve_held()
    # For this process and what it starts. Of 512 descriptors 256 are for other things, and half of the rest is the gate's.
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
    name = detached(host, "few", "--allow", "example.com")
    holding = host.start("exec", name, "--", "python3", "-c", f'''
import socket
address = socket.gethostbyname("example.com")
held, refused = [], 0
for _ in range(200):
    try:
        held.append(socket.create_connection((address, {port}), 60))
    except ConnectionRefusedError:
        refused += 1
print(len(held), refused, all(one.recv(1) == b"x" for one in held), flush=True)
input()
''')
    equal(holding.stdout.readline(), b"128 72 True\n", "connections that were made, and refused")
    host.caisson("exec", name, "--", "echo", "still here").expect(out="still here\n")
    host.caisson("cp", "-", f"{name}:/tmp", stdin=b"\0" * 10240).expect()
    reasons = {entry["reason"] for entry in log_of(host, name, "connect") if entry["verdict"] == "refused"}
    equal(reasons, {"the limit of 128 connections at a time is reached (more take a higher limit of open files: `ulimit -n`, before the "
                    "sandbox is started)"}, "reasons in the ledger")
    holding.communicate(b"\n", timeout=60)
    inside(host, name, f'print(probe("example.com", {port}))').expect(out="x\n")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def a_policy_file_that_was_widened_opens_nothing(host):
    """N6: a file is read when a sandbox is made; at a later start its policy is what it was, however the file has changed."""
    net = host.network
    net.names.update({"example.com": [testnet.PUBLIC], "evil.test": [testnet.PUBLIC]})
    port = net.serve_text("canary")
    file = os.path.join(host.home, "policy.toml")

    def write(allow):
        with open(file, "w", encoding="utf-8") as policy:
            policy.write(f'[network]\npreset = "locked"\nallow = {allow}\n')

    write('["example.com"]')
    name = detached(host, "file", "--net", file)
    ask = f'print(probe("example.com", {port}), probe("evil.test", {port}))'
    inside(host, name, ask).expect(out="canary EAI_NONAME\n")
    write('["example.com", "evil.test"]')
    host.caisson("stop", name).expect()
    host.caisson("start", name).expect()
    inside(host, name, ask).expect(out="canary EAI_NONAME\n")
    host.caisson("rm", "-f", name).expect()
