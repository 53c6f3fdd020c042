"""What every level that runs code promises to whoever launches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refine_tui.core.errors import IsolationError
from refine_tui.core.isolation import Level, Limits
from refine_tui.loop.ports.running import Launch, Sandbox
from refine_tui.sandbox.bubblewrap import own_interpreter

PYTHON, PREFIXES = own_interpreter()


def run(sandbox: Sandbox, project: Path, code: str, *, limits: Limits | None = None, **more: object) -> tuple[str, int | None, str, str]:
    """Run Python code; return its output, exit status, the end of its standard error, and the limit that stopped it."""
    launch = Launch((PYTHON, "-I", "-S", "-c", code), project, readable=PREFIXES, limits=limits or Limits(wall_s=30), **more)  # type: ignore[arg-type]
    with sandbox.launch(launch) as running:
        output = running.stdout.read().decode()
        status = running.wait()
        return output, status, running.stderr_tail, running.stopped


def test_the_command_sees_the_project_in_its_working_directory(sandbox: Sandbox, project: Path) -> None:
    output, status, _, stopped = run(sandbox, project, "print(open('pkg/mod.py').read(), end='')")

    assert (output, status, stopped) == ("VALUE = 1\n", 0, "")


def test_another_working_directory_is_relative_to_the_project(sandbox: Sandbox, project: Path) -> None:
    assert run(sandbox, project, "print(open('mod.py').read(), end='')", cwd="pkg")[0] == "VALUE = 1\n"


def test_files_are_laid_over_and_the_project_stays_as_it_is(sandbox: Sandbox, project: Path) -> None:
    files = {"pkg/mod.py": b"VALUE = 2\n", "new/deep/file.txt": b"new"}
    code = "print(open('pkg/mod.py').read() + open('new/deep/file.txt').read()); open('pkg/mod.py', 'w').write('3'); open('left', 'w')"

    assert run(sandbox, project, code, files=files)[0] == "VALUE = 2\nnew\n"
    assert (project / "pkg" / "mod.py").read_text() == "VALUE = 1\n"
    assert sorted(path.name for path in project.iterdir()) == ["pkg", "run.sh"]


def test_a_file_laid_over_keeps_the_mode_of_the_one_below(sandbox: Sandbox, project: Path) -> None:
    launch = Launch(("./run.sh",), project, files={"run.sh": b"#!/bin/sh\necho changed\n"})

    with sandbox.launch(launch) as running:
        assert running.stdout.read() == b"changed\n"


def test_what_one_run_wrote_the_next_does_not_see(sandbox: Sandbox, project: Path) -> None:
    code = "import os, tempfile; print(os.listdir('.'), os.listdir(tempfile.gettempdir())); open('left', 'w'); tempfile.mkstemp()"

    assert run(sandbox, project, code)[0] == run(sandbox, project, code)[0]


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "pkg/../../outside", ""])
def test_files_outside_the_project_are_refused(sandbox: Sandbox, project: Path, name: str) -> None:
    said = ""
    try:
        output, _, said, _ = run(sandbox, project, "print('ran')", files={name: b"x"})
        assert not output
    except IsolationError as error:
        said = str(error)

    assert "project" in said
    assert not (project.parent / "outside").exists()


def test_the_environment_is_a_fixed_list_and_what_the_launch_adds(sandbox: Sandbox, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    output = run(sandbox, project, "import os; print(sorted(os.environ))", environment={"MINE": "{tools}/x"})[0]

    names = set(eval(output))
    assert "MINE" in names
    known = {"HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER", "PYTHONHASHSEED"}
    assert names <= known | {"MINE", "PWD", "OLDPWD", "LC_CTYPE"}


def test_tools_are_found_where_the_command_says(sandbox: Sandbox, project: Path) -> None:
    launch = Launch((PYTHON, "-I", "-S", "{tools}/say.py"), project, readable=PREFIXES, tools={"say.py": b"print('said')"})

    with sandbox.launch(launch) as running:
        assert running.stdout.read() == b"said\n"


@pytest.mark.parametrize(
    ("code", "status"), [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137), ("import os; os.abort()", 134)]
)
def test_the_exit_status_is_the_commands(sandbox: Sandbox, project: Path, code: str, status: int) -> None:
    assert run(sandbox, project, code)[1] == status


def test_a_command_that_does_not_exist_ends_with_127(sandbox: Sandbox, project: Path) -> None:
    with sandbox.launch(Launch(("no-such-command",), project)) as running:
        assert running.wait(30) == 127
        assert "no-such-command" in running.stderr_tail


def test_standard_input_reaches_the_command(sandbox: Sandbox, project: Path) -> None:
    with sandbox.launch(Launch(("cat",), project)) as running:
        running.stdin.write(b"line\n")
        running.stdin.flush()
        assert running.stdout.readline() == b"line\n"
        assert running.wait(0) is None
        running.stdin.close()
        assert running.stdout.read() == b""
        assert running.wait(30) == 0


def test_only_the_end_of_standard_error_is_kept(sandbox: Sandbox, project: Path) -> None:
    tail = run(sandbox, project, "import sys; sys.stderr.write('x' * 20000 + 'end')")[2]

    assert tail.endswith("xend")
    assert len(tail) == 8192


def test_a_run_that_takes_too_long_is_stopped(sandbox: Sandbox, project: Path) -> None:
    _, status, _, stopped = run(sandbox, project, "import time; time.sleep(60)", limits=Limits(wall_s=0.5))

    assert stopped == "time"
    assert status == 137


def test_a_run_that_ignores_every_signal_is_stopped(sandbox: Sandbox, project: Path) -> None:
    code = "import signal, time\nfor n in set(signal.Signals) - {9, 19}: signal.signal(n, signal.SIG_IGN)\ntime.sleep(60)"

    assert run(sandbox, project, code, limits=Limits(wall_s=0.5))[3] == "time"


def test_a_run_that_spins_is_stopped_by_its_processor_time(sandbox: Sandbox, project: Path) -> None:
    assert run(sandbox, project, "while True: pass", limits=Limits(wall_s=30, cpu_s=1))[1] in (137, 152)


@pytest.mark.parametrize("living", [True, False])
def test_processor_time_counts_for_all_processes_together(sandbox: Sandbox, project: Path, living: bool) -> None:
    """No single process comes near the limit: many at once, or one after the other."""
    code = f"""
import os, time
def spin(seconds):
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass
for _ in range(16):
    if os.fork() == 0:
        spin(0.5)
        os._exit(0)
    {living} or os.wait()
while True:
    time.sleep(1)
"""
    stopped = run(sandbox, project, code, limits=Limits(wall_s=30, cpu_s=1))[3]

    assert stopped == "cpu"


@pytest.mark.parametrize("children", [0, 4])
def test_a_run_that_takes_too_much_memory_is_stopped(sandbox: Sandbox, project: Path, children: int) -> None:
    code = f"""
import os, time
for _ in range({children}):
    os.fork()
kept = []
while True:
    kept.append(bytearray(b"x" * (4 << 20)))
    time.sleep(0.002)
"""

    assert run(sandbox, project, code, limits=Limits(wall_s=30, memory_bytes=100 << 20))[3] == "memory"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_is_stopped(sandbox: Sandbox, project: Path, stream: str) -> None:
    code = f"import sys\nwhile True: sys.{stream}.write('y' * 65536)"
    output, _, _, stopped = run(sandbox, project, code, limits=Limits(wall_s=30, output_bytes=1 << 20))

    assert stopped == "output"
    assert len(output) <= 1 << 20


def test_a_fork_bomb_is_stopped(sandbox: Sandbox, project: Path) -> None:
    # It would stop by itself at 1,024 processes, so that a sandbox that fails this does not take the machine with it.
    code = """
import os, time
for _ in range(10):
    try:
        os.fork()
    except OSError:
        print("refused", flush=True)
time.sleep(60)
"""
    output, status, _, stopped = run(sandbox, project, code, limits=Limits(wall_s=3, processes=40))

    assert "refused" in output or stopped == "processes" or (sandbox.level is Level.CONFINED and status == 123)


@pytest.mark.parametrize("folder", [".", "tempfile.gettempdir()"])
def test_filling_the_disk_is_stopped(sandbox: Sandbox, project: Path, folder: str) -> None:
    where = "'.'" if folder == "." else folder
    code = f"""
import itertools, os, tempfile
for number in itertools.count():
    with open(os.path.join({where}, f"fill{{number}}"), "wb") as file:
        file.write(bytes(1 << 20))
"""
    _, status, tail, stopped = run(sandbox, project, code, limits=Limits(wall_s=30, disk_bytes=8 << 20))

    assert stopped == "disk" or (status == 1 and "No space left" in tail)


def test_kill_ends_it_and_may_be_called_again(sandbox: Sandbox, project: Path) -> None:
    with sandbox.launch(Launch(("sleep", "60"), project)) as running:
        running.kill()
        running.kill()
        assert running.wait(10) == 137
        assert running.stopped == ""
        running.kill()


def test_a_folder_that_holds_private_files_is_never_shown(sandbox: Sandbox, project: Path) -> None:
    for folder in (Path.home(), Path("/")):
        with pytest.raises(IsolationError, match="private files"):
            sandbox.launch(Launch(("true",), project, readable=(folder,)))


def test_nothing_runs_in_a_home_folder(sandbox: Sandbox) -> None:
    with pytest.raises(IsolationError, match="private files"):
        sandbox.launch(Launch(("true",), Path.home()))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_project_of_another_user_can_be_written_in_the_copy(isolated: Sandbox, project: Path) -> None:
    for path in (project, *project.rglob("*")):
        os.chown(path, 12345, 12345)
    code = """
from pathlib import Path
Path("new").write_text(""); Path("pkg/new").write_text(""); Path("pkg/mod.py").unlink(); Path("pkg/mod.py").write_text("3")
print(Path("pkg/mod.py").read_text())
"""
    assert run(isolated, project, code)[0] == "3\n"
    assert (project / "pkg" / "mod.py").read_text() == "VALUE = 1\n"


def test_the_probes_name_every_level_strongest_first(sandbox: Sandbox) -> None:
    assert [probe.level.value for probe in sandbox.probes()] == ["isolated", "confined", "static", "unsafe"]


def test_the_project_appears_at_its_own_path(isolated: Sandbox, project: Path) -> None:
    assert run(isolated, project, "import os; print(os.getcwd())")[0] == f"{project}\n"


def test_a_server_inside_can_be_reached_from_inside(isolated: Sandbox, project: Path) -> None:
    code = """
import socket
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    with socket.socket(family) as server:
        server.bind((host, 0))
        server.listen()
        with socket.create_connection(server.getsockname()[:2]):
            print(server.accept()[1][0])
"""
    assert run(isolated, project, code)[0] == "127.0.0.1\n::1\n"


def test_shared_memory_and_semaphores_work(isolated: Sandbox, project: Path) -> None:
    code = "import multiprocessing as m\nlock = m.Lock()\nprint(m.Pool(2).map(abs, [-1, -2]))"

    assert run(isolated, project, code)[0] == "[1, 2]\n"


def test_times_modes_and_renames_work_in_the_copy(isolated: Sandbox, project: Path) -> None:
    code = """
import os, shutil
os.mkdir("moved"); os.rename("pkg/mod.py", "moved/mod.py"); os.rmdir("pkg")
os.chmod("moved/mod.py", 0o600); os.utime("moved/mod.py", (5, 5)); shutil.rmtree("moved")
print(os.listdir("."))
"""
    assert run(isolated, project, code)[0] == "['run.sh']\n"


def test_a_virtual_environment_in_the_project_can_be_used(isolated: Sandbox, project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(PYTHON)
    (project / ".venv" / "pyvenv.cfg").write_text(f"home = {Path(PYTHON).parent}\n")
    argv = (str(project / ".venv" / "bin" / "python"), "-I", "-c", "import sys; print(sys.prefix)")

    with isolated.launch(Launch(argv, project, readable=(*PREFIXES, project / ".venv"))) as running:
        assert running.stdout.read().decode() == f"{project}/.venv\n"


def test_a_readable_folder_under_the_temporary_folder_is_shown(isolated: Sandbox, project: Path, tmp_path: Path) -> None:
    shown = tmp_path / "shown folder"
    shown.mkdir()
    (shown / "file").write_text("seen")

    with isolated.launch(Launch(("cat", str(shown / "file")), project, readable=(shown,))) as running:
        assert running.stdout.read() == b"seen"


def test_a_project_reached_by_a_symbolic_link_appears_at_the_links_path(isolated: Sandbox, project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)

    assert run(isolated, tmp_path / "link", "import os; print(os.getcwd(), os.listdir('.'))")[0].startswith(f"{tmp_path}/link ['")


def test_git_works_on_the_copy(isolated: Sandbox, project: Path) -> None:
    git = Path("/usr/bin/git")
    if not git.exists():
        pytest.skip("no git")
    for words in (("init", "-q", "."), ("add", "-A"), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")):
        subprocess.run([git, *words], cwd=project, check=True)

    with isolated.launch(Launch(("git", "status", "--short"), project, files={"pkg/mod.py": b"VALUE = 2\n"})) as running:
        assert running.stdout.read() == b" M pkg/mod.py\n"
        assert running.wait() == 0, running.stderr_tail


if sys.platform != "linux":
    pytest.skip("the levels that run code are for Linux here", allow_module_level=True)
