"""What `install` and `rollback` say when they are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.store.check import Checked

SHOWN = 12
"""Digits of a seal, for people."""


def say(what: str, text: str) -> None:
    """One line of the result."""
    click.echo(f"{what:9}  {text}")


def err(line: str) -> None:
    """One line of what went on."""
    click.echo(f"edgeproof: {line}", err=True)


def services(name: str) -> dict[str, str]:
    """Each camera service of this machine, and what becomes of the change in it."""
    from edge.service.reach import describe, find_services
    from edge.store.place import store_folder

    return {one.name: describe(one, name, store_folder()) for one in find_services()}


def say_checked(checked: Checked) -> None:
    """That it computes rightly here, and whether a gate proved it."""
    from edge.interpreter import with_kernels

    test = checked.test
    say(
        "self-test",
        f"{test.identical} of {test.frames} golden frames identical, the others within the "
        f"tolerance, on {with_kernels(test.runtime, test.kernels)}"
        if test.identical < test.frames
        else f"{test.frames} golden frames identical on {with_kernels(test.runtime, test.kernels)}",
    )
    if checked.bundle.proof_json is None:
        say("proof", "none: UNPROVEN, no gate has compared it with what it was made from")


def say_reached(name: str, reached: dict[str, str]) -> None:
    """Who takes the change, and who does not."""
    say("cameras", f"those with --model {name} take it within 2 seconds, between two frames")
    for service, what in reached.items():
        say("service", f"{service}: {what}")
