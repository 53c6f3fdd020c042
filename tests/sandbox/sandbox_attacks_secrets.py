# ruff: noqa: PTH208
"""Attempts to read what is nobody's business. Loaded by `sandbox_attacks.py`."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox.sandbox_attacks import Place, attack, refuse
else:
    from sandbox_attacks import Place, attack, refuse


@attack
def read_a_secret_in_home(place: Place) -> object:
    return Path(place["home"], "secret").read_text()


@attack
def read_an_ssh_key(place: Place) -> object:
    return Path(place["home"], ".ssh", "id_ed25519").read_text()


@attack
def list_home(place: Place) -> object:
    names = os.listdir(place["home"])
    return names if "secret" in names else refuse()


@attack
def read_the_projects_env_file(place: Place) -> object:
    return _any_token(place, (".env", "config/.env.local", "/.base/.env", place["project"] + "/.env", ".aws/credentials", "deploy.pem"))


@attack
def read_the_remote_address_of_git(place: Place) -> object:
    return _any_token(place, (".git/config", "/.base/.git/config", place["project"] + "/.git/config"))


@attack
def read_a_masked_file_after_deleting_the_mask(place: Place) -> object:
    with contextlib.suppress(OSError):
        Path(".env").unlink()
    return _any_token(place, (".env",))


@attack
def read_the_environment_of_a_host_process(place: Place) -> object:
    return _any_token(place, (f"/proc/{place['victim']}/environ", f"/proc/{place['supervisor']}/environ"))


@attack
def read_the_environment_of_any_process(place: Place) -> object:
    return _any_token(place, [f"/proc/{name}/environ" for name in os.listdir("/proc") if name.isdigit()])


@attack
def find_the_secret_in_the_own_environment(place: Place) -> object:
    return _any_token(place, ("/proc/self/environ", "/proc/1/environ"))


@attack
def read_the_memory_of_a_host_process(place: Place) -> object:
    return os.open(f"/proc/{place['victim']}/mem", os.O_RDONLY)


@attack
def read_password_hashes(place: Place) -> object:
    return Path("/etc/shadow").read_text()


@attack
def see_host_processes(place: Place) -> object:
    found = [name for name in os.listdir("/proc") if name.isdigit()]
    return found if len(found) > 3 else refuse()


@attack
def read_the_hosts_temporary_folder(place: Place) -> object:
    return _any_token(place, (place["temporary"], f"/proc/{place['victim']}/root{place['temporary']}"))


@attack
def read_a_masked_file_under_another_name(place: Place) -> object:
    Path(".env.renamed").rename("renamed")
    return _any_token(place, ("renamed",))


@attack
def read_a_masked_file_through_links(place: Place) -> object:
    for name, make in (("soft", os.symlink), ("hard", os.link)):
        with contextlib.suppress(OSError):
            make(".env.linked", name)
    return _any_token(place, ("soft", "hard"))


@attack
def read_a_masked_folder_under_another_name(place: Place) -> object:
    for name, make in (("cluster", os.rename), ("link", os.symlink)):
        with contextlib.suppress(OSError):
            make(".kube", name)
    return _any_token(place, ("cluster/config", "link/config"))


@attack
def read_what_lies_below_the_copy(place: Place) -> object:
    found = [path for root in ("/.base", "/.refine") for path in Path(root).rglob("*")]
    return _any_token(place, found)


@attack
def find_a_socket_or_secret_named_in_the_environment(place: Place) -> object:
    return [name for name in os.environ if name in ("SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", place["variable"])] or refuse()


@attack
def read_the_folder_of_a_host_process(place: Place) -> object:
    return Path(f"/proc/{place['victim']}/cwd", "kept").read_text()


@attack
def look_at_the_machine(place: Place) -> object:
    for folder in ("/run", "/var/lib", "/var/log", "/srv", "/mnt", "/media", "/boot", "/sys"):
        with contextlib.suppress(OSError):
            if os.listdir(folder):
                return folder
    return refuse()


@attack
def read_the_settings_of_the_machine(place: Place) -> object:
    for path in (
        "/etc/fstab",
        "/etc/hostname",
        "/etc/machine-id",
        "/etc/sudoers",
        "/etc/crontab",
        "/etc/ssh/ssh_config",
        "/etc/environment",
    ):
        with contextlib.suppress(OSError):
            return Path(path).read_text() or path
    return refuse()


def _any_token(place: Place, paths: Any) -> object:
    for path in paths:
        with contextlib.suppress(OSError):
            content = Path(path).read_bytes()
            if place["token"].encode() in content.replace(json.dumps(place).encode(), b""):
                return path
    return refuse()
