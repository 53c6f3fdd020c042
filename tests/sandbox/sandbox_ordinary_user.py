"""Runs the attacks as whatever user it is started as, standard library and the package only: `python FILE ATTACKS STATE_DIR`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from refine_tui.core.isolation import Level, Limits
from refine_tui.loop.ports.running import Launch
from refine_tui.sandbox.bubblewrap import own_interpreter
from refine_tui.sandbox.opening import Ladder

TOKEN = "token-that-must-not-get-out"


def main() -> int:
    attacks, state = Path(sys.argv[1]), Path(sys.argv[2])
    spec = importlib.util.spec_from_file_location("sandbox_attacks", attacks)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    outside, home, project = state / "outside", state / "home", state / "project"
    for folder in (outside, home / ".ssh", project):
        folder.mkdir(parents=True)
    for secret in (home / "secret", home / ".ssh" / "id_ed25519", project / ".env"):
        secret.write_text(TOKEN)
    (outside / "kept").write_text("kept")
    (project / "committed-link").symlink_to(outside)
    ladder = Ladder(state / "state")
    probes = [ladder.probe(level) for level in (Level.ISOLATED, Level.CONFINED)]
    escapes: dict[str, str] = {}
    tried = 0
    victim = subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=outside, env={"SECRET": TOKEN, "PATH": os.environ["PATH"]})
    place: dict[str, object] = {"outside": str(outside), "home": str(home), "project": str(project), "token": TOKEN, "abstract": "none"}
    place.update(dict.fromkeys(("port4", "port6", "port_udp"), 9))
    place.update(victim=victim.pid, supervisor=os.getpid())
    python, prefixes = own_interpreter()
    for probe in probes:
        if not probe.holds:
            continue
        argv = (python, "-I", "-S", "{tools}/sandbox_attacks.py", json.dumps({**place, "level": probe.level.value}))
        tools, limits = (
            {path.name: path.read_bytes() for path in attacks.parent.glob("sandbox_attacks*.py")},
            Limits(wall_s=60, memory_bytes=256 << 20),
        )
        with ladder.at(probe.level).launch(Launch(argv, project, readable=prefixes, tools=tools, limits=limits)) as running:
            output = running.stdout.read().decode()
            answers = json.loads(output) if running.wait() == 0 else {"all": running.stderr_tail}
        for name, answer in answers.items():
            excused = probe.level is Level.CONFINED and name in module.NOT_AT_CONFINED
            if not answer.startswith(("REFUSED", "ENDED 31")) and not excused:
                escapes[f"{probe.level.value} {name}"] = answer
            tried += 1
        if TOKEN in output or [path.name for path in outside.iterdir()] != ["kept"] or (outside / "kept").read_text() != "kept":
            escapes[probe.level.value] = "something changed outside, or the secret came out"
    escapes.update({} if victim.poll() is None else {"victim": "died"})
    victim.kill()
    answer = {
        "holds": [probe.level.value for probe in probes if probe.holds],
        "reasons": [probe.reason for probe in probes],
        "escapes": escapes,
        "tried": tried,
    }
    print(json.dumps(answer))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
