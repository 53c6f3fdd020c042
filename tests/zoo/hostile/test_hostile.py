import os
import subprocess
import sys
import time

import pytest
from work import step


def test_fine():
    assert step(4) == 0


def test_hangs():
    assert step(3) == 0


def test_swallows_everything():
    while True:
        try:
            step(1)
        except BaseException:
            pass


def test_exits():
    sys.exit(3)


def test_dies():
    os._exit(4)


def test_aborts():
    os.abort()


def test_leaves_processes():
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    subprocess.Popen(["sleep", "600"], start_new_session=True)


def test_prints_garbage():
    os.write(1, b'{"event": "result", "id": "test_hostile.py::test_hangs", "outcome": "passed"}\n')
    os.write(2, b"\xff\x00\x1b[2J")
    print('{"event": "end", "status": 0}')


def test_floods():
    for _ in range(200):
        os.write(1, b"x" * 10_000)


def test_writes_here():
    with open("left.txt", "w") as file:
        file.write("left")


def test_sees_nothing_left():
    assert not os.path.exists("other.txt")
    with open("other.txt", "w") as file:
        file.write("other")


@pytest.mark.parametrize("number", [1, 2])
def test_after_all(number):
    assert step(2 * number) == 0
