"""`./dev run` as a newcomer and as scripts use it: one command, one line to read, nothing lost at the next start."""
import os
import re
import select
import signal
import subprocess
import time

import pytest
import requests

from support import ROOT, START_TIMEOUT, Browser, free_port

BUILD_TIMEOUT = 600  # the first start builds what is shipped


class DevRun:
    def __init__(self, state, *args, ports=None):
        self.port, self.demo_port = ports or (free_port(), free_port())
        # No way out: a proxy that is not there makes every download fail. (npm, apt, curl and git obey these.)
        dead = "http://127.0.0.1:9"
        env = dict(os.environ, TKE_AUTH_PORT=str(self.port), TKE_AUTH_DEMO_PORT=str(self.demo_port), TKE_AUTH_STATE=str(state),
                   http_proxy=dead, https_proxy=dead, HTTP_PROXY=dead, HTTPS_PROXY=dead, no_proxy="127.0.0.1,localhost")
        env.pop("TKE_AUTH_BIN", None)
        self.errors = open(state.parent / f"{state.name}.err", "a+")
        # A shell that runs the tests in the background has them ignore SIGINT, and what is ignored at the start no trap can catch.
        self.process = subprocess.Popen([str(ROOT / "dev"), "run", *args], env=env, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        cwd=state.parent, start_new_session=True,
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        end = time.monotonic() + BUILD_TIMEOUT
        while not select.select([self.process.stdout], [], [], 0.2)[0]:
            assert time.monotonic() < end, self.said()
        self.line = self.process.stdout.readline()
        assert self.line, self.said()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    @property
    def ready(self):
        return dict(word.split("=", 1) for word in self.line.split()[1:])

    # What Browser wants of a daemon.
    @property
    def issuer(self):
        return self.ready["issuer"]

    def session(self):
        s = requests.Session()
        s.trust_env = False
        s.verify = self.ready["ca"]
        return s

    def stop(self):
        """As Ctrl-C does."""
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(START_TIMEOUT) == 130
        rest = self.process.stdout.read()
        assert rest == "", "one line and nothing else"
        self.errors.close()


@pytest.fixture
def dev_run(tmp_path):
    running = []

    def start(*args, name="state", ports=None):
        running.append(DevRun(tmp_path / name, *args, ports=ports))
        return running[-1]
    yield start
    for one in running:
        if one.process.poll() is None:
            one.stop()


def sign_in(run, user, password, connector):
    """Through the demo application, without a browser: the page that it ends on."""
    person = Browser(run)
    start = person.http.get(f"http://127.0.0.1:{run.demo_port}/login", allow_redirects=False)
    page = person.http.get(start.headers["location"])
    choice = re.search(rf'href="([^"]*/auth/{connector}/login[^"]*)"', page.text)
    if choice:
        page = person.http.get(run.issuer.removesuffix("/oidc") + choice.group(1).replace("&amp;", "&"))
    answer = person.submit(person.read_form(page), user, password)
    assert answer.status_code == 303, answer.text
    return person.http.get(answer.headers["location"])


def first_password(run):
    return re.search(r'administrator "admin", password {2}(\S+)', run.said()).group(1)


def test_the_first_start_shows_a_login_and_the_second_keeps_its_data(dev_run, tmp_path):
    first = dev_run()
    assert re.fullmatch(rf"ready issuer=https://localhost:{first.port}/oidc ca=\S+ admin=\S+\n", first.line)
    assert first.ready["ca"] == str(tmp_path / "state/certificates/ca.crt")
    password = first_password(first)
    page = sign_in(first, "admin", password, "local")
    assert page.status_code == 200 and 'id="signed-in"' in page.text
    assert password not in (tmp_path / "state/tke-auth.log").read_text()
    document = first.session().get(first.issuer + "/keys").json()
    command = re.search(r"kubectl --kubeconfig (\S+) get (\S+)", first.said())
    listed = subprocess.run(["kubectl", "--kubeconfig", command.group(1), "get", command.group(2)], capture_output=True, text=True,
                            timeout=START_TIMEOUT, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    assert listed.returncode == 0, listed.stderr
    assert "usr-admin" in listed.stdout and "rol-platform-administrator" in listed.stdout
    assert os.stat(command.group(1)).st_mode & 0o077 == 0
    first.stop()

    second = dev_run(ports=(first.port, first.demo_port))
    assert re.fullmatch(r"ready issuer=\S+ ca=\S+ admin=\S+\n", second.line)
    assert second.said().count("first start") == 1, "the password is shown once"
    assert second.session().get(second.issuer + "/keys").json() == document
    assert 'id="signed-in"' in sign_in(second, "admin", password, "local").text
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_with_the_throw_away_directory(dev_run):
    run = dev_run("--ldap")
    assert 'id="signed-in"' in sign_in(run, "ldapadmin", "admin", "default").text
    tenants = run.session().get(f"http://127.0.0.1:{run.demo_port}/login").text
    assert "LDAP directory" in tenants and tenants.count("/login?ticket=") == 2


def test_two_run_side_by_side(dev_run):
    one, two = dev_run(name="one"), dev_run(name="two")
    assert one.issuer != two.issuer
    for run in (one, two):
        assert 'id="signed-in"' in sign_in(run, "admin", first_password(run), "local").text


def test_a_wrong_word_is_told(tmp_path):
    done = subprocess.run([str(ROOT / "dev"), "run", "--ldpa"], capture_output=True, text=True, timeout=START_TIMEOUT)
    assert done.returncode != 0 and "--ldap" in done.stderr and done.stdout == ""
