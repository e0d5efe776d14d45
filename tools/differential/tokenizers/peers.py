"""The two sides of a comparison, each a process that answers JSON lines (see tokenizer-batch.cpp)."""

import json
import os
import select
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Gone(Exception):
    """The process crashed or did not answer in time."""


class Peer:
    def __init__(self, name, command, timeout=60):
        self.name, self.command, self.timeout = name, command, timeout
        self.process = None
        self.opened = None  # what to open again after a crash

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.rest = b""

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
        self.process = None

    def ask(self, **request):
        opens = "folder" in request or "tokenizer" in request
        if self.process is None:
            self.start()
            if not opens and self.opened:
                self.exchange(self.opened)
        if opens:
            self.opened = request
        return self.exchange(request)

    def exchange(self, request):
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            parts = [self.rest]
            while b"\n" not in parts[-1]:
                if not select.select([self.process.stdout], [], [], self.timeout)[0]:
                    raise Gone(f"{self.name}: no answer in {self.timeout} s")
                part = os.read(self.process.stdout.fileno(), 1 << 20)
                if not part:
                    raise Gone(f"{self.name}: ended with {self.process.wait()}")
                parts.append(part)
        except BrokenPipeError:
            code = self.process.wait()
            self.stop()
            raise Gone(f"{self.name}: ended with {code}") from None
        except Gone:
            self.stop()
            raise
        line, self.rest = b"".join(parts).split(b"\n", 1)
        return json.loads(line)


def swallow(program, timeout=60):
    return Peer("Swallow", [program], timeout)


def hugging_face(timeout=120):
    return Peer("Hugging Face", [sys.executable, os.path.join(HERE, "hf_batch.py")], timeout)
