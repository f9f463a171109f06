"""A disk that loses its power: of what was written, only what was synced is sure to be there.

What a process writes is read off its system calls (strace). From these every disk can be made that
a cut may leave behind: all that was synced, and of the rest whatever the kernel happened to write
out first, in whatever order, the last of it perhaps by half.
"""

import random
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SECTOR: Final = 512
_GUESSES: Final = 12
"""Of which writes came first, for each moment."""
_CALL: Final = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (\d+)")
_OF_FILE: Final = re.compile(r"\d+<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call on a file of the folder.

    Attributes:
        name: of the call.
        file: the file's name; empty for the folder itself.
        place: where in the file it writes, or the length to which it cuts the file.
        content: what it writes.
    """

    name: str
    file: str
    place: int = 0
    content: bytes = b""


def calls_of(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> list[Call]:
    """Run a program and listen to what it writes into the folder."""
    trace = folder.parent / "trace"
    strace = ["strace", "-f", "-y", "-xx", "-s", str(2**20), "-o", str(trace)]
    strace += ["-e", "trace=openat,pwrite64,fdatasync,fsync,ftruncate"]
    subprocess.run([*strace, *command], check=True, env=environ)
    lines = (_call(line, str(folder)) for line in trace.read_text().splitlines())
    return [one for one in lines if one is not None]


def _call(line: str, folder: str) -> Call | None:
    found = _CALL.match(line)
    if found is None:
        return None
    name, words, result = found.groups()
    texts = [bytes.fromhex(text.replace("\\x", "")) for text in re.findall(r'"([^"]*)"', words)]
    if name == "openat":
        path = texts[0].decode()
    else:
        of_file = _OF_FILE.match(words)
        assert of_file is not None, line
        path = bytes.fromhex(of_file[1].replace("\\x", "")).decode()
    if not f"{path}/".startswith(f"{folder}/"):
        return None
    file = path.removeprefix(folder).lstrip("/")
    if name == "openat":
        return Call("create", file) if "O_CREAT" in words else None
    if name == "pwrite64":
        assert len(texts[0]) == int(result), line
        return Call("write", file, int(words.rsplit(",", 1)[1]), texts[0])
    if name == "ftruncate":
        return Call("cut", file, int(words.rsplit(",", 1)[1]))
    return Call("sync", file)


@dataclass
class Disk:
    """A folder of files, as it is and as it would be after a cut.

    Attributes:
        sure: what is in files, by name, as far as they are synced.
        named: files whose names are there for sure.
        pending: what was done since, in order.
    """

    sure: dict[str, bytes]
    named: set[str]
    pending: list[Call] = field(default_factory=list)

    def take(self, call: Call) -> None:
        """One more call."""
        if call.name != "sync":
            self.pending.append(call)
            return
        for one in self.pending:
            if _settles(call, one):
                _apply(self.sure, self.named, one)
        self.pending = [one for one in self.pending if not _settles(call, one)]

    def now(self) -> dict[str, bytes]:
        """The files as a program sees them."""
        return self._with(self.pending)

    def after_a_cut(self, chance: random.Random) -> Iterator[dict[str, bytes]]:
        """Disks that a cut at this moment may leave behind."""
        yield self._with([])
        yield self._with(self.pending)
        for one in self.pending:
            yield self._with([one])
        for _ in range(_GUESSES if len(self.pending) > 1 else 0):
            some = [one for one in self.pending if chance.random() < 0.5]
            yield self._with(some)
            if some and len(some[-1].content) > SECTOR:
                half = some[-1].content[: len(some[-1].content) // 2 // SECTOR * SECTOR]
                yield self._with([*some[:-1], Call("write", some[-1].file, some[-1].place, half)])

    def _with(self, calls: Sequence[Call]) -> dict[str, bytes]:
        files, named = dict(self.sure), set(self.named)
        for one in calls:
            _apply(files, named, one)
        return {name: files.get(name, b"") for name in named}


def _settles(sync: Call, call: Call) -> bool:
    """A file's sync settles what is in it; a folder's, which files there are."""
    return sync.file == ("" if call.name == "create" else call.file)


def _apply(files: dict[str, bytes], named: set[str], call: Call) -> None:
    before = files.get(call.file, b"")
    kept = before[: call.place].ljust(call.place, b"\0")
    if call.name == "create":
        named.add(call.file)
    elif call.name == "cut":
        files[call.file] = kept
    else:
        files[call.file] = kept + call.content + before[call.place + len(call.content) :]
