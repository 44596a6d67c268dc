import pytest

from fakehost import Host


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path).start()
    yield made
    made.close()
