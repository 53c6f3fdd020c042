"""Turns what a failed canary said into what the user can do about it."""

from __future__ import annotations

from pathlib import Path

_NO_NAMESPACES = ("uid map", "new namespace", "Operation not permitted", "No permissions", "Permission denied", "unshare")
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_SWITCHES = (
    (Path("/proc/sys/kernel/unprivileged_userns_clone"), "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    (Path("/proc/sys/user/max_user_namespaces"), "0", "sudo sysctl -w user.max_user_namespaces=10000"),
)

INSTALL_BUBBLEWRAP = (
    "bubblewrap is not installed. Install it: `apt install bubblewrap` (Debian, Ubuntu), `dnf install bubblewrap` (Fedora), "
    "`pacman -S bubblewrap` (Arch), `apk add bubblewrap` (Alpine)"
)
APPARMOR_PROFILE = """abi <abi/4.0>,
include <tunables/global>

profile bwrap /usr/bin/bwrap flags=(unconfined) {
  userns,
  include if exists <local/bwrap>
}
"""


def advise(reason: str) -> str:
    """Add what to do to the reason for which namespaces could not be made; other reasons come back as they are."""
    if not any(word in reason for word in _NO_NAMESPACES):
        return reason
    if _read(_APPARMOR) == "1":
        return (
            f"{reason}. AppArmor keeps ordinary programs from making namespaces here (Ubuntu 24.04 and later). As root, write this to "
            f"/etc/apparmor.d/bwrap and run `apparmor_parser -r /etc/apparmor.d/bwrap`:\n{APPARMOR_PROFILE}"
        )
    for switch, off, command in _SWITCHES:
        if _read(switch) == off:
            return f"{reason}. Namespaces for ordinary users are switched off; switch them on: `{command}`"
    return f"{reason}. If this is a container, it must be allowed to make user namespaces (its own seccomp or AppArmor profile forbids it)"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
