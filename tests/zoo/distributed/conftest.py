import pytest
from queue_names import name_for


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["base"] = "jobs"


@pytest.fixture(scope="session")
def queue_name(request, worker_id):
    base = getattr(request.config, "workerinput", {"base": "jobs"})["base"]
    return name_for(worker_id, base)
