"""A crowd before the live page: a tenth reads slowly, some ask again and again, the others wait.

    python -m tests.readers PORT CONNECTIONS

Says `ready` when all are connected; at the end of stdin, what they were answered as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

SLOW_SHARE, ASKING_SHARE = 0.1, 0.2
PATHS = ("/", "/state.json", "/frame.jpg", "/metrics", "/healthz", "/app.js")


class Reader:
    """What all readers were answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.statuses: dict[str, int] = {}
        self.refusals_s: list[float] = []

    async def ask(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
        """Sends a request, and reads the answer's head."""
        began_s = time.monotonic()
        # A small buffer here: what a slow reader does not take has to wait at the server.
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=4096)
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        status = (await reader.readline()).split()[1].decode()
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == "503":
            self.refusals_s.append(time.monotonic() - began_s)
        return reader, writer, status

    async def stay(self, path: str, pause_s: float, size: int) -> None:
        """Holds a connection and reads so much at a time; one that was refused comes again."""
        while True:
            reader, writer, status = await self.ask(path)
            try:
                while await reader.read(size):
                    await asyncio.sleep(pause_s)
            finally:
                writer.close()
            await asyncio.sleep(2 if status == "503" else 0.5)

    async def come_again(self, number: int) -> None:
        """Asks for one thing after the other, once a second."""
        while True:
            reader, writer, _ = await self.ask(PATHS[number % len(PATHS)])
            await reader.read()
            writer.close()
            number += 1
            await asyncio.sleep(1)


async def forever(start: object, *arguments: object) -> None:
    """Runs a reader again when its connection breaks."""
    while True:
        try:
            await start(*arguments)  # type: ignore[operator]
        except (OSError, IndexError):
            await asyncio.sleep(0.5)


async def main(port: int, connections: int) -> None:
    readers = Reader(port)
    slow, asking = round(SLOW_SHARE * connections), round(ASKING_SHARE * connections)
    for number in range(connections):
        if number < slow:
            path = "/stream.mjpg" if number % 2 else "/events"
            work = forever(readers.stay, path, 1.0, 10)
        elif number < slow + asking:
            work = forever(readers.come_again, number)
        else:
            path = "/stream.mjpg" if number % 4 == 0 else "/events"
            work = forever(readers.stay, path, 0.0, 65536)
        task = asyncio.get_running_loop().create_task(work)
        TASKS.add(task)
    await asyncio.sleep(1)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps({"statuses": readers.statuses, "refusals_s": readers.refusals_s}), flush=True)
    os._exit(0)


TASKS: set[asyncio.Task[None]] = set()

if __name__ == "__main__":
    os.nice(19)
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
