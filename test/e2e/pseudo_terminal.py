"""Programs at a pseudo terminal, for the end-to-end tests."""

import os
import pty
import re
import select
import signal

# Long enough for any machine; nothing waits for it but a failure.
PATIENCE = 120


class Terminal:
    """A program at a pseudo terminal."""

    def __init__(self, command, environment):
        self.screen = ""
        self.bytes = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, environment)

    def wait_for(self, text, what=None):
        """Until the output has `text`; returns what came up to it."""
        while text not in self.screen:
            ready, _, _ = select.select([self.terminal], [], [], PATIENCE)
            if not ready or not self.read():
                raise AssertionError(f"no {what or text!r} in {self.screen!r}")
        end = self.screen.index(text) + len(text)
        seen, self.screen = self.screen[:end], self.screen[end:]
        return seen

    def read(self):
        try:
            self.bytes += os.read(self.terminal, 4096)
        except OSError:  # the program has ended
            return False
        # A character may not be whole yet.
        text = self.bytes.decode("utf-8", "ignore")
        self.bytes = self.bytes[len(text.encode()):]
        self.screen += re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", text)
        return True

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def end(self):
        """Waits for the end of the program; returns its exit code."""
        ready = True
        while ready:
            ready, _, _ = select.select([self.terminal], [], [], PATIENCE)
            if ready and not self.read():
                break
        if not ready:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)
