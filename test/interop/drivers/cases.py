"""How a driver in Python tells what it found: see ../README.md for the lines. Standard library only."""

import asyncio
import os
import time
import traceback

BOOTSTRAP = os.environ["INTEROP_BOOTSTRAP"]
PREFIX = os.environ["INTEROP_PREFIX"]


class Lacks(Exception):
    """The client has no such thing; the message says what."""


def case(name):
    """Decorates a function (or coroutine function) without parameters: runs it at once and says how it ended."""

    def run(body):
        print(f"begin {name}", flush=True)
        try:
            result = body()
            if asyncio.iscoroutine(result):
                asyncio.run(asyncio.wait_for(result, 45))
            print(f"ok {name}", flush=True)
        except Lacks as lacks:
            print(f"lacks {name} {lacks}", flush=True)
        except Exception as error:
            traceback.print_exc()
            text = " ".join(str(error).split())[:300]
            print(f"fail {name} {type(error).__name__}: {text}", flush=True)

    return run


def topic_name(name):
    return f"{PREFIX}-{name}"


def needs(what, name):
    """Says that the client lacks a method, where it does."""
    if not hasattr(what, name):
        raise Lacks(f"no {name}")


def equal(found, wanted, what="found"):
    if found != wanted:
        raise AssertionError(f"{what}: {str(found)[:150]} instead of {str(wanted)[:150]}")


def until(read, done, what, pause=0.05, seconds=30):
    """Calls `read` until `done(its result)`, and returns that result. A `read` that waits itself needs no pause."""
    deadline = time.monotonic() + seconds
    while True:
        value = read()
        if done(value):
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: still {str(value)[:200]} after {seconds} s")
        time.sleep(pause)
