# SPDX-License-Identifier: Apache-2.0
"""What a user sees of the policy: learned rules, questions, and what the log and the end of a run say."""

import os
import re
import shlex

import images
import testnet
from cases_http import certificate, tls_server
from harness import case, equal, fail, read, true
from netprobe import PROBE, detached, inside, log_of


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
    with open(os.path.join(host.work, "caisson-policy.toml"), encoding="utf-8") as file:
        text = file.read()
    rules, _, comments = text.partition("]\n\n#")
    equal(rules, f'[network]\npreset = "locked"\nallow = [\n  "{testnet.PRIVATE}:{port}",\n  "example.com:{port}",\n'
                 f'  "mirror.example:{port}",\n  "udp:example.com:{udp}",\n', "the learned rules")
    true(f"#   intern.example:{port}: " in comments, f"no comment about what was refused: {text!r}")
    host.caisson("run", "--net", "./caisson-policy.toml", *command).expect(code=7, out="hello udp x hello EAI_NONAME EAI_NONAME False\n")


@case(image="tiny")
def a_learned_file_replaces_nothing_and_mixes_with_nothing(host):
    """An existing file is an error before anything runs; on stdout the file is alone; a command that cannot start teaches nothing."""
    path = os.path.join(host.work, "p.toml")
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


ASKED = r"(?s)the sandbox wants to connect to '([^']*)'.*Enter: "


@case(image="base", network=True)
def connections_are_asked_about_on_the_terminal(host):
    """Once, for this sandbox, no, and what is typed for the command is not an answer; private addresses are not asked about."""
    net = host.network
    net.names.update({"a.example": [testnet.PUBLIC], "b.example": [testnet.PUBLIC_2], "intern.example": [testnet.PRIVATE]})
    port = net.serve_text("hello")
    name = host.name("ask")
    terminal = host.terminal("run", "--keep", "--name", name, "--net", "ask", "-it", "-u", "agent", "--", "python3", "-i", "-q", "-c", PROBE)
    terminal.read_until(">>> ")

    def ask(target, keys, outcome):
        terminal.send(f"probe('{target}', {port})\r")
        if keys:
            terminal.read_until(f"wants to connect to '{target}:{port}'")
        for key in keys:
            terminal.read_until("Enter: ")
            terminal.send(key)
        terminal.read_until(f"'{outcome}'")
        terminal.read_until(">>> ")

    equal(net.queries, [], "names that were resolved before anybody allowed it")
    ask("a.example", ["a\r"], "hello")
    ask("a.example", ["d\r"], "ECONNREFUSED")
    ask("a.example", [], "ECONNREFUSED")  # what was denied is not asked about again
    ask("b.example", ["ls\r", "yes\r", "s\r"], "hello")
    ask("b.example", [], "hello")
    ask("intern.example", ["s\r"], "ECONNREFUSED")  # the name is allowed, and leads where only a rule for the address does
    ask(testnet.METADATA, [], "ECONNREFUSED")
    # The question is the terminal's, and the terminal is the command's again.
    terminal.send("print(6 * 7)\r")
    terminal.read_until("42\r\n")
    rules = host.caisson("policy", "ls", name).expect().out
    true(f"b.example:{port}" in rules and f"a.example:{port}" not in rules, f"rules after the answers: {rules}")
    once = [entry for entry in log_of(host, name, "connect") if entry.get("answer") == "once"]
    equal([entry["name"] for entry in once], ["a.example"], "connections that were allowed once")
    # Another terminal may answer, too.
    terminal.send(f"probe('c.example', {port})\r")
    terminal.read_until(r"'c\.example:")
    net.names["c.example"] = [testnet.PUBLIC]
    host.caisson("policy", "allow", name, f"c.example:{port}").expect()
    terminal.read_until("that question is over")
    terminal.read_until("'hello'")
    # With nobody to ask the answer is no at once, and not for good.
    terminal.send("\x10\x11")
    equal(terminal.wait(), 0, "exit code of a terminal that left")
    inside(host, name, f"print(probe('d.example', {port}))").expect(out="ECONNREFUSED\n")
    reasons = [entry["reason"] for entry in log_of(host, name, "connect") if entry.get("name") == "d.example"]
    equal(reasons, [f"no rule speaks of 'd.example' port {port}, and no terminal is attached that could be asked"], "reasons in the ledger")
    net.names["d.example"] = [testnet.PUBLIC]
    terminal = host.terminal("attach", name)
    terminal.send("\r")
    terminal.read_until(">>> ")
    ask("d.example", ["a\r"], "hello")
    terminal.send("exit(5)\r")
    equal(terminal.wait(), 5, "exit code")
    host.caisson("rm", name).expect()


@case(image="base", network=True)
def without_a_raw_terminal_questions_are_asked_too(host):
    """A command that gets no stdin: the keyboard is the questions' alone, and ctrl-c the command's."""
    port = host.network.serve_text("hello")
    host.network.names["a.example"] = [testnet.PUBLIC]
    script = PROBE + f"print(probe('a.example', {port}), probe('b.example', {port}))"
    terminal = host.terminal("run", "--net", "ask", "-u", "agent", "--", "python3", "-c", script)
    terminal.read_until(ASKED)
    terminal.send("a\n")
    terminal.read_until(ASKED)
    terminal.send("d\n")
    terminal.read_until("hello ECONNREFUSED")
    equal(terminal.wait(), 0, "exit code")


@case(image="tiny")
def asking_needs_a_terminal(host):
    """With -d, and where stdin or stderr is no terminal, it is an error before anything starts."""
    run = ["run", "--image", "tiny", "--net", "ask"]
    host.caisson(*run, "--", "true").error(125, "no", "terminal")
    host.caisson(*run, "-d", "--", "true").error(125, "-d")
    equal(host.sandboxes(), [], "sandboxes that are left")


@case(image="base", network=True)
def what_happened_is_told_in_words(host):
    """Record types, changes and exit codes in the log; one refused name is one refusal; a flood of the same takes two lines; failures
    are told at the end."""
    host.network.names["closed.example"] = [testnet.PUBLIC]
    name = host.name("words")
    host.caisson("run", "-d", "--name", name, "--allow", "closed.example", "--", "sleep", "100000").expect()
    script = PROBE + """
print(probe("refused.example", 443), probe("closed.example", 9), [probe("192.0.2.7", 443) for _ in range(200)].count("ECONNREFUSED"))
sys.exit(9)
"""
    host.caisson("exec", name, "--", "python3", "-c", script).expect(code=9, out="EAI_NONAME ECONNREFUSED 200\n")
    host.caisson("policy", "allow", name, "a.example:443").expect()
    host.caisson("policy", "allow", name, "localhost:80").error(125, "the sandbox itself", "host.caisson.internal:80")
    host.caisson("log", name).expect(out_has=["type=A\n", "policy allow a.example:443 (policy allow)", "exit_code=9"])
    host.caisson("stop", name).expect()
    last = host.inspect(name)
    notes = " ".join(last["notes"])
    true("the network refused 201 requests" in notes and "1 connection failed: closed.example:9 (" in notes, f"notes: {notes}")
    # A line, and how often it was repeated, for each 10 seconds that the flood has taken.
    lines = [entry for entry in log_of(host, name, "connect") if entry.get("address") == "192.0.2.7"]
    more = [entry["count"] for entry in log_of(host, name, "more") if entry["address"] == "192.0.2.7"]
    true(len(lines) < 50, f"{len(lines)} lines of a refusal that is repeated")
    equal(len(lines) + sum(more), 200, "refusals in the ledger")
    host.caisson("rm", name).expect()


@case(image="base", network=True)
def a_running_sandbox_says_what_it_was_refused(host):
    """`inspect` asks the keeper: nobody has to stop a sandbox to learn why its download fails."""
    host.network.names["example.com"] = [testnet.PUBLIC]
    port = host.network.serve_text("hello")
    name = detached(host, "live", "--allow", f"example.com:{port}")
    equal(host.inspect(name)["notes"], [], "notes before anything was refused")
    inside(host, name, f'print(probe("refused.example", 443), probe("example.com", {port}))').expect(out="EAI_NONAME hello\n")
    found = host.inspect(name)
    equal((found["status"], found["refusals"]["count"]), ("running", 1), "the status and what was refused")
    equal([(target["target"], target["allow"]) for target in found["refusals"]["targets"]], [("refused.example", "refused.example")],
          "the targets")
    true(any("--allow refused.example" in note for note in found["notes"]), f"notes: {found['notes']}")
    equal(found["connections"]["targets"], [f"example.com:{port}"], "connections")
    host.caisson("rm", "-f", name).expect()


@case(image="base", network=True)
def the_log_is_followed(host):
    """`log --follow` and `policy log --follow` print what happens while they run, in both of the ledger's files, and end with the
    sandbox."""
    host.network.names["example.com"] = [testnet.PUBLIC]
    port = host.network.serve_text("hello")
    name = detached(host, "follow", "--allow", f"example.com:{port}")
    every, network = host.start("log", "--follow", name), host.start("policy", "log", "--follow", "--json", name)
    # What was there before comes first.
    true(b" start " in every.stdout.readline(), "the first line is not the start")
    inside(host, name, f'print(probe("first.example", 443), probe("example.com", {port}))').expect(out="EAI_NONAME hello\n")

    def until(stream, *words):
        for line in stream:
            if all(word in line for word in words):
                return line
        fail(f"the log ended without {words}")

    until(every.stdout, b"name refused first.example")
    until(every.stdout, b"connect allowed example.com")
    until(network.stdout, b'"refused"', b'"first.example"')
    until(network.stdout, b'"connect"', b'"example.com"')
    # They have caught up, so this is new to them.
    host.caisson("policy", "allow", name, "second.example:443").expect()
    until(every.stdout, b"policy allow second.example:443")
    until(network.stdout, b'"policy"', b"second.example:443")
    host.caisson("stop", name).expect()
    until(every.stdout, b" stop ")
    true(b'"stop"' not in network.stdout.read(), "a line that is not the network's")
    equal((every.wait(60), network.wait(60)), (0, 0), "exit codes")
    host.caisson("rm", name).expect()


@case(image="base", own_cache=True, network=True, timeout=900)
def a_template_carries_no_policy(host):
    """N6: one that is made while everything is allowed opens nothing for the next sandbox that thaws it."""
    images.copy_cache(os.environ["CAISSON_TEST_CACHE"], host.cache, "base")
    port, seen = host.network.serve_http("page")
    run = ["run", "--memory", "1G"]
    ask = ["--", "curl", "-sS", "-m", "60", f"http://{testnet.PUBLIC}:{port}/"]
    host.caisson(*run, "--net", "open", *ask, timeout=600).expect(out="page")
    templates = os.path.join(host.cache, "caisson", "templates")
    made = sorted(os.listdir(templates))
    host.caisson(*run, *ask).expect(code=7, out="", err_has="the network refused")
    equal(sorted(os.listdir(templates)), made, "templates: another one was thawed")
    equal(len(seen), 1, "requests at the server")


def without_what_differs(text):
    """Times, counts of bytes and numbers of connections are each run's own, and so is whether curl is gone before the server's last
    record comes."""
    text = text.replace("  reason=the other end of the link reset the stream", "")
    text = re.sub(r"^\d\d:\d\d:\d\d\.\d{3}", "TIME", text, flags=re.MULTILINE)
    return re.sub(r"\b((?:received|sent)_bytes|id)=\d+", r"\1=N", text)


@case(image="base", network=True)
def the_readmes_example_of_the_network_is_true(host):
    """What it runs, what is said, and the lines of its log."""
    readme = read(os.path.join(os.path.dirname(__file__), "../../README.md"))
    section = readme.split("### A network judged by name\n")[1].split("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    run, log = (line.removeprefix("$ caisson ") for line in lines if line.startswith("$ caisson "))
    end = lines.index(f"$ caisson {log}")
    net = host.network
    net.names["example.com"] = [testnet.PUBLIC]
    certificate(host.home, "authority")
    tls_server(net, [], certificate(host.home, "example.com", "authority"), 443)
    said = host.caisson(*shlex.split(run))
    equal(said.out + said.err, "\n".join(lines[1:end]) + "\n", "what it says")
    equal(without_what_differs(host.caisson(*shlex.split(log)).expect().out), without_what_differs("\n".join(lines[end + 1:]) + "\n"),
          "its log")
    host.caisson("rm", "-f", "get").expect()
