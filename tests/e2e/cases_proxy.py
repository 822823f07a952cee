# SPDX-License-Identifier: Apache-2.0
"""The gate's connections through the proxy of the user's environment (a network of the case's own, testnet.py)."""

import base64
import os
import re

import testnet
from harness import case, equal, true
from netprobe import inside, log_of


def everything_that_is_kept(host):
    """The bytes of all files in the data folder, logs and records."""
    for folder, _, files in os.walk(os.path.join(host.data, "caisson")):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.path.getsize(path) < 1 << 24:
                with open(path, "rb") as file:
                    yield path, file.read()


@case(image="base", network=True)
def the_proxy_of_the_environment_is_used(host):
    """N19: names go to the proxy, those that only it can resolve too; what it refuses is refused at once; NO_PROXY, private addresses
    and the host go without it; its password is kept nowhere."""
    net = host.network
    net.names.update({"proxied.example": [testnet.PUBLIC], "direct.example": [testnet.PUBLIC], "forbidden.example": [testnet.PUBLIC],
                      "intern.example": [testnet.PRIVATE], "mirror.example": [testnet.CARRIER]})
    port = net.serve_text("hello")
    user = base64.b64encode(b"joe:s@cret").decode()
    known = {"proxied.example": testnet.PUBLIC, "only-there.example": testnet.PUBLIC_2, testnet.PUBLIC: testnet.PUBLIC,
             "intern.example": testnet.PRIVATE, "direct.example": testnet.PUBLIC_2}
    proxy, seen = net.serve_proxy(known, f"Basic {user}")
    env = {"HTTPS_PROXY": f"http://joe:s%40cret@127.0.0.1:{proxy}", "no_proxy": "localhost,direct.example"}
    name = host.name("proxy")
    allow = ["**.example", testnet.PUBLIC, f"{testnet.CARRIER}:{port}", f"host.caisson.internal:{port}"]
    host.caisson("run", "-d", "--name", name, *[word for one in allow for word in ("--allow", one)], "--", "sleep", "100000", env=env).expect()
    targets = ["proxied.example", "only-there.example", testnet.PUBLIC, "forbidden.example", "direct.example", "intern.example",
               "mirror.example", "host.caisson.internal"]
    script = "".join(f"print(probe({target!r}, {port}))\n" for target in targets)
    inside(host, name, script).expect(out="hello\nhello\nhello\nECONNREFUSED\nhello\nECONNREFUSED\nhello\nhello\n")
    equal(seen, [f"{target}:{port}" for target in targets[:4]], "what the proxy was asked for")
    entries = log_of(host, name, "connect")
    equal([entry.get("reason") for entry in entries if entry["verdict"] == "failed"], ["proxy: 403"], "failures in the ledger")
    equal([entry.get("proxy", "") for entry in entries if entry["verdict"] == "allowed"],
          [f"127.0.0.1:{proxy}"] * 3 + [""] * 3, "proxies in the ledger")
    # The policy ends what went through it as well, and is asked first.
    host.caisson("policy", "deny", name, "proxied.example").expect()
    inside(host, name, f"print(probe('proxied.example', {port}))").expect(out="EAI_NONAME\n")
    equal(len(seen), 4, "what the proxy was asked for")
    secrets = re.compile(rb"s@cret|s%40cret|" + re.escape(user.encode()))
    leaks = [path for path, text in everything_that_is_kept(host) if secrets.search(text)]
    equal(leaks, [], "files with the password")
    for command in (["inspect", "--json", name], ["log", "--json", name], ["doctor"]):
        shown = host.caisson(*command, env=env)
        true(not secrets.search(shown.raw + shown.err.encode()), f"{command} shows the password")
    host.caisson("doctor", env=env).expect(out_has=f"127.0.0.1:{proxy} (with a user); not for localhost, direct.example")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def a_proxy_that_cannot_be_used_says_so(host):
    """A wrong password and a proxy that is not there are in the ledger; one of an unknown kind is an error before anything runs."""
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    port = net.serve_text("hello")
    proxy, _ = net.serve_proxy({"example.com": testnet.PUBLIC}, "Basic bm9ib2R5")
    run = ["run", "--allow", "example.com", "--", "curl", "-sS", "-m", "20", f"http://example.com:{port}/"]
    wrong = host.caisson(*run, env={"ALL_PROXY": f"http://joe:s3cret@127.0.0.1:{proxy}"}).expect(code=7, err_has="proxy: 407", err_lacks="s3cret")
    true("example.com" in wrong.err, f"the end of the run does not name the target: {wrong.err!r}")
    host.caisson(*run, env={"ALL_PROXY": "http://127.0.0.1:9"}).expect(code=7, err_has="proxy: cannot connect to '127.0.0.1:9'")
    host.caisson(*run, env={"ALL_PROXY": "socks5://joe:s3cret@127.0.0.1:9"}).error(125, "ALL_PROXY", "no HTTP proxy")
    host.caisson(*run, env={"HTTPS_PROXY": "https://joe:s3cret@127.0.0.1:9"}).error(125, "HTTPS_PROXY is reached by TLS (https://)")
    # Where nothing is allowed anyway, no proxy is needed.
    host.caisson("run", "--", "true", env={"ALL_PROXY": "socks5://127.0.0.1:9"}).expect()
