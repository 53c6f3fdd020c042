"""Attempts to reach another program or machine over a socket. Loaded by `sandbox_attacks.py`."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox.sandbox_attacks import Place, attack, call, refuse
else:
    from sandbox_attacks import Place, attack, call, refuse


@attack
def connect_to_the_host_by_ip4(place: Place) -> object:
    return _connect(socket.AF_INET, ("127.0.0.1", place["port4"]))


@attack
def connect_to_the_host_by_ip6(place: Place) -> object:
    return _connect(socket.AF_INET6, ("::1", place["port6"]))


@attack
def send_a_datagram_to_the_host(place: Place) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.sendto(place["token"].encode(), ("127.0.0.1", place["port_udp"]))
    return refuse()  # whether it arrived is seen outside


@attack
def connect_to_an_abstract_socket(place: Place) -> object:
    return _connect(socket.AF_UNIX, "\0" + place["abstract"])


@attack
def connect_to_a_socket_outside(place: Place) -> object:
    return _connect(socket.AF_UNIX, place["outside"] + "/s")


@attack
def connect_to_a_socket_in_the_project(place: Place) -> object:
    for path in ("s", place["project"] + "/s", "/.base/s"):
        with contextlib.suppress(OSError):
            return _connect(socket.AF_UNIX, path)
    return refuse()


@attack
def connect_to_the_container_daemon(place: Place) -> object:
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/dbus/system_bus_socket"):
        with contextlib.suppress(OSError):
            return _connect(socket.AF_UNIX, path)
    return refuse()


@attack
def connect_to_another_machine(place: Place) -> object:
    return _connect(socket.AF_INET, ("192.0.2.1", 80))


@attack
def make_a_netlink_socket(place: Place) -> object:
    return socket.socket(16, socket.SOCK_RAW, 0)


@attack
def make_a_vsock_socket(place: Place) -> object:
    return socket.socket(40, socket.SOCK_STREAM)


@attack
def make_a_packet_socket(place: Place) -> object:
    return socket.socket(17, socket.SOCK_RAW)


@attack
def make_a_raw_socket(place: Place) -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)


@attack
def make_a_kernel_crypto_socket(place: Place) -> object:
    return socket.socket(38, socket.SOCK_SEQPACKET)


@attack
def connect_to_the_host_by_a_mapped_address(place: Place) -> object:
    return _connect(socket.AF_INET6, ("::ffff:127.0.0.1", place["port4"]))


@attack
def connect_to_the_host_by_its_own_address(place: Place) -> object:
    return _connect(socket.AF_INET, (place["address"], place["port_all"])) if place["address"] else refuse()


@attack
def connect_while_sending(place: Place) -> object:
    """TCP fast open connects without the call that a fence watches."""
    with socket.socket(socket.AF_INET) as line:
        line.settimeout(2)
        return line.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", place["port4"]))


@attack
def connect_over_several_paths(place: Place) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as line:  # MPTCP
        line.settimeout(2)
        line.connect(("127.0.0.1", place["port4"]))
    return "connected"


@attack
def send_a_datagram_by_ip6(place: Place) -> object:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as line:
        line.sendto(place["token"].encode(), ("::ffff:127.0.0.1", place["port_udp"]))
    return refuse()  # whether it arrived is seen outside


@attack
def send_a_datagram_to_an_abstract_socket(place: Place) -> object:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        return line.sendto(b"x", "\0" + place["abstract_datagrams"])


@attack
def listen_where_the_host_hears(place: Place) -> object:
    with socket.socket(socket.AF_INET) as line:
        line.bind(("0.0.0.0", place["port_free"]))
        line.listen()
        with socket.socket(socket.AF_UNIX) as other:
            other.connect("\0" + place["abstract"])  # only who shares the host's network gets here
    return "listening"


@attack
def make_a_socket_of_any_other_family(place: Place) -> object:
    for family in set(range(46)) - {0, 1, 2, 10}:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            with contextlib.suppress(OSError):
                socket.socket(family, kind).close()
                return f"family {family}"
    return refuse()


@attack
def reach_a_message_queue_of_the_host(place: Place) -> object:
    return call(68, 186, place["queue"], 0)


@attack
def reach_a_named_queue_of_the_host(place: Place) -> object:
    return call(240, 180, place["named_queue"].encode(), os.O_WRONLY, 0, None)


@attack
def reach_semaphores_of_the_host(place: Place) -> object:
    return call(64, 190, place["queue"], 0, 0)


@attack
def reach_shared_memory_of_the_host(place: Place) -> object:
    return call(29, 194, place["queue"], 0, 0)


def _connect(family: int, address: Any) -> object:
    with socket.socket(family) as line:
        line.settimeout(2)
        line.connect(address)
    return "connected"
