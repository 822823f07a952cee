# SPDX-License-Identifier: Apache-2.0
"""Root in the guest against process 1: what it freezes, mounts and traces costs it its commands, and the host only a clear error."""

import concurrent.futures
import contextlib
import glob
import http.client
import json
import os
import socket
import subprocess
import tarfile

from harness import case, equal, true, wait_until

PAYLOADS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "payloads")
WHY = "(a cgroup is frozen, a file system does not answer, or the machine is too busy)"
SILENT = "the sandbox's init does not answer (`caisson stop` and `caisson rm -f` work all the same)"


def idle(host, label):
    name = host.name(label)
    host.caisson("run", "--image", "tiny", "-d", "--name", name, "--", "sleep", "100000").expect(out=f"{name}\n")
    return name


def payload(host, name, program):
    """Compiles it and puts it into the sandbox as /root/PROGRAM."""
    built = f"{host.home}/{program}"
    subprocess.run(["cc", "-O1", "-Wall", "-static", "-o", built, f"{PAYLOADS}/{program}.c"], check=True)
    host.caisson("cp", built, f"{name}:/root/{program}").expect()


def stats(host, name):
    """GET /v1/stats: (status, answer)."""
    connection = http.client.HTTPConnection("caisson", timeout=120)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(glob.glob(f"{host.runtime}/caisson/{name}.*/api.sock")[0])
    connection.request("GET", "/v1/stats")
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def is_served(host, name):
    """Init answers what needs no new process in the frozen group, and copies."""
    equal(stats(host, name)[0], 200, "status of the statistics")
    host.caisson("cp", f"{name}:/etc/group", f"{host.home}/group").expect()
    equal(host.inspect(name)["status"], "running", "status")


def end(host, name):
    host.caisson("stop", name, timeout=60).expect()
    host.caisson("rm", name).expect()


@case(timeout=600)
def frozen_commands_do_not_stop_init(host):
    """K5. In each group that root can freeze: a command that is born into it is given up, and init goes on."""
    name = idle(host, "frozen")
    # A process outside of the groups that it freezes and thaws, each at a file that comes: copies need none of the groups.
    script = ("cd /sys/fs/cgroup; echo $$ >cgroup.procs; for group in agent/exec agent; do for state in 1 0; do "
              "until rm /root/go; do sleep 0.1; done 2>/dev/null; echo $state >$group/cgroup.freeze; touch /root/$(basename $group)-$state; "
              "done; done")
    host.start("exec", "-u", "root", name, "--", "sh", "-c", script)
    token = f"{host.home}/go"
    with open(token, "w", encoding="utf-8"):
        pass

    def freeze(group, state):
        host.caisson("cp", token, f"{name}:/root/go").expect()
        wait_until(lambda: host.caisson("cp", f"{name}:/root/{group}-{state}", host.home).code == 0, f"{group} with freeze = {state}")

    for group in ("exec", "agent"):
        freeze(group, 1)
        host.caisson("exec", name, "--", "true").error(125, "cannot start 'true': it did not get to run within 20 s", WHY)
        is_served(host, name)
        freeze(group, 0)
        host.caisson("exec", name, "--", "echo", "alive").expect(out="alive\n")
    end(host, name)


@case(timeout=600)
def a_dead_file_system_does_not_stop_init(host):
    """K5. A FUSE mount that never answers, as working folder, program and path of a copy."""
    name = idle(host, "fuse")
    payload(host, name, "dead_fuse")
    server = host.start("exec", "-u", "root", name, "--", "sh", "-c", "mkdir /dead; exec /root/dead_fuse /dead")
    equal(server.stdout.readline(), b"mounted\n", "first line")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        stuck = [pool.submit(host.caisson, "exec", *options, timeout=120)
                 for options in (("-w", "/dead", name, "--", "true"), (name, "--", "/dead/true"))]
        copies = [pool.submit(host.caisson, "cp", *places, timeout=120)
                  for places in ((f"{name}:/dead/file", host.home), (server.args[0], f"{name}:/dead/file"))]
        host.caisson("exec", name, "--", "echo", "alive").expect(out="alive\n")
        is_served(host, name)
        true(not any(one.done() for one in stuck + copies), "something did not wait for the file system")
        for one in stuck:
            one.result().error(125, "cannot start '", "it did not get to run within 20 s", WHY)
        for one in copies:
            one.result().error(125, "its file system has not answered for 20 s")
    host.caisson("exec", name, "--", "echo", "alive").expect(out="alive\n")
    end(host, name)


@case(timeout=600)
def starts_that_cannot_be_killed_are_bounded(host):
    """K5. The file system takes the requests and does not answer: no child that waits for it can be killed. When sixteen hang, the
    next is refused at once; when the file system goes, all is well again."""
    name = idle(host, "taken")
    payload(host, name, "dead_fuse")
    server = host.start("exec", "-u", "root", name, "--", "sh", "-c", "mkdir /dead; echo $$; exec /root/dead_fuse /dead reads")
    pid = server.stdout.readline().decode().strip()
    equal(server.stdout.readline(), b"mounted\n", "second line")
    # Outlives what cannot be started any more.
    killer = host.start("exec", "-u", "root", name, "--", "sh", "-c", f"echo ready; read line; kill -9 {pid}")
    equal(killer.stdout.readline(), b"ready\n", "first line")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        stuck = [pool.submit(host.caisson, "exec", "-w", "/dead", name, "--", "true", timeout=120) for _ in range(16)]
        for one in stuck:
            one.result().error(125, "it did not get to run within 20 s", WHY)
    host.caisson("exec", name, "--", "true").error(125, "cannot start 'true': 16 starts before it still hang", WHY)
    equal(stats(host, name)[0], 200, "status of the statistics")
    killer.stdin.write(b"\n")
    killer.stdin.close()
    wait_until(lambda: host.caisson("exec", name, "--", "true").code == 0, "a start after the file system's end")
    end(host, name)


@case(timeout=600)
def a_stopped_init_is_a_clear_error(host):
    """K6. Root traces process 1 and stops it: nothing in there answers any more, and the host says so."""
    name = idle(host, "traced")
    payload(host, name, "stop_init")
    out, into = copies_that_have_begun(host, name)
    host.start("exec", "-u", "root", name, "--", "/root/stop_init")
    status, answer = wait_until(lambda: (lambda it: it if it[0] != 200 else None)(stats(host, name)), "the end of the answers", seconds=120)
    equal((status, answer["error"]), (400, "cannot ask the sandbox for its numbers: the sandbox's init does not answer"), "the answer")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        rest = pool.submit(out.communicate, timeout=120)
        pool.submit(send_until_refused, into.stdin)
        command = pool.submit(host.caisson, "exec", name, "--", "true", timeout=120)
        copy = pool.submit(host.caisson, "cp", f"{name}:/etc/group", host.home, timeout=120)
        command.result().error(125, f"cannot start 'true': {SILENT}")
        copy.result().error(125, f"cannot copy '/etc/group': {SILENT}")
        equal(rest.result()[1].decode(), "caisson: the copy from the sandbox was cut off "
              "(the sandbox has ended, or does not go on with the copy: see `caisson ls`)\n", "stderr of the copy out")
        equal((into.wait(120), into.stderr.read().decode()), (125, f"caisson: cannot go on copying into the sandbox: {SILENT}\n"),
              "the end of the copy in")
    equal(out.returncode, 125, "exit code of the copy out")
    equal(host.inspect(name)["status"], "running", "status")
    end(host, name)


def copies_that_have_begun(host, name):
    """One out, whose archive is larger than all that lies between, and one in, which has more to send."""
    host.caisson("exec", "-u", "root", name, "--", "sh", "-c", "yes | head -c 16000000 >/root/much").expect()
    out = host.start("cp", f"{name}:/root/much", "-")
    equal(len(out.stdout.read(512)), 512, "bytes of the archive's first header")
    into = host.start("cp", "-", f"{name}:/root")
    header = tarfile.TarInfo("copied")
    header.size = 1 << 30
    # More than the pipe takes: so the guest has agreed to the copy.
    into.stdin.write(header.tobuf() + bytes(1 << 20))
    into.stdin.flush()
    return out, into


def send_until_refused(pipe):
    with contextlib.suppress(BrokenPipeError):
        while True:
            pipe.write(bytes(1 << 20))


@case()
def a_command_begins_alone(host):
    """Where all commands are there is the first one, and nothing of init's own: not its rehearsal of a start, which it ends before that."""
    script = "echo $$; cat /sys/fs/cgroup/agent/exec/cgroup.procs"
    lines = host.caisson("run", "--image", "tiny", "-w", "none", "--", "sh", "-c", script).expect(err="").out.split()
    equal(lines[1:], lines[:1], "the processes: the shell, which has become cat")
