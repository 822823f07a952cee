// SPDX-License-Identifier: Apache-2.0

// What was typed, and what is understood: tails, options, close words, places, completion.

#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/process.h"
#include "base/temp_folder_for_test.h"
#include "cli/agent_run.h"
#include "cli/complete.h"
#include "cli/completion.h"
#include "cli/copy_place.h"
#include "cli/prepare.h"
#include "cli/run_options.h"

namespace caisson::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

struct Parsed {
  RunOptions options;
  Tail tail;
};

// `words` as behind "caisson run".
Parsed parse_run(Words words) {
  Parsed parsed;
  CLI::App app;
  declare_run_options(app, parsed.options);
  parsed.tail = cut_tail(app, 0, words);
  std::reverse(words.begin(), words.end());
  app.parse(std::move(words));
  return parsed;
}

const char* variable(const char* name) {
  return std::string_view(name) == "LANG" ? "C" : nullptr;
}

spec::SandboxSpec spec_of(Words words, bool terminal = true) {
  const Parsed parsed = parse_run(std::move(words));
  static const base::TempFolder kFolder;
  return make_spec(parsed.options, parsed.tail,
                   {.stdin_is_terminal = terminal,
                    .variable = variable,
                    .random = 5,
                    .standing = {.folder = kFolder.path(), .home = "/home/nobody-here"}});
}

std::string refusal(Words words, bool terminal = true) {
  try {
    spec_of(std::move(words), terminal);
    return "";
  } catch (const base::Error& error) {
    return error.what();
  }
}

TEST(CutTail, EverythingBehindTheDashesIsTheCommands) {
  const Parsed parsed = parse_run({"--name", "web", "-e", "A=1", "-it", "--", "ls", "-l", "--name", "--", "x"});
  EXPECT_TRUE(parsed.tail.separated);
  EXPECT_THAT(parsed.tail.words, ElementsAre("ls", "-l", "--name", "--", "x"));
  EXPECT_EQ(parsed.options.name, "web");
  EXPECT_TRUE(parsed.options.interactive && parsed.options.tty);
}

TEST(CutTail, TheFirstOtherWordBeginsIt) {
  for (const Words& words :
       {Words{"-e", "A=1", "claude", "-p"}, Words{"-eA=1", "claude", "-p"}, Words{"--env=A=1", "claude", "-p"},
        Words{"-ite", "A=1", "claude", "-p"}, Words{"-iteA=1", "claude", "-p"}}) {
    const Parsed parsed = parse_run(words);
    EXPECT_FALSE(parsed.tail.separated);
    EXPECT_THAT(parsed.tail.words, ElementsAre("claude", "-p"));
    EXPECT_THAT(parsed.options.environment, ElementsAre("A=1"));
  }
}

TEST(CutTail, WordsOfItsOwnComeBefore) {
  CLI::App app;
  std::string user;
  app.add_option("--user,-u", user);
  for (Words words : {Words{"-u", "root", "web", "ls", "-l"}, Words{"-u", "root", "web", "--", "ls", "-l"},
                      Words{"-u", "root", "--", "web", "ls", "-l"}}) {
    EXPECT_THAT(cut_tail(app, 1, words).words, ElementsAre("ls", "-l"));
    EXPECT_THAT(words, ElementsAre("-u", "root", "web"));
  }
  Words words = {"web"};
  EXPECT_THAT(cut_tail(app, 1, words).words, IsEmpty());
  words = {"-u"};
  EXPECT_THAT(cut_tail(app, 1, words).words, IsEmpty());
  words = {"-u", "--", "web", "ls"};
  EXPECT_THROW(cut_tail(app, 1, words), base::Error);
}

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome outcome(Words words) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_command_line(std::move(words));
  std::string out = testing::internal::GetCapturedStdout();
  return {code, std::move(out), testing::internal::GetCapturedStderr()};
}

TEST(RunCommandLine, MistakesAreOneLineWithARemedy) {
  const std::vector<std::pair<Words, std::string>> mistakes = {
      {{"exce", "x"}, "unknown command 'exce' (did you mean exec? see 'caisson --help')"},
      {{"\x1b[2J"}, "unknown command '\\x1b[2J' (see 'caisson --help')"},
      {{"--frob"}, "unknown flag '--frob' (see 'caisson --help')"},
      {{"run", "--nmae=x", "--", "true"}, "unknown flag '--nmae' (did you mean --name? see 'caisson run --help')"},
      {{"rm", "--fource", "x"}, "unknown flag '--fource' (did you mean --force? see 'caisson rm --help')"},
      {{"ls", "web"}, "unexpected argument 'web' (see 'caisson ls --help')"},
      {{"stop"}, "the argument NAME is missing (see 'caisson stop --help')"},
      {{"image"}, "which one of its commands is missing (see 'caisson image --help')"},
      {{"image", "lss"}, "unknown command 'lss' (did you mean ls? see 'caisson image --help')"},
      {{"run", "--engine"}, "the option '--engine' needs a value (see 'caisson run --help')"},
      {{"run", "--memory", "99999999T", "--", "true"},
       "--memory: too large: '99999999T' (a size is less than 4194304T)"},
      {{"stop", "--time", "2h", "web"}, "no sandbox gets longer than an hour to stop: '2h' (give --time at most 1h)"},
      {{"completion", "tcsh"}, "there is no completion for the shell 'tcsh' (the shells are: bash, zsh, fish)"},
  };
  for (const auto& [words, text] : mistakes) {
    const Outcome result = outcome(words);
    EXPECT_EQ(result.err, "caisson: " + text + "\n");
    EXPECT_EQ(result.code, 125) << text;
    EXPECT_EQ(result.out, "") << text;
  }
}

TEST(RunCommandLine, DockersHabitsAreAnswered) {
  const std::string copy = "(-w HOST[:GUEST][:overlay|ro|rw|clone] shares a folder or file; see 'caisson run --help')";
  const std::vector<std::pair<Words, std::string>> habits = {
      {{"ps", "-a"}, "unknown command 'ps' (caisson ls lists the sandboxes; see 'caisson --help')"},
      {{"rmi", "x"}, "unknown command 'rmi' (caisson image rm NAME removes an image; see 'caisson --help')"},
      {{"kill", "x"},
       "unknown command 'kill' (caisson stop -t 0 NAME ends one at once, caisson rm -f NAME removes it, too; see "
       "'caisson --help')"},
      {{"top", "x"},
       "unknown command 'top' (caisson exec NAME top shows what runs in a sandbox; see 'caisson --help')"},
      {{"restart", "x"},
       "unknown command 'restart' (caisson stop NAME and then caisson start NAME boots it again; see 'caisson "
       "--help')"},
      {{"run", "--network=none", "--", "true"},
       "unknown flag '--network' (--net says what it may reach: none, locked, balanced, open or a file; see 'caisson "
       "run "
       "--help')"},
      {{"run", "--rm", "--", "true"},
       "unknown flag '--rm' (a sandbox is removed at its end without being asked; --keep keeps it; see 'caisson run "
       "--help')"},
      {{"run", "-v", "/a:/b", "--", "true"}, "unknown flag '-v' " + copy},
      {{"run", "-v/a:/b", "--", "true"}, "unknown flag '-v/a:/b' " + copy},
      {{"run", "--volume=/a:/b", "--", "true"}, "unknown flag '--volume' " + copy},
      {{"rm", "-v", "x"}, "unknown flag '-v' (see 'caisson rm --help')"},
      {{"run", "--workdir", "--", "true"},
       "the option '--workdir' needs a value (-- is none; see 'caisson run --help')"},
      {{"exec", "-itu", "--", "web", "true"},
       "the option '-itu' needs a value (-- is none; see 'caisson exec --help')"},
      {{"run", "--name", "", "--", "true"}, "--name: the name is empty (see 'caisson run --help')"},
  };
  for (const auto& [words, text] : habits) {
    const Outcome result = outcome(words);
    EXPECT_EQ(result.err, "caisson: " + text + "\n");
    EXPECT_EQ(result.code, 125) << text;
  }
  // What the answers name exists.
  for (const Words& command : {Words{"ls"}, Words{"image", "rm"}, Words{"image", "ls"}, Words{"image", "import"}}) {
    Words help = command;
    help.emplace_back("--help");
    EXPECT_EQ(outcome(help).code, 0);
  }
  EXPECT_THAT(outcome({"stop", "--help"}).out, HasSubstr("-t"));
  EXPECT_THAT(outcome({"rm", "--help"}).out, HasSubstr("-f"));
  EXPECT_THAT(outcome({"run", "--help"}).out, HasSubstr("--keep"));
}

TEST(RunCommandLine, EveryCommandHasHelp) {
  for (const CommandEntry& entry : all_commands()) {
    const Outcome result = outcome({std::string(entry.name), "--help"});
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.err, "");
    EXPECT_THAT(result.out, testing::StartsWith("Usage: caisson " + std::string(entry.name) + " "));
    EXPECT_THAT(result.out, testing::Not(HasSubstr("\n\n\n")));
  }
  EXPECT_THAT(outcome({"image", "ls", "--help"}).out, testing::StartsWith("Usage: caisson image ls "));
  EXPECT_THAT(outcome({"image", "--help"}).out, HasSubstr("\n  import "));
  EXPECT_THAT(outcome({"--help"}).out, HasSubstr("\n  doctor "));
  EXPECT_EQ(outcome({}).code, 125);
}

TEST(RunCommandLine, VersionBeginsWithTheName) {
  EXPECT_THAT(outcome({"version"}).out, testing::StartsWith("caisson " CAISSON_VERSION "\n"));
  EXPECT_EQ(outcome({"--version"}).out, outcome({"version"}).out);
}

TEST(RunOptions, DefaultsMakeAGoodSpec) {
  const spec::SandboxSpec spec = spec_of({"--", "true"});
  EXPECT_EQ(spec.name, spec::generate_name(5));
  EXPECT_EQ(spec.image, "base");
  EXPECT_EQ(spec.engine, "auto");
  EXPECT_THAT(spec.command.argv, ElementsAre("true"));
  EXPECT_TRUE(spec.remove_at_end);
  EXPECT_FALSE(spec.command.keep_stdin);
  EXPECT_FALSE(spec.command.tty);
  ASSERT_EQ(spec.workspaces.size(), 1U);
  EXPECT_EQ(spec.workspaces[0].mode, spec::WorkspaceMode::kOverlay);
  EXPECT_EQ(spec.command.folder, spec.workspaces[0].guest);
  EXPECT_EQ(spec.masks, spec::default_masks());
}

TEST(RunOptions, WorkspacesAndMasks) {
  const spec::SandboxSpec none = spec_of({"-w", "none", "--", "true"});
  EXPECT_TRUE(none.workspaces.empty());
  EXPECT_EQ(none.command.folder, "");
  const spec::SandboxSpec two = spec_of({"-w", "/usr/share:/mnt/share:ro", "-w.:rw", "--mask", "*.secret", "--unmask",
                                         ".env*", "--workdir", "/srv", "--", "true"});
  ASSERT_EQ(two.workspaces.size(), 2U);
  EXPECT_EQ(two.workspaces[0].guest, "/mnt/share");
  EXPECT_EQ(two.workspaces[1].mode, spec::WorkspaceMode::kReadWrite);
  EXPECT_EQ(two.masks.back(), "*.secret");
  EXPECT_EQ(two.unmasks.back(), ".env*");
  EXPECT_EQ(two.command.folder, "/srv");
}

TEST(RunOptions, EachReachesTheSpec) {
  const spec::SandboxSpec spec =
      spec_of({"--name=web", "--image", "node",   "--engine", "microvm",   "--cpus", "4",       "-m",  "3G",
               "--disk",     "1T",      "--pids", "0",        "--timeout", "1h30m",  "-e",      "A=1", "-e",
               "LANG",       "-e",      "UNSET",  "-p",       "80",        "-p",     "8080:81", "-u",  "root",
               "--workdir",  "/srv",    "-it",    "--keep",   "-w",        "none",   "--",      "sh"});
  EXPECT_EQ(spec.name, "web");
  EXPECT_EQ(spec.image, "node");
  EXPECT_EQ(spec.engine, "microvm");
  EXPECT_EQ(spec.cpus, 4U);
  EXPECT_EQ(spec.memory, base::gibibytes(3));
  EXPECT_EQ(spec.disk, base::gibibytes(1024));
  EXPECT_EQ(spec.pids, 0U);
  EXPECT_EQ(spec.timeout, std::chrono::minutes(90));
  EXPECT_THAT(spec.environment, ElementsAre("A=1", "LANG=C"));
  ASSERT_EQ(spec.ports.size(), 2U);
  EXPECT_EQ(spec.ports[1].host_port, 8080);
  EXPECT_EQ(spec.command.user, "root");
  EXPECT_EQ(spec.command.folder, "/srv");
  EXPECT_TRUE(spec.command.tty && spec.command.keep_stdin);
  EXPECT_FALSE(spec.remove_at_end);
}

TEST(RunOptions, StdinIsPassedWhenItIsNoTerminal) {
  EXPECT_TRUE(spec_of({"--", "cat"}, false).command.keep_stdin);
  EXPECT_FALSE(spec_of({"--", "cat"}, true).command.keep_stdin);
  EXPECT_TRUE(spec_of({"-i", "--", "cat"}, true).command.keep_stdin);
  EXPECT_FALSE(spec_of({"-d", "--", "cat"}, false).command.keep_stdin);
  EXPECT_FALSE(spec_of({"-d", "--", "cat"}, false).remove_at_end);
}

TEST(RunOptions, MistakesAreNamed) {
  EXPECT_EQ(refusal({"--cpus", "many", "--", "x"}), "--cpus is 'many' (give a whole number)");
  EXPECT_EQ(refusal({"--pids", "-1", "--", "x"}), "--pids is '-1' (give a whole number)");
  EXPECT_EQ(refusal({"--memory", "1M", "--", "x"}), "--memory is 1M (it can be 128M to 1T)");
  EXPECT_THAT(refusal({"--memory", "lots", "--", "x"}), HasSubstr("--memory: not a size: 'lots'"));
  EXPECT_THAT(refusal({"--timeout", "soon", "--", "x"}), HasSubstr("--timeout: not a duration: 'soon'"));
  EXPECT_THAT(refusal({"--name", "a/b", "--", "x"}), HasSubstr("not a sandbox name: 'a/b'"));
  EXPECT_THAT(refusal({"--env-file", "/no/such/file", "--", "x"}), HasSubstr("'/no/such/file'"));
  EXPECT_EQ(refusal({"claude"}),
            "there is no agent 'claude' (to run a command put -- before it: caisson run -- claude …; caisson agent ls "
            "lists the agents)");
  EXPECT_EQ(refusal({"--ask", "--", "x"}), "--ask is for agents (leave it out)");
  EXPECT_EQ(refusal({"-it", "--", "sh"}, false), "stdin is not a terminal (leave out -t)");
  EXPECT_THAT(refusal({"-di", "--", "sh"}), HasSubstr("-d and -i do not go together"));
}

TEST(RunAgent, ItsDefinitionIsBeneathTheOptions) {
  const agents::Definition agent = agents::parse_definition(
      "version = 1\nname = \"mine\"\ndescription = \"Mine\"\ncommand = [\"mine\", \"-a\"]\narguments = [\"hello\"]\n"
      "image = \"node\"\n[environment]\nA = \"1\"\nB = \"1\"\n[autonomous]\narguments = [\"--yes\"]\n"
      "environment = { B = \"2\" }\n[ask]\narguments = [\"--ask\"]\n[[hosts]]\nrule = \"a.example:443\"\nreason = "
      "\"x\"\n",
      "mine.toml");
  static const base::TempFolder kFolder;
  Surroundings surroundings{.stdin_is_terminal = true,
                            .stdout_is_terminal = true,
                            .variable = variable,
                            .standing = {.folder = kFolder.path(), .home = "/home/nobody-here"},
                            .agent = &agent};
  const auto made = [&](Words words) {
    const Parsed parsed = parse_run(std::move(words));
    return make_spec(parsed.options, parsed.tail, surroundings);
  };
  EXPECT_THAT(made({"mine"}).command.argv, ElementsAre("mine", "-a", "--yes", "hello"));
  EXPECT_THAT(made({"mine", "-p", "--ask"}).command.argv, ElementsAre("mine", "-a", "--yes", "-p", "--ask"));
  EXPECT_THAT(made({"mine", "--", "-p", "--"}).command.argv, ElementsAre("mine", "-a", "--yes", "-p", "--"));
  EXPECT_THAT(made({"--ask", "mine", "--"}).command.argv, ElementsAre("mine", "-a", "--ask", "hello"));
  EXPECT_EQ(made({"mine"}).image, "node");
  EXPECT_EQ(made({"--image", "other", "mine"}).image, "other");
  EXPECT_THAT(made({"-e", "A=3", "mine"}).environment, testing::UnorderedElementsAre("A=3", "B=2"));
  EXPECT_THAT(made({"--ask", "mine"}).environment, ElementsAre("A=1", "B=1"));
  EXPECT_TRUE(made({"mine"}).command.tty && made({"mine"}).command.keep_stdin);
  EXPECT_FALSE(made({"-d", "mine"}).command.tty || made({"-d", "mine"}).command.keep_stdin);
  surroundings.stdout_is_terminal = false;
  EXPECT_FALSE(made({"mine"}).command.tty || made({"mine"}).command.keep_stdin);
  const gate::BuiltPolicy policy = make_policy(RunOptions(), {}, surroundings);
  ASSERT_EQ(policy.policy.entries().size(), 1U);
  EXPECT_EQ(policy.policy.entries()[0].origin, "agent mine");
}

TEST(RunAgent, IsFoundWhereNoDashesStandBefore) {
  const base::TempFolder folder;
  const base::ScopedEnvironment config("XDG_CONFIG_HOME", folder.path().c_str());
  const auto found = [](Words words) { return agent_of(parse_run(std::move(words)).tail); };
  EXPECT_FALSE(found({}));
  EXPECT_FALSE(found({"--", "shell"}));
  EXPECT_FALSE(found({"make", "test"}));
  EXPECT_FALSE(found({"No.Name"}));
  const std::optional<agents::Agent> shell = found({"-e", "A=1", "shell", "-l"});
  ASSERT_TRUE(shell);
  EXPECT_EQ(shell->definition.name, "shell");
  for (const auto& [word, said] : std::vector<std::pair<std::string, std::string>>{
           {"claude", "the agent 'claude' cannot be run yet: it needs an image of its own and secrets (agent images"},
           {"./build.sh", "to run it as a command put -- before it: caisson run -- ./build.sh …"}}) {
    try {
      found({word});
      ADD_FAILURE() << word;
    } catch (const base::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(said));
    }
  }
}

// Of the user's settings, and not of a repository's, which says whatever its owner wants.
TEST(RunAgent, GetsTheUsersNameForGit) {
  const base::TempFolder folder;
  const base::ScopedEnvironment home("HOME", folder.path().c_str());
  const base::ScopedEnvironment config("XDG_CONFIG_HOME", nullptr);
  const base::ScopedEnvironment system("GIT_CONFIG_SYSTEM", (folder / "system").c_str());
  EXPECT_EQ(own_git_identity().name, "");
  std::ofstream(folder / "system") << "[user]\nname = System\nemail = system@example.com\n";
  std::ofstream(folder / ".gitconfig") << "[user]\nname = A \\\"B\\\" C\n";
  EXPECT_EQ(own_git_identity().name, "A \"B\" C");
  EXPECT_EQ(own_git_identity().email, "system@example.com");
  std::ofstream(folder / ".gitconfig") << "[user]\nname = \"a\\nb\"\n";
  EXPECT_EQ(own_git_identity().name, "System");
}

TEST(RunOptions, LaterVariablesReplaceEarlierOnes) {
  const base::TempFolder folder;
  std::ofstream(folder / "env") << "BOTH=file\nFILE=f\nLANG=file\n";
  EXPECT_THAT(read_environment({folder / "env"}, {"BOTH=flag", "X=1", "X=2", "LANG"}, variable),
              ElementsAre("FILE=f", "BOTH=flag", "X=2", "LANG=C"));
}

TEST(ApplyImage, FillsOnlyWhatIsNotSaid) {
  const image::ImageConfig config{.environment = {"PATH=/image", "A=image"},
                                  .user = "node",
                                  .working_dir = "/srv",
                                  .entrypoint = {"/entry"},
                                  .command = {"serve"}};
  spec::SandboxSpec spec;
  spec.environment = {"A=mine"};
  apply_image(spec, config);
  EXPECT_THAT(spec.environment, ElementsAre("PATH=/image", "A=mine"));
  EXPECT_EQ(spec.command.user, "node");
  EXPECT_EQ(spec.command.folder, "/srv");
  EXPECT_THAT(spec.command.argv, ElementsAre("/entry", "serve"));
  spec = {};
  spec.command.argv = {"ls"};
  spec.command.user = "root";
  apply_image(spec, config);
  EXPECT_THAT(spec.command.argv, ElementsAre("ls"));
  EXPECT_EQ(spec.command.user, "root");
}

TEST(ApplyImage, ATerminalWithoutACommandIsAShell) {
  spec::SandboxSpec spec;
  apply_image(spec, {});
  EXPECT_TRUE(spec.command.argv.empty());
  spec.command.tty = true;
  apply_image(spec, {});
  EXPECT_EQ(spec.command.argv.at(0), "/bin/sh");
}

TEST(Closest, FindsWhatWasMeant) {
  EXPECT_EQ(closest("--nmae", {"--name", "--memory"}), "--name");
  EXPECT_EQ(closest("inspct", {"inspect", "image"}), "inspect");
  EXPECT_EQ(closest("frobnicate", {"run", "exec"}), "");
  EXPECT_EQ(closest(std::string(100000, 'x'), {"run"}), "");
}

TEST(CopyPlace, DockersRule) {
  EXPECT_EQ(parse_copy_place("web:/a:b").sandbox, "web");
  EXPECT_EQ(parse_copy_place("web:/a:b").path, "/a:b");
  EXPECT_EQ(parse_copy_place("./web:a").sandbox, "");
  EXPECT_EQ(parse_copy_place("/web:a").sandbox, "");
  EXPECT_EQ(parse_copy_place("file").path, "file");
  EXPECT_TRUE(parse_copy_place("-").is_stream());
  EXPECT_FALSE(parse_copy_place("web:-").is_stream());
  for (const char* text : {"", "web:", ":/x", "a b:/x", "../x:y/../..:"}) {
    if (text[0] == '.') continue;
    EXPECT_THROW(parse_copy_place(text), base::Error) << text;
  }
}

TEST(CopyPlace, TopNames) {
  EXPECT_EQ(top_name("/a/x"), "x");
  EXPECT_EQ(top_name("/a/x//"), "x");
  EXPECT_EQ(top_name("x"), "x");
  for (const char* path : {"/", ".", "..", "/a/.", "/a/..", "/a/./"}) EXPECT_EQ(top_name(path), ".") << path;
}

const CompletionNames kNames = {[] {
                                  return Words{"web", "worker"};
                                },
                                [] {
                                  return Words{"base", "node"};
                                },
                                [] {
                                  return Words{"auto", "microvm"};
                                },
                                [] {
                                  return Words{"github", "mine"};
                                },
                                [] {
                                  return Words{"claude", "shell"};
                                }};

TEST(Complete, CommandsOptionsAndNames) {
  EXPECT_THAT(complete({"in"}, kNames), ElementsAre("inspect"));
  EXPECT_THAT(complete({}, kNames), testing::Contains("run"));
  EXPECT_THAT(complete({"run", "--na"}, kNames), ElementsAre("--name"));
  EXPECT_THAT(complete({"run", "--image", ""}, kNames), ElementsAre("base", "node"));
  EXPECT_THAT(complete({"run", "-e", "A", "--engine", "m"}, kNames), ElementsAre("microvm"));
  EXPECT_THAT(complete({"run", "--env-file", ""}, kNames), ElementsAre(":files"));
  EXPECT_THAT(complete({"run", "--", "l"}, kNames), ElementsAre(":files"));
  EXPECT_THAT(complete({"exec", "-u", "root", "w"}, kNames), ElementsAre("web", "worker"));
  EXPECT_THAT(complete({"exec", "web", "l"}, kNames), ElementsAre(":files"));
  EXPECT_THAT(complete({"rm", "web", "wo"}, kNames), ElementsAre("worker"));
  EXPECT_THAT(complete({"trust", "/ho"}, kNames), ElementsAre(":files"));
  EXPECT_THAT(complete({"trust", "--r"}, kNames), ElementsAre("--rm"));
  EXPECT_THAT(complete({"secret", "rm", ""}, kNames), ElementsAre("github", "mine"));
  EXPECT_THAT(complete({"secret", "set", "g"}, kNames), ElementsAre("github", "gitlab", "google", "groq"));
  EXPECT_THAT(complete({"secret", "set", "mine", "--store", "p"}, kNames), ElementsAre("plain"));
  EXPECT_THAT(complete({"run", "--no-c"}, kNames), ElementsAre("--no-config"));
  EXPECT_THAT(complete({"run", "--keep", "c"}, kNames), ElementsAre("claude", ":files"));
  EXPECT_THAT(complete({"run", "claude", "c"}, kNames), IsEmpty());
  EXPECT_THAT(complete({"agent", "show", "c"}, kNames), ElementsAre("claude", ":files"));
  EXPECT_THAT(complete({"agent", "check", ""}, kNames), ElementsAre(":files"));
  EXPECT_THAT(complete({"cp", "we"}, kNames), ElementsAre("web:", ":files"));
  EXPECT_THAT(complete({"completion", "f"}, kNames), ElementsAre("fish"));
  EXPECT_THAT(complete({"nonsense", ""}, kNames), IsEmpty());
}

TEST(Completion, BashTakesTheScript) {
  const base::TempFolder folder;
  std::ofstream(folder / "script") << completion_script("bash");
  EXPECT_TRUE(base::run_program({.argv = {"bash", "-n", folder / "script"}}).status.ok());
  EXPECT_THROW(completion_script("tcsh"), base::Error);
}

// The script in a real bash, with a program in caisson's place that says what it was asked.
TEST(Completion, BashAsksForTheWordsUpToTheCursor) {
  const base::TempFolder folder;
  std::ofstream(folder / "script") << completion_script("bash");
  std::ofstream(folder / "caisson") << "#!/bin/sh\nshift\nfor word; do echo \"<$word>\"; done\necho name:\n";
  std::filesystem::permissions(folder / "caisson", std::filesystem::perms::owner_all);
  const std::string script = ". " + folder / "script" + "; COMP_WORDS=(" + folder / "caisson" +
                             " run '' x); COMP_CWORD=2; _caisson; printf '%s\\n' \"${COMPREPLY[@]}\"";
  EXPECT_EQ(base::run_program({.argv = {"bash", "-c", script}}).out, "<run>\n<>\nname:\n");
}

}  // namespace
}  // namespace caisson::cli
