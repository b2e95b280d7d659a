"""The text of the unit: how systemd starts, watches, restarts and confines the camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.service.quoting import quote_command, quote_word


@dataclass(frozen=True)
class Unit:
    """What a unit is made from."""

    name: str
    """`edgeproof`, without .service; also of the state folder and of the file of secrets."""
    user: str
    command: tuple[str, ...]
    """Its first word is an absolute path."""
    writable: tuple[Path, ...] = ()
    """Folders outside of the state folder that the service writes to; absolute."""
    owns_user: bool = True
    """Whether the user is there for services alone, and not somebody's login."""
    store: Path | None = None
    """Where it looks for installed models; none: where its user does (`edge.store.place`)."""

    @property
    def state_folder(self) -> Path:
        """The service's own, which systemd makes and gives it."""
        return Path("/var/lib") / self.name

    @property
    def cache_folder(self) -> Path:
        """What it may lose, such as which models it has tried; systemd's too."""
        return Path("/var/cache") / self.name

    @property
    def secrets_file(self) -> Path:
        """NAME=VALUE lines that only root reads: the unit, and the command line, anybody can."""
        return Path("/etc/edgeproof") / f"{self.name}.env"

    @property
    def path(self) -> Path:
        """Where systemd finds it."""
        return Path("/etc/systemd/system") / f"{self.name}.service"


TEMPLATE = """\
# Written by `edgeproof service install`, which writes it anew when it is called again.
# Settings of your own: systemctl edit {name}
[Unit]
Description=edgeproof camera ({name})
Wants=network-online.target
After=network-online.target
# Nobody is there to start it again, so systemd never gives up; RestartSec keeps it from a storm.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
# A camera that is unplugged does not end the service: it waits for it, and says so. These are for
# what it cannot mend itself. A mistyped argument (exit 2) does not mend by trying again.
Restart=always
RestartSec=10
RestartPreventExitStatus=2
TimeoutStartSec=120
# Fed on progress alone: a service that hangs is killed and started again.
WatchdogSec=30
# The main process ends its children itself; what is left after that is killed.
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec=5
LimitCORE=0
# Little memory on a small board: the camera is what it is there for.
OOMScoreAdjust=-100

User={user}
SupplementaryGroups=video
UMask=0027
StateDirectory={name}
StateDirectoryMode=0750
CacheDirectory={name}
CacheDirectoryMode=0750
Environment=PYTHONDONTWRITEBYTECODE=1{store}
# Secrets: EDGEPROOF_TOKEN=... for the page, EDGEPROOF_SOURCE=... for an address with a password.
# A `-` in front: it may be missing.
EnvironmentFile=-{secrets}

# It sees the system, and writes to its state and cache folders and to what is named here.
ProtectSystem=strict
# Not `yes`: the program may be installed in a home folder.
ProtectHome=read-only
PrivateTmp=yes
PrivateMounts=yes
{writable}
# Cameras and nothing else. libcamera opens media, video4linux and dma_heap; vcgencmd opens vcio.
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw
DeviceAllow=char-vcio rw

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
# Not ProcSubset=pid: the runtime reads /proc/cpuinfo, and the board's name is in /proc.
ProtectProc=invisible
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC={remove_ipc}
# The page and what is published; udev's messages of cameras that come and go are AF_NETLINK.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit_text(unit: Unit) -> str:
    """The file, ready for systemd 247 (Raspberry Pi OS of 2021) and later.

    Raises:
        UsageError: a word that no unit can hold.
    """
    outside = [path for path in unit.writable if not path.is_relative_to(unit.state_folder)]
    # A `-` in front: a folder that is missing is the program's to complain of, in its own words.
    lines = [f"ReadWritePaths={quote_word(f'-{path}')}\n" for path in outside]
    store = f"\nEnvironment={quote_word(f'EDGEPROOF_STORE={unit.store}')}" if unit.store else ""
    return TEMPLATE.format(
        name=unit.name,
        user=unit.user,
        command=quote_command(unit.command),
        secrets=unit.secrets_file,
        store=store,
        writable="".join(lines),
        # It frees shared memory that a killed process left, and would take it from a login too.
        remove_ipc="yes" if unit.owns_user else "no",
    )
