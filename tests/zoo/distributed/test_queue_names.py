import os

import pytest
from queue_names import name_for, number_of


def test_alone():
    assert name_for("master", "jobs") == "jobs"


def test_each_worker_has_its_own():
    assert name_for("gw1", "jobs") == "jobs_gw1"


@pytest.mark.xdist_group("numbers")
def test_number():
    assert number_of("gw12") == 12


def test_queue_of_this_run(queue_name, worker_id, testrun_uid):
    assert queue_name.startswith("jobs")
    assert worker_id == os.environ.get("PYTEST_XDIST_WORKER", "master")
    assert testrun_uid
