"""A link between a peer and a broker that can be made bad: delays, loses, is cut, or is half open."""

import asyncio
import random
import threading

DELAY_SECONDS = 0.1
# The largest part of a queue that waits for its time; a peer that sends more waits.
QUEUE = 256
SILENCE_SECONDS = 15


class Network:
    """The thread on which all links of an installation live. `close()` ends every connection."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def link(self, name, seed, listen, target, ports):
        """Takes connections at `listen` on each of the ports and hands them on to `target`."""
        link = Link(name, random.Random(f"link {seed} {name}"), target, self.loop)
        self.call(link.open(listen, ports))
        return link

    def close(self):
        async def end():
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Link:
    """How it is: `pass`, `delay` (100 ms), `lossy` (of 20 pieces one stalls or cuts its connection), `half-open` (nothing is
    handed on and nothing closed; such a connection stays so). `cut` closes all connections and goes on as `pass`."""

    def __init__(self, name, dice, target, loop):
        self.name, self.dice, self.target, self.loop = name, dice, target, loop
        self.mode = "pass"
        self.connections = set()
        self.servers = []

    async def open(self, address, ports):
        for port in ports:
            self.servers.append(await asyncio.start_server(
                lambda reader, writer, port=port: self.carry(reader, writer, port), address, port))

    def become(self, mode):
        self.loop.call_soon_threadsafe(self.change, mode)

    def change(self, mode):
        if mode == "cut":
            for connection in list(self.connections):
                connection.close()
            mode = "pass"
        if mode == "half-open":
            for connection in self.connections:
                connection.is_dead = True
        self.mode = mode

    async def carry(self, reader, writer, port):
        connection = Connection(self, writer)
        connection.is_dead = self.mode == "half-open"
        self.connections.add(connection)
        try:
            there, back = await asyncio.open_connection(self.target, port)
            connection.writers.append(back)
            await asyncio.gather(connection.move(reader, back), connection.move(there, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            connection.close()
            self.connections.discard(connection)


class Connection:
    def __init__(self, link, writer):
        self.link, self.writers, self.is_dead = link, [writer], False

    def close(self):
        for writer in self.writers:
            writer.transport.abort()

    async def move(self, reader, writer):
        queue = asyncio.Queue(QUEUE)
        sender = asyncio.create_task(self.send(queue, writer))
        try:
            while data := await reader.read(65536):
                if self.is_dead:
                    continue
                due = self.link.loop.time() + (DELAY_SECONDS if self.link.mode == "delay" else 0)
                if self.link.mode == "lossy" and self.link.dice.random() < 0.05:
                    if self.link.dice.random() < 0.5:
                        break
                    due += self.link.dice.uniform(0.5, 3)
                await queue.put((due, data))
        finally:
            if self.is_dead:
                sender.cancel()
                # The other end learns nothing of it, as behind a router that has lost its power.
                await asyncio.sleep(SILENCE_SECONDS)
            else:
                await queue.put((0, b""))
            await asyncio.gather(sender, return_exceptions=True)
            self.close()

    async def send(self, queue, writer):
        while True:
            due, data = await queue.get()
            if not data:
                return
            wait = due - self.link.loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            if not self.is_dead:
                writer.write(data)
                await writer.drain()
