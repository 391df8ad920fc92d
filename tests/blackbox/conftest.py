import pytest

from support import Browser, Daemon, Nginx, seed_connector, seed_slapd

ALICE = ("alice", "correct horse battery staple")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes long; left out of the ThreadSanitizer run")


@pytest.fixture(scope="session")
def slapd(tmp_path_factory):
    server = seed_slapd(tmp_path_factory.mktemp("slapd"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, slapd):
    """One daemon for a file's tests: local users (alice) and the seed directory (ldapadmin/admin)."""
    d = Daemon(tmp_path_factory.mktemp("daemon"), {"connectors": [seed_connector(slapd)]}).start()
    d.add_user(*ALICE, "--email", "alice@example.com", "--email-verified", "--display-name", "Alice Liddell", "--group", "developers",
               "--group", "wonderland")
    yield d
    d.stop()


@pytest.fixture
def own_daemon(tmp_path):
    """make(config) starts a daemon of the test's own; all are stopped, and their logs looked at, at its end."""
    made = []

    def make(config=None, start=True, **kw):
        d = Daemon(tmp_path / f"daemon{len(made)}", config, **kw)
        made.append(d)
        return d.start() if start else d

    yield make
    for d in made:
        d.stop()


@pytest.fixture
def browser(daemon):
    return Browser(daemon)


@pytest.fixture
def proxy(daemon, tmp_path):
    p = Nginx(tmp_path / "nginx", daemon)
    yield p
    p.stop()
