#!/usr/bin/env python3
"""Prints your runs' output and states as they come, and resumes where it stopped.

    estiba subscribe-key --json > access.json
    subscriber.py access.json
    subscriber.py access.json --positions ~/.estiba-positions.json
    subscriber.py access.json --execution EXECUTION        # only this one, and ends with it

A line of output is `node1: line`, one of stderr `node1! line`, a state `node1 -- exited 0 (EXECUTION)`. What the bus drops is
read from the gateway (with ESTIBA_TOKEN, or the token of `estiba login`), so nothing is missing, doubled or out of order; with
--positions also over the program's own end. Needs pyzmq and protobuf, nothing else."""

import argparse
import base64
import json
import os
import signal
import sys
import time

import api
import bus
import follower

PARTIAL_BYTES = 64 << 10   # a longer line is printed in pieces


class Printer:
    """Lines on stdout, each whole; what has no line's end yet waits."""

    MARKS = {"stdout": b": ", "terminal": b": ", "stderr": b"! "}

    def __init__(self, states, partial=None):
        self.states = states
        self.partial = {
            tuple(key.split("/")): base64.b64decode(text) for key, text in (partial or {}).items()}
        self.is_terminal = sys.stdout.isatty()

    def saved(self):
        return {"/".join(key): base64.b64encode(text).decode() for key, text in self.partial.items()}

    def output(self, execution, node, stream, position, when, content):
        key = (execution, node, stream)
        *lines, rest = (self.partial.pop(key, b"") + content).split(b"\n")
        while len(rest) > PARTIAL_BYTES:
            lines.append(rest[:PARTIAL_BYTES])
            rest = rest[PARTIAL_BYTES:]
        for line in lines:
            self.line(node.encode() + self.MARKS[stream] + line)
        if rest:
            self.partial[key] = rest

    def lost(self, execution, node, begin, end):
        self.finish(execution, node)
        self.line(f"{node} -- {end - begin} bytes are lost ({execution})".encode())

    def state(self, execution, node, view):
        if view["terminal"]:
            self.finish(execution, node)
        if self.states:
            words = view["state"]
            words += f" {view['code']}" if view["state"] == "exited" else ""
            words += f" {view['signal']}" if view.get("signal") else ""
            words += f": {view['reason']['sentence']}" if view.get("reason") else ""
            self.line(f"{node} -- {words} ({execution})".encode())

    def finish(self, execution, node):
        for key in [key for key in self.partial if key[:2] == (execution, node)]:
            self.line(node.encode() + self.MARKS[key[2]] + self.partial.pop(key))

    def line(self, text):
        sys.stdout.buffer.write((tame(text) if self.is_terminal else text) + b"\n")


def tame(text):
    """Output is anybody's text: on a terminal nothing of it may be obeyed."""
    return "".join(
        letter if letter.isprintable() or letter == "\t" else f"\\x{ord(letter):02x}"
        for letter in text.decode(errors="replace")).encode()


def say(text):
    print(f"subscriber: {text}", file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_access(parser)
    parser.add_argument("--positions", metavar="FILE", help="remember here what was printed, and go on from it")
    parser.add_argument("--execution", metavar="ID", help="only this execution, from its beginning to its end")
    parser.add_argument("--no-states", dest="states", action="store_false", help="output only")
    return parser.parse_args()


def add_access(parser):
    """What both examples take: who they are on the bus, and where the bus and the gateway are."""
    parser.add_argument("access", nargs="?", help="what `estiba subscribe-key --json` printed")
    parser.add_argument(
        "--broker", action="append", default=[], metavar="'tcp://HOST:PORT PUBLICKEY'",
        help="instead of the access file, for a service of the registry: its subscribers' port (7403) and its key")
    parser.add_argument("--key", metavar="FILE", help="key file (made by `estiba keys new`)")
    parser.add_argument("--topic", action="append", default=[], metavar="PREFIX/", help="as granted in the registry")
    parser.add_argument("--gateway", metavar="URL", help="where missing output is asked for; none: it is told as lost")
    parser.add_argument("--certificate", metavar="PEM", help="of a gateway with a certificate of its own")


def connect(options, only=None):
    """The bus and the gateway, None where there is no login for one; `only` the topics that begin so."""
    access = json.load(open(options.access)) if options.access else {}
    brokers = [(one["endpoint"], one["publicKey"]) for one in access.get("brokers", [])]
    brokers += [tuple(one.split()) for one in options.broker]
    key = options.key or access.get("keyFile")
    topics = [topic for topic in options.topic or access.get("topics", []) if topic.startswith(only or "")]
    if not brokers or not key or not topics:
        raise SystemExit("an access file, or --broker, --key and --topic: see --help")
    public, secret = bus.read_key(key)
    url = options.gateway or access.get("gateway")
    gateway = api.Gateway(url, options.certificate) if url else None
    if gateway and gateway.token is None:
        say("no login for the gateway, so what the bus drops is lost: `estiba login`, or set ESTIBA_TOKEN")
        gateway = None
    return bus.Bus([(endpoint, bytes.fromhex(key)) for endpoint, key in brokers], public, secret, topics, say), gateway


class Stop:
    """SIGTERM and Ctrl-C end the loop, which then saves what it has."""

    def __init__(self):
        self.is_asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.ask)

    def ask(self, *_):
        self.is_asked = True


def main():
    options = arguments()
    saved = (options.positions and follower.load(options.positions)) or {}
    printer = Printer(options.states, saved.get("partial"))
    lines, gateway = connect(options)
    reader = follower.Follower(printer, gateway, say, saved.get("positions"), options.execution)
    stop, written = Stop(), time.monotonic()
    last = None

    def save():
        nonlocal last, written
        sys.stdout.flush()
        written = time.monotonic()
        if options.positions and (now := {"positions": reader.saved(), "partial": printer.saved()}) != last:
            follower.store(options.positions, now)
            last = now

    try:
        while not stop.is_asked:
            for frames in lines.messages(0.2):
                reader.receive(frames)
            if lines.is_new:
                # What was said before this connection was not heard.
                lines.is_new, reader.sweep_at = False, 0
            if not reader.work():
                break
            sys.stdout.flush()
            if time.monotonic() - written > 1:
                save()
        save()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    lines.close()


if __name__ == "__main__":
    main()
