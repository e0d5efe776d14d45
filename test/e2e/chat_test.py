"""swallow-rt chat: from a pipe, and at a pseudo terminal with keys, history and
Ctrl-C, with the demonstration model."""

import argparse
import json
import os
import re
import signal
import stat
import subprocess
import tempfile

from pseudo_terminal import Terminal
from swallow_testing import Checks, Programs, run

SEVEN = ("三たす四は?", "七")
SIX = ("二たす四は?", "六")


class ChatTest:
    def __init__(self, programs, source, work):
        self.programs = programs
        self.source = source
        self.work = work
        self.checks = Checks()
        self.artifact = self.compiled("tools/demo-model/checkpoint")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": work, "TERM": "xterm-256color",
            "LANG": "C.UTF-8", "XDG_STATE_HOME": os.path.join(work, "state")}

    def path(self, name):
        return os.path.join(self.work, name)

    def compiled(self, model):
        path = self.path(os.path.basename(model) + ".swallow")
        self.programs.compile(os.path.join(self.source, model), path)
        return path

    def same(self, found, expected, what):
        self.checks.expect(found == expected,
                           f"{what}: {found!r}, not {expected!r}")

    # ---- from a pipe ---------------------------------------------------------

    def piped(self, text, *options, artifact=None, code=0):
        result = run([self.programs.runtime, "chat",
                      artifact or self.artifact, *options], text=text)
        self.checks.expect(result.returncode == code,
                           f"chat of {text!r}: {result}")
        return result

    def saved(self, lines, *options, **keywords):
        """The conversation after some lines."""
        path = self.path("saved.json")
        self.piped("".join(line + "\n" for line in lines)
                   + f"/save {path}\n", *options, **keywords)
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def turns(self):
        result = self.piped(f"{SEVEN[0]}\n\n{SIX[0]}")
        self.same(result.stdout, f"{SEVEN[1]}\n{SIX[1]}\n", "two answers")
        self.same(result.stderr, "", "two answers")
        self.same(self.saved([SEVEN[0], SIX[0]]),
                  messages(SEVEN[0], SEVEN[1], SIX[0], SIX[1]), "/save")
        self.same(self.saved([SEVEN[0], SIX[0], "/undo"]),
                  messages(*SEVEN), "/undo")
        self.same(self.saved([SEVEN[0], "/reset", SIX[0]]),
                  messages(*SIX), "/reset")
        self.same(self.piped(f"{SEVEN[0]}\n/exit\n{SIX[0]}\n").stdout,
                  SEVEN[1] + "\n", "/exit")

    def lines(self):
        for lines, content in (
                (["a\\", "b\\", "c"], "a\nb\nc"),
                (['"""', "a", "", "/b", '"""'], "a\n\n/b\n"),
                (['"""a', 'b"""'], "a\nb"), (['"""a"""'], "a"),
                (['"""', "a\\", 'b"""'], "a\\\nb"),
                (["//etc is a folder"], "/etc is a folder"),
                (["  spaces  "], "  spaces  "), (["日本語\t😀"], "日本語\t😀")):
            self.same(self.saved(lines, "-n", "1")[0]["content"], content,
                      f"lines {lines}")
        result = self.piped('"""\nthe end is\nmissing', "-n", "1")
        self.same(len(result.stdout.splitlines()), 1, "an open block")

    # Each prompt is what `render` makes of the messages before, and what is
    # already computed is not computed again.
    def prompts(self):
        whole = self.saved(["一たす一は?", SEVEN[0], SIX[0]], "-n", "4")
        for end in (2, 4, 6):
            rendered = json.loads(self.programs.rt(
                "render", self.artifact, "--json",
                text=json.dumps(whole[:end - 1])))
            answer = json.loads(self.programs.rt(
                "run", self.artifact, "--no-special", "--json", "-n", "4", "-p",
                rendered["text"]))
            self.same(answer["prompt_token_ids"], rendered["ids"],
                      f"ids before message {end}")
            self.same(answer["choices"][0]["text"], whole[end - 1]["content"],
                      f"message {end}")
        stats = self.piped(f"{SEVEN[0]}\n{SIX[0]}\n/stats\n").stderr
        numbers = re.search(r"prompt (\d+) tokens \((\d+) reused\)", stats)
        self.checks.expect(
            numbers and 0 < int(numbers[2]) < int(numbers[1])
            and "context" in stats, f"/stats: {stats}")

    # `run --chat` is the first turn.
    def one_turn(self):
        for options in ([], ["--prompt-style", "plain"],
                        ["--system", "短く答えて。", "--prompt-style",
                         "llama2"]):
            chat = self.piped(SEVEN[0] + "\n", *options, "-n", "5").stdout
            self.same(self.programs.rt("run", self.artifact, "--chat", "-p",
                                       SEVEN[0], "-n", "5", *options), chat,
                      f"run --chat {options}")

    def system(self):
        options = ["--prompt-style", "llama2", "-n", "2"]
        first = self.saved([SEVEN[0]], "--system", "s", *options)
        self.same(first[0], {"role": "system", "content": "s"}, "--system")
        self.same(self.saved(["/system t u", SEVEN[0], "/reset"], "--system",
                             "s", *options),
                  [{"role": "system", "content": "t u"}], "/system, /reset")
        self.same(self.saved(["/system", SEVEN[0]], "--system", "s",
                             *options)[0]["role"], "user", "/system alone")

    def loading(self):
        path = self.path("load.json")

        def write(content):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)

        write(json.dumps(messages(*SEVEN), ensure_ascii=False))
        self.same(self.saved([f"/load {path}", SIX[0]]),
                  messages(*SEVEN, *SIX), "/load")
        write(json.dumps(messages(SEVEN[0])))
        self.same(self.piped(f"/load {path}\n").stdout, SEVEN[1] + "\n",
                  "/load of a question")
        for content in ("", "{", "{}", "[1]", '[{"content":"a"}]',
                        '[{"role":1}]', "[" * 100000):
            write(content)
            self.refused(f"/load {path}", path)

    def refused(self, line, *words, options=()):
        result = self.piped(line + "\nnot reached\n", *options, code=1)
        self.checks.expect(
            result.stdout == "" and len(result.stderr.splitlines()) == 1
            and all(word in result.stderr for word in words),
            f"{line}: {result}")

    def errors(self):
        self.refused("/fly", "'/fly'", "/help")
        self.refused("/undo", "nothing")
        self.refused("/save", "/save", "file")
        self.refused("/save /no/folder/x", "/no/folder/x", "No such file")
        self.refused("/load /no/file", "/no/file")
        self.refused("長い" * 40, "context is full", "/reset", "-c",
                     options=["-c", "32"])
        template = self.path("refuses.jinja")
        with open(template, "w", encoding="utf-8") as file:
            file.write("{{ raise_exception('only in verse') }}")
        self.refused("hello", "only in verse",
                     options=["--chat-template", template])
        helped = self.piped("/help\n").stderr
        for command in ("/system", "/reset", "/undo", "/save", "/load",
                        "/stats", "/exit"):
            self.checks.expect(command in helped, f"/help: no {command}")
        base = self.compiled("test/golden/shisa-extra")
        for verb in ("chat", "run"):
            result = run([self.programs.runtime, verb, base]
                         + (["--chat", "-p", "a"] if verb == "run" else []),
                         text="hello\n")
            self.checks.expect(
                result.returncode == 1 and "no chat template" in result.stderr
                and "--prompt-style" in result.stderr, f"{verb}: {result}")
        self.piped("hello\n", "--prompt-style", "alpaca-ja", "-n", "2",
                   artifact=base)

    # A full context ends an answer with a word about it.
    def full(self):
        result = self.piped(SEVEN[0] + "\n", "-c", "20", "--ignore-eos")
        self.checks.expect("context of 20 tokens is full" in result.stderr,
                           f"a full context: {result}")

    def seeds(self):
        options = ["--temperature", "3", "--top-k", "0", "-n", "8"]
        lines = f"{SEVEN[0]}\n/undo\n{SEVEN[0]}\n"
        texts = [self.piped(lines, *options, "--seed", "5").stdout
                 for _ in range(2)]
        self.same(texts[0], texts[1], "--seed")
        first, second = texts[0].splitlines()
        self.checks.expect(first != second, f"the same draws: {texts[0]!r}")

    # ---- at a terminal -------------------------------------------------------

    def terminal(self, *options, **environment):
        return Terminal([self.programs.runtime, "chat", self.artifact,
                         *options], {**self.environment, **environment})

    def typed(self):
        for environment in ({}, {"LANG": "C"}, {"LC_ALL": "POSIX"},
                            {"TERM": "no-such-terminal"}):
            terminal = self.terminal(**environment)
            terminal.wait_for("> ")
            terminal.type(SEVEN[0] + "\n")
            terminal.wait_for(SEVEN[1] + "\r\n")
            terminal.wait_for("> ")
            # Two characters too many are taken away again.
            terminal.type(SIX[0] + "日x\x7f\x7f\n")
            terminal.wait_for(SIX[1] + "\r\n")
            terminal.wait_for("> ")
            terminal.type("/fly\n")
            terminal.wait_for("no command '/fly'")
            terminal.wait_for("> ")
            terminal.type(f"/save {self.path('typed.json')}\n")
            terminal.wait_for("4 messages")
            terminal.wait_for("> ")
            terminal.type("\x04")
            self.same(terminal.end(), 0, f"Ctrl-D, {environment}")
            with open(self.path("typed.json"), encoding="utf-8") as file:
                self.same(json.load(file), messages(*SEVEN, *SIX),
                          f"typed, {environment}")

    def pasted(self):
        """A paste of several lines is one message, and no key in it counts."""
        terminal = self.terminal()
        terminal.wait_for("> ")
        text = "三たす\tx\x04\n\n四は?"
        sent = text.replace("\n", "\r")
        terminal.type(f"ab\x1b[200~{sent}\r\n\x1b[201~\x1b[Dc\n")
        terminal.wait_for("\r\n> ")
        terminal.type("\x1b[200~\x1b[201~\x1b[20")  # nothing, and half a key
        terminal.type(f"\x15{SEVEN[0]}\n")
        terminal.wait_for(SEVEN[1] + "\r\n")
        terminal.wait_for("> ")
        terminal.type(f"/save {self.path('pasted.json')}\n")
        terminal.wait_for("4 messages")
        terminal.type("\x04")
        self.same(terminal.end(), 0, "pasted")
        with open(self.path("pasted.json"), encoding="utf-8") as file:
            saved = json.load(file)
        self.same([saved[0]["content"], saved[2]["content"]],
                  ["ab" + text[:-1] + "c?", SEVEN[0]], "pasted")

    def history(self):
        state = os.path.join(self.environment["XDG_STATE_HOME"], "swallow",
                             "history")
        self.same(stat.S_IMODE(os.stat(state).st_mode), 0o600, "history's mode")
        with open(state, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.checks.expect(SEVEN[0] in lines and "/fly" in lines,
                           f"history: {lines}")
        with open(state, "w", encoding="utf-8") as file:
            file.write("".join(f"line {i}\n" for i in range(3000)))
            file.write(f"{SEVEN[0]}\n/stats\n")
        terminal = self.terminal()
        terminal.wait_for("> ")
        terminal.type("\x1b[A\x1b[A\n")
        terminal.wait_for(SEVEN[1] + "\r\n")
        terminal.wait_for("> ")
        terminal.type("\x04")
        self.same(terminal.end(), 0, "history")
        with open(state, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.checks.expect(
            len(lines) <= 1001 and lines[-1] == SEVEN[0]
            and stat.S_IMODE(os.stat(state).st_mode) == 0o600,
            f"history: {len(lines)} lines, {lines[-2:]}")
        for home in ("/proc/nowhere", "/dev/null"):
            terminal = self.terminal(XDG_STATE_HOME=home)
            terminal.wait_for("> ")
            terminal.type("\x04")
            self.same(terminal.end(), 0, "no history")

    # Ctrl-C: the line, the answer, never the program.
    def interrupts(self):
        terminal = self.terminal("--ignore-eos", "-n", "1000")
        terminal.wait_for("> ")
        terminal.type("not this")
        terminal.wait_for("not this")
        terminal.type("\x03")
        terminal.wait_for("> ")
        terminal.type("\x03")
        terminal.wait_for("> ")
        terminal.type(f"{SEVEN[0]}\n")
        terminal.wait_for(SEVEN[1])
        terminal.type("\x03")
        terminal.wait_for("(stopped)")
        terminal.wait_for("> ")
        terminal.type(f"/save {self.path('stopped.json')}\n")
        terminal.wait_for("2 messages")
        terminal.wait_for("> ")
        terminal.type('"""\n')
        terminal.wait_for("| ")
        terminal.type("given up\x03")
        terminal.wait_for("> ")
        terminal.type("/exit\n")
        self.same(terminal.end(), 0, "/exit")
        with open(self.path("stopped.json"), encoding="utf-8") as file:
            question, answer = json.load(file)
        self.checks.expect(
            question["content"] == SEVEN[0]
            and answer["content"].startswith(SEVEN[1]),
            f"stopped: {question} {answer}")

    # Ctrl-D while an answer comes counts as soon as the next line is read.
    def typed_ahead(self):
        terminal = self.terminal("--ignore-eos", "-n", "300")
        terminal.wait_for("> ")
        terminal.type(f"{SEVEN[0]}\n")
        terminal.wait_for(SEVEN[1])
        terminal.type("\x04")
        self.same(terminal.end(), 0, "Ctrl-D during an answer")

    # From a pipe Ctrl-C ends the program.
    def interrupted_pipe(self):
        process = subprocess.Popen(
            [self.programs.runtime, "chat", self.artifact, "--ignore-eos",
             "-n", "1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        process.stdin.write(f"{SEVEN[0]}\n".encode())
        process.stdin.flush()
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        self.same(process.wait(), 130, "Ctrl-C from a pipe")

    # Only answers go to standard output.
    def redirected(self):
        path = self.path("answers")
        terminal = Terminal(
            ["/bin/sh", "-c",
             f'"{self.programs.runtime}" chat "{self.artifact}" >"{path}"'],
            self.environment)
        terminal.wait_for("> ")
        terminal.type(f"{SEVEN[0]}\n")
        terminal.wait_for("> ")
        terminal.type("\x04")
        self.same(terminal.end(), 0, "answers into a file")
        with open(path, encoding="utf-8") as file:
            self.same(file.read(), SEVEN[1] + "\n", "answers into a file")

    def run(self):
        for part in (self.turns, self.lines, self.prompts, self.one_turn,
                     self.system, self.loading, self.errors, self.full,
                     self.seeds, self.typed, self.pasted, self.history, self.interrupts,
                     self.typed_ahead, self.interrupted_pipe, self.redirected):
            part()
        self.checks.finish()


def messages(*contents):
    return [{"role": ("user", "assistant")[i % 2], "content": content}
            for i, content in enumerate(contents)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--source", required=True, help="the source tree")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        ChatTest(Programs(arguments.bin), arguments.source, work).run()


if __name__ == "__main__":
    main()
