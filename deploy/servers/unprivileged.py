"""How do we start a server that refuses root, and that must end when we end, even by `kill -9`?

PostgreSQL refuses to run as root, yet a fresh machine is often root, with the checkout in a folder that only root may
enter. `setpriv` (util-linux, on every Debian) starts the server as an ordinary user that keeps one capability, reading
past folder permissions (CAP_DAC_READ_SEARCH), and asks the kernel to interrupt it when its parent dies.
"""

import os
import pwd
import shutil
from pathlib import Path

CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}  # the second is what Docker leaves to root


class CannotDropRootError(Exception):
    """We are root, and found no way to start a server as somebody else; the message says what to do."""


def service_user(data: Path) -> str | None:
    """Whom to run a server as: the owner of `data` if it exists, else postgres or nobody; None if we are not root."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def command_prefix(user: str | None) -> list[str]:
    """What to put before a command so that it runs as `user` and is interrupted (SIGINT) when its parent thread dies.

    Call it from the main thread: the kernel watches the thread that starts the process.

    Raises:
        CannotDropRootError: `user` is given and this machine has no setpriv.
    """
    setpriv = shutil.which("setpriv")
    if user is None:
        return [setpriv, "--pdeathsig", "INT", "--"] if setpriv else []
    if setpriv is None:
        raise CannotDropRootError("run Vigie as an ordinary user, or install setpriv (Debian: util-linux)")
    entry = pwd.getpwnam(user)
    keep = _capability()
    return [
        setpriv,
        f"--reuid={entry.pw_uid}",
        f"--regid={entry.pw_gid}",
        "--clear-groups",
        *([f"--inh-caps=-all,+{keep}", f"--ambient-caps=-all,+{keep}"] if keep else []),
        *(["--securebits=+no_setuid_fixup"] if keep else []),
        "--pdeathsig",
        "INT",
        "--",
    ]


def give(path: Path, user: str | None) -> None:
    """Make `path` a folder that only `user` (None: we) may enter."""
    path.mkdir(parents=True, exist_ok=True)
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
    path.chmod(0o700)


def _capability() -> str | None:
    """The capability we may pass on, by name; None where root has neither (a locked-down container)."""
    status = Path("/proc/self/status").read_text()
    permitted = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapPrm")), 16)
    return next((name for name, bit in CAPABILITIES.items() if permitted >> bit & 1), None)
