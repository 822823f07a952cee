# SPDX-License-Identifier: Apache-2.0
"""Secrets: kept one way each, listed without their values, and never on a command line."""

import os
import signal
import stat

from harness import case, equal, true, wait_until, write

VALUE = b"hunter2-hunter2-hunter2"
OTHER = b"swordfish-swordfish"
PASSPHRASE = "correct horse battery"
MINE = ("mine", "--host", "api.example.com", "--header", "X-Key: {}")

# Plays libsecret's program: items are files, and what every process in the way to it was called with is written down.
SECRET_TOOL = """#!/bin/sh
folder=$(dirname "$0")
tr '\\0' ' ' </proc/$$/cmdline >>"$folder/calls"
tr '\\0' ' ' </proc/$PPID/cmdline >>"$folder/calls"
echo >>"$folder/calls"
action=$1
shift
case $action in
  store) cat >"$folder/item.$5.$7" ;;
  lookup) cat "$folder/item.$4.$6" 2>/dev/null ;;
  clear) rm -f "$folder/item.$4.${6:-}"* ;;
esac
"""


def folder_of(host):
    return os.path.join(host.data, "caisson", "secrets")


def kept(host):
    """All that is in the store's files."""
    found = b""
    for name in os.listdir(folder_of(host)):
        with open(os.path.join(folder_of(host), name), "rb") as file:
            found += file.read()
    return found


def names(host):
    return [one["name"] for one in host.caisson("secret", "ls", "--json").expect(err="").json()]


def on_a_terminal(host, arguments, *dialogue, env=None):
    """Types each answer where its prompt comes; the exit code, and all that the terminal showed."""
    terminal = host.terminal("secret", *arguments, env=env)
    shown = b""
    for prompt, answer in dialogue:
        shown += terminal.read_until(rf"(?s)^.*?{prompt}").group(0)
        terminal.send(answer)
    code = terminal.wait()
    return code, shown + terminal.seen


@case(image=None)
def secrets_are_kept_and_listed_without_their_values(host):
    """G1."""
    said = host.caisson("secret", "set", "github", "--store", "plain", stdin=VALUE + b"\n").expect(out="", err_has="that nothing seals")
    host.caisson("secret", "set", *MINE, "--path", "/v1/**", "--method", "POST", "--from-env", "MINE", env={"MINE": OTHER.decode()}).expect(
        out="", err="")
    table = host.caisson("secret", "ls").expect(err="", out_has=["api.github.com:443", "api.example.com:443 POST /v1/**", "'X-Key: {}'"])
    shown = host.caisson("secret", "ls", "--json").expect(err="")
    equal([(one["name"], one["source"]) for one in shown.json()], [("github", "plain"), ("mine", "plain")], "the secrets")
    for result in (said, table, shown):
        true(VALUE not in result.raw and OTHER not in result.raw and VALUE.decode() not in result.err, "a value was shown")
    equal(stat.S_IMODE(os.stat(folder_of(host)).st_mode), 0o700, "the folder's mode")
    for name in os.listdir(folder_of(host)):
        equal(stat.S_IMODE(os.stat(os.path.join(folder_of(host), name)).st_mode), 0o600, f"the mode of {name}")
    host.caisson("secret", "set", "openai", "--store", "sealed", stdin=VALUE).error(125, "kept as 'plain' already")
    host.caisson("secret", "rm", "mine", "other").error(125, "'other'")
    equal(names(host), ["github", "mine"], "after a refused rm")
    host.caisson("secret", "rm", "mine").expect(out="mine\n", err="")
    true(OTHER not in kept(host) and VALUE in kept(host), "what is kept after rm")
    host.caisson("secret", "rm", "--all").expect(out="", err="")
    equal((names(host), os.listdir(folder_of(host))), ([], ["lock"]), "after rm --all")


@case(image=None)
def a_passphrase_seals_secrets(host):
    """G2."""
    new = [("New passphrase[^:]*: ", f"{PASSPHRASE}\r"), ("Again: ", f"{PASSPHRASE}\r")]
    code, shown = on_a_terminal(host, ("set", *MINE), ("not shown\\): ", VALUE + b"\r"), *new)
    equal(code, 0, f"the exit code, with {shown!r}")
    true(VALUE not in shown and PASSPHRASE.encode() not in shown, f"what was typed is shown: {shown!r}")
    true(VALUE not in kept(host) and PASSPHRASE.encode() not in kept(host), "the value is not sealed")
    equal(names(host), ["mine"], "listed without the passphrase")
    before = kept(host)
    code, shown = on_a_terminal(host, ("set", "github"), ("not shown\\): ", OTHER + b"\r"), ("secrets: ", "wrong passphrase\r"))
    true(code == 125 and b"the passphrase is wrong" in shown, f"{code}: {shown!r}")
    code, shown = on_a_terminal(host, ("rm", "mine"), ("secrets: ", "\x03"))
    equal(code, 130, f"the exit code after ctrl-c, with {shown!r}")
    equal(kept(host), before, "what is kept after a wrong passphrase and none")
    # Nobody to ask, whatever stdin is.
    process = host.start("secret", "set", "github", new_session=True)
    out, err = process.communicate(OTHER, timeout=60)
    true(process.returncode == 125 and out == b"" and b"there is no terminal" in err and OTHER not in err, f"{process.returncode}: {err!r}")
    code, shown = on_a_terminal(host, ("set", "github"), ("not shown\\): ", OTHER + b"\r"), ("secrets: ", f"{PASSPHRASE}\r"))
    equal((code, names(host)), (0, ["github", "mine"]), f"with {shown!r}")
    # A damaged file is told from a wrong passphrase.
    path = os.path.join(folder_of(host), "values.sealed")
    with open(path, "r+b") as file:
        file.seek(70)
        byte = file.read(1)
        file.seek(70)
        file.write(bytes([byte[0] ^ 1]))
    code, shown = on_a_terminal(host, ("rm", "mine"), ("secrets: ", f"{PASSPHRASE}\r"))
    true(code == 125 and b"it is damaged" in shown and b"caisson secret rm --all" in shown, f"{code}: {shown!r}")
    process = host.start("secret", "rm", "--all", new_session=True)
    equal((process.communicate(timeout=60), process.returncode), ((b"", b""), 0), "rm --all without a terminal")


@case(image=None)
def a_terminal_is_as_before_after_a_question_for_a_value(host):
    """G2."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        shell = host.terminal("secret", "set", "github")
        shell.read_until("not shown\\): ")
        import termios
        true(not termios.tcgetattr(shell.master)[3] & termios.ECHO, "what is typed is shown")
        os.kill(shell.pid, number)
        wait_until(lambda at=shell: termios.tcgetattr(at.master)[3] & termios.ECHO, "the terminal shows again what is typed")
        equal(shell.wait(), -number, "the end")


@case(image=None)
def values_of_secrets_are_on_no_command_line(host):
    """G3. By way of the Secret Service's program, from a variable and from a command; no error has one either."""
    tool = write(os.path.join(host.home, "bin", "secret-tool"), SECRET_TOOL, 0o755)
    session = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "PATH": f"{os.path.dirname(tool)}:{os.environ['PATH']}"}
    host.caisson("secret", "set", "github", stdin=VALUE, env=session).expect(out="", err_has="kept in the Secret Service")
    host.caisson("secret", "set", *MINE, "--from-env", "MINE", env={**session, "MINE": OTHER.decode()}).expect(out="", err="")
    script = write(os.path.join(host.home, "give"), f"#!/bin/sh\necho asked >&2\necho {VALUE.decode()}\n", 0o755)
    host.caisson("secret", "set", "openai", "--from-command", script, "--max-age", "1m", env=session).expect(out="", err="asked\n")
    shown = host.caisson("secret", "ls", "--json", env=session).expect(err="").json()
    equal([(one["name"], one["source"]) for one in shown], [("github", "secret-service"), ("mine", "secret-service"), ("openai", "command")],
          "the secrets")
    true(VALUE not in kept(host) and OTHER not in kept(host), "a value is in Caisson's own files")
    with open(os.path.join(host.home, "bin", "calls"), "rb") as file:
        calls = file.read()
    true(b"secret-tool store --label=Caisson: github " in calls and b"caisson secret set mine " in calls, f"the calls: {calls!r}")
    true(VALUE not in calls and OTHER not in calls, f"a value was on a command line: {calls!r}")
    items = [name for name in os.listdir(os.path.join(host.home, "bin")) if name.startswith("item.")]
    equal(len(items), 2, "items in the Secret Service")
    host.caisson("secret", "rm", "github", "mine", env=session).expect(out="github\nmine\n", err="")
    equal([name for name in os.listdir(os.path.join(host.home, "bin")) if name.startswith("item.")], [], "items after rm")
    host.caisson("secret", "set", "github", VALUE.decode(), env=session).error(125, "not taken from the command line").expect(
        code=125, err_lacks=VALUE.decode())
    for words in (("--header", f"Authorization: Bearer {VALUE.decode()}"), ("--from-env", VALUE.decode()), ("--query", f"{VALUE.decode()}=")):
        host.caisson("secret", "set", "github", *words, env=session).error(125).expect(code=125, err_lacks=VALUE.decode())
    write(script, f"#!/bin/sh\necho {VALUE.decode()}\nexit 3\n", 0o755)
    host.caisson("secret", "set", "openai", "--from-command", script, env=session).error(125, "'openai'", "exited with 3").expect(
        code=125, err_lacks=VALUE.decode())


@case(image=None)
def secrets_of_the_environment_are_imported_when_asked(host):
    """G1."""
    variables = {"GH_TOKEN": VALUE.decode(), "GITHUB_TOKEN": "another-token", "ANTHROPIC_API_KEY": OTHER.decode(), "XAI_API_KEY": "short"}
    host.caisson("secret", "import").error(125, "no variable to import", "ANTHROPIC_API_KEY")
    process = host.start("secret", "import", env=variables, new_session=True)
    out, err = process.communicate(b"y\ny\n", timeout=60)
    true(process.returncode == 125 and out == b"" and b"--yes keeps all: ANTHROPIC_API_KEY, GH_TOKEN)" in err, f"{process.returncode}: {err!r}")
    true(b"XAI_API_KEY is left out" in err and b"short\n" not in err and VALUE not in err, f"what was said: {err!r}")
    equal(names(host), [], "secrets after a refusal")
    host.caisson("secret", "set", *MINE, "--store", "plain", stdin=VALUE).expect()
    code, shown = on_a_terminal(host, ("import",), ("'anthropic'\\? \\[y/N\\] ", "n\r"), ("'github'\\? \\[y/N\\] ", "y\r"), env=variables)
    equal((code, names(host)), (0, ["github", "mine"]), f"with {shown!r}")
    host.caisson("secret", "import", "--yes", env=variables).expect(out="anthropic\ngithub\n")
    true(b"anthropic=" + OTHER in kept(host) and b"github=" + VALUE in kept(host), "what is kept")


@case(image=None)
def secrets_that_are_set_at_the_same_time_are_all_there(host):
    """G4."""
    host.caisson("secret", "set", *MINE, "--store", "plain", stdin=VALUE).expect()
    wanted = [f"s{number}" for number in range(16)]
    processes = [host.start("secret", "set", name, "--host", "api.example.com", "--query", "key") for name in wanted]
    for name, process in zip(wanted, processes):
        process.stdin.write(f"value-of-{name}\n".encode())
        process.stdin.close()
    for process in processes:
        equal((process.wait(timeout=60), process.stderr.read()), (0, b""), "the end of a set")
    equal(names(host), sorted(["mine", *wanted]), "the secrets")
    for name in wanted:
        true(f"\n{name}=value-of-{name}\n".encode() in b"\n" + kept(host), f"the value of {name} is lost")


@case(image=None)
def secrets_with_hostile_names_and_hosts_are_refused(host):
    """G5."""
    for name in ("../x", "A", "a b", "", "x" * 65, "a\nb", "\x1b[2J", "$(id)", "é"):
        host.caisson("secret", "set", f"{name}", "--host", "a.example", "--query", "key", stdin=VALUE).error(125, "name")
    for where in ("*", "*.com", "0.0.0.0/0", "https://a.example/", "a.example GET /", "udp:a.example", "a\nb", ""):
        host.caisson("secret", "set", "mine", f"--host={where}", "--query", "key", stdin=VALUE).error(125)
    for header in ("Host: {}", "X: {}\r\nY: 1", "X", "X: no mark", ": {}"):
        host.caisson("secret", "set", "mine", "--host", "a.example", f"--header={header}", stdin=VALUE).error(125, "--header")
    for value in (b"", b"short", b"two\nlines-of-text", b"with\0zero-bytes", b" blank-before", b"x" * 8001):
        host.caisson("secret", "set", *MINE, "--store", "plain", stdin=value).error(125, "'mine'")
    host.caisson("secret", "set", "aws", stdin=VALUE).error(125, "cannot be used yet")
    host.caisson("secret", "ls").expect(out="", err="")
