"""The bus as a subscriber sees it: SUB sockets with CURVE, and what their messages hold (docs/protocol.md §1, §2, §5)."""

import struct
import time

import zmq
from zmq.utils import monitor

SLICE = struct.Struct("<BBHIQQQ32s")   # version, flags, reserved, length, spool, position, time, MAC
RECORD = struct.Struct("<BBHIQI")      # stream, flags, reserved, length, time, CRC
STREAMS = {1: "stdout", 2: "stderr", 3: "terminal"}


class Bus:
    """One SUB socket per broker. A message that several brokers bring comes several times: positions tell."""

    # A key that a broker refuses is given up by libzmq for good, so the socket is made anew after a while.
    REFUSED_SECONDS = 10

    def __init__(self, brokers, public, secret, topics, say):
        """`brokers` are pairs of endpoint and public key; keys are 32 bytes; topics end in /."""
        self.keys, self.topics, self.say = (public, secret), topics, say
        self.context = zmq.Context()
        self.poller = zmq.Poller()
        self.lines = [Line(self, endpoint, key) for endpoint, key in brokers]
        # Set when a connection has come about: what was published before it was not heard.
        self.is_new = False

    def messages(self, seconds):
        """What comes within so long, as lists of frames; returns at once when there is something."""
        now = time.monotonic()
        for line in self.lines:
            if line.again is not None and now >= line.again:
                line.open()
        ready = dict(self.poller.poll(seconds * 1000))
        for line in self.lines:
            if line.monitor in ready:
                line.look()
            if line.socket in ready:
                for _ in range(256):
                    try:
                        yield line.socket.recv_multipart(zmq.NOBLOCK)
                    except zmq.Again:
                        break

    def close(self):
        for line in self.lines:
            line.close()
        self.context.destroy(linger=0)


class Line:
    """The socket to one broker, and what becomes of it."""

    def __init__(self, bus, endpoint, key):
        self.bus, self.endpoint, self.key = bus, endpoint, key
        self.socket = self.monitor = self.again = None
        self.open()

    def open(self):
        self.close()
        self.again = None
        self.socket = socket = self.bus.context.socket(zmq.SUB)
        socket.linger = 0
        socket.curve_serverkey = self.key
        socket.curve_publickey, socket.curve_secretkey = self.bus.keys
        # A broker that has gone without a word is noticed within 6 s.
        socket.heartbeat_ivl, socket.heartbeat_timeout = 2000, 6000
        socket.reconnect_ivl, socket.reconnect_ivl_max = 100, 2000
        socket.maxmsgsize = 2 << 20
        self.monitor = socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_DISCONNECTED)
        for topic in self.bus.topics:
            socket.subscribe(topic)
        socket.connect(self.endpoint)
        self.bus.poller.register(socket, zmq.POLLIN)
        self.bus.poller.register(self.monitor, zmq.POLLIN)

    def look(self):
        event = monitor.recv_monitor_message(self.monitor)["event"]
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.bus.is_new = True
            self.bus.say(f"listening at {self.endpoint}")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self.bus.say(f"{self.endpoint} refuses this key: is its grant over? `estiba subscribe-key` renews it")
            self.again = time.monotonic() + Bus.REFUSED_SECONDS
        else:
            self.bus.say(f"{self.endpoint} is gone; coming back by itself")

    def close(self):
        if self.socket is None:
            return
        self.bus.poller.unregister(self.socket)
        self.bus.poller.unregister(self.monitor)
        self.socket.disable_monitor()
        self.monitor.close(linger=0)
        self.socket.close()
        self.socket = None


class Slice:
    """A message of `output/`: a range of a run's spool. Its MAC is for the gateway, which has the key; a subscriber
    trusts the broker, which lets only the node itself publish under its name."""

    def __init__(self, frames):
        topic, header, self.records = frames
        parts = topic.decode().split("/")
        if len(parts) != 5 or parts[0] != "output":
            raise ValueError("not a topic of output")
        self.execution, self.node = parts[2], parts[3]
        version, _, _, length, self.spool, self.position, _, _ = SLICE.unpack(header)
        if version != 1 or length != len(self.records):
            raise ValueError("not a slice of version 1")
        self.end = self.position + length


def records(data, position):
    """The whole records in `data`, which begins at `position`: (position, next, stream, time in ns, bytes)."""
    offset = 0
    while offset + RECORD.size <= len(data):
        stream, _, _, length, when, _ = RECORD.unpack_from(data, offset)
        end = offset + RECORD.size + length
        if end > len(data):
            raise ValueError("a record that is cut")
        yield position + offset, position + end, stream, when, data[offset + RECORD.size:end]
        offset = end
    if offset != len(data):
        raise ValueError("a record that is cut")


def read_key(path):
    """The halves of a key file, 32 bytes each."""
    halves = dict(line.split() for line in open(path) if line.strip() and not line.startswith("#"))
    return bytes.fromhex(halves["public"]), bytes.fromhex(halves["secret"])
