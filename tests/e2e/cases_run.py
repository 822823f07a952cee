# SPDX-License-Identifier: Apache-2.0
"""`caisson run` as a user with docker's habits expects it: exit codes, stdin, environment, names, time limit, terminal."""

import os
import re
import signal
import socket
import subprocess
import time

from harness import case, equal, fail, true, wait_until

TINY = ("run", "--image", "tiny")


def shell(host, script, *options, **keywords):
    return host.caisson(*TINY, *options, "--", "sh", "-c", script, **keywords)


@case()
def exit_codes_are_passed_through(host):
    host.caisson(*TINY, "--", "true").expect(code=0, out="", err="")
    for code in (1, 3, 42, 255):
        shell(host, f"exit {code}").expect(code=code, out="", err="")


@case()
def a_missing_command_is_127(host):
    host.caisson(*TINY, "--", "no-such-command").error(127, "'no-such-command'")
    host.caisson(*TINY, "--", "/no/such/file").error(127, "/no/such/file")


@case()
def what_cannot_be_executed_is_126(host):
    host.caisson(*TINY, "--", "/etc/not-executable").error(126, "/etc/not-executable")
    host.caisson(*TINY, "--", "/etc").error(126, "/etc")


@case()
def a_signal_is_128_and_its_number(host):
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
        shell(host, f"kill -{int(number)} $$").expect(code=128 + number, out="")


@case()
def output_streams_stay_apart(host):
    shell(host, "echo to-out; echo to-err >&2").expect(out="to-out\n", err="to-err\n")


@case()
def stdin_is_piped(host):
    host.caisson(*TINY, "--", "cat", stdin=b"one\ntwo\0three").expect(out="one\ntwo\0three")
    host.caisson(*TINY, "--", "wc", "-c", stdin=b"x" * 1_000_000).expect(out="1000000\n")
    # The end of stdin is seen, and a command that reads none of it does not wait.
    host.caisson(*TINY, "--", "cat", stdin=None).expect(out="")
    host.caisson(*TINY, "--", "true", stdin=b"x" * 1_000_000).expect()


@case()
def arguments_arrive_unchanged(host):
    arguments = ["a b", "", "*", "$HOME", "'", '"', "\\", "--name", "new\nline", "ünï"]
    host.caisson(*TINY, "--", "printf", "%s|", *arguments).expect(out="|".join(arguments) + "|")


@case()
def environment_is_set_and_not_inherited(host):
    path = f"{host.home}/env"
    with open(path, "w", encoding="utf-8") as file:
        file.write("# comment\nFROM_FILE=f\n\nBOTH=file\n")
    shell(host, 'echo "$A|$TAKEN|$FROM_FILE|$BOTH|${UNSET-none}|${SECRET-none}"', "-e", "A=a b", "-e", "TAKEN", "-e", "UNSET",
          "--env-file", path, "-e", "BOTH=flag", env={"TAKEN": "t", "SECRET": "s"}).expect(out="a b|t|f|flag|none|none\n")


@case()
def the_time_limit_ends_it_with_124(host):
    host.caisson(*TINY, "--timeout", "1s", "--", "sleep", "1000").expect(
        code=124, out="", err="caisson: the time limit of 1 s was reached (--timeout)\n")
    host.caisson(*TINY, "--timeout", "1m", "--", "true").expect(code=0, err="")


@case()
def a_name_that_exists_is_refused(host):
    name = host.name("web")
    host.caisson(*TINY, "-d", "--name", name, "--", "sleep", "1000").expect(out=f"{name}\n")
    host.caisson(*TINY, "--name", name, "--", "true").error(125, f"'{name}'", "rm")
    equal([sandbox["name"] for sandbox in host.sandboxes()], [name], "sandboxes")
    host.caisson("rm", "-f", name).expect()
    host.caisson(*TINY, "--name", name, "--", "true").expect()


@case()
def a_detached_sandbox_runs_until_stopped(host):
    name = host.name("bg")
    host.caisson(*TINY, "-d", "--name", name, "--", "sh", "-c", "echo started; exec sleep 1000").expect(out=f"{name}\n")
    equal(host.inspect(name)["status"], "running", "status")
    wait_until(lambda: "started" in host.caisson("logs", name).out, "its output in the logs")
    host.caisson("exec", name, "--", "echo", "hello").expect(out="hello\n", err="")
    host.caisson("exec", name, "--", "sh", "-c", "exit 7").expect(code=7)
    host.caisson("exec", name, "--", "cat", stdin=b"in").expect(out="in")
    host.caisson("exec", name, "--", "no-such-command").error(127, "'no-such-command'")
    host.caisson("stop", "-t", "2h", name).error(125, "'2h'", "1h")
    equal(host.inspect(name)["status"], "running", "status after a stop that asked for too much")
    host.caisson("stop", name).expect()
    equal(host.inspect(name)["status"], "stopped", "status")
    host.caisson("exec", name, "--", "true").error(125, f"'{name}'", "start")
    host.caisson("rm", name).expect()
    equal(host.sandboxes(), [], "sandboxes")


@case()
def a_kept_sandbox_starts_again_with_its_files(host):
    name = host.name("kept")
    shell(host, "echo precious >file; sync", "--keep", "--name", name).expect()
    equal(host.inspect(name)["status"], "stopped", "status")
    host.caisson("start", name).expect()
    host.caisson("exec", name, "--", "cat", "file").expect(out="precious\n")
    host.caisson("rm", name).error(125, f"'{name}'", "-f")
    host.caisson("rm", "-f", name).expect()


@case(image="base", timeout=900)
def the_base_image_has_what_an_agent_works_with(host):
    """Each tool is run, not looked for; and the user is the one who may become root and talk to the Docker Engine."""
    name = host.name("tools")
    host.caisson("run", "-d", "--name", name).expect(out=f"{name}\n")

    def inside(script, **expected):
        return host.caisson("exec", name, "--", "bash", "-ec", script, timeout=120).expect(**expected)

    for tool in ("git", "curl", "python3", "pip", "node", "npm", "gcc", "make", "jq", "rg", "less", "sudo", "ps", "docker", "docker-compose"):
        inside(f"{tool} --version", out_has=re.compile(r"\d\d|\d\.\d"))
    inside("ssh -V 2>&1", out_has="OpenSSH")
    inside("ip -V", out_has="iproute2")
    inside("sudo nft list ruleset; nft --version", out_has="nftables")
    inside("sudo iptables -S; iptables --version", out_has="iptables")
    inside("echo 'int main(void) { return 0; }' >a.c; gcc a.c; ./a.out")
    inside("docker version --format '{{.Server.Os}}'", out="linux\n")
    inside("id -un; id -u", out="agent\n1000\n")
    inside("sudo -n true; sudo -n id -u", out="0\n")
    inside("id -nG | tr ' ' '\\n' | grep -x docker", out="docker\n")
    host.caisson("rm", "-f", name).expect()


@case(image="base", timeout=600)
def a_sandbox_without_a_command_stays(host):
    name = host.name("idle")
    host.caisson("run", "-d", "--name", name).expect(out=f"{name}\n")
    host.caisson("exec", name, "--", "id", "-un").expect(out="agent\n")
    # The Docker Engine of a sandbox that has not used it stands still, and runs as soon as it is asked.
    host.caisson("exec", name, "--", "cat", "/sys/fs/cgroup/engine/cgroup.freeze").expect(out="1\n")
    host.caisson("exec", name, "--", "docker", "version", "--format", "{{.Server.Os}}").expect(out="linux\n")
    host.caisson("exec", name, "--", "cat", "/sys/fs/cgroup/engine/cgroup.freeze").expect(out="0\n")
    # When the machine's memory is full, init is never chosen, the engine last of all, and a command as any process is.
    scores = ("cat /proc/1/oom_score_adj; for one in /proc/[0-9]*; do "
              "if [ \"$(cat $one/comm 2>/dev/null)\" = dockerd ]; then cat $one/oom_score_adj; fi; done; cat /proc/self/oom_score_adj")
    host.caisson("exec", "-u", "root", name, "--", "sh", "-c", scores).expect(out="-1000\n-999\n0\n")
    equal(host.inspect(name)["status"], "running", "status")
    host.caisson("run", "--name", host.name("none")).error(125, "no command was given", "caisson run -d for none")
    host.caisson("stop", name).expect()
    host.caisson("start", name).expect()
    host.caisson("exec", name, "--", "docker", "version", "--format", "{{.Server.Os}}").expect(out="linux\n")
    host.caisson("rm", "-f", name).expect()
    # It can be ended while it stands still.
    host.caisson("run", "-d", "--name", name).expect()
    host.caisson("stop", name).expect()
    equal(host.inspect(name)["reason"], "the sandbox was stopped: by request", "reason")
    host.caisson("rm", name).expect()


@case()
def the_terminal_is_a_terminal(host):
    terminal = host.terminal(*TINY, "-i", "-t", "--", "sh")
    terminal.send("tty; stty size; echo $((40 + 2))\n")
    terminal.read_until(r"/dev/pts/\d+")
    terminal.read_until(r"24 80")
    terminal.read_until(r"\r\n42\r\n")
    terminal.resize(50, 120)
    terminal.send("sleep 0; stty size\n")
    terminal.read_until(r"50 120")
    # Typed while the shell edits its line it would be no signal, and between the shell's fork and exec it may be lost: so not
    # before the command itself has said that it is there.
    terminal.send("""awk 'BEGIN { print "g" "o"; fflush(); getline }'\n""")
    terminal.read_until(r"go\r\n")
    terminal.send("\x03")
    # The signal throws away what was typed and not yet read, so only after the next prompt.
    terminal.read_until(r"\^C[^$]*\$ ")
    terminal.send("echo interr''upted $?\n")
    terminal.read_until(r"interrupted 130")
    terminal.send("exit 5\n")
    equal(terminal.wait(), 5, "exit code")


@case()
def detach_keys_leave_it_running(host):
    name = host.name("tty")
    terminal = host.terminal(*TINY, "-i", "-t", "--name", name, "--", "sh")
    terminal.send("echo rea''dy\n")
    terminal.read_until("ready")
    terminal.send(b"\x10\x11")
    equal(terminal.wait(), 0, "exit code")
    equal(host.inspect(name)["status"], "running", "status")
    host.caisson("rm", "-f", name).expect()


@case()
def a_command_of_exec_that_was_left_goes_on(host):
    """docker's keys leave it running; nothing comes back to it, which is said."""
    name = host.name("left")
    host.caisson(*TINY, "-d", "--name", name, "--", "sleep", "100000").expect(out=f"{name}\n")
    script = "echo ready; while [ ! -e /tmp/go ]; do echo tick; sleep 0.1; done; echo survived >/tmp/end"
    for options in (("-it",), ("-i",)):
        terminal = host.terminal("exec", *options, name, "--", "sh", "-c", script)
        terminal.read_until("ready")
        terminal.send(b"\x10\x11")
        terminal.read_until(f"caisson: left the command, which goes on in '{name}'; what it writes from now on is lost")
        equal(terminal.wait(), 0, "exit code")
        host.caisson("exec", name, "--", "touch", "/tmp/go").expect()
        ended = ("exec", name, "--", "sh", "-c", "while [ ! -e /tmp/end ]; do sleep 0.1; done; cat /tmp/end; rm /tmp/end /tmp/go")
        host.caisson(*ended, timeout=60).expect(out="survived\n")
    host.caisson("rm", "-f", name).expect()


@case()
def detach_keys_work_without_a_terminal_inside(host):
    """Lines are edited, shown and interrupted by the user's terminal as ever."""
    name = host.name("lines")
    terminal = host.terminal(*TINY, "-i", "--name", name, "--", "sh", "-c", "trap 'echo caught' INT; echo ready; cat; while :; do sleep 0.1; done")
    terminal.read_until("ready")
    terminal.send("abX\x7fc\n")
    terminal.read_until(r"abX[^\n]*c\r\n")
    terminal.read_until(r"abc\r\n")
    terminal.send(b"\x04\x03")
    terminal.read_until("caught")
    terminal.send(b"\x10\x11")
    terminal.read_until(r"\^P\^Q\r\ncaisson: left ")
    equal(terminal.wait(), 0, "exit code")
    equal(host.inspect(name)["status"], "running", "status")
    host.caisson("rm", "-f", name).expect()
    # A command without stdin: attach takes the terminal for the keys alone.
    host.caisson(*TINY, "-d", "--name", name, "--", "sh", "-c", "while :; do echo tick; sleep 0.1; done").expect()
    terminal = host.terminal("attach", name)
    terminal.read_until("tick")
    terminal.send(b"\x10\x11")
    terminal.read_until("caisson: left ")
    equal(terminal.wait(), 0, "exit code")
    equal(host.inspect(name)["status"], "running", "status")
    host.caisson("rm", "-f", name).expect()


@case()
def interrupt_reaches_the_command(host):
    process = host.start(*TINY, "--", "sh", "-c", "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done")
    equal(process.stdout.readline(), b"ready\n", "first line")
    process.send_signal(signal.SIGINT)
    equal(process.stdout.read(), b"caught\n", "rest")
    equal(process.wait(60), 9, "exit code")


@case()
def logs_keep_what_was_printed(host):
    name = host.name("logs")
    shell(host, "echo out; echo err >&2; printf 'no newline'", "--keep", "--name", name).expect()
    kept = host.caisson("logs", name).expect(err="").out
    # The streams are two, so only the order within each is certain.
    true("err\n" in kept, f"what came by stderr is not in the logs: {kept!r}")
    equal(kept.replace("err\n", "", 1), "out\nno newline", "what came by stdout")
    host.caisson("start", name).expect()
    host.caisson("stop", name).expect()
    host.caisson("logs", "--console", name).expect(out_has="reboot: Power down")
    host.caisson("rm", name).expect()


@case()
def files_are_copied_both_ways(host):
    import os
    name = host.name("cp")
    host.caisson(*TINY, "-d", "--name", name, "--", "sleep", "1000").expect()
    tree = f"{host.home}/tree"
    os.makedirs(f"{tree}/below")
    for path, text in (("a", "one\n"), ("below/b", "two\n"), ("below/with space", "3")):
        with open(f"{tree}/{path}", "w", encoding="utf-8") as file:
            file.write(text)
    os.symlink("a", f"{tree}/link")
    os.chmod(f"{tree}/a", 0o755)
    host.caisson("cp", tree, f"{name}:/root/tree").expect(out="")
    host.caisson("exec", name, "--", "cat", "/root/tree/below/b").expect(out="two\n")
    host.caisson("cp", f"{name}:/root/tree", f"{host.home}/back").expect(out="")
    subprocess.run(["diff", "-r", "--no-dereference", tree, f"{host.home}/back"], check=True)
    equal(os.readlink(f"{host.home}/back/link"), "a", "link")
    equal(os.stat(f"{host.home}/back/a").st_mode & 0o777, 0o755, "mode")
    host.caisson("cp", f"{name}:/no/such", host.home).error(125, "/no/such")
    host.caisson("cp", f"{host.home}/none", f"{name}:/root").error(125, "none")
    host.caisson("rm", "-f", name).expect()


@case()
def published_ports_are_reached_from_the_host(host):
    import socket
    name = host.name("port")
    host.caisson(*TINY, "-d", "--name", name, "-p", "127.0.0.1:0:8080", "--", "sh", "-c",
                 "while :; do echo from-the-guest | nc -l -p 8080; done").expect()
    port = host.inspect(name)["ports"][0]["host_port"]

    def ask():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.shutdown(socket.SHUT_WR)
                return connection.makefile("rb").read() == b"from-the-guest\n"
        except ConnectionError:
            return False

    wait_until(ask, "an answer on the published port")
    host.caisson("rm", "-f", name).expect()
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        fail("the port is still open after rm")
    except ConnectionRefusedError:
        pass


@case()
def attach_to_an_ended_command_says_how_it_ended(host):
    name = host.name("ended")
    host.caisson("run", "--image", "tiny", "--keep", "--name", name, "--", "sh", "-c", "exit 3").expect(code=3)
    host.caisson("attach", name).error(125, f"'{name}' has ended with exit code 3: the command exited with 3", f"`caisson logs {name}`")
    host.caisson("start", name).expect()
    host.caisson("attach", name).error(125, "its main command has run before", f"`caisson logs {name}`")
    host.caisson("rm", "-f", name).expect()


@case()
def a_port_that_is_taken_leaves_no_sandbox(host):
    """The same name with another port works at once; a sandbox that has run before stays, and is told what to do."""
    name = host.name("port")
    run = ("run", "-d", "--image", "tiny", "--name", name)
    with socket.create_server(("127.0.0.1", 0)) as owner:
        port = owner.getsockname()[1]
        host.caisson(*run, "-p", f"127.0.0.1:{port}:80", "--", "sleep", "100000").expect(
            125, out="", err_has=[f"cannot publish port 80 at '127.0.0.1:{port}'",
                                  "(another program listens there; choose another host port: -p HOST:GUEST)"])
        equal(host.sandboxes(), [], "ls")
        host.caisson("run", "--image", "tiny", "--keep", "-p", f"127.0.0.1:{port}:80", "--", "true").error(125, "another host port")
        equal(host.sandboxes(), [], "ls after a run in the foreground")
    host.caisson(*run, "-p", f"127.0.0.1:{port}:80", "--", "sleep", "100000").expect(out=f"{name}\n")
    host.caisson("run", "--image", "tiny", "-p", f"127.0.0.1:{port}:80", "--", "true").error(125, f"the sandbox '{name}' listens there")
    host.caisson("stop", name).expect()
    with socket.create_server(("127.0.0.1", port)):
        host.caisson("start", name).error(125, f"127.0.0.1:{port}", "end what listens there first")
    host.caisson("start", name).expect()
    host.caisson("rm", "-f", name).expect()


@case()
def inside_is_a_computer_of_its_own(host):
    kernel = host.caisson(*TINY, "--", "uname", "-r").expect().out.strip()
    equal(kernel, host.caisson("version", "--json").expect().json()["guest_kernel"], "the guest's kernel")
    true(kernel != os.uname().release, f"the guest's kernel is the host's: {kernel}")
    marker = host.name("canary")
    with open(f"/tmp/{marker}", "x", encoding="utf-8"):
        pass
    canary = subprocess.Popen(["sh", "-c", f": {marker}; exec 3<&0; read line"], stdin=subprocess.PIPE)
    try:
        shown = host.caisson(*TINY, "-u", "root", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls -a /tmp /home /root").expect().out
        # The shell's own line at least: there are processes to be seen.
        true("sh -c cat /proc/[0-9]*/cmdline" in shown, f"no process was shown: {shown!r}")
        true(marker not in shown, "a process or a file of the host is seen inside")
        with open(f"/proc/{canary.pid}/cmdline", encoding="utf-8") as file:
            true(marker in file.read(), "the canary is not there to be seen")
    finally:
        canary.kill()
        canary.wait()
        canary.stdin.close()
        os.remove(f"/tmp/{marker}")
    name = host.name("me")
    host.caisson(*TINY, "--name", name, "--", "hostname").expect(out=f"{name}\n")


@case()
def two_sandboxes_share_no_identity(host):
    """M3. What two clones of one template must not have in common, and what they must: the time."""
    script = "hostname; cat /etc/machine-id; head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/uuid; date +%s"
    seen = []
    for _ in range(2):
        before = time.time()
        lines = shell(host, script).expect(err="").out.splitlines()
        equal(len(lines), 5, "lines")
        true(re.fullmatch(r"[0-9a-f]{32}", lines[1]), f"no machine-id: {lines[1]}")
        true(before - 2 <= int(lines[4]) <= time.time() + 2, f"its clock is {int(lines[4]) - before:.0f} s off")
        seen.append(lines)
    for what, first, second in zip(("hostname", "machine-id", "random bytes", "random uuid"), *seen):
        true(first != second, f"two sandboxes have the same {what}: {first}")


@case()
def the_clock_is_the_hosts(host):
    before = time.time()
    guest = int(host.caisson(*TINY, "--", "date", "+%s").expect().out)
    true(before - 2 <= guest <= time.time() + 2, f"the guest's clock is {guest - before:.0f} s off")


@case(image="base", timeout=1200)
def destroying_everything_destroys_only_the_sandbox(host):
    """M2, M5. Root in the guest removes every file; the host, its workspace too, the image and the next sandbox of the template have
    all of theirs."""
    canaries = (f"{host.home}/canary", f"{host.work}/canary")
    for canary in canaries:
        with open(canary, "w", encoding="utf-8") as file:
            file.write("precious\n")
    process = subprocess.Popen(["sleep", "100000"], cwd=host.home, stdin=subprocess.DEVNULL)
    host.started.append(process)
    listing = ("sh", "-c", "find /bin/ /etc /usr -xdev | sort | sha256sum")

    name, next_name = host.name("doomed"), host.name("next")
    host.caisson("run", "-d", "--name", name, "-u", "root", "--", "sleep", "infinity").expect(out=f"{name}\n")
    whole = host.caisson("exec", name, "--", *listing).expect(err="").out
    # It cannot remove what is mounted, and says so.
    host.caisson("exec", name, "--", "rm", "-rf", "--no-preserve-root", "/", timeout=900).expect(code=1, out="")
    for command in ("/bin/ls", "/usr/bin/find", "/bin/sh"):
        host.caisson("exec", "-w", "/", name, "--", command, "/").error(127, command)
    host.caisson("exec", "-w", "/root", name, "--", "ls").error(125, "'/root'", "No such file or directory")
    # The folder that commands begin in is a mount, and stays.
    host.caisson("exec", name, "--", "/bin/ls").error(127, "/bin/ls")
    equal(host.inspect(name)["status"], "running", "status")
    for canary in canaries:
        with open(canary, encoding="utf-8") as file:
            equal(file.read(), "precious\n", f"the content of {canary}")
    equal(process.poll(), None, "the exit code of the canary process")
    host.caisson("run", "-d", "--name", next_name, "-u", "root", "--", "sleep", "infinity").expect(out=f"{next_name}\n")
    equal(host.caisson("exec", next_name, "--", *listing).expect(err="").out, whole, "the files of the next sandbox")
    host.caisson("image", "verify", timeout=600).expect()
    host.caisson("stop", name).expect()
    equal(host.inspect(name)["reason"], "the sandbox was stopped: by request", "reason")
    # It has removed the workspace's files, too, in its own view of them.
    host.caisson("rm", name).error(125, "1 file removed", "--force")
    host.caisson("rm", "-f", name, next_name).expect()
