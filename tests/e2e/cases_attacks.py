# SPDX-License-Identifier: Apache-2.0
"""Attacks on the gate from inside of a sandbox: what is hidden in requests, ends that are none, descriptors, and a policy file that was
widened."""

import os
import resource
import socket
import struct

import testnet
from cases_http import http_server
from harness import case, equal
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
    equal(reasons, {"the limit of 128 connections at a time is reached (--net-connections)"}, "reasons in the ledger")
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
