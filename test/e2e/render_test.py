#!/usr/bin/env python3
"""Conversations from a checkpoint's files to token ids, as transformers does it.

folders.json has odd checkpoint folders and what transformers' apply_chat_template
makes of conversations with them (written by tools/differential/chat/compare.py);
then the options of `swallow-rt render`, and what it says about bad input.
"""

import argparse
import json
import os
import tempfile

from chat_folders import make_folder, render_arguments
from swallow_testing import Checks, Programs, run

HERE = os.path.dirname(os.path.abspath(__file__))
TEMPLATED = {"model": "llama31-tied", "files": {}}
ALPACA = ("以下に、あるタスクを説明する指示があります。リクエストを適切に完了するため"
          "の回答を記述してください。\n\n### 指示:\nHi\n\n### 応答:")
HI = '[{"role": "user", "content": "Hi"}]'


class RenderTest:
    def __init__(self, programs, golden, work):
        self.programs = programs
        self.golden = golden
        self.work = work
        self.checks = Checks()
        self.models = 0

    def compile(self, description):
        folder = os.path.join(self.work, "model")
        make_folder(folder, self.golden, description)
        self.models += 1
        artifact = os.path.join(self.work, f"{self.models}.swallow")
        self.programs.compile(folder, artifact, "-probe-tokens", "0")
        return artifact

    def write(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def render(self, artifact, *options, text=HI):
        return self.programs.rt("render", artifact, *options, text=text)

    def fails(self, command, *words, code=1, text=HI):
        """One error line with all words, nothing on standard output."""
        result = run(command, text=text)
        what = " ".join(command[1:])
        self.checks.expect(result.returncode == code,
                           f"{what}: exit code {result.returncode}, not {code}")
        self.checks.expect(len(result.stderr.splitlines()) == 1,
                           f"{what}: not one line: {result.stderr!r}")
        self.checks.expect(result.stdout == "", f"{what}: {result.stdout!r}")
        for word in words:
            self.checks.expect(word in result.stderr,
                               f"{what}: no {word!r} in {result.stderr!r}")

    def render_fails(self, artifact, options, *words, **keywords):
        self.fails([self.programs.runtime, "render", artifact, *options],
                   *words, **keywords)

    # ---- as transformers ---------------------------------------------------

    def folders(self):
        with open(os.path.join(HERE, "chat", "folders.json"),
                  encoding="utf-8") as file:
            folders = json.load(file)
        for description in folders:
            artifact = self.compile(description)
            for i, case in enumerate(description["cases"]):
                self.case(artifact, case, f"{description['name']} case {i}")

    def case(self, artifact, case, what):
        result = run([self.programs.runtime, "render", artifact, "--json",
                      *render_arguments(case, self.work)],
                     text=json.dumps(case["messages"]))
        if "error" in case:
            self.checks.expect(
                result.returncode == 1 and not result.stdout
                and len(result.stderr.splitlines()) == 1,
                f"{what}: transformers raises {case['error']!r}: {result}")
            return
        found = json.loads(result.stdout) if result.returncode == 0 else result
        expected = {"text": case["text"], "ids": case["ids"]}
        self.checks.expect(found == expected, f"{what}: {found}, not {expected}")

    # ---- options -----------------------------------------------------------

    def output(self):
        artifact = self.compile(TEMPLATED)
        answer = json.loads(self.render(artifact, "--json"))
        self.checks.expect(self.render(artifact) == answer["text"],
                           "the text is printed byte for byte")
        ids = self.render(artifact, "--ids")
        self.checks.expect(ids == " ".join(map(str, answer["ids"])) + "\n",
                           f"--ids: {ids!r}")
        path = self.write("messages.json", HI)
        self.checks.expect(
            self.render(artifact, "--messages", path, text=None)
            == answer["text"], "--messages FILE")
        header = "assistant<|end_header_id|>\n\n"
        self.checks.expect(
            answer["text"].endswith(header) and not self.render(
                artifact, "--no-generation-prompt").endswith(header),
            "--no-generation-prompt")
        self.checks.expect(
            self.render(artifact, "--continue-final-message").endswith("Hi"),
            "--continue-final-message")
        inspected = self.programs.inspect(artifact)
        self.checks.expect(
            inspected["chat_templates"] == ["default"]
            and inspected["special_tokens"] == {
                "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
            f"inspect: {inspected['chat_templates']}")
        dated = self.write("date.jinja",
                           "{{ strftime_now('%d %b %Y %H:%M') }}")
        for date, expected in (("2024-07-26", "26 Jul 2024 00:00"),
                               ("2031-12-01T23:59:58", "01 Dec 2031 23:59")):
            found = self.render(artifact, "--chat-template", dated, "--date",
                                date)
            self.checks.expect(found == expected, f"--date: {found}")

    def styles(self):
        artifact = self.compile({"model": "llama2-mha", "files": {
            "tokenizer_config.json": {"chat_template": "REMOVED"}}})
        for options in ((), ("--chat-template", "default")):
            self.render_fails(artifact, options, "no chat template",
                              "alpaca-ja, llama2, plain")
        answer = json.loads(self.render(artifact, "--json", "--prompt-style",
                                        "alpaca-ja"))
        self.checks.expect(answer["text"] == ALPACA, f"alpaca-ja: {answer}")
        self.checks.expect(
            answer["ids"] == self.tokenize(artifact, ALPACA, "--no-special"),
            "alpaca-ja is encoded without special tokens")
        plain = json.loads(self.render(artifact, "--json", "--prompt-style",
                                       "plain"))
        self.checks.expect(
            plain == {"text": "Hi", "ids": self.tokenize(artifact, "Hi")},
            f"plain is encoded as any text: {plain}")
        # The template of the golden model is the llama2 style.
        with open(os.path.join(self.golden, "llama2-mha", "golden.json"),
                  encoding="utf-8") as file:
            cases = json.load(file)["chat"]
        compared = 0
        for case in cases:
            if case["messages"][0]["role"] != "system" or "error" in case:
                continue
            found = json.loads(self.render(
                artifact, "--json", "--prompt-style", "llama2",
                text=json.dumps(case["messages"])))
            self.checks.expect(
                found == {"text": case["rendered"], "ids": case["ids"]},
                f"llama2: {found}, not {case['rendered']}")
            compared += 1
        self.checks.expect(compared >= 4, f"{compared} golden conversations")

    def tokenize(self, artifact, text, *options):
        return json.loads(self.programs.rt("tokenize", artifact, "--json",
                                           *options, text=text))["ids"]

    # ---- bad input ---------------------------------------------------------

    def compile_errors(self):
        for files, words in (
                ({"chat_template.jinja": "{% if x %}\n  {% oops %}\n"},
                 ["chat_template.jinja", "line 2, column"]),
                ({"chat_template.jinja": "{{ a | nofilter }}"},
                 ["chat_template.jinja", "line 1, column", "nofilter"]),
                ({"chat_template.jinja": "x",
                  "additional_chat_templates/rag.jinja": "{% for %}"},
                 ["additional_chat_templates/rag.jinja", "line 1, column"]),
                ({"tokenizer_config.json": {"chat_template": [
                    {"name": "default", "template": "fine"},
                    {"name": "tool_use", "template": "a\n{{"}]}},
                 ["tokenizer_config.json: chat_template[1]", "tool_use",
                  "line 2, column"]),
                ({"tokenizer_config.json": {"chat_template": ["x"]}},
                 ["tokenizer_config.json: chat_template[0].name"]),
                ({"special_tokens_map.json": {"bos_token": 7}},
                 ["special_tokens_map.json", "bos_token"])):
            folder = os.path.join(self.work, "model")
            make_folder(folder, self.golden,
                        {"model": TEMPLATED["model"], "files": files})
            output = os.path.join(self.work, "refused.swallow")
            self.fails([self.programs.compiler, "compile", folder, "-quiet",
                        "-o", output], *words, text=None)
            self.checks.expect(not os.path.exists(output), "a file was left")

    def runtime_errors(self):
        artifact = self.compile(TEMPLATED)
        for text, words in (
                ("", ["messages: JSON, byte 0"]),
                ("{}", ["messages: expected a list of objects"]),
                ("[]", ["messages: expected at least one message"]),
                ("[{}, 3]",
                 ["messages[1]: expected an object, found a number"]),
                ("[" * 1000, ["400 levels"]),
                ("[{}]\0", ["zero byte"]),
                ('[{"role": "robot", "content": "?"}]',
                 ["error: unknown role: robot\n"])):
            self.render_fails(artifact, [], *words, text=text)
        bad = self.write("bad.json", '[{"role": ')
        one = self.write("one.json", '[{"a": 1}, 1]')
        missing = os.path.join(self.work, "missing.json")
        syntax = self.write("syntax.jinja", "a\n{% nonsense %}")
        for options, words in (
                (["--messages", bad], [bad + ": messages: JSON, byte 10"]),
                (["--messages", missing], [missing]),
                (["--tools", one], [one + ": tools[1]: expected an object"]),
                (["--documents", bad], [bad + ": documents: JSON, byte"]),
                (["--template-vars", "{"], ["template variables: JSON, byte"]),
                (["--template-vars", '{"messages": 1}'], ["messages"]),
                (["--chat-template", "rag"], ['named "rag"', "default"]),
                (["--chat-template", syntax], [syntax, "line 2, column"]),
                (["--prompt-style", "chatml"], ["chatml", "alpaca-ja"]),
                (["--prompt-style", "llama2", "--chat-template", "default"],
                 ["choose one"]),
                (["--prompt-style", "llama2", "--date", "2024-01-01"],
                 ["a date"]),
                (["--date", "yesterday"], ["yesterday", "YYYY-MM-DD"]),
                (["--continue-field", "thoughts"],
                 ["messages[0].thoughts"])):
            self.render_fails(artifact, options, *words)
        self.render_fails(artifact, ["--prompt-style", "llama2"],
                          "messages[1].role", "assistant", text=json.dumps(
                              [{"role": "user", "content": "x"}] * 2))
        self.hostile(artifact)

    # Each ends by itself with an error; ctest's time limit is the bound.
    def hostile(self, artifact):
        loop = "{% for i in range(99999) %}"
        for name, text in (
                ("loops", loop * 4 + "x" + "{% endfor %}" * 4),
                ("recursion",
                 "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}"),
                ("memory", "{% set ns = namespace(t='x') %}" + loop +
                 "{% set ns.t = ns.t ~ ns.t %}{% endfor %}"),
                ("power", "{{ 'x' * 9 ** 18 }}"),
                ("nesting", "{{ " + "(" * 100000 + ")" * 100000 + " }}")):
            self.render_fails(artifact, ["--chat-template",
                                         self.write(name + ".jinja", text)])

    def run(self):
        for part in (self.folders, self.output, self.styles,
                     self.compile_errors, self.runtime_errors):
            part()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--golden", required=True, help="folder of the models")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        RenderTest(Programs(arguments.bin), arguments.golden, work).run()


if __name__ == "__main__":
    main()
