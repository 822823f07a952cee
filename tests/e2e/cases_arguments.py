# SPDX-License-Identifier: Apache-2.0
"""What the user typed is judged before anything is started: each mistake is one line that names it, and exit code 125."""

import json
import os
import re
import shutil
import subprocess

import images
from harness import Skipped, case, equal, true, write


@case(image=None)
def version_names_the_program(host):
    host.caisson("version").expect(out_has=re.compile(r"^caisson \d+\.\d+\.\d+"), err="")
    host.caisson("version").expect(out_has=[re.compile(r"^QEMU \d+\.\d+", re.M), re.compile(r"^guest kernel .", re.M),
                                            re.compile(r"^base image .", re.M), f"host kernel {os.uname().release}\n"])
    told = host.caisson("version", "--json").expect(err="").json()
    for key in ("version", "protocol", "qemu", "guest_kernel", "base_image", "host_kernel", "engines"):
        true(key in told, f"version --json has no {key}")


@case(image=None)
def help_names_every_command(host):
    text = host.caisson("--help").expect(err="").out
    for command in ("run", "exec", "ls", "inspect", "start", "stop", "rm", "logs", "cp", "image", "doctor", "version", "completion"):
        true(re.search(rf"^\s+{command}\b", text, re.M), f"--help does not name {command}")
        host.caisson(command, "--help").expect(err="", out_has=command)


@case(image=None)
def an_unknown_command_is_refused(host):
    host.caisson("frobnicate").error(125, "frobnicate")


@case(image=None)
def an_unknown_flag_is_refused(host):
    host.caisson("run", "--frobnicate", "--", "true").error(125, "--frobnicate")


@case(image=None)
def a_bad_name_is_refused(host):
    for name in ("a/b", "../x", "-x", ".x", "a b", "", "x" * 64, "é", "a\nb"):
        host.caisson("run", f"--name={name}", "--", "true").error(125, "name")
    equal(host.sandboxes(), [], "sandboxes")


@case(image=None)
def an_unknown_image_is_refused(host):
    host.caisson("run", "--image", "no-such-image", "--", "true").error(125, "no-such-image", "image")


@case(image=None)
def a_source_that_is_not_there_is_told_before_anything_is_announced(host):
    host.caisson("image", "import", "mine", "/no/such/file").error(125, "'/no/such/file'", "there is no such file or folder")


@case(image=None)
def an_unknown_engine_is_refused(host):
    host.caisson("run", "--engine", "warp", "--", "true").error(125, "'warp'", "microvm")


@case(image=None)
def wrong_values_are_refused(host):
    for option, value in (("--cpus", "0"), ("--cpus", "many"), ("--cpus", "1000"), ("--memory", "1M"), ("--memory", "lots"),
                          ("--disk", "1"), ("--pids", "-1"), ("--pids", "3"), ("--timeout", "0"), ("--timeout", "soon"),
                          ("--publish", "x"), ("--publish", "99999:80"), ("--publish", "1:2:3:4"), ("--env-file", "/no/such/file")):
        host.caisson("run", option, value, "--", "true").error(125, value)


@case(image=None)
def an_unknown_sandbox_is_named(host):
    for arguments in (("exec", "ghost", "--", "true"), ("inspect", "ghost"), ("start", "ghost"), ("stop", "ghost"), ("rm", "ghost"),
                      ("logs", "ghost"), ("cp", "ghost:/x", "."), ("cp", ".", "ghost:/x")):
        host.caisson(*arguments).error(125, "'ghost'")


@case(image=None)
def control_bytes_in_a_name_are_not_printed(host):
    result = host.caisson("inspect", "x\x1b[31m").expect(code=125)
    true("\x1b" not in result.err, "an escape sequence of the command line was printed raw")


@case(image=None)
def an_empty_list_is_a_list(host):
    equal(host.sandboxes(), [], "ls --json")
    host.caisson("ls").expect(err="")


@case(image=None)
def doctor_says_what_each_engine_needs(host):
    report = host.caisson("doctor", "--json").expect(err="").json()
    engines = {engine["name"]: engine for engine in report["engines"]}
    true("microvm" in engines, "doctor does not name the microvm engine")
    true(engines["microvm"]["usable"], f"the microvm engine is not usable here: {engines['microvm']}")
    host.caisson("doctor").expect(err="", out_has="microvm")


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@case(image=None)
def the_documented_capabilities_are_the_engines_own(host):
    """docs/engines.md holds what the engines say of themselves."""
    with open(f"{ROOT}/docs/engines.md", encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in file if line.startswith("|")]
    names = rows[0][1:]
    documented = {name: {row[0]: row[number] == "yes" for row in rows[2:]} for number, name in enumerate(names, 1)}
    engines = host.caisson("doctor", "--json").expect().json()["engines"]
    equal(documented, {engine["name"]: engine["capabilities"] for engine in engines}, "docs/engines.md")


@case(image=None)
def the_readme_names_only_commands_that_exist(host):
    with open(f"{ROOT}/README.md", encoding="utf-8") as file:
        text = file.read()
    commands = set(re.findall(r"^ +(?:\./)?caisson ([a-z]+(?: (?:build|ls|import|rm|verify)\b)?)", text, re.M))
    true(len(commands) > 8, f"the README names only {commands}")
    for command in commands:
        words = command.split() if command.startswith("image ") else command.split()[:1]
        host.caisson(*words, "--help").expect(err="")
        # What stands behind "--" is the guest's command.
        options = re.findall(rf"caisson {command}\b(?:(?! -- )[^\n#])*? (--?[a-z][a-z-]*)(?= )", text.split("## Everyday use")[1].split("##")[0])
        shown = host.caisson(*words, "--help").out
        for option in options:
            for one in [option] if option.startswith("--") or len(option) == 2 else ["-" + letter for letter in option[1:]]:
                true(re.search(rf"(^|[\s,]){re.escape(one)}\b", shown), f"{command} has no {one}")


@case(image=None)
def completion_is_valid_for_its_shell(host):
    missing = [shell for shell in ("bash", "zsh", "fish") if not shutil.which(shell)]
    for shell in ("bash", "zsh", "fish"):
        script = host.caisson("completion", shell).expect(err="").out
        true("caisson" in script, f"the {shell} completion does not name caisson")
        if shell not in missing:
            equal(subprocess.run([shell, "-n"], input=script.encode(), capture_output=True).returncode, 0, f"{shell} -n")
    host.caisson("completion", "tcsh").error(125, "tcsh")
    if missing:
        raise Skipped(f"not installed: {', '.join(missing)}")


@case(image=None)
def an_unusable_state_folder_is_explained(host):
    os.mkdir(host.data)
    with open(os.path.join(host.data, "caisson"), "w", encoding="utf-8"):
        pass
    host.caisson("ls").error(125, "XDG_DATA_HOME")
    host.caisson("run", "--", "true").error(125, "XDG_DATA_HOME")


@case(labels=("root",))
def a_read_only_state_folder_is_explained(host):
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    os.mkdir(host.data)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", host.data], check=True)
    try:
        host.caisson("run", "--image", "tiny", "--", "true").error(125, "XDG_DATA_HOME", "Read-only")
    finally:
        subprocess.run(["umount", host.data], check=True)


@case(image=None, labels=("root",))
def without_a_home_the_remedy_is_said(host):
    """Where the user database has a home folder that one is used: so by a user that it does not know."""
    if os.geteuid() != 0:
        raise Skipped("only root can be a user that the system does not know")
    nobody_known = 54321
    host.as_user(nobody_known, "ls", env={"HOME": "relative"}).error(125, "cannot find the home folder", "set HOME")


@case(timeout=900, processors=2)
def the_benchmark_measures(host):
    """Whether it works at all; the numbers are nobody's. From / too, which is no workspace of its own."""
    report = f"{host.home}/report.json"

    def rows_of(*options):
        argv = [f"{os.path.dirname(host.binary)}/caisson-bench", "--quick", "--image", "tiny", "--json", report, *options]
        done = subprocess.run(argv, capture_output=True, text=True, env=host.environment, cwd="/", timeout=800, stdin=subprocess.DEVNULL)
        # 1: a row failed. One of those that take a machine to themselves may, beside other cases.
        true(done.returncode in (0, 1), f"exit code {done.returncode}: {done.stderr}")
        with open(report, encoding="utf-8") as file:
            return {row["key"]: row for row in json.load(file)["rows"]}

    commands = rows_of("--no-docker")
    wanted = ("run.warm", "run.no_workspace", "run.gone", "step.mounted", "step.sum", "exec", "stop", "at_once.caisson", "memory.pss")
    changes = rows_of("--changes")
    for rows, keys in ((commands, wanted), (changes, ("changes.1.diff", "changes.100.apply", "changes.100.copy"))):
        for key in keys:
            true(rows[key]["values"] and not rows[key]["failures"], f"{key}: {rows[key]['failures']}")
    equal(commands["step.mounted"]["name"], "init: mount the workspace", "a step's name")


@case(image=None, own_cache=True)
def image_commands_speak_json(host):
    root = os.path.join(host.home, "root")
    os.mkdir(root)
    with open(f"{root}/file", "w", encoding="utf-8") as file:
        file.write("content")
    made = host.caisson("image", "import", "--json", "one", root).expect().json()
    equal(made["name"], "one", "the name of what was imported")
    equal(host.caisson("image", "ls", "--json").expect().json(), [made], "image ls")
    # Another image of that name leaves the first one without, and prune takes it.
    with open(f"{root}/file", "w", encoding="utf-8") as file:
        file.write("another content")
    again = host.caisson("image", "import", "--json", "one", root).expect().json()
    equal(host.caisson("image", "prune", "--json").expect().json(), [{"kind": "image", "digest": made["digest"]}], "image prune")
    equal(host.caisson("image", "prune", "--json").expect().json(), [], "image prune of nothing")
    gone = host.caisson("image", "rm", "--json", "one", "ghost").expect(code=125, err_has="'ghost'").json()
    equal(gone, [again], "what image rm removed before the one that is not there")


@case(own_cache=True)
def a_removed_base_image_is_made_again_by_the_next_run(host):
    """Which is said, since that takes minutes. Its record is made from another image's here: only its name matters."""
    images.copy_cache(os.environ["CAISSON_TEST_CACHE"], host.cache)
    names = f"{host.cache}/caisson/images/names"
    with open(f"{names}/tiny.json", encoding="utf-8") as file:
        record = json.load(file)
    with open(f"{names}/base.json", "w", encoding="utf-8") as file:
        json.dump({**record, "name": "base"}, file)
    said = "caisson: the next run that needs the image 'base' makes it again\n"
    host.caisson("image", "rm", "base").expect(out="base\n", err=said)
    write(f"{host.home}/stub/mmdebstrap", "#!/bin/sh\necho 'E: asked to make it' >&2\nexit 7\n", mode=0o755)
    host.caisson("run", "--", "true", env={"PATH": f"{host.home}/stub:{os.environ['PATH']}"}).error(
        125, "mmdebstrap exited with 7", "E: asked to make it", after=["making the base image"])
    host.caisson("image", "rm", "tiny").expect(out="tiny\n", err="")
