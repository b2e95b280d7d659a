"""`edgeproof export` and `edgeproof gate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from export.pipeline import Outcome
    from train.runs import Run

_data = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder that holds the data set."
)
_policy = click.option(
    "--policy",
    "policy_path",
    type=click.Path(path_type=Path),
    help="Policy in TOML instead of the built-in one.",
)


@click.command()
@click.argument("run_name", metavar="RUN")
@click.option("--variants", default="all", show_default=True, help="Such as int8,float16.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: dist/NAME.")
@_data
@_policy
def export(
    run_name: str, variants: str, out: Path | None, data: Path | None, policy_path: Path | None
) -> None:
    """Quantise the model of RUN; write each variant that passes the accuracy gate.

    RUN is a folder, or a name under runs/ or models/. Exits with 3 when a variant fails.
    """
    from export.policy import load_policy
    from export.variants import parse_variants
    from train.runs import find_run

    chosen = parse_variants(variants)
    run = find_run(run_name)
    policy = load_policy(run.record.name, policy_path)
    from export.pipeline import Bench, export_run

    folder = out or Path("dist") / run.record.name
    outcome = export_run(Bench(run, data, policy), chosen, folder)
    _print(run, outcome)
    for path in outcome.written:
        click.echo(f"wrote {path}")
    click.echo(f"wrote {folder / 'report.json'}")
    _fail_unless_passed(outcome)


@click.command()
@click.argument("model_names", nargs=-1, required=True, metavar="MODEL...")
@click.option("--run", "run_name", help="Run that the models came from; default: by their name.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the findings as JSON.")
@_data
@_policy
def gate(
    model_names: tuple[str, ...],
    run_name: str | None,
    report: Path | None,
    data: Path | None,
    policy_path: Path | None,
) -> None:
    """Measure finished models again on the whole test split, on every runtime installed.

    MODEL is a .tflite that `edgeproof export` wrote, or a shipped name. All must come from one
    run. Exits with 3 when one fails; changes no model.
    """
    from edge.bundle import read_bundle
    from edge.zoo import find_model
    from export.policy import load_policy
    from export.report import write_report
    from train.runs import find_run

    bundles = [read_bundle(find_model(name)) for name in model_names]
    run = find_run(run_name or bundles[0].contract.name)
    policy = load_policy(run.record.name, policy_path)
    from export.pipeline import Bench, regate

    outcome = regate(Bench(run, data, policy), bundles)
    _print(run, outcome)
    if report:
        write_report(report, run.record, policy, outcome.verdicts, outcome.refused)
    _fail_unless_passed(outcome)


def _print(run: Run, outcome: Outcome) -> None:
    from export.report import table

    if outcome.verdicts:
        for line in table(run.record, outcome.verdicts):
            click.echo(line)
    for variant, reason in outcome.refused.items():
        click.echo(f"REFUSED {variant}: {reason}")


def _fail_unless_passed(outcome: Outcome) -> None:
    from edge.errors import GateFailed

    failed = [verdict.variant for verdict in outcome.verdicts if not verdict.passed]
    if failed or outcome.refused:
        names = ", ".join([*failed, *outcome.refused])
        raise GateFailed(f"the accuracy gate refuses {names}; the reasons stand above")
