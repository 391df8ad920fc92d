"""Killed, reloaded, out of disk: what was acknowledged stays, nothing is accepted twice, and a bad file changes nothing."""
import concurrent.futures
import os
import pathlib
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading

import pytest
import requests

from conftest import ALICE
from support import REDIRECT, SECRET, START_TIMEOUT, Browser, seed_connector, wait_until

# The last: head and body of an answer are two packets, and the daemon may be killed between them. That acknowledges nothing.
OFFLINE = (requests.ConnectionError, requests.Timeout, requests.exceptions.JSONDecodeError)


# ---- kill -9 ----

class Login:
    """One login and what the daemon has acknowledged of it."""

    def __init__(self):
        self.code = None
        self.redeemed = False     # the answer arrived
        self.attempted = False    # a redemption was sent
        self.tokens = []          # refresh tokens in the order they were acknowledged


def keep_using(daemon, logins, lock, acknowledged):
    """Logs in, redeems, refreshes, until the daemon is gone."""
    try:
        while True:
            browser, login = Browser(daemon), Login()
            with lock:
                logins.append(login)
            login.code = browser.login(*ALICE)["code"]
            login.attempted = True
            answer = browser.redeem(login.code)
            assert answer.status_code == 200, answer.text
            login.redeemed = True
            login.tokens.append(answer.json()["refresh_token"])
            acknowledged.release()
            for _ in range(3):
                answer = browser.refresh(login.tokens[-1])
                assert answer.status_code == 200, answer.text
                login.tokens.append(answer.json()["refresh_token"])
                acknowledged.release()
    except OFFLINE:
        return


def check_nothing_lost(daemon, logins):
    browser = Browser(daemon)
    for login in logins:
        if login.code is not None and not login.attempted:
            assert browser.redeem(login.code).status_code == 200, "an acknowledged code was lost"
        elif login.attempted and not login.redeemed:
            # In doubt: it had its effect or not, but works at most once.
            outcomes = [browser.redeem(login.code).status_code for _ in range(2)]
            assert outcomes in ([200, 400], [400, 400])
        elif login.tokens:
            answer = browser.refresh(login.tokens[-1])
            assert answer.status_code == 200, f"an acknowledged refresh token was lost: {answer.text}"



def check_nothing_twice(daemon, logins):
    """Without the time of grace a used refresh token is a stolen one, whatever crash lies between: refused, and its login with it."""
    browser = Browser(daemon)
    for login in [one for one in logins if len(one.tokens) > 1]:
        assert browser.refresh(login.tokens[-2]).json()["error"] == "invalid_grant"
        assert browser.refresh(login.tokens[-1]).json()["error"] == "invalid_grant"
    for login in [one for one in logins if one.redeemed]:
        assert browser.redeem(login.code).json()["error"] == "invalid_grant", "a code was taken twice"


def crash_rounds(daemon, rounds, check):
    daemon.add_user(*ALICE)
    seen = 0
    for number in range(rounds):
        logins, lock, acknowledged = [], threading.Lock(), threading.Semaphore(0)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(keep_using, daemon, logins, lock, acknowledged) for _ in range(4)]
            for _ in range(10 + 7 * number % 20):
                assert acknowledged.acquire(timeout=START_TIMEOUT), [w.exception() for w in workers if w.done()]
            daemon.kill9()
        for w in workers:
            w.result()
        daemon.start()
        check(daemon, logins)
        seen += len(logins)
    assert seen >= 2 * rounds


STRICT = {"expiry": {"refreshTokens": {"reuseInterval": "0s"}}}


def test_a_killed_daemon_loses_nothing_it_said(own_daemon):
    crash_rounds(own_daemon(), 5, check_nothing_lost)


def test_a_killed_daemon_takes_nothing_twice(own_daemon):
    crash_rounds(own_daemon(STRICT), 5, check_nothing_twice)


@pytest.mark.slow
def test_a_daemon_killed_again_and_again(own_daemon):
    crash_rounds(own_daemon(), 30, check_nothing_lost)
    crash_rounds(own_daemon(STRICT), 30, check_nothing_twice)


def test_a_restart_keeps_tokens_and_keys(own_daemon):
    daemon = own_daemon()
    daemon.add_user(*ALICE)
    browser = Browser(daemon)
    form = browser.form(connector_id="local")
    tokens = browser.tokens(*ALICE)
    keys = browser.http.get(daemon.url("/keys")).json()
    daemon.restart()
    browser.http.close()
    assert browser.http.get(daemon.url("/keys")).json() == keys
    assert browser.userinfo(tokens["access_token"]).status_code == 200
    assert browser.refresh(tokens["refresh_token"]).status_code == 200
    assert browser.submit(form, *ALICE).status_code == 303, "a login page open meanwhile still works"


# ---- SIGTERM ----

class Gate:
    """A TCP proxy that lets nothing through until it is opened."""

    def __init__(self, target):
        host, port = target.split(":")
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.open, self.arrived = threading.Event(), threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            self.arrived.set()
            threading.Thread(target=self.serve, args=(near,), daemon=True).start()

    def serve(self, near):
        self.open.wait(START_TIMEOUT)
        far = socket.create_connection(self.target)
        for a, b in ((near, far), (far, near)):
            threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_sigterm_lets_a_login_under_way_end_well(own_daemon, slapd):
    gate = Gate(slapd.ldap)
    connector = seed_connector(slapd)
    connector["config"]["host"] = gate.address
    del connector["config"]["groupSearch"]  # nobody but the login goes to the directory: groups are listed from the start
    daemon = own_daemon({"connectors": [connector]})
    browser = Browser(daemon)
    form = browser.form(connector_id="default")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        login = pool.submit(browser.submit, form, "ldapadmin", "admin")
        assert gate.arrived.wait(START_TIMEOUT)
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: daemon.events("stopping"), "the daemon to begin to stop")
        gate.open.set()
        assert login.result().status_code == 303
    assert daemon.process.wait(START_TIMEOUT) == 0
    gate.stop()


def test_a_signal_while_idle_ends_it_at_once_and_cleanly(own_daemon):
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon = own_daemon()
        daemon.session().get(daemon.url("/keys"))
        daemon.signal(number)
        assert daemon.process.wait(START_TIMEOUT) == 0


# ---- reload ----

def knows(browser, client_id):
    return browser.authorize(client_id=client_id).status_code != 400


def add_client(daemon, client_id, **more):
    daemon.config["staticClients"].append({"id": client_id, "secret": SECRET, "redirectURIs": [REDIRECT], **more})


def test_a_changed_file_is_taken_and_a_bad_one_named_and_refused(own_daemon):
    daemon = own_daemon()
    daemon.add_user(*ALICE)
    browser = Browser(daemon)
    tokens = browser.tokens(*ALICE)
    add_client(daemon, "second")
    daemon.write_config()
    wait_until(lambda: knows(browser, "second"), "the new client")
    good = daemon.config_path.read_text()
    daemon.config_path.write_text(good.replace("staticClients:", "staticClient:") + "expiry: {codes: 2h}\n")
    wait_until(lambda: daemon.events("reload_refused"), "the bad file to be refused")
    named = [(e["file"], e["setting"]) for e in daemon.events("config_problem")]
    assert (str(daemon.config_path), "staticClient") in named and (str(daemon.config_path), "expiry.codes") in named
    assert knows(browser, "second"), "the last good configuration stays"
    daemon.config_path.write_text(good)
    add_client(daemon, "third")
    daemon.write_config()
    wait_until(lambda: knows(browser, "third"), "the repaired file")
    assert browser.refresh(tokens["refresh_token"]).status_code == 200


def test_of_many_changes_in_a_row_the_last_one_counts(own_daemon):
    """Also when it comes while the one before is being taken in."""
    daemon = own_daemon()
    browser = Browser(daemon)
    for burst in range(8):
        for change in range(4):
            add_client(daemon, f"client-{burst}-{change}")
            daemon.write_config()
        wait_until(lambda: knows(browser, f"client-{burst}-3"), "the last change of the burst")


def test_sighup_reloads_and_disturbs_nobody(own_daemon):
    daemon = own_daemon()
    stop = threading.Event()

    def watch():
        session = daemon.session()
        answers = []
        while not stop.is_set():
            answers.append(session.get(daemon.url("/keys")).status_code)
        return answers

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        watchers = [pool.submit(watch) for _ in range(2)]
        for number in range(1, 6):
            daemon.signal(signal.SIGHUP)
            wait_until(lambda: len([e for e in daemon.events("reloaded") if e["why"] == "SIGHUP"]) == number, f"reload {number}")
        stop.set()
        for w in watchers:
            assert set(w.result()) == {200}


def make_certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")],
                   check=True, capture_output=True)


class MountedSecret:
    """A volume as kubelet writes it: files are links into ..data, itself a link that is swapped in one step."""

    def __init__(self, folder, client_secret):
        self.folder, self.version = folder, 0
        folder.mkdir()
        self.write(client_secret)
        for name in ("tls.crt", "tls.key", "secret"):
            (folder / name).symlink_to(f"..data/{name}")

    def write(self, client_secret, break_certificate=False):
        self.version += 1
        data = self.folder / f"..v{self.version}"
        data.mkdir()
        make_certificate(data, f"version {self.version}")
        if break_certificate:
            (data / "tls.key").write_text("no key\n")
        (data / "secret").write_text(client_secret)
        for name in ("tls.key", "secret"):
            (data / name).chmod(0o600)
        (self.folder / "..new").symlink_to(data.name)
        (self.folder / "..new").rename(self.folder / "..data")

    def certificate(self):
        return (self.folder / "tls.crt").read_text()


def served_certificate(daemon):
    return ssl.get_server_certificate(("127.0.0.1", daemon.port))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_swapped_secret_volume_brings_certificate_and_client_secret(own_daemon, tmp_path):
    volume = MountedSecret(tmp_path / "volume", "the-first-secret-of-the-client")
    daemon = own_daemon({"secure_serving": {"tls_cert_file": str(volume.folder / "tls.crt"), "tls_private_key_file": str(volume.folder / "tls.key")}},
                        start=False)
    add_client(daemon, "mounted")
    daemon.config["staticClients"][-1].pop("secret")
    daemon.config["staticClients"][-1]["secretFile"] = str(volume.folder / "secret")
    daemon.start()
    assert served_certificate(daemon) == volume.certificate()
    first = volume.certificate()

    def error_with(secret):
        answer = requests.post(daemon.url("/token"), verify=str(volume.folder / "tls.crt"), auth=("mounted", secret),
                               data={"grant_type": "refresh_token", "refresh_token": "x"})
        return answer.json()["error"]

    assert error_with("the-first-secret-of-the-client") == "invalid_grant"
    volume.write("the-second-secret-of-the-client")
    wait_until(lambda: served_certificate(daemon) == volume.certificate() != first, "the new certificate")
    wait_until(lambda: error_with("the-second-secret-of-the-client") == "invalid_grant", "the new secret")
    assert error_with("the-first-secret-of-the-client") == "invalid_client"
    second = volume.certificate()
    volume.write("the-third-secret-of-the-client", break_certificate=True)
    wait_until(lambda: daemon.events("reload_refused"), "the bad key to be refused")
    assert served_certificate(daemon) == second
    session = daemon.session()
    session.verify = False
    old = session.post(daemon.url("/token"), auth=("mounted", "the-second-secret-of-the-client"),
                       data={"grant_type": "refresh_token", "refresh_token": "x"})
    assert old.json()["error"] == "invalid_grant", "all of the reload is refused, not a part of it"
    assert "tls.key" in str(daemon.events("reload_refused")[-1]), "the file is named"
    volume.write("the-fourth-secret-of-the-client")
    wait_until(lambda: served_certificate(daemon) == volume.certificate(), "recovery")


# ---- disk ----

def limit_files(daemon, size):
    hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def test_a_full_disk_is_told_and_survived(own_daemon):
    """No file may grow: to the daemon that is a full disk. Its log is on another one (a pipe)."""
    daemon = own_daemon({"storage": {"type": "sqlite"}}, log_through_pipe=True)
    daemon.add_user(*ALICE)
    browser = Browser(daemon)
    tokens = browser.tokens(*ALICE)
    form = browser.form(connector_id="local")
    code = browser.login(*ALICE)["code"]
    limit_files(daemon, 1)
    for answer in (browser.refresh(tokens["refresh_token"]), browser.redeem(code)):
        assert answer.status_code == 503 and answer.json()["error"] == "temporarily_unavailable"
        assert int(answer.headers["Retry-After"]) > 0
    assert browser.submit(form, *ALICE).status_code == 503
    assert browser.userinfo(tokens["access_token"]).status_code == 200, "reading goes on"
    assert browser.http.get(daemon.url("/keys")).status_code == 200
    wait_until(lambda: "disk" in daemon.log() or "EFBIG" in daemon.log() or "too large" in daemon.log(), "the log to say why")
    limit_files(daemon, None)
    wait_until(lambda: browser.refresh(tokens["refresh_token"]).status_code == 200, "recovery without a restart")
    assert browser.redeem(code).status_code == 200, "the code was not lost"
    assert browser.submit(form, *ALICE).status_code == 303


def test_a_database_of_a_newer_program_is_left_alone(own_daemon):
    daemon = own_daemon()
    daemon.stop()
    database = pathlib.Path(daemon.config["storage"]["config"]["file"])
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA user_version=9999")
    db.close()
    for left in database.parent.glob(database.name + "-*"):
        left.unlink()
    before = database.read_bytes()
    daemon.start(expect_failure=True)
    assert daemon.process.returncode != 0 and "9999" in daemon.log() and "newer" in daemon.log()
    assert database.read_bytes() == before
    daemon.process = None


def test_a_damaged_or_missing_key_encryption_key_is_refused_with_its_name(own_daemon):
    daemon = own_daemon()
    daemon.stop()
    kek = daemon.folder / "kek"
    shutil.copy(kek, daemon.folder / "kept")
    kek.chmod(0o644)
    daemon.start(expect_failure=True)
    assert daemon.process.returncode != 0 and str(kek) in daemon.log().splitlines()[-1]
    kek.chmod(0o600)
    kek.write_bytes(os.urandom(32))
    daemon.start(expect_failure=True)
    assert daemon.process.returncode != 0
    shutil.copy(daemon.folder / "kept", kek)
    daemon.start()


# ---- systemd ----

def test_systemd_is_told_when_it_answers_reloads_and_stops(own_daemon, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(START_TIMEOUT)
        daemon = own_daemon(start=False)
        daemon.extra_env["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        daemon.start()
        assert "READY=1" in notify.recv(4096).decode().splitlines()
        assert daemon.session().get(daemon.url("/keys")).status_code == 200
        daemon.signal(signal.SIGHUP)
        assert notify.recv(4096).decode().startswith("RELOADING=1")
        assert "READY=1" in notify.recv(4096).decode().splitlines()
        daemon.signal(signal.SIGTERM)
        assert "STOPPING=1" in notify.recv(4096).decode().splitlines()


def test_a_taken_port_is_named(own_daemon):
    first = own_daemon()
    second = own_daemon(start=False)
    second.config["secure_serving"]["port"] = first.port
    second.start(expect_failure=True)
    assert second.process.returncode not in (0, 99) and str(first.port) in second.log()
    second.process = None
