"""What Hugging Face's transformers makes of a template: the reference that Swallow's engine is compared with."""

import signal
from contextlib import contextmanager
from datetime import datetime

import jinja2
from transformers.utils import chat_template_utils

# What strftime_now() reads in every comparison: a Sunday with small numbers in it, so that padding shows.
NOW = datetime(2025, 2, 9, 7, 5, 3, 40506)
# The same for the engine: seconds since 1970 as if the zone were UTC, and microseconds.
NOW_SECONDS = int((NOW - datetime(1970, 1, 1)).total_seconds())


class FixedDatetime(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(NOW.year, NOW.month, NOW.day, NOW.hour, NOW.minute, NOW.second, NOW.microsecond, tzinfo=tz)


chat_template_utils.datetime = FixedDatetime


class TimedOut(BaseException):
    """Not an Exception: nothing between the alarm and time_limit() may swallow it."""


class TooLarge(Exception):
    pass


@contextmanager
def time_limit(seconds):
    """Raises TimedOut in the body when it has used the processor for `seconds`."""

    def expire(signum, frame):
        raise TimedOut

    previous = signal.signal(signal.SIGVTALRM, expire)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


def compile_template(source):
    """A compiled template in transformers' own environment; raises jinja2's errors."""
    compiled = chat_template_utils._cached_compile_jinja_template(source)
    report_bytes(compiled.environment)
    return compiled


def report_bytes(environment):
    """Lets {% generation %} blocks be reported in bytes of UTF-8, as Swallow does, and not in code points."""
    tracker = next(extension for extension in environment.extensions.values() if "generation" in extension.tags)
    original = tracker._generation_support

    @jinja2.pass_eval_context
    def support(context, caller):
        text = original(context, caller)
        if tracker.is_active():
            blocks, indices = tracker._tracking.get()
            begin, _ = indices[-1]
            begin = len("".join(blocks)[:begin].encode())
            indices[-1] = (begin, begin + len(text.encode()))
        return text

    tracker._generation_support = support


def describe_error(error):
    """{"error": kind, "message": ...}: the kind is "raise_exception" where the template raised it by itself."""
    kind = type(error).__name__
    # raise_exception() is the only one that raises the base class of jinja2's errors.
    if type(error) is jinja2.TemplateError:
        kind = "raise_exception"
    result = {"error": kind, "message": str(error)}
    if isinstance(error, jinja2.TemplateSyntaxError):
        result["line"] = error.lineno
    return result


def render(compiled, variables, limit=None):
    """{"text": ...}, with "generation" (byte ranges) where there is a {% generation %} block, or describe_error()."""
    blocks, places = [], []
    size = 0
    try:
        with compiled.environment.activate_tracker(blocks, places):
            for block in compiled.generate(**variables):
                blocks.append(block)
                size += len(block)
                if limit is not None and size > limit:
                    raise TooLarge
            text = "".join(blocks)
    except TooLarge:
        raise
    except Exception as error:
        return describe_error(error)
    result = {"text": text}
    if places:
        result["generation"] = [list(place) for place in places]
    return result


def evaluate(source, variables):
    """compile_template() and render() in one."""
    try:
        compiled = compile_template(source)
    except Exception as error:  # jinja2's own, and Python's SyntaxError or RecursionError for what jinja2 made of it
        return describe_error(error)
    return render(compiled, variables)
