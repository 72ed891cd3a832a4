"""Verbs on the machine: doctor and demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fgvc_studio.cli.common import console
from fgvc_studio.cli.console import table

app = typer.Typer()


@app.command()
def doctor(ctx: typer.Context) -> None:
    """Versions, devices, Qt libraries, weights, disk."""
    from fgvc_studio.services import health

    facts = health.machine()
    if facts["versions"]["torch"]:
        facts["gpu"] = health.gpu_name()
    weights = facts["weights"].get("lite0")
    rows = [
        ("fgvc-studio", facts["fgvc_studio"]),
        ("python", facts["python"]),
        ("system", facts["system"]),
        ("cores", str(facts["cores"])),
        ("graphics processor", facts.get("gpu") or "none: trainings run on the cores"),
        *((name, version or "MISSING") for name, version in facts["versions"].items()),
        ("weights of lite0", weights or "MISSING"),
        ("Qt libraries", "all there" if not facts["qt_missing"] else "MISSING: "
            + " ".join(facts["qt_missing"])),
        ("display", facts["display"] or "none (the window needs one; verbs do not)"),
        ("disk free", f"{facts['disk_free_gb']} GB"),
    ]  # fmt: skip
    lines = [table(rows)]
    for finding in health.findings(facts):
        if finding.level == "bad":
            lines.append(f"{finding.what} {finding.remedy}".rstrip())
    console(ctx).emit(facts, "\n".join(lines))


@app.command()
def demo(
    ctx: typer.Context,
    dir: Annotated[
        Path | None, typer.Option("--dir", help="Where the sample project goes.")
    ] = None,
    headless: Annotated[
        bool, typer.Option(help="No window: run the whole loop and write a report.")
    ] = False,
    images: Annotated[int, typer.Option(help="How many photos to draw.", min=60)] = 600,
) -> None:
    """Make the sample project and open it; headless: run the loop and write a report."""
    from fgvc_studio.services import demo as service

    out = console(ctx)
    folder = (dir or service.default_folder()).absolute()
    project = out.drive(service.make_project(folder, images), "Sample project")
    if not headless:
        out.emit({"project": str(project)}, f"Opening {project}")
        service.open_window(project)
        return
    report = out.drive(service.run_loop(project, folder / "report"), "Sample loop")
    out.emit(
        {"project": str(project), "report": str(report.path), "seconds": round(report.seconds, 1),
         "steps": [{"step": s.name, "seconds": round(s.seconds, 2), "result": s.result}
                   for s in report.steps], "screenshots": [str(p) for p in report.screenshots]},
        "\n".join([table([(s.name, f"{s.seconds:.1f} s", s.result) for s in report.steps]),
                   f"Report: {report.path}  ({report.seconds:.0f} s)"]),
    )  # fmt: skip
