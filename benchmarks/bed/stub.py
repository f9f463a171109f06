"""A cloud that answers at once: as much of DDS as a drain asks for, in one thread of its own.

    python -m benchmarks.bed.stub INSTANCES

Listens on a free port of loopback, prints it, and serves until it is ended. Every project has the
same number of instances, with ids of its own. Below `/-/` it tells what came in, for whoever
measures: `stats`, `reset?latency=SECONDS`, `await?items=N` and `await?calls=N`.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

PAGE = 100
_PATIENCE = 120.0


def project_id(place: int = 0) -> str:
    return f"{place + 1:032x}"


def instance_id(project: str, number: int) -> str:
    return sha256(f"{project} {number}".encode()).hexdigest()[:32] + "in02"


def listed(identifier: str) -> dict[str, object]:
    return {
        "id": identifier,
        "name": f"dds-{identifier[:8]}",
        "status": "normal",
        "mode": "ReplicaSet",
        "datastore": {
            "type": "DDS-Community",
            "version": "4.4",
            "whole_version": "4.4.3.0",
            "patch_available": True,
        },
        "groups": [{"type": "replica", "nodes": [{"status": "normal"}, {"status": "normal"}]}],
        "actions": [],
        "tags": [],
    }


@dataclass
class Seen:
    """What came in since the last reset; instants are of the machine's monotonic clock."""

    calls: int = 0
    items: int = 0
    twice: int = 0
    first: float = 0.0
    first_upgrade: float = 0.0
    last: float = 0.0
    ids: set[str] = field(default_factory=set)
    jobs: dict[str, dict[str, str]] = field(default_factory=dict)


class Cloud:
    def __init__(self, instances: int) -> None:
        self.instances = instances
        self.latency = 0.0
        self.seen = Seen()
        self.waiting: list[tuple[str, int, asyncio.Future[None]]] = []
        self.pages: dict[tuple[str, int], bytes] = {}

    def upgrade(self, body: bytes) -> bytes:
        seen = self.seen
        if not seen.items:
            seen.first_upgrade = time.perf_counter()
        results = []
        now = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime())
        for identifier in json.loads(body)["instance_ids"]:
            seen.twice += identifier in seen.ids
            seen.ids.add(identifier)
            job = f"{seen.items:08x}-{identifier[:23]}"
            seen.items += 1
            seen.jobs[job] = {
                "id": job,
                "name": "UpgradeDatabaseVersion",
                "instance_id": identifier,
                "status": "Running",
                "created_at": now,
            }
            results.append({"instance_id": identifier, "job_id": job})
        return json.dumps({"upgrade_results": results}).encode()

    def answered(self) -> None:
        self.seen.last = time.perf_counter()
        self.tell()

    def read(self, path: str, query: dict[str, str]) -> bytes:
        parts = path.split("/")
        project, kind = parts[2], parts[3]
        offset = int(query.get("offset", "0"))
        if kind == "jobs" and "id" in query:
            job = self.seen.jobs.get(query["id"])
            if job is None:
                return b"{}"
            shown = {**job, "created": job["created_at"], "instance": {"id": job["instance_id"]}}
            return json.dumps({"job": shown}).encode()
        if kind == "jobs":
            jobs = list(self.seen.jobs.values())[offset : offset + PAGE]
            return json.dumps({"jobs": jobs}).encode()
        if "id" in query:
            return json.dumps({"instances": [listed(query["id"])], "total_count": 1}).encode()
        return self.page(project, offset)

    def page(self, project: str, offset: int) -> bytes:
        found = self.pages.get((project, offset))
        if found is None:
            numbers = range(offset, min(offset + PAGE, self.instances))
            ours = [listed(instance_id(project, number)) for number in numbers]
            document = {"instances": ours, "total_count": self.instances}
            found = self.pages[project, offset] = json.dumps(document).encode()
        return found

    async def control(self, name: str, query: dict[str, str]) -> bytes:
        if name == "reset":
            self.seen = Seen()
            self.latency = float(query.get("latency", "0"))
        elif name == "await":
            [(what, number)] = query.items()
            reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append((what, int(number), reached))
            self.tell()
            await asyncio.wait_for(reached, _PATIENCE)
        seen = self.seen
        names = ("calls", "items", "twice", "first", "first_upgrade", "last")
        shown = {name: getattr(seen, name) for name in names}
        return json.dumps(shown).encode()

    def tell(self) -> None:
        left = []
        for what, number, reached in self.waiting:
            if getattr(self.seen, what) < number:
                left.append((what, number, reached))
            elif not reached.done():
                reached.set_result(None)
        self.waiting = left


class Wire(asyncio.Protocol):
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.buffer = b""
        self.controls: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            size = _length(head)
            if len(self.buffer) < end + 4 + size:
                return
            body = self.buffer[end + 4 : end + 4 + size]
            self.buffer = self.buffer[end + 4 + size :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self.serve(method, target, body)

    def serve(self, method: str, target: str, body: bytes) -> None:
        split = urlsplit(target)
        query = dict(parse_qsl(split.query))
        if split.path.startswith("/-/"):
            control = asyncio.ensure_future(self.control(split.path[3:], query))
            self.controls.add(control)
            control.add_done_callback(self.controls.discard)
            return
        seen = self.cloud.seen
        seen.calls += 1
        if seen.calls == 1:
            seen.first = time.perf_counter()
            self.cloud.tell()
        status = b"202 Accepted" if method == "POST" else b"200 OK"
        answer = (
            self.cloud.upgrade(body) if method == "POST" else self.cloud.read(split.path, query)
        )
        loop = asyncio.get_running_loop()
        if self.cloud.latency:
            loop.call_later(self.cloud.latency, self.answer, status, answer)
        else:
            self.answer(status, answer)

    def answer(self, status: bytes, body: bytes) -> None:
        self.send(status, body)
        self.cloud.answered()

    async def control(self, name: str, query: dict[str, str]) -> None:
        self.send(b"200 OK", await self.cloud.control(name, query))

    def send(self, status: bytes, body: bytes) -> None:
        head = (
            b"HTTP/1.1 %b\r\nDate: %b\r\nContent-Type: application/json\r\n"
            b"X-Request-Id: 0\r\nContent-Length: %d\r\n\r\n"
        )
        self.transport.write(head % (status, formatdate(usegmt=True).encode(), len(body)) + body)


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    return 0 if at < 0 else int(lower[at + 17 :].split(b"\r\n", 1)[0])


async def main() -> None:
    cloud = Cloud(int(sys.argv[1]))
    server = await asyncio.get_running_loop().create_server(lambda: Wire(cloud), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
