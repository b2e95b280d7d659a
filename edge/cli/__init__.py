"""The command line: one group, each command a file that parses, calls and prints."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import click

from edge.errors import EdgeproofError
from edge.startup import start_lean
from edge.streams import settle_streams
from edge.terminal import printable

COMMANDS = {
    "classify": "edge.cli.classify",
    "models": "edge.cli.models",
    "info": "edge.cli.info",
    "verify": "edge.cli.verify",
    "sign": "edge.cli.sign",
    "trust": "edge.cli.trust",
    "adopt": "edge.cli.adopt",
    "install": "edge.cli.install",
    "rollback": "edge.cli.rollback",
    "camera": "edge.cli.camera",
    "service": "edge.cli.service",
    "doctor": "edge.cli.doctor",
    "bench": "edge.cli.bench",
    "scan": "train.cli.scan",
    "train": "train.cli.train",
    "tune": "train.cli.tune",
    "plots": "train.cli.plots",
    "export": "export.cli",
    "gate": "export.cli",
    "gate-selftest": "export.cli",
}
"""Command -> the module that holds it, as a string: only the one that is asked for is imported."""

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""


class LazyGroup(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = COMMANDS[cmd_name]
        if module.startswith("edge."):
            start_lean()
        command = getattr(import_module(module), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edgeproof", prog_name="edgeproof")
def cli() -> None:
    """Train a classifier, quantise it, prove it did not get worse, run it on a Raspberry Pi."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits: 0 ok, 1 some inputs failed, 2 usage, 3 gate, 4 environment."""
    settle_streams()
    code = run(sys.argv[1:] if arguments is None else arguments)
    with suppress(OSError):  # behind an error; it was told
        sys.stdout.flush()
    gc.freeze()  # at its end Python looks through all objects for garbage, for nothing
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Runs a command; every error on purpose becomes one line on stderr and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file name may be no UTF-8
            stream.reconfigure(errors="backslashreplace")
    if any("\0" in word for word in arguments):  # no shell can give one; a program can
        return _fail("expected words without NUL characters, got one with", 2)
    try:
        code = cli.main(list(arguments), prog_name="edgeproof", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except click.UsageError as error:
        help_path = error.ctx.command_path if error.ctx else "edgeproof"
        return _fail(f"{error.format_message()} See: {help_path} --help", 2)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except EdgeproofError as error:
        return _fail(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package in ("edge", "train", "export"):
            raise  # a broken installation of our own is a bug, not a missing extra
        extra = "pip install 'edgeproof[train]'"
        return _fail(f"this command needs the Python package {package!r}: {extra}", 4)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return 1  # the reader has gone, as in `edgeproof classify ... | head`; click says 1 too
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}", 4)
    except (KeyboardInterrupt, click.Abort) as error:
        if isinstance(error.__cause__, EOFError):
            # Python 3.11 keeps half a compiled module where there was no room for all of it.
            folder = Path(__file__).parents[2]
            remedy = f"python -m compileall -qf {folder}"
            return _fail(f"a compiled module is cut short, as a full disk leaves it: {remedy}", 4)
        return _fail("interrupted", INTERRUPTED)


def _fail(message: str, code: int) -> int:
    print(f"edgeproof: error: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code
