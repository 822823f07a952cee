# SPDX-License-Identifier: Apache-2.0
"""What a user sees of the policy: learned rules, questions, and what the log and the end of a run say."""

import os

import testnet
from harness import case, equal, true
from netprobe import PROBE


@case(image="base", network=True, timeout=600)
def what_a_command_uses_is_learned_and_is_enough_for_it(host):
    """The file allows what connected, over TCP and UDP and at a private address, and not what was only looked up, failed or was
    refused."""
    net = host.network
    net.names.update({"example.com": [testnet.PUBLIC], "mirror.example": [testnet.PRIVATE], "intern.example": [testnet.CARRIER],
                      "closed.example": [testnet.PUBLIC_2]})
    port = net.serve_text("hello")
    udp, _ = net.serve_datagrams(lambda data: b"udp " + data)
    script = PROBE + f'''
def known(name):
    try:
        return bool(socket.gethostbyname(name))
    except socket.gaierror:
        return False
print(probe("example.com", {port}), probe("example.com", {udp}, socket.SOCK_DGRAM, b"x"), probe("mirror.example", {port}),
      probe("intern.example", {port}), probe("closed.example", 9), known("looked-up.example"))
sys.exit(7)
'''
    command = ["-u", "agent", "--", "python3", "-c", script]
    learned = host.caisson("policy", "learn", "--allow", testnet.PRIVATE, *command)
    learned.expect(code=7, out="hello udp x hello ECONNREFUSED ECONNREFUSED True\n", err_has=["'caisson-policy.toml'", "intern.example"])
    equal(host.sandboxes(), [], "sandboxes that are left")
    with open(os.path.join(host.home, "caisson-policy.toml"), encoding="utf-8") as file:
        text = file.read()
    rules, _, comments = text.partition("]\n\n#")
    equal(rules, f'[network]\npreset = "locked"\nallow = [\n  "{testnet.PRIVATE}:{port}",\n  "example.com:{port}",\n'
                 f'  "mirror.example:{port}",\n  "udp:example.com:{udp}",\n', "the learned rules")
    true(f"#   intern.example:{port}: " in comments, f"no comment about what was refused: {text!r}")
    host.caisson("run", "--net", "./caisson-policy.toml", *command).expect(code=7, out="hello udp x hello EAI_NONAME EAI_NONAME False\n")


@case(image="tiny")
def a_learned_file_replaces_nothing_and_mixes_with_nothing(host):
    """An existing file is an error before anything runs; on stdout the file is alone; a command that cannot start teaches nothing."""
    path = os.path.join(host.home, "p.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("mine")
    learn = ["policy", "learn", "--image", "tiny"]
    echo = ["--", "sh", "-c", "echo out; echo err >&2; exit 3"]
    host.caisson(*learn, "-o", "p.toml", *echo).error(125, "'p.toml' exists", "--force")
    host.caisson(*learn, "-o", "no/p.toml", *echo).error(125, "'no/p.toml'")
    host.caisson(*learn, "--net", "open", *echo).error(125, "--net")
    host.caisson(*learn, "-d", *echo).error(125, "-d")
    host.caisson(*learn, "-o", "p.toml", "--force", "--", "no-such-command").expect(code=127)
    with open(path, encoding="utf-8") as file:
        equal(file.read(), "mine", "the file")
    host.caisson(*learn, "-o", "-", *echo).expect(code=3, out='[network]\npreset = "locked"\nallow = [\n]\n', err="out\nerr\n")
    host.caisson(*learn, "-o", "p.toml", "--force", *echo).expect(code=3, out="out\n", err_has="err\n")
    with open(path, encoding="utf-8") as file:
        true(file.read().startswith("[network]\n"), "the file was not replaced")
    equal(host.sandboxes(), [], "sandboxes that are left")
