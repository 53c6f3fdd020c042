"""Finds the strongest level that holds on this machine, by trying to get out of it."""

from __future__ import annotations

import platform
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from refine_tui.core.isolation import Level, Probe
from refine_tui.loop.ports.running import Sandbox
from refine_tui.sandbox import canary, cgroups, kernel, seccomp, workcopy
from refine_tui.sandbox.advice import INSTALL_BUBBLEWRAP, advise
from refine_tui.sandbox.closed import Closed
from refine_tui.sandbox.confined import Confined
from refine_tui.sandbox.isolated import Isolated, find_bubblewrap

_LEAST_LANDLOCK = 4
"""The first version that refuses TCP."""

Consent = Callable[[tuple[Probe, ...]], bool]


def never(_probes: tuple[Probe, ...]) -> bool:
    """Consent to nothing."""
    return False


def open_sandbox(*, unsafe_consent: Consent = never, state_dir: Path, allow: Sequence[str] = ()) -> Sandbox:
    """Return a sandbox of the strongest level whose canary holds.

    Args:
        unsafe_consent: asked, with the reasons, only where no level holds; says whether the user typed consent to run code with no
            isolation. The answer holds for this sandbox and is kept nowhere.
        state_dir: where copies and canaries may be put; made when missing.
        allow: patterns of the project's credentials that what runs may read all the same.
    """
    return Ladder(state_dir, allow).open(unsafe_consent=unsafe_consent)


class Ladder:
    """The levels of this machine; each canary flies once."""

    def __init__(self, state_dir: Path, allow: Sequence[str] = ()) -> None:
        """Keep temporary things below `state_dir`; show credentials that match a pattern of `allow`."""
        self._state_dir, self._allow = state_dir, tuple(allow)
        self._found: dict[Level, Probe] = {}
        self._lock = threading.RLock()
        self._overlay = True

    def open(self, *, unsafe_consent: Consent) -> Sandbox:
        """Return a sandbox of the strongest level that holds."""
        # What a program that was killed could not clear away.
        cgroups.sweep()
        workcopy.sweep(self._state_dir)
        for level in (Level.ISOLATED, Level.CONFINED):
            if self.probe(level).holds:
                return self.at(level)
        return self.at(Level.UNSAFE if unsafe_consent(self.probes()) else Level.STATIC)

    def at(self, level: Level) -> Sandbox:
        """Return a sandbox of one level, whether it holds or not."""
        if level is Level.ISOLATED:
            return Isolated(find_bubblewrap() or "bwrap", overlay=self._overlay, allow=self._allow, probes=self.probes)
        if level is Level.STATIC:
            return Closed(self.probes())
        return Confined(level, self._state_dir, allow=self._allow, probes=self.probes)

    def probes(self) -> tuple[Probe, ...]:
        """Return what was found for every level, strongest first."""
        return tuple(self.probe(level) for level in Level)

    def probe(self, level: Level) -> Probe:
        """Return what the canary found for one level, flying it at the first call."""
        with self._lock:
            if level not in self._found:
                reason = self._why_not(level)
                self._found[level] = Probe(level, not reason, reason)
            return self._found[level]

    def _why_not(self, level: Level) -> str:
        if level is Level.STATIC:
            return ""
        if level is Level.UNSAFE:
            return "nothing is kept from the code that runs; only after typed consent, for one session"
        if level is Level.ISOLATED:
            return self._why_not_isolated()
        return _missing_for_confined() or canary.fly(Confined(level, self._state_dir), self._state_dir)

    def _why_not_isolated(self) -> str:
        bwrap = find_bubblewrap()
        if sys.platform != "linux":
            return "it needs Linux namespaces"
        if platform.machine() not in seccomp.SUPPORTED:
            return f"there is no filter for system calls on {platform.machine()}; it exists for {' and '.join(seccomp.SUPPORTED)}"
        if bwrap is None:
            return INSTALL_BUBBLEWRAP
        reason = canary.fly(Isolated(bwrap), self._state_dir)
        if "overlay" in reason and not canary.fly(Isolated(bwrap, overlay=False), self._state_dir):
            self._overlay = False
            return ""
        return advise(reason)


def _missing_for_confined() -> str:
    if sys.platform == "darwin":
        return "" if shutil.which("sandbox-exec") else "this macOS has no sandbox-exec"
    if sys.platform != "linux":
        return f"there is no fence for {sys.platform}"
    if platform.machine() not in seccomp.SUPPORTED:
        return f"there is no filter for system calls on {platform.machine()}; it exists for {' and '.join(seccomp.SUPPORTED)}"
    version = kernel.landlock_version()
    if version < _LEAST_LANDLOCK:
        needed = f"it needs Landlock version {_LEAST_LANDLOCK} (Linux 6.7 with `landlock` in the kernel's `lsm=` list)"
        return f"{needed}; this kernel has {f'version {version}' if version else 'none'}"
    return ""
