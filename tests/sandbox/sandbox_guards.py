"""The guards of each level, how each is taken away, and an attack that gets through then.

Where two layers keep the same thing out, both are taken away. What is cut out of the files that run inside must still be there, so a
change of those files shows up here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from refine_tui.core.isolation import Level
from refine_tui.sandbox import bubblewrap, confined, isolated, masks, seccomp, spawning, workcopy
from tests.sandbox.sandbox_world import World

ISOLATED, CONFINED = Level.ISOLATED, Level.CONFINED
Removal = Callable[["Workbench"], None]


@dataclass
class Workbench:
    """What a guard is taken away with."""

    patch: pytest.MonkeyPatch
    level: Level
    place: World

    def cut(self, file: str, old: str, new: str = "") -> None:
        """Change the text of one of our files that run inside."""
        module: Any = isolated if self.level is ISOLATED else confined
        tools = dict(module._own_tools())
        text = tools[file].decode()
        assert old in text, f"{file} has changed: what this test takes away is not there"
        tools[file] = text.replace(old, new).encode()
        self.patch.setattr(module, "_own_tools", lambda: tools if self.level is ISOLATED else list(tools.items()))

    def bind(self, *words: str, instead_of: Sequence[str] = ()) -> None:
        """Change the command line of bubblewrap: words before the last remount, or in place of others."""
        original = bubblewrap.arguments

        def changed(*given: Any) -> list[str]:
            command = original(*given)
            place = _find(command, list(instead_of)) if instead_of else command.index("--remount-ro")
            return [*command[:place], *words, *command[place + len(instead_of) :]]

        self.patch.setattr(bubblewrap, "arguments", changed)

    def see(self, name: str, path: str) -> None:
        """Tell the attacks that something of their place is at another path."""
        self.place.place[name] = path


@dataclass(frozen=True)
class Guard:
    """One guard, how it is taken away, and an attack that gets through then."""

    name: str
    levels: tuple[Level, ...]
    remove: Removal
    attack: str
    quick: bool = False
    """Whether it is part of the slice that always runs."""
    root: bool = False
    """Whether the attack needs the rights of root on the machine itself."""

    def __str__(self) -> str:
        return f"{self.name}: {self.attack}".replace(" ", "_")


def _find(command: list[str], words: list[str]) -> int:
    return next(place for place in range(len(command)) if command[place : place + len(words)] == words)


# --- what is taken away


def shares_namespaces(kind: str, flag: str, *lines: str) -> Removal:
    """Share one kind of namespace with the host, in bubblewrap and in the copy."""

    def remove(bench: Workbench) -> None:
        kinds = [f"--unshare-{other}" for other in ("ipc", "pid", "net", "uts", "cgroup-try") if other != kind]
        bench.bind(*kinds, instead_of=["--unshare-all"])
        bench.cut("inside.py", f" | kernel.{flag}")
        for line in lines:
            bench.cut("inside.py", line, "pass")

    return remove


def allows(table: str, *names: str) -> Removal:
    """Take system calls out of a table of the filter."""

    def remove(bench: Workbench) -> None:
        for name in names:
            bench.patch.delitem(getattr(seccomp, table), name)

    return remove


def cuts(file: str, old: str, new: str = "") -> Removal:
    return lambda bench: bench.cut(file, old, new)


def all_of(*removals: Removal) -> Removal:
    def remove(bench: Workbench) -> None:
        for removal in removals:
            removal(bench)

    return remove


unfenced = cuts("kernel.py", "check(_libc.syscall(_RESTRICT_SELF, ruleset, 0)", "check(0")


def keeps_environment(bench: Workbench) -> None:
    module = isolated if bench.level is ISOLATED else confined
    bench.patch.setattr(module, "scrubbed", lambda home, temporary, added: {**os.environ, **added})


def masks_nothing(bench: Workbench) -> None:
    bench.patch.setattr(masks.MaskFinder, "masks", lambda finder: masks.Masks())
    bench.patch.setattr(workcopy, "private", lambda project, allow: ())


def binds_the_project_itself(bench: Workbench) -> None:
    project = bench.place.place["project"]
    bench.bind("--bind", project, "/.base", instead_of=["--ro-bind", project, "/.base"])
    bench.cut("overlay.py", 'kernel.mount("overlay", project, "overlay", kernel.NOSUID | kernel.NODEV, layers)', _BIND)


_BIND = "kernel.mount(BASE, project, None, kernel.BIND)"


def shows_more(bench: Workbench) -> None:
    bench.bind("--bind", str(bench.place.roots[0]), "/host")
    for name in ("home", "outside"):
        bench.see(name, f"/host/{name}")


def shows_devices(bench: Workbench) -> None:
    bench.bind("--dev-bind", "/dev", "/dev", instead_of=["--dev", "/dev"])
    bench.bind(instead_of=["--remount-ro", "/dev"])


def leaves_the_root_writable(bench: Workbench) -> None:
    bench.bind(instead_of=["--remount-ro", "/"])


def passes_a_folder_on(bench: Workbench) -> None:
    original = spawning._start
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)

    def start(command: spawning.Command) -> Any:
        return original(spawning.Command(command.argv, command.environment, command.cwd, (*command.inherited, folder)))

    bench.patch.setattr(spawning, "_start", start)
    bench.cut("inside.py", "kernel.close_all_but([*fds, 0, 1, 2])", "pass")


def allows_sockets(bench: Workbench) -> None:
    bench.patch.setattr(seccomp, "_only_families", lambda machine, families: [])


def allows_sockets_and_shows_names(bench: Workbench) -> None:
    allows_sockets(bench)
    bench.cut("kernel.py", "0b11, 0b11)", "0b11, 0b10)")


def allows_sockets_and_ports(bench: Workbench) -> None:
    allows_sockets(bench)
    bench.cut("kernel.py", "handled, 0b11, 0b11)", "handled, 0, 0b11)")


def allows_every_call(bench: Workbench) -> None:
    bench.cut("kernel.py", "    if program:\n", "    if False:\n")


def allows_calls_on_others(bench: Workbench) -> None:
    bench.patch.setattr(seccomp, "_OF_ANOTHER", ())


def allows_foreign_tables(bench: Workbench) -> None:
    original = seccomp._step

    def step(code: int, value: int, *jumps: int) -> bytes:
        return original(code, seccomp._ALLOW if value == seccomp._KILL else value, *jumps)

    bench.patch.setattr(seccomp, "_step", step)


def keeps_capabilities(bench: Workbench) -> None:
    bench.cut("kernel.py", 'check(_libc.capset(struct.pack("=II", 0x20080522, 0), bytes(24)), "capset")', "pass")
    bench.cut("kernel.py", "if _libc.prctl(CAPBSET_DROP, capability, 0, 0, 0) != 0:", "if True:")


BOTH = (ISOLATED, CONFINED)
GUARDS = [
    Guard("the environment is a list", BOTH, keeps_environment, "find_the_secret_in_the_own_environment", quick=True),
    Guard("the environment is a list", BOTH, keeps_environment, "find_a_socket_or_secret_named_in_the_environment"),
    Guard("credentials are masked", BOTH, masks_nothing, "read_the_projects_env_file", quick=True),
    Guard("credentials are masked", BOTH, masks_nothing, "read_a_masked_file_under_another_name"),
    Guard("credentials are masked", BOTH, masks_nothing, "read_a_masked_folder_under_another_name"),
    Guard("credentials are masked", (ISOLATED,), masks_nothing, "read_a_masked_file_through_links"),
    Guard("addresses of git are left out", BOTH, masks_nothing, "read_the_remote_address_of_git"),
    Guard(".git is read-only", (ISOLATED,), masks_nothing, "plant_a_hook_of_git"),
    Guard("capabilities are dropped", BOTH, keeps_capabilities, "have_a_capability", root=True),
    Guard("the project is under an overlay", (ISOLATED,), binds_the_project_itself, "write_to_the_users_own_tree", quick=True),
    Guard("nothing else is bound", (ISOLATED,), shows_more, "write_a_new_file_outside", quick=True),
    Guard("nothing else is bound", (ISOLATED,), shows_more, "read_a_secret_in_home"),
    Guard("nothing else is bound", (ISOLATED,), shows_more, "connect_to_a_socket_outside"),
    Guard("devices are few", (ISOLATED,), shows_devices, "open_disks_and_memory", root=True),
    Guard("the root is read-only", (ISOLATED,), leaves_the_root_writable, "write_to_the_system"),
    Guard("no file is inherited", (ISOLATED,), passes_a_folder_on, "write_outside_from_an_inherited_file"),
    Guard(
        "what is below the copy is covered",
        (ISOLATED,),
        cuts("inside.py", "(overlay.BASE, overlay.SCRATCH)", "()"),
        "read_what_lies_below_the_copy",
    ),
    Guard(
        "the network is its own",
        (ISOLATED,),
        shares_namespaces("net", "NEWNET", "kernel.loopback_up()"),
        "connect_to_the_host_by_ip4",
        quick=True,
    ),
    Guard(
        "the network is its own", (ISOLATED,), shares_namespaces("net", "NEWNET", "kernel.loopback_up()"), "connect_to_an_abstract_socket"
    ),
    Guard("the network is its own", (ISOLATED,), shares_namespaces("net", "NEWNET", "kernel.loopback_up()"), "connect_while_sending"),
    Guard("the network is its own", (ISOLATED,), shares_namespaces("net", "NEWNET", "kernel.loopback_up()"), "send_a_datagram_to_the_host"),
    Guard("processes are its own", (ISOLATED,), shares_namespaces("pid", "NEWPID"), "kill_a_host_process", quick=True),
    Guard("processes are its own", (ISOLATED,), shares_namespaces("pid", "NEWPID"), "see_host_processes"),
    Guard("queues are its own", (ISOLATED,), shares_namespaces("ipc", "NEWIPC"), "reach_a_message_queue_of_the_host"),
    Guard("queues are its own", (ISOLATED,), shares_namespaces("ipc", "NEWIPC"), "reach_a_named_queue_of_the_host"),
    Guard(
        "settings of the kernel are read-only",
        (ISOLATED,),
        cuts(
            "inside.py",
            'kernel.mount("none", "/proc", None, kernel.REMOUNT',
            'False and kernel.mount("none", "/proc", None, kernel.REMOUNT',
        ),
        "write_to_kernel_settings",
        root=True,
    ),
    Guard("calls are filtered", BOTH, allows_every_call, "make_a_user_namespace", quick=True),
    Guard("calls of other tables are refused", BOTH, allows_foreign_tables, "use_the_calls_of_32_bits"),
    Guard("sockets are few", (ISOLATED,), allows_sockets, "make_a_netlink_socket", quick=True),
    Guard("there are no sockets", (CONFINED,), allows_sockets, "connect_to_a_socket_outside", quick=True),
    Guard("there are no sockets", (CONFINED,), allows_sockets, "send_a_datagram_to_the_host"),
    Guard("there are no sockets, nor names of them", (CONFINED,), allows_sockets_and_shows_names, "connect_to_an_abstract_socket"),
    Guard("there are no sockets, nor ports", (CONFINED,), allows_sockets_and_ports, "connect_to_the_host_by_ip4"),
    *(
        Guard("files are fenced", (CONFINED,), unfenced, attack)
        for attack in (
            "write_a_new_file_outside",
            "truncate_a_file_outside",
            "delete_a_file_outside",
            "exchange_a_file_with_one_outside",
            "move_a_file_out",
            "write_outside_while_a_link_changes",
            "write_outside_through_a_hard_link",
            "read_a_secret_in_home",
            "read_the_hosts_temporary_folder",
            "read_the_environment_of_a_host_process",
            "write_the_memory_of_a_host_process",
            "leave_a_file_in_the_hosts_temporary_folders",
        )
    ),
    Guard("signals are fenced", (CONFINED,), cuts("kernel.py", "0b11, 0b11)", "0b11, 0b01)"), "kill_a_host_process", quick=True),
    Guard("signals are fenced", (CONFINED,), cuts("kernel.py", "0b11, 0b11)", "0b11, 0b01)"), "signal_by_owning_a_file"),
    *(
        Guard("calls on other processes are refused", (CONFINED,), allows_calls_on_others, attack)
        for attack in ("limit_a_host_process", "move_a_host_process_to_one_core", "schedule_a_host_process")
    ),
    *(
        Guard(f"{name} is refused", (CONFINED,), allows("_STRICT", *name.split()), attack)
        for name, attack in {
            "setxattr": "set_an_attribute_of_a_file_outside",
            "setpriority": "slow_a_host_process_down",
            "ioprio_set": "starve_the_disk_of_a_host_process",
            "msgget": "reach_a_message_queue_of_the_host",
            "semget": "reach_semaphores_of_the_host",
        }.items()
    ),
    Guard(
        "queues with names are fenced",
        (CONFINED,),
        all_of(unfenced, allows("_STRICT", "mq_open")),
        "reach_a_named_queue_of_the_host",
    ),
    Guard("modes stay as they are", (CONFINED,), allows("_STRICT_IGNORED", "chmod", "fchmodat"), "change_the_mode_of_a_file_outside"),
    Guard("times stay as they are", (CONFINED,), allows("_STRICT_IGNORED", "utimensat"), "change_the_times_of_a_file_outside"),
    *(
        Guard(f"{name} is refused", BOTH, allows("_DENIED", *name.split()), attack)
        for name, attack in {
            "unshare": "make_a_user_namespace",
            "keyctl": "use_kernel_keys",
            "add_key": "add_a_key_for_the_user",
            "request_key": "ask_for_a_key_of_the_user",
            "bpf": "load_a_bpf_program",
            "userfaultfd": "handle_page_faults",
            "io_uring_setup": "use_io_uring",
            "ptrace": "be_traced",
            "kcmp": "compare_with_a_host_process",
            "process_vm_readv": "read_another_processs_memory",
            "pidfd_getfd": "take_an_open_file_of_a_host_process",
            "process_madvise": "advise_on_another_process",
            "name_to_handle_at": "name_a_file_by_handle",
            "open_by_handle_at": "open_by_handle",
            "modify_ldt": "change_the_segments_of_the_processor",
            "quotactl": "limit_the_disk_of_a_user",
            "clock_settime": "set_the_clock",
        }.items()
    ),
    *(
        Guard(f"{name} is not there", BOTH, allows("_ABSENT", name), attack)
        for name, attack in {
            "clone3": "make_a_user_namespace_with_clone3",
            "memfd_create": "make_memory_that_belongs_to_nobody",
            "memfd_secret": "make_memory_that_nobody_sees",
        }.items()
    ),
    Guard("shmget is not there", (CONFINED,), allows("_ABSENT", "shmget"), "reach_shared_memory_of_the_host"),
]
