"""`edgeproof export`, `edgeproof gate` and `edgeproof gate-selftest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from edge.bundle import Bundle
    from export.bench import Bench
    from export.pipeline import Outcome
    from export.policy import Policy
    from export.report import Report
    from train.runs import Run

_data = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder that holds the data set."
)
_policy = click.option(
    "--policy",
    "policy_path",
    type=click.Path(path_type=Path),
    help="Your own limits, in TOML; keys that it leaves out are the built-in ones.",
)
_variants = click.option(
    "--variants", default="all", show_default=True, help="What to make, such as int8,float16."
)
_baseline = click.option(
    "--update-baseline",
    is_flag=True,
    help="Write what passes to baseline.json, for later builds to be held against.",
)


@click.command()
@click.argument("run_name", metavar="RUN")
@_variants
@click.option("--out", type=click.Path(path_type=Path), help="Default: dist/NAME.")
@click.option("--no-repair", is_flag=True, help="Do not look for another recipe when int8 fails.")
@_data
@_policy
@_baseline
def export(
    run_name: str,
    variants: str,
    out: Path | None,
    no_repair: bool,
    data: Path | None,
    policy_path: Path | None,
    update_baseline: bool,
) -> None:
    """Quantise the model of RUN; write each variant that passes the accuracy gate.

    RUN is a folder, or a name under runs/ or models/. Reports are written beside the variants.
    When int8 fails, another recipe is searched for. Exits with 3 when a variant fails.
    """
    from export.policy import load_policy
    from export.variants import parse_variants
    from train.runs import find_run

    chosen = parse_variants(variants)
    run = find_run(run_name)
    policy = load_policy(run.record.name, policy_path)
    from export.pipeline import export_run

    folder = out or Path("dist") / run.record.name
    bench = _bench(run, data, policy, update_baseline)
    outcome = export_run(bench, chosen, folder, may_repair=not no_repair)
    _conclude(bench, outcome, folder, update_baseline)


@click.command()
@click.argument("model_names", nargs=-1, required=True, metavar="MODEL...")
@click.option("--run", "run_name", help="Run that the models came from; default: by their name.")
@click.option(
    "--report",
    "report_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for report.html, report.json, junit.xml, summary.md. Default: dist/NAME.",
)
@click.option(
    "--rebuild",
    is_flag=True,
    help="Also export each again from its run; where that gives other bytes, gate those too.",
)
@_data
@_policy
@_baseline
@click.option(
    "--pixels",
    type=click.Choice(["0..1", "-1..1", "0..255", "imagenet"]),
    help="A .keras only: what its pixels were in training. Default: 0..255 when the model "
    "rescales them itself, else 0..1.",
)
@click.option(
    "--fit",
    type=click.Choice(["stretch", "crop", "letterbox"]),
    default="stretch",
    show_default=True,
    help="A .keras only: how pictures of another shape were brought to its size.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A .keras only: a file with a label a line, in the order of its outputs. Default: the "
    "class folders by name, as Keras orders them.",
)
@_variants
def gate(
    model_names: tuple[str, ...],
    run_name: str | None,
    report_folder: Path | None,
    rebuild: bool,
    data: Path | None,
    policy_path: Path | None,
    update_baseline: bool,
    pixels: str | None,
    fit: Literal["stretch", "crop", "letterbox"],
    labels: Path | None,
    variants: str,
) -> None:
    """Prove on the whole test split that quantised models did not get worse.

    MODEL is a .tflite that edgeproof wrote or a shipped name: it is measured again, on every
    runtime installed, with other kernels, on corrupted pictures, and against the shipped model's
    baseline; nothing of it is changed. Models of several runs are gated one after the other, each
    reported in a folder of its own, and gate.json has them all.

    \b
    Your own Keras model is quantised and gated, and what passes is written to dist/NAME/:
      edgeproof gate my.keras --data pictures/ --policy my.toml
    pictures/ has train/ and test/ with a folder for each class in both. train/ is calibrated on;
    test/ must hold pictures that the model never saw. docs/gate.md goes through it.

    Exits with 3 when a model fails, 4 when data, a runtime or a model cannot be used.
    """
    if any(name.endswith(".keras") for name in model_names):
        model = _only_one(model_names)
        run = _adopt(model, data, pixels, fit, labels)
        _gate_run(run, report_folder, policy_path, variants, update_baseline)
        return
    from edge.errors import UsageError
    from export.policy import load_policy

    if rebuild and update_baseline:
        raise UsageError("--rebuild measures what --update-baseline would write: give one of them")
    jobs = [
        (run, load_policy(run.record.name, policy_path), bundles)
        for run, bundles in _by_run(model_names, run_name)
    ]
    from export.pipeline import regate
    from export.report import overview, rows_of, write_overview

    reports: list[Report] = []
    failed: list[str] = []
    for run, policy, bundles in jobs:
        bench = _bench(run, data, policy, update_baseline)
        outcome = regate(bench, bundles, rebuild)
        folder = report_folder or Path("dist") / run.record.name
        if len(jobs) > 1:
            folder = (report_folder or Path("dist")) / run.record.name
        reports.append(_tell(bench, outcome, folder, update_baseline))
        name = f"{run.record.name} " if len(jobs) > 1 else ""
        failed += [f"{name}{one}" for one in (*outcome.failed, *outcome.refused)]
    if len(jobs) > 1:
        click.echo(f"wrote {write_overview(report_folder or Path('dist'), reports)}")
    click.echo()
    for line in overview([row for report in reports for row in rows_of(report)]):
        click.echo(line)
    _refuse(failed)


@click.command("gate-selftest")
@click.argument("run_name", metavar="[RUN]", default="optdigits")
@_data
@_policy
def gate_selftest(run_name: str, data: Path | None, policy_path: Path | None) -> None:
    """Prove that the gate can fail: break the int8 model of RUN in each usual way.

    Each broken model must be refused for the right reason, and the honest one must pass. Exits
    with 3 when one is not.
    """
    from export.policy import load_policy
    from train.runs import find_run

    run = find_run(run_name)
    policy = load_policy(run.record.name, policy_path)
    from export.bench import Bench
    from export.controls import run_controls

    wrong = []
    click.echo(f"{'CONTROL':36}  {'MUST FAIL FOR':48}  THE GATE SAYS")
    for control, reason in run_controls(Bench(run, data, policy)):
        holds = control.holds(reason)
        wrong += [] if holds else [control.name]
        click.echo(
            f"{control.name:36}  {control.expectation:48}  "
            f"{'as it must' if holds else 'WRONG'}: {reason}"
        )
    if wrong:
        from edge.errors import GateFailed

        raise GateFailed(f"the gate cannot be trusted with: {', '.join(wrong)}")


def _by_run(
    model_names: tuple[str, ...], run_name: str | None
) -> list[tuple[Run, list[tuple[Bundle, int]]]]:
    """Each run once, with its bundles and the bytes of their files.

    run_name: of all the models; none looks for each by its name.
    """
    from edge.bundle import parse_bundle, read_model_file
    from edge.zoo import find_model
    from train.runs import find_run

    bundles: dict[str, list[tuple[Bundle, int]]] = {}
    for path in map(find_model, model_names):
        data = read_model_file(path)
        bundle = parse_bundle(data, str(path))
        _refuse_adopted(bundle)
        bundles.setdefault(run_name or bundle.contract.name, []).append((bundle, len(data)))
    from export.pipeline import check_origin

    found = [(find_run(name), own) for name, own in bundles.items()]
    for run, own in found:
        check_origin(run, [bundle for bundle, _ in own])
    return found


def _refuse_adopted(bundle: Bundle) -> None:
    from edge.contract import ADOPTED
    from edge.errors import UsageError

    if bundle.contract.variant == ADOPTED:
        raise UsageError(
            f"{bundle.contract.name} was adopted: the float model that it would be held against is "
            "not in it; gate the Keras model that it was made from: edgeproof gate my.keras "
            "--data pictures/"
        )


def _only_one(model_names: tuple[str, ...]) -> Path:
    from edge.errors import UsageError

    if len(model_names) > 1:
        raise UsageError(f"gate one .keras at a time, got {len(model_names)} models")
    return Path(model_names[0])


def _adopt(
    model: Path,
    data: Path | None,
    pixels: str | None,
    fit: Literal["stretch", "crop", "letterbox"],
    labels: Path | None,
) -> Run:
    """The run of somebody's own model."""
    from edge.errors import UsageError
    from train.runs import RUNS, find_run

    if data is None or not data.is_dir():
        raise UsageError(
            f"{model} needs --data FOLDER, pictures in a folder for each class: got {data}"
        )
    if not model.is_file():
        raise UsageError(f"{model}: expected a Keras model, there is no such file")
    order = None
    if labels is not None:
        lines = (line.strip() for line in labels.read_text(encoding="utf-8").splitlines())
        order = tuple(line for line in lines if line)
    from export.adopt import Statement, adopt

    return find_run(str(adopt(model, data, Statement(pixels, fit, order), RUNS)))


def _gate_run(
    run: Run,
    report_folder: Path | None,
    policy_path: Path | None,
    variants: str,
    update_baseline: bool,
) -> None:
    """Exports what passes to dist/NAME; the reports stand there too unless told otherwise."""
    from export.pipeline import export_run
    from export.policy import load_policy
    from export.variants import parse_variants

    policy = load_policy(run.record.name, policy_path)
    bench = _bench(run, None, policy, update_baseline)
    out = Path("dist") / run.record.name
    outcome = export_run(bench, parse_variants(variants), out)
    _conclude(bench, outcome, report_folder or out, update_baseline)


def _bench(run: Run, data: Path | None, policy: Policy, update_baseline: bool) -> Bench:
    """The bench, with the baseline unless that is about to be replaced."""
    from export.baseline import find_baseline
    from export.bench import Bench

    baseline = None if update_baseline else find_baseline(run)
    return Bench(run, data, policy, baseline)


def _conclude(bench: Bench, outcome: Outcome, folder: Path, update_baseline: bool) -> None:
    """Tells what was found; raises GateFailed unless all passed."""
    _tell(bench, outcome, folder, update_baseline)
    _refuse([*outcome.failed, *outcome.refused])


def _tell(bench: Bench, outcome: Outcome, folder: Path, update_baseline: bool) -> Report:
    """Prints, reports, keeps the baseline."""
    from export.baseline import merge_baseline
    from export.report import Report, table, write_reports

    report = Report(
        bench.run.record,
        bench.policy,
        bench.reference,
        bench.dataset.test,
        outcome.findings,
        outcome.refused,
        outcome.steps,
    )
    for line in table(report):
        click.echo(line)
    for path in (*outcome.written, *write_reports(folder, report)):
        click.echo(f"wrote {path}")
    if update_baseline:
        passed = {f.variant: bench.shipped(f) for f in outcome.findings if f.verdict.passed}
        click.echo(f"wrote {merge_baseline(bench.run, passed)}")
    return report


def _refuse(failed: list[str]) -> None:
    from edge.errors import GateFailed

    if failed:
        raise GateFailed(f"the accuracy gate refuses {', '.join(failed)}; the reasons stand above")
