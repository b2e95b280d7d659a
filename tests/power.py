"""A disk that keeps only what it must: every state that a power cut may leave of a run of calls.

Sure are a file's bytes after its fsync, and a folder's entries after the folder's. Of the rest any
part may be there: of a folder each change by itself, of a file nothing, a half, zeros, or all. No
real file system is that bad; one that is has nothing to teach `edgeproof install`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Tree = dict[str, "bytes | Tree"]
CALLS = "openat,creat,mkdir,write,pwrite64,ftruncate,fsync,fdatasync,/^rename,/^unlink,rmdir,/^link"
"""Those that change a disk, as strace(1) takes them."""
OPTIONS = ["-y", "-xx", "-s", "100000000", "-e", f"trace={CALLS}"]
"""With them strace tells all that is needed: whole strings, in hexadecimal, and files' names."""
STRING = re.compile(r'[<"]((?:\\x[0-9a-f]{2})*)[">]')


@dataclass(eq=False)
class File:
    data: bytes = b""
    sure: bytes = b""

    def states(self) -> Iterator[bytes]:
        if self.data == self.sure:
            yield self.data
            return
        half = self.data[: len(self.data) // 2]
        yield from dict.fromkeys((self.sure, self.data, half, bytes(len(self.data))))


@dataclass(eq=False)
class Folder:
    entries: dict[str, File | Folder] = field(default_factory=dict)
    sure: dict[str, File | Folder] = field(default_factory=dict)
    changes: list[dict[str, File | Folder | None]] = field(default_factory=list)
    """Since its last fsync; each with the names that are set, or taken away, in one."""

    def change(self, change: dict[str, File | Folder | None]) -> None:
        self.changes.append(change)
        self.entries = _changed(self.entries, change)

    def sync(self) -> None:
        self.sure, self.changes = dict(self.entries), []

    def states(self) -> Iterator[Tree]:
        for kept in itertools.product((False, True), repeat=len(self.changes)):
            entries = self.sure
            for change, is_kept in zip(self.changes, kept, strict=True):
                entries = _changed(entries, change) if is_kept else entries
            below: list[list[Any]] = [list(node.states()) for node in entries.values()]
            for found in itertools.product(*below):
                yield dict(zip(entries, found, strict=True))


class Disk:
    """What is below one folder, from which the calls of a process are followed."""

    def __init__(self, root: Path) -> None:
        """All that is there at the start is sure."""
        self._place, self.root = root, _read(root)

    def apply(self, name: str, arguments: str) -> None:
        """One call that succeeded, as strace told it with OPTIONS.

        Raises:
            ValueError: a call of a kind that is not followed.
        """
        found = [bytes.fromhex(one.replace("\\x", "")) for one in STRING.findall(arguments)]
        paths = [Path(one.decode()) for one in found if one.startswith(b"/") and len(one) < 4096]
        if not any(path.is_relative_to(self._place) for path in paths):
            return
        path = next(path for path in paths if path.is_relative_to(self._place))
        if name == "openat":
            if "O_CREAT" in arguments and path.name not in self._parent(path).entries:
                self._parent(path).change({path.name: File()})
        elif name == "mkdir":
            self._parent(path).change({path.name: Folder()})
        elif name == "write":
            self._file(path).data += found[1]
        elif name == "fsync":
            self._sync(path)
        elif name == "rename":
            self._rename(*paths)
        elif name in ("unlink", "rmdir"):
            self._parent(path).change({path.name: None})
        else:
            raise ValueError(f"{name} is not followed: {arguments[:200]}")

    def _sync(self, path: Path) -> None:
        node = self._find(path)
        if isinstance(node, Folder):
            node.sync()
        else:
            node.sure = node.data

    def _rename(self, path: Path, target: Path) -> None:
        if path.parent != target.parent:
            raise ValueError(f"a rename from folder to folder is not followed: {path}")
        self._parent(path).change({path.name: None, target.name: self._find(path)})

    def _find(self, path: Path) -> File | Folder:
        node: File | Folder = self.root
        for name in path.relative_to(self._place).parts:
            assert isinstance(node, Folder)
            node = node.entries[name]
        return node

    def _parent(self, path: Path) -> Folder:
        node = self._find(path.parent)
        assert isinstance(node, Folder)
        return node

    def _file(self, path: Path) -> File:
        node = self._find(path)
        assert isinstance(node, File)
        return node


def write_tree(tree: Tree, folder: Path) -> None:
    """Makes it real."""
    for name, node in tree.items():
        path = folder / name
        if isinstance(node, bytes):
            path.write_bytes(node)
        else:
            path.mkdir()
            write_tree(node, path)


def _read(path: Path) -> Folder:
    entries: dict[str, File | Folder] = {}
    for one in path.iterdir():
        data = b"" if one.is_dir() else one.read_bytes()
        entries[one.name] = _read(one) if one.is_dir() else File(data, data)
    return Folder(entries, dict(entries))


def _changed(
    entries: dict[str, File | Folder], change: dict[str, File | Folder | None]
) -> dict[str, File | Folder]:
    return {name: node for name, node in (entries | change).items() if node is not None}
