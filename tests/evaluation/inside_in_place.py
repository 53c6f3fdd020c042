"""What `inside.py` of the sandbox does for a warm parent, without any isolation: candidates run in the project itself, one at a time,
and the project is put back afterwards. For tests that are about evaluation and not about the sandbox.
"""

import os
import signal
import sys
import traceback


def become_parent():
    """Nothing to set up here."""


def snapshot(project):
    """Return the content of every file below `project`, environments left out."""
    found = {}
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if name != ".venv"]
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    found[path] = file.read()
    return found


def restore(project, before):
    """Make the files below `project` what they were."""
    now = snapshot(project)
    for path in now:
        if path not in before:
            os.unlink(path)
    for path, content in before.items():
        if now.get(path) != content:
            with open(path, "wb") as file:
                file.write(content)


def lay(project, files):
    """Write `files` over the project."""
    for name, content in files.items():
        with open(os.path.join(project, name), "wb") as file:
            file.write(content)


def fork_copy(files, work, limits, keep_fds):
    """Run `work` with `files` laid over the project; the returned process puts the project back and exits like `work`."""
    project = os.getcwd()
    outer = os.fork()
    if outer:
        return outer
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = snapshot(project)
    lay(project, files)
    child = os.fork()
    if child == 0:
        os.setsid()
        status = 1
        try:
            status = work()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status & 0xFF)

    def end(*_):
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    status = os.waitpid(child, 0)[1]
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        pass
    restore(project, before)
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def kill(pid):
    """End a candidate."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    os.execv(sys.argv[2], sys.argv[2:])
