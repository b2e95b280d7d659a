"""The camera's arguments as a service needs them: checked beforehand, with absolute paths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from edge.cameras.which import find_spec
from edge.errors import UsageError
from edge.store.place import find_state, is_name, state_file
from edge.zoo import shipped_models

UNSEEN = ("/tmp", "/var/tmp")
"""PrivateTmp gives the service empty ones of its own."""


@dataclass(frozen=True)
class ServiceArguments:
    """A camera's command line that means the same from any folder."""

    words: tuple[str, ...]
    read: tuple[Path, ...]
    """Files and folders that the service must be able to read; absolute."""
    written: tuple[Path, ...]
    """Folders that it writes to; absolute."""


def service_arguments(
    command: click.Command, words: Sequence[str], stores: Sequence[Path] = ()
) -> ServiceArguments:
    """Checks `words` as `command` would, and makes the paths among them absolute.

    A path is the value of an option whose type is click.Path, of --model where it is no shipped
    name and no installed one, and a SOURCE that is a file.

    stores: where the service looks for installed models.

    Raises:
        click.UsageError: the command would refuse them.
        UsageError: a path that is not there, or a path or model that the service would not see.
    """
    command.make_context("edgeproof camera", list(words))
    reader = _Reader(command, stores)
    return ServiceArguments(reader.absolute(words), tuple(reader.read), tuple(reader.written))


class _Reader:
    """Goes through a command line as click does, and keeps what it found."""

    def __init__(self, command: click.Command, stores: Sequence[Path]) -> None:
        self._stores = stores
        self._options = {
            name: parameter
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        self.read: list[Path] = []
        self.written: list[Path] = []

    def absolute(self, words: Sequence[str]) -> tuple[str, ...]:
        done: list[str] = []
        waiting = list(words)
        while waiting:
            word = waiting.pop(0)
            name, equals, value = word.partition("=")
            option = self._options.get(name)
            if word == "--":
                done += [word, *(self._source(rest) for rest in waiting)]
                break
            if not _is_option(word):
                done.append(self._source(word))
            elif option is None or option.is_flag:
                done.append(word)
            elif equals:
                done.append(f"{name}={self._value(option, value)}")
            elif waiting and not (_may_stand_alone(option) and _is_option(waiting[0])):
                done += [word, self._value(option, waiting.pop(0))]
            else:
                done.append(word)
        return tuple(done)

    def _value(self, option: click.Option, value: str) -> str:
        if option.name == "model":
            return value if self._is_known(value) else self._reads("--model", value)
        if not isinstance(option.type, click.Path):
            return value
        path = _visible(option.opts[0], value)
        (self.read if option.type.exists else self.written).append(path)
        return str(path)

    def _is_known(self, model: str) -> bool:
        """Whether it is a name to the service too."""
        files = [state_file(store, model) for store in self._stores] if is_name(model) else []
        if model in shipped_models() or any(file.exists() for file in files):
            return True
        if find_state(model) is not None:
            raise UsageError(
                f"--model: {model!r} is installed for you, and the service looks into "
                f"{' and '.join(map(str, self._stores))}: install it as the service's user, or root"
            )
        return False

    def _source(self, word: str) -> str:
        spec = find_spec(word)
        if spec.kind in ("film", "folder"):
            return self._reads("SOURCE", word)
        return os.path.abspath(word) if "/" in word and spec.kind == "v4l2" else word

    def _reads(self, what: str, word: str) -> str:
        path = _visible(what, word)
        if not path.exists():
            raise UsageError(f"{what}: expected a file or folder, there is no {path}")
        self.read.append(path)
        return str(path)


def _visible(what: str, word: str) -> Path:
    path = Path(os.path.abspath(word))  # a link stays one: what it leads to may be exchanged
    for folder in UNSEEN:
        if path.is_relative_to(folder) or path.resolve().is_relative_to(folder):
            raise UsageError(
                f"{what}: expected a path that the service sees, got {path}: systemd gives it a "
                f"{folder} of its own; put it elsewhere"
            )
    return path


def _is_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-")


def _may_stand_alone(option: click.Option) -> bool:
    """Whether its value may be left out, as in `--live`; click then looks at the next word."""
    return bool(getattr(option, "_flag_needs_value", False))
