"""`edgeproof bench`: how fast it is on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--quick", is_flag=True, help="About 10 s on a PC instead of 45; less sure.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Try 1 to N threads.  [default: as many as cores]",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="For folders, as `classify --jobs`.  [default: its own]",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the result there, too, as JSON.",
)
@click.option(
    "--compare",
    "compare_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Compare with what --output wrote on this machine.",
)
def bench(
    models: tuple[str, ...],
    quick: bool,
    threads: int | None,
    jobs: int | None,
    format_name: str,
    output: Path | None,
    compare_path: Path | None,
) -> int:
    """Measure how fast MODEL is on this machine.

    MODEL is a shipped name, a .tflite, or a folder of them, such as all variants of an export;
    several are measured in turn, and whole processes with the first. Without MODEL: digits.
    Pictures are drawn, so nothing else is needed.

    With --compare, exits with 2 before anything is measured when FILE is of another machine; with
    1 when models in a folder could not be measured.
    """
    from edge.bench.compare import check_machine, compare
    from edge.bench.document import read_document, to_json
    from edge.bench.machine import read_machine, read_software
    from edge.bench.models import find_models
    from edge.bench.report import report_lines
    from edge.bench.run import Wanted, measure
    from edge.files import make_writable, write_atomic

    before = read_document(compare_path) if compare_path else None
    machine, software = read_machine(), read_software()
    if before and compare_path:
        check_machine(before.machine, machine, compare_path)
    most = _most_threads(threads, machine.cores)
    if output:
        make_writable(output.absolute().parent, "--output")
    found, optional = find_models(models or ("digits",))
    wanted = Wanted(found, optional, most, jobs, quick)
    with _Line() as line:
        document = measure(wanted, machine, software, line.say)
    comparison = compare(before, document) if before else None
    text = to_json(document, comparison)
    if output:
        write_atomic(output, text.encode())
    if format_name == "json":
        click.echo(text, nl=False)
    else:
        for told in report_lines(document, comparison):
            click.echo(told)
    return 1 if document.failures else 0


def _most_threads(threads: int | None, cores: int) -> int:
    if threads is not None and threads > cores:
        raise click.UsageError(
            f"--threads: expected 1 to {cores}, the cores that may be used here, got {threads}: "
            "more threads than cores wait for each other, many times slower."
        )
    return threads or cores


class _Line:
    """What is being measured, on stderr: one line that is rewritten, or a line each."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        from edge.terminal import ERASE

        sys.stderr.write(f"{ERASE}{text}" if self._is_terminal else f"edgeproof: {text}\n")
        sys.stderr.flush()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal:
            from edge.terminal import ERASE

            sys.stderr.write(ERASE)
            sys.stderr.flush()
