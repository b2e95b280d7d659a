"""Whether the service's user can get at a file: homes are closed to others on many systems."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """Who a service runs as."""

    uid: int
    """-1 for a user that does not exist yet: it owns nothing."""
    groups: frozenset[int]

    @property
    def exists(self) -> bool:
        return self.uid >= 0

    @property
    def is_for_services(self) -> bool:
        """Whether nobody logs in as it: yet to be made, or below UID_MIN of login.defs(5)."""
        return self.uid < 1000


def find_account(user: str) -> Account:
    """A user of this system by name, with the group video, which the unit adds."""
    groups = {entry.gr_gid for entry in grp.getgrall() if entry.gr_name == "video"}
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return Account(-1, frozenset(groups))
    return Account(entry.pw_uid, frozenset({*os.getgrouplist(user, entry.pw_gid), *groups}))


def obstacle(path: Path, account: Account) -> Path | None:
    """The first folder on the way to `path`, or `path` itself, that the account may not enter or
    read; none when nothing is in its way. What does not exist is in nobody's way.

    Links are followed as the kernel follows them; access lists (ACL) are not looked at.
    """
    lexical = Path(os.path.abspath(path))
    for place in dict.fromkeys((lexical, lexical.resolve())):
        for folder in reversed(place.parents):
            if not _allows(folder, account, stat.S_IXOTH):
                return folder
    needed = stat.S_IROTH | (stat.S_IXOTH if lexical.is_dir() else 0)
    return None if _allows(lexical, account, needed) else lexical


def owner_of(path: Path) -> str | None:
    """The name of a file's owner; none where it has none."""
    try:
        return path.owner()
    except (KeyError, OSError):
        return None


def _allows(path: Path, account: Account, needed: int) -> bool:
    """needed: permission bits as others have them."""
    try:
        status = path.stat()
    except OSError:
        return True
    if status.st_uid == account.uid:
        return status.st_mode >> 6 & needed == needed
    if status.st_gid in account.groups:
        return status.st_mode >> 3 & needed == needed
    return status.st_mode & needed == needed
