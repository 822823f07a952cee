# SPDX-License-Identifier: Apache-2.0
"""run --resolve: a name is served by an address that the user names (a network of the case's own, testnet.py)."""

import json
import os
import ssl

import testnet
from cases_http import CLIENT, certificate, http_server
from harness import case, equal
from netprobe import inside, log_of


@case(image="base", network=True)
def a_name_is_served_by_a_stand_in(host):
    """N27: a server on the host's loopback for one name and port, of which nothing is resolved; the rules, the certificate and the
    requests are judged by the name; no other name or port leads there, and the proxy is not asked; it is kept."""
    net = host.network
    net.names.update({"api.example.com": [testnet.PUBLIC], "half.example.com": [testnet.PUBLIC]})
    folder = os.path.join(host.home, "certificates")
    os.mkdir(folder)
    net.trust(certificate(folder, "authority")[1])
    key, pem = certificate(folder, "api.example.com", "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    places, seen = [], []

    def with_tls(connection):
        places.append(connection.getsockname()[0])
        return context.wrap_socket(connection, server_side=True)

    def say_place(connection):
        with connection:
            connection.sendall(connection.getsockname()[0].encode())

    tls = http_server(net, seen, with_tls)
    where = net.serve(say_place)
    udp, _ = net.serve_datagrams(lambda data: b"udp " + data, "127.0.0.1")
    proxy, proxied = net.serve_proxy({"api.example.com": testnet.PUBLIC})
    served = [f"api.example.com:443:127.0.0.1:{tls}", f"bad.example.com:443:[::1]:{tls}", f"half.example.com:443:127.0.0.1:{tls}",
              f"other.example.com:443:127.0.0.1:{tls}", f"far.example.com:7:{testnet.PUBLIC_2}:{where}", f"dns.example.com:53:127.0.0.1:{udp}"]
    rules = ["api.example.com:443 GET /ok/**", f"api.example.com:{where}", "bad.example.com:443 GET /ok/**", "half.example.com:80",
             "far.example.com:7", "udp:dns.example.com:53"]
    words = [word for one in served for word in ("--resolve", one)] + [word for one in rules for word in ("--allow", one)]
    name = host.name("stand-in")
    host.caisson("run", "-d", "--name", name, *words, "--", "sleep", "100000", env={"ALL_PROXY": f"http://127.0.0.1:{proxy}"}).expect()
    requests = '''
print(ask("GET", "https://api.example.com/ok/a"))
print(ask("GET", "https://api.example.com/other")[:2])
print(ask("GET", "https://bad.example.com/ok/a"))
'''
    bad = "caisson: TLS with 'bad.example.com' failed: its certificate is not accepted: hostname mismatch"
    host.caisson("exec", name, "--", "python3", "-c", CLIENT + requests).expect(
        out=f"{(200, 'body')}\n{(403, 'refused')}\n{(502, 'failed', bad)}\n")
    equal(seen, ["GET /ok/a HTTP/1.1"], "requests at the stand-in")
    equal(set(places), {"::ffff:127.0.0.1", "::1"}, "addresses that the stand-in was reached at")
    script = '''
print(probe("half.example.com", 443), probe("other.example.com", 443), probe("far.example.com", 7),
      probe("dns.example.com", 53, socket.SOCK_DGRAM, b"x"))
'''
    inside(host, name, script).expect(out=f"ECONNREFUSED EAI_NONAME ::ffff:{testnet.PUBLIC_2} udp x\n")
    equal((net.queries, proxied), ([], []), "what the name server and the proxy were asked")
    # The control: at its other port the name leads where it leads, through the proxy.
    inside(host, name, f"print(probe('api.example.com', {where}))").expect(out=f"::ffff:{testnet.PUBLIC}\n")
    equal((net.queries != [], proxied), (True, [f"api.example.com:{where}"]), "what the name server and the proxy were asked")
    equal([entry.get("resolve") for entry in log_of(host, name, "connect") if entry["verdict"] == "allowed"],
          [served[0], served[0], served[1], served[4], served[5], None], "the ledger")
    # Another start has them, too.
    host.caisson("stop", name).expect()
    host.caisson("start", name).expect()
    host.caisson("exec", name, "--", "python3", "-c", CLIENT + 'print(ask("GET", "https://api.example.com/ok/b"))').expect(
        out=f"{(200, 'body')}\n")
    equal(json.loads(host.caisson("inspect", name).expect().out)[0]["resolve"], sorted(served), "what inspect shows")
    host.caisson("policy", "ls", name).expect(out_has=f"api.example.com:443 is served by 127.0.0.1:{tls} (--resolve)")
    host.caisson("policy", "deny", name, "127.0.0.0/8").expect()
    inside(host, name, "print(probe('api.example.com', 443))").expect(out="ECONNREFUSED\n")
    host.caisson("rm", "-f", name).expect()


@case(image=None)
def a_stand_in_that_cannot_be_is_an_error(host):
    """It names what is wrong, and no sandbox is made."""
    for words, *parts in (
            (["--resolve", "a.example:443"], "--resolve: cannot read 'a.example:443'", "write HOST:PORT:ADDRESS[:PORT]"),
            (["--resolve", "a.example:443:b.example"], "'b.example' is not an IP address", "names are not looked up"),
            (["--resolve", "a.example:443:::1"], "write an IPv6 address in brackets"),
            (["--resolve", "localhost:443:127.0.0.1"], "is the sandbox itself"),
            (["--resolve", "a.example:1:127.0.0.1", "--resolve", "a.example:1:127.0.0.2"], "is served by '127.0.0.1:1' already"),
            (["--net", "none", "--resolve", "a.example:1:127.0.0.1"], "'none' reaches nothing")):
        host.caisson("run", *words, "--", "true").error(125, *parts)
    host.caisson("ls", "--json").expect(out="[]\n")
