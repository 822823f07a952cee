# SPDX-License-Identifier: Apache-2.0
"""Definitions of agents: listed, shown, checked, and never taken from somebody else."""

import os

from harness import case, equal, true, write

MINE = """version = 1
name = "mine"
description = "An agent of my own"
command = ["my-agent", "--model", "two words"]
[packages]
npm = ["@example/my-agent@1.2.3"]
[autonomous]
arguments = ["--yes"]
[[files]]
path = "~/.mine/settings"
mode = "0600"
content = "colours"
[[hosts]]
rule = "api.example.com:443"
reason = "the model"
[[secrets]]
name = "anthropic"
[[import.config]]
folder = "~/.mine"
exclude = ["credentials.json"]
"""
BUILT_IN = ["claude", "codex", "gemini", "opencode", "shell"]


def own_agent(host, name, text):
    folder = f"{host.home}/config/caisson/agents"
    os.makedirs(folder, exist_ok=True)
    write(f"{folder}/{name}.toml", text)
    os.chmod(f"{folder}/{name}.toml", 0o644)
    return f"{folder}/{name}.toml"


@case(image=None)
def the_built_in_agents_can_be_used(host):
    listed = host.caisson("agent", "ls", "--json").expect(err="").json()
    equal([one["name"] for one in listed], BUILT_IN, "the agents")
    equal({one["origin"] for one in listed}, {"built in"}, "their origin")
    table = host.caisson("agent", "ls").expect(err="").out.splitlines()
    equal([line.split()[0] for line in table], ["NAME", *BUILT_IN], "the table")
    for one in listed:
        shown = host.caisson("agent", "show", one["name"], "--json").expect(err="").json()
        equal((shown["name"], shown["version"]), (one["name"], 1), "what is shown")
        host.caisson("agent", "show", one["name"]).expect(err="", out_has=one["description"])


@case(image=None)
def an_agent_of_ones_own_is_found_by_name_and_by_path(host):
    path = own_agent(host, "mine", MINE)
    own_agent(host, "claude", MINE.replace('"mine"', '"claude"'))
    own_agent(host, "broken", "version = 1\nimgae = \"x\"\n")
    result = host.caisson("agent", "ls", "--json").expect(err_has=["broken.toml': line 2: the key 'imgae' is not known"])
    origins = {one["name"]: one["origin"] for one in result.json()}
    equal(origins, {**{name: "built in" for name in BUILT_IN}, "claude": "own", "mine": "own", "broken": "own"}, "the origins")
    write(f"{host.work}/other.toml", MINE)
    for what, origin in (("mine", "own"), (path, "file"), ("./other.toml", "file"), ("other.toml", "file")):
        shown = host.caisson("agent", "show", what, "--json", cwd=host.work).expect(err="").json()
        equal((shown["name"], shown["origin"], shown["files"][0]["content"]), ("mine", origin, "colours"), what)
    text = host.caisson("agent", "show", "mine").expect(err="").out
    for said in ("my-agent --model 'two words' --yes\n", "asking first   my-agent --model 'two words'\n", "api.example.com:443  the model\n",
                 "anthropic  as ANTHROPIC_API_KEY\n", "~/.mine/settings  mode 0600, 7 bytes\n", "on request: ~/.mine, without credentials.json\n"):
        true(said in text, f"{said!r} is not in {text!r}")


@case(image=None)
def a_definition_that_cannot_be_used_is_refused_with_its_line(host):
    path = f"{host.work}/mine.toml"
    for more, said in (("x = 1\n", "line 5: the key 'x' is not known"), ("image = 1\n", "line 5: 'image' has a wrong type"),
                       ('packages = { npm = ["https://example.com/x.tgz"] }\n', "line 5: "), ('[[hosts]]\nrule = "a b c"\nreason = "x"\n', "line 6: "),
                       ('[[files]]\npath = "/usr/bin/x"\ncontent = ""\n', "line 6: "), ("x = [\n", "line ")):
        write(path, MINE[:MINE.index("[packages]")] + more)
        host.caisson("agent", "check", path).error(125, f"'{path}': {said}")
    host.caisson("agent", "check", f"{host.work}/none.toml").error(125, "there is no such file")
    host.caisson("agent", "show", "ghost").error(125, "there is no agent 'ghost'", "claude, codex, gemini, opencode, shell")
    host.caisson("agent", "show", "../x\x1b[31m").error(125, "'../x\\x1b[31m'")


@case(image=None)
def a_definition_that_others_may_write_is_refused(host):
    path = own_agent(host, "mine", MINE)
    os.chmod(path, 0o666)
    for command in (("show", "mine"), ("show", path), ("check", path)):
        host.caisson("agent", *command).error(125, "may write to it")
    os.chmod(path, 0o644)
    os.symlink(path, f"{host.work}/link.toml")
    host.caisson("agent", "check", f"{host.work}/link.toml").error(125, "link.toml")


RUNS = """version = 1
name = "runs"
description = "An agent that a shell plays"
image = "tiny"
command = ["sh", "-c", 'echo "$0 $* $TRUST $MODE"; cat', "agent"]
arguments = ["hello"]
[environment]
MODE = "plain"
TRUST = "none"
[autonomous]
arguments = ["--yes"]
environment = { TRUST = "all" }
[ask]
arguments = ["--careful"]
[[hosts]]
rule = "api.example.com:443"
reason = "the model"
"""


@case()
def an_agent_is_run_as_its_definition_says(host):
    path = own_agent(host, "runs", RUNS)
    for words, said in ((["runs"], "agent --yes hello all plain\n"), (["runs", "-p", "x"], "agent --yes -p x all plain\n"),
                        (["--ask", "-e", "MODE=mine", path, "--", "--ask"], "agent --careful --ask none mine\n")):
        host.caisson("run", *words, stdin=b"typed").expect(out=said + "typed")
    name = host.name("agent")
    host.caisson("run", "-d", "--name", name, "--allow", "other.example:443", "runs").expect()
    rules = host.caisson("policy", "ls", name, "--json").expect().json()
    true({"api.example.com:443": "agent runs", "other.example:443": "--allow"}.items() <= {one["rule"]: one["origin"] for one in rules["rules"]}.items(),
         f"the rules: {rules}")
    host.caisson("rm", "-f", name).expect()
    # Whose own file it is: it would choose its own network in the next run.
    write(f"{host.work}/runs.toml", RUNS)
    host.caisson("run", "-w", ".:rw", "./runs.toml").error(125, "the agent definition './runs.toml' is in the workspace", "rw")


@case(image=None)
def an_agent_that_cannot_be_run_yet_is_refused(host):
    for name in BUILT_IN[:-1]:
        host.caisson("run", name).error(125, f"the agent '{name}' cannot be run yet", "agent images come with a later version")
    host.caisson("run", "make", "test").error(125, "there is no agent 'make'", "caisson run -- make …")
    host.caisson("run", "./build.sh").error(125, "./build.sh", "caisson run -- ./build.sh …")
    host.caisson("run", "--ask", "--", "true").error(125, "--ask is for agents")
    equal(host.sandboxes(), [], "sandboxes")


@case(image="base")
def the_shell_agent_has_the_users_name_for_git(host):
    """And a repository's own settings come first, as they do outside."""
    write(f"{host.home}/.gitconfig", "[user]\nname = A 'B' $C\nemail = abc@example.com\n")
    script = ("git config user.name; git config user.email; git init -q /tmp/r && cd /tmp/r && git config user.name R && git commit -q --allow-empty -m x && "
              "git log --format='%an %ae'")
    host.caisson("run", "-w", "none", "shell", "-c", script).expect(out="A 'B' $C\nabc@example.com\nR abc@example.com\n")
