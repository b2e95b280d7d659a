"""One wheel from wherever this machine's pip is set up to look."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.wheels import Target
from edge.errors import EnvironmentFault


def fetch_with_pip(target: Target, name: str, version: str, folder: Path) -> None:
    """Downloads one wheel from wherever this machine's pip is set up to look.

    Raises:
        EnvironmentFault: with pip's own reason.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    command += ["--implementation", "cp", "--python-version", target.version]
    for platform in target.platforms:
        command += ["--platform", platform]
    done = subprocess.run(
        [*command, f"{name}=={version}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if "ERROR:" in line]
        reason = reasons[-1] if reasons else f"pip ended with {done.returncode}"
        raise EnvironmentFault(f"no wheel of {name}=={version} for {target}: {reason}")
