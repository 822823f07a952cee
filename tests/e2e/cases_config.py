# SPDX-License-Identifier: Apache-2.0
"""A folder's .caisson.toml: what it widens is asked for, once for each state of the file; and it is used as it was shown."""

import hashlib
import os
import signal
import stat

from harness import case, equal, true, wait_until

TINY = ("run", "--image", "tiny")


def configure(host, text, folder=None):
    """Writes the file; its digest."""
    whole = f"version = 1\n{text}".encode()
    with open(f"{folder or host.work}/.caisson.toml", "wb") as file:
        file.write(whole)
    return hashlib.sha256(whole).hexdigest()


def accept(host, text):
    digest = configure(host, text)
    host.caisson("trust", "--yes").expect(err="caisson: accepted\n")
    return digest


def shell(host, script, *options, **keywords):
    return host.caisson(*TINY, *options, "--", "sh", "-c", script, **keywords)


@case()
def a_configuration_that_widens_is_refused_until_it_is_accepted(host):
    """T1, T2."""
    path = f"{host.work}/.caisson.toml"
    text = 'image = "tiny"\n[environment]\nMODE = "first"\n'
    digest = configure(host, text)
    refused = {"code": 125, "out": "", "err_has": [f"the configuration '{path}' is new", "its image is 'tiny' instead of 'base'",
                                                   "the variable MODE is 'first'", f"caisson trust {host.work} ", "--no-config"]}
    host.caisson("run", "--", "echo", "ran").expect(**refused)
    host.caisson("run", "-d", "--", "sleep", "100000").expect(**refused)
    equal(host.sandboxes(), [], "the sandboxes")
    host.caisson("trust").expect(code=125, out_has="the variable MODE is 'first'", err_has=f"caisson trust --yes {host.work} ")
    host.caisson("run", "--", "echo", "ran").expect(**refused)
    # Without it nothing of it counts.
    shell(host, "echo $MODE", "--no-config").expect(out="\n", err="")

    host.caisson("trust", "--yes", host.work, cwd=host.home).expect(out_has="the variable MODE is 'first'", err="caisson: accepted\n")
    host.caisson("run", "--", "sh", "-c", "echo $MODE").expect(out="first\n", err="")
    name = host.name("configured")
    host.caisson("run", "-d", "--name", name, "--", "sleep", "100000").expect()
    shown = host.inspect(name)
    equal((shown["config"], shown["image"]), ({"path": path, "digest": digest}, "tiny"), "what inspect says")
    host.caisson("rm", "-f", name).expect()

    # After every change, also one back.
    configure(host, text.replace("first", "second"))
    host.caisson("run", "--", "echo", "ran").expect(code=125, out="", err_has=["has changed since it was accepted", "MODE is 'second'"])
    host.caisson("trust", "--yes").expect()
    configure(host, text)
    host.caisson("run", "--", "echo", "ran").expect(code=125, out="", err_has="has changed since it was accepted")


@case()
def on_a_terminal_a_configuration_is_asked_about(host):
    """T1. And no byte of the file's steers the terminal."""
    configure(host, 'setup = ["printf up >/tmp/up # \\u001b[2J\\u202e"]\n[environment]\nMODE = "\\u001b]0;x\\u0007"\n')
    command = (*TINY, "--", "sh", "-c", "cat /tmp/up; echo; printf $MODE | wc -c")
    terminal = host.terminal(*command)
    seen = terminal.read_until(r"(?s)^.*Accept these 2\? \[y/N\] ").group(0)
    true(b"\\x1b[2J\\xe2\\x80\\xae" in seen and b"'\\x1b]0;x\\x07'" in seen, f"the texts are not escaped: {seen!r}")
    true(b"\x1b" not in seen and b"\x07" not in seen and b"\xe2" not in seen, f"the file steers the terminal: {seen!r}")
    terminal.send("\r")
    terminal.read_until(r"was not accepted \(--no-config")
    equal(terminal.wait(), 125, "the exit code after no answer")
    equal(host.sandboxes(), [], "the sandboxes")
    terminal = host.terminal(*command)
    terminal.read_until(r"Accept these 2\? \[y/N\] ")
    terminal.send("y\r")
    seen = terminal.read_until(r"(?s)^.*up\r?\n6\r?\n").group(0)
    true(b"\x1b[2J" not in seen, f"a set-up command's text is not escaped: {seen!r}")
    equal(terminal.wait(), 0, "the exit code after a yes")
    # Once.
    host.caisson(*command).expect(out="up\n6\n")


@case()
def a_configuration_is_used_as_it_was_shown(host):
    """T2. It is changed between the question and the answer."""
    configure(host, '[environment]\nMODE = "shown"\n')
    terminal = host.terminal(*TINY, "--", "sh", "-c", "echo it is $MODE")
    terminal.read_until(r"Accept it\? \[y/N\] ")
    configure(host, '[environment]\nMODE = "another"\n')
    terminal.send("y\r")
    terminal.read_until(r"it is shown\r?\n")
    equal(terminal.wait(), 0, "the exit code")
    shell(host, "echo ran").expect(code=125, out="", err_has=["has changed since it was accepted", "MODE is 'another'"])
    terminal = host.terminal("trust")
    terminal.read_until(r"MODE is 'another'")
    terminal.read_until(r"Accept it\? \[y/N\] ")
    configure(host, '[environment]\nMODE = "third"\n')
    terminal.send("y\r")
    equal(terminal.wait(), 0, "trust's exit code")
    shell(host, "echo ran").expect(code=125, out="", err_has="MODE is 'third'")


@case()
def what_a_configuration_narrows_counts_without_a_question(host):
    """T3."""
    configure(host, 'mask = ["*.secret"]\nworkdir = "sub"\n[limits]\npids = 200\ntimeout = "100"\n[network]\npreset = "none"\n')
    os.mkdir(f"{host.work}/sub")
    for name in ("a.secret", "sub/b.secret", "sub/plain"):
        with open(f"{host.work}/{name}", "w", encoding="utf-8") as file:
            file.write("x\n")
    said = [f"caisson: '{host.work}/.caisson.toml': ", "no network at all", "'*.secret' are not seen", "200 processes instead of 4096",
            "ended after 100 s", "begins in 'sub'"]
    shell(host, "pwd; ls; ls ..").expect(out=f"{host.work}/sub\nplain\nsub\n", err_has=said)
    name = host.name("narrow")
    host.caisson(*TINY, "-d", "--name", name, "--timeout", "1h", "--", "sleep", "100000").expect(err_has=said)
    spec = host.inspect(name)["spec"]
    equal((spec["pids"], spec["timeout_seconds"], spec["network"]["preset"]), (200, 3600, "none"), "the spec")
    host.caisson("rm", "-f", name).expect()
    configure(host, '[limits]\ntimeout = "1"\n')
    shell(host, "sleep 1000").expect(code=124)


@case()
def set_up_commands_run_once_before_the_command(host):
    accept(host, 'setup = ["echo out; echo err >&2; echo 1 >>/home/agent/made", "echo $MODE; { id -un; pwd; cat; } >>/home/agent/made"]\n'
                 '[environment]\nMODE = "test"\n')
    os.mkdir(f"{host.work}/sub")
    made = f"1\nagent\n{host.work}\n"
    # As the image's user, at the folder's top, without the command's input; none of its output is the command's.
    result = host.caisson(*TINY, "-w", host.work, "-u", "root", "--", "sh", "-c", "cat /home/agent/made; cat", stdin=b"input\n",
                          cwd=f"{host.work}/sub")
    result.expect(out=made + "input\n", err_has=["caisson: setting up, 1 of 2: 'echo out; ", "\nout\n", "\nerr\n", "setting up, 2 of 2", "\ntest\n"])
    equal(host.sandboxes(), [], "the sandboxes")

    name = host.name("set-up")
    script = "cp /home/agent/made /home/agent/then; exec sleep 100000"
    host.caisson(*TINY, "-d", "--name", name, "--", "sh", "-c", script).expect(out=f"{name}\n", err_has="setting up, 2 of 2")
    wait_until(lambda: host.caisson("exec", name, "--", "cat", "/home/agent/then").out == made, "the command's copy of what was made before it")
    host.caisson("stop", name).expect()
    host.caisson("start", name).expect(out=f"{name}\n", err="")
    host.caisson("exec", name, "--", "cat", "/home/agent/made").expect(out=made)
    host.caisson("rm", "-f", name).expect()
    # One without a command, and one that is kept.
    host.caisson(*TINY, "-d", "--name", name).expect(out=f"{name}\n")
    host.caisson("exec", name, "--", "cat", "/home/agent/made").expect(out=made)
    host.caisson("rm", "-f", name).expect()
    host.caisson(*TINY, "--keep", "--name", name, "--", "true").expect(out="")
    equal(host.inspect(name)["exit_code"], 0, "the exit code of the one that was kept")
    host.caisson("rm", name).expect()


@case()
def a_set_up_command_that_fails_ends_the_run(host):
    accept(host, 'setup = ["true", "echo why >&2; exit 7", "echo third"]\n')
    said = ["why\n", "the set-up command 2 of 3 ended with exit code 7", "'echo why >&2; exit 7'"]
    shell(host, "echo ran").expect(code=7, out="", err_has=said, err_lacks="third\n")
    host.caisson(*TINY, "-d", "--name", host.name("failed"), "--", "sleep", "100000").expect(code=7, out="", err_has=said)
    equal(host.sandboxes(), [], "the sandboxes")
    name = host.name("kept")
    host.caisson(*TINY, "--keep", "--name", name, "--", "echo", "ran").expect(code=7, out="", err_has=[*said, f"'{name}' stays"])
    equal(host.inspect(name)["status"], "stopped", "the one that was kept")
    host.caisson("rm", "-f", name).expect()

    accept(host, 'setup = ["echo up; exec sleep 100000"]\n')
    shell(host, "echo ran", "--timeout", "2").expect(code=124, out="", err_has="the time limit of 2 s was reached")
    equal(host.sandboxes(), [], "the sandboxes after the time limit")
    client = host.start(*TINY, "--", "echo", "ran")
    while client.stderr.readline() != b"up\n":
        true(client.poll() is None, "it ended before its set-up command did")
    client.send_signal(signal.SIGINT)
    equal((client.wait(), client.stdout.read()), (130, b""), "the end after ctrl-c")
    wait_until(lambda: host.sandboxes() == [], "no sandbox after ctrl-c")
    client = host.start(*TINY, "-d", "--", "sleep", "100000")
    while client.stderr.readline() != b"up\n":
        true(client.poll() is None, "it ended before its set-up command did")
    client.kill()
    client.wait()
    name = wait_until(lambda: [one["name"] for one in host.sandboxes() if one["status"] == "stopped"], "the end of one whose client was killed")[0]
    host.caisson("rm", "-f", name).expect()


@case()
def options_come_before_a_configuration(host):
    accept(host, 'image = "nowhere"\nworkdir = "/etc"\nports = ["127.0.0.1:0:80", "81"]\n[limits]\ntimeout = "1"\n[network]\n'
                 'preset = "open"\nallow = ["a.example:443"]\ndeny = ["d.example"]\n[environment]\nA = "1"\nB = "2"\n')
    name = host.name("options")
    common = ("-d", "--name", name, "--timeout", "1h", "-e", "A=mine", "--workdir", "/tmp", "-p", "127.0.0.1:0:80")
    host.caisson(*TINY, *common, "--allow", "b.example:1", "--", "sleep", "100000").expect()
    host.caisson("exec", name, "--", "sh", "-c", "echo $A $B").expect(out="mine 2\n")
    shown = host.inspect(name)
    equal(sorted(port["guest_port"] for port in shown["ports"]), [80, 81], "the ports")
    equal((shown["spec"]["command"]["folder"], shown["spec"]["timeout_seconds"]), ("/tmp", 3600), "the spec")
    host.caisson("policy", "ls", name).expect(out_has=["a.example:443", "d.example", ".caisson.toml", "b.example:1", "that is public is allowed"])
    host.caisson("rm", "-f", name).expect()
    # The network that an option chooses has nothing of the file's but what that denies.
    host.caisson(*TINY, *common, "--net", "locked", "--", "sleep", "100000").expect()
    rules = host.caisson("policy", "ls", name).expect(out_has=["d.example", "everything else is refused"]).out
    true("a.example" not in rules, f"a rule of the file's opens the network that the user has chosen: {rules}")
    host.caisson("rm", "-f", name).expect()
    host.caisson(*TINY, *common, "--net", "none", "--", "sleep", "100000").expect()
    host.caisson("rm", "-f", name).expect()


@case()
def a_configuration_is_a_file_at_the_top_of_the_workspace(host):
    """T4."""
    path = f"{host.work}/.caisson.toml"
    accept(host, '[environment]\nMODE = "top"\n')
    os.mkdir(f"{host.work}/sub")
    script = "echo $MODE"
    host.caisson(*TINY, "--", "sh", "-c", script, cwd=f"{host.work}/sub").expect(out="\n", err="")
    host.caisson(*TINY, "-w", "..", "--", "sh", "-c", script, cwd=f"{host.work}/sub").expect(out="top\n", err="")
    host.caisson(*TINY, "-w", ".", "-w", f"{host.work}:/top:ro", "--", "sh", "-c", script, cwd=f"{host.work}/sub").expect(code=0, out="\n", err="")
    shell(host, script, "-w", "none").expect(out="\n", err="")
    os.rename(path, f"{host.home}/real.toml")
    os.symlink(f"{host.home}/real.toml", path)
    shell(host, "echo ran").error(125, f"'{path}': it is a link", "--no-config")
    host.caisson("trust", "--yes").error(125, "it is a link")
    os.remove(path)
    os.mkfifo(path)
    shell(host, "echo ran").error(125, f"'{path}': it is not a file")
    os.remove(path)
    configure(host, "#" * 65536)
    shell(host, "echo ran").error(125, f"'{path}'", "larger than 65536 bytes")
    for text, line in (("imgae = 1\n", "line 2: the key 'imgae' is not known"), ("\n[limits]\ncpus = 0\n", "line 4: cpus is 0"),
                       ('agent = "claude"\n', "cannot choose an agent yet"), ("workspace = []\n", "the user's to say"), ("x = [\n", "line ")):
        configure(host, text)
        shell(host, "echo ran").error(125, f"cannot use the configuration '{path}': ", line)
    shell(host, "echo ran", "--no-config").expect(out="ran\n", err="")


@case()
def what_a_sandbox_writes_into_its_configuration_counts_only_when_accepted(host):
    """T5. With rw the next run asks; with an overlay its apply does, and before that nothing has changed."""
    path = f"{host.work}/.caisson.toml"
    accept(host, '[environment]\nMODE = "ours"\n')
    planted = "printf 'version = 1\\n[environment]\\nMODE = \"theirs\"\\n' >.caisson.toml"
    shell(host, planted).expect(err_has="1 file changed")
    name = host.sandboxes()[0]["name"]
    shell(host, "echo $MODE").expect(out="ours\n", err="")
    host.caisson("apply", name).expect(code=125, out="", err_has=[".caisson.toml\n", "--allow agent"])
    shell(host, "echo $MODE").expect(out="ours\n", err="")
    host.caisson("apply", name, "--allow", "agent").expect()
    shell(host, "echo $MODE").expect(code=125, out="", err_has=["has changed since it was accepted", "MODE is 'theirs'"])

    accept(host, '[environment]\nMODE = "ours"\n')
    shell(host, f"{planted}; cat {path}", "-w", ".:rw").expect(out_has="theirs")
    shell(host, "echo $MODE", "-w", ".:rw").expect(code=125, out="", err_has=["has changed since it was accepted", "MODE is 'theirs'"])
    # Nor does it reach the list of what was accepted.
    host.caisson(*TINY, "--no-config", "-w", f"{host.home}:/h:rw", "--", "sh", "-c", "ls -a /h/data/caisson 2>&1").expect(
        code=1, out="ls: /h/data/caisson: No such file or directory\n")


@case(image=None)
def what_was_accepted_is_listed_and_taken_back(host):
    """T1, T2. For the folder at its place; and a list that is damaged accepts nothing."""
    digest = accept(host, 'ports = ["80"]\n')
    kept = f"{host.data}/caisson/trusted.json"
    equal(stat.S_IMODE(os.stat(kept).st_mode), 0o600, "the list's mode")
    listed = host.caisson("trust", "--ls", "--json").expect().json()
    equal([(one["folder"], one["digest"], one["state"]) for one in listed], [(host.work, digest, "accepted")], "the list")
    shown = host.caisson("trust", "--json").expect().json()
    equal((shown["accepted"], [one["key"] for one in shown["widens"]], shown["narrows"]), (True, ["ports"], []), "what trust --json says")
    moved = f"{host.home}/moved"
    os.rename(host.work, moved)
    os.mkdir(host.work)
    host.caisson("trust", "--ls").expect(out_has=[host.work, "gone"])
    host.caisson("trust", cwd=moved).expect(code=125, err_has="was not accepted")
    configure(host, 'ports = ["81"]\n')
    host.caisson("trust", "--ls").expect(out_has="changed")
    host.caisson("trust", "--rm", host.work).expect(out=f"{host.work}\n")
    host.caisson("trust", "--rm").error(125, "no configuration of", "caisson trust --ls")
    host.caisson("trust", "--ls").expect(out="", err="")
    host.caisson("trust", "--yes").expect()
    with open(kept, "r+", encoding="utf-8") as file:
        file.truncate(20)
    for command in (("trust", "--yes"), ("trust", "--ls"), ("run", "--image", "tiny", "--", "true")):
        host.caisson(*command).error(125, f"'{kept}'", "remove the file")
    os.remove(kept)
    host.caisson("trust").expect(code=125, err_has="was not accepted")
    configure(host, '[limits]\ntimeout = "1h"\n')
    host.caisson("trust").expect(out_has="ended after 3600 s", err="caisson: nothing in it has to be accepted\n")
    os.remove(f"{host.work}/.caisson.toml")
    host.caisson("trust").error(125, "there is no .caisson.toml", "in none above it")
