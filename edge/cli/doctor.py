"""`edgeproof doctor`: what is missing or wrong on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def doctor(as_json: bool) -> int:
    """Look at everything that a camera service needs here.

    Each line says ok, warning or fault; beneath the last two is what mends it. Exits with 4 when
    there is a fault.
    """
    from edge.doctor.examine import examine

    worst = 0
    for check in examine():
        if check.state == "fault":
            worst = 4
        if as_json:
            click.echo(json.dumps(asdict(check)))
            continue
        click.echo(f"{check.state:<8} {check.name:<12} {check.found}")
        if check.remedy:
            click.echo(f"{'':<21} -> {check.remedy}")
    return worst
