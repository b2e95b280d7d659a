"""An OpenSSH server of our own on a loopback port, whose home is a test's folder."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.broker import free_port, until

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
# SetEnv: what is installed goes to the test's home and not to that of whoever runs the tests.
CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv HOME={home} PATH={path}
"""


def require_sshd() -> str:
    """Where it is; without it the test is skipped, or fails where it is required."""
    if SSHD is not None:
        return SSHD
    message = "NO SSH SERVER: make deploy IS NOT TESTED; apt-get install openssh-server"
    if "sshd" in os.environ.get("EDGEPROOF_REQUIRE", ""):
        pytest.fail(message)
    pytest.skip(message)


class Sshd:
    """Listens from `with` to its end."""

    def __init__(self, folder: Path, path: str) -> None:
        """folder: for keys and the log; `folder/home` is where its user comes to.

        path: $PATH over there.
        """
        self.folder = folder
        self.home = folder / "home"
        self.path = path
        self.port = free_port()
        self.address = f"{getpass.getuser()}@127.0.0.1"

    @property
    def options(self) -> str:
        """For ssh, so that it knows this server and asks for nothing."""
        return (
            f"-p {self.port} -i {self.folder}/user_key -F none -o BatchMode=yes "
            f"-o IdentitiesOnly=yes -o UserKnownHostsFile={self.folder}/known_hosts "
            "-o StrictHostKeyChecking=accept-new -o LogLevel=ERROR"
        )

    def __enter__(self) -> Sshd:
        program = require_sshd()
        self.home.mkdir(parents=True)
        for key in ("host_key", "user_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / key)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        if (
            os.geteuid() == 0
        ):  # its privilege separation needs it, and only the init script makes it
            with contextlib.suppress(OSError):
                Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(
            CONFIG.format(port=self.port, folder=self.folder, home=self.home, path=self.path)
        )
        log = self.folder / "log"
        self._process = subprocess.Popen([program, "-D", "-f", config, "-E", log])
        until(lambda: log.exists() and "listening on" in log.read_text(), "sshd listens")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
