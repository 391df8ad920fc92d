"""The commands beside `serve`, as an operator types them."""
import json
import pathlib
import shutil
import subprocess

import pytest
import requests
import yaml

from conftest import ALICE
from support import BIN, REDIRECT, ROOT, SECRET, START_TIMEOUT, Browser, claims_of, wait_until

COMMANDS = ("serve", "check-config", "print-config", "hash-password", "client", "user", "keys", "ldap", "can", "import", "backup", "demo-app", "version")


def run(*args, stdin="", status=0):
    done = subprocess.run([BIN, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=START_TIMEOUT)
    assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def test_help_teaches(tmp_path):
    overview = run("--help").stdout
    for command in COMMANDS:
        assert f"\n  {command} " in overview
        if command != "version":
            text = run(command, "--help").stdout
            assert text.startswith("Usage: tke-auth " + command), command
    assert run("version").stdout.split()[0] == "tke-auth" and run("--version").stdout == run("version").stdout


@pytest.mark.parametrize("args", [("nonsense",), (), ("serve", "--confg", "x"), ("client", "add"), ("keys",), ("backup",),
                                  ("ldap", "search"), ("serve", "--config")], ids=" ".join)
def test_a_mistyped_command_is_told_and_does_nothing(args):
    done = run(*args, status=2)
    assert "tke-auth" in done.stderr and done.stdout == ""


def test_a_hashed_password_logs_in(own_daemon):
    hashed = run("hash-password", stdin="a password with blanks \n").stdout
    assert hashed.startswith("$argon2id$") and hashed.endswith("\n") and hashed.count("\n") == 1
    daemon = own_daemon({"staticPasswords": [{"email": "ada@example.com", "hash": hashed.strip(), "username": "ada", "name": "Ada Min",
                                              "emailVerified": True, "userID": "ada-1", "groups": ["operators"]}]})
    browser = Browser(daemon)
    claims = claims_of(browser.tokens("ada", "a password with blanks ")["id_token"])
    assert claims["name"] == "ada" and claims["groups"] == ["operators"] and claims["federated_claims"]["user_id"] == "ada-1"
    assert browser.submit(browser.form(connector_id="local"), "ada", "a password with blanks").status_code == 200
    assert run("hash-password", stdin="\n", status=1).stdout == ""


@pytest.mark.parametrize("args", [("user", "frobnicate"), ("client", "frobnicate", "x"), ("keys", "frobnicate")], ids=" ".join)
def test_an_unknown_verb_is_told_and_changes_nothing(daemon, args):
    done = daemon.cli(*args, check=False)
    assert done.returncode in (1, 2) and done.stderr.startswith(("tke-auth: ", "Usage: ")) and done.stdout == ""


# ---- clients ----

def test_clients_come_and_go_while_the_daemon_runs(daemon, browser, tmp_path):
    added = daemon.cli("client", "add", "console", "--name", "The console", "--redirect-uri", REDIRECT, "--id-token-alg", "ES256").stdout
    secret = next(word for line in added.splitlines() if "secret" in line.lower() for word in line.split() if len(word) > 30)
    wait_until(lambda: browser.authorize(client_id="console").status_code != 400, "the daemon to know the client")
    code = browser.login(*ALICE, client_id="console")["code"]
    assert browser.redeem(code, auth=("console", secret)).status_code == 200
    assert "The console" in browser.form(client_id="console", connector_id="local")[2]
    listed = daemon.cli("client", "list").stdout
    assert "console" in listed and "native" in listed and secret not in listed and SECRET not in listed
    assert daemon.cli("client", "add", "console", "--redirect-uri", REDIRECT, check=False).returncode == 1, "there is one already"
    assert daemon.cli("client", "add", "bad", "--redirect-uri", "no uri", check=False).returncode == 1
    daemon.cli("client", "remove", "console")
    wait_until(lambda: browser.authorize(client_id="console").status_code == 400, "the client to be gone")
    assert daemon.cli("client", "remove", "console", check=False).returncode == 1
    assert daemon.cli("client", "remove", "web", check=False).returncode == 1, "the configuration's own"
    assert secret not in daemon.log()


# ---- users ----

def test_users_come_are_locked_and_go(daemon, browser):
    name, password = "dodo", "the password of the dodo"
    daemon.add_user(name, password, "--email", "dodo@example.com", "--group", "birds")
    assert daemon.cli("user", "add", name, stdin=password + "\n", check=False).returncode == 1, "there is one already"
    tokens = browser.tokens(name, password)
    assert claims_of(tokens["id_token"])["groups"] == ["birds"]
    assert name in daemon.cli("user", "list").stdout

    daemon.cli("user", "lock", name)
    page = browser.submit(browser.form(connector_id="local"), name, password)
    assert page.status_code == 403 and 'id="error"' in page.text
    assert browser.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert browser.submit(browser.form(connector_id="local"), name, "wrong").status_code == 200, "who does not know the password is told nothing"
    daemon.cli("user", "unlock", name)
    again = browser.tokens(name, password)
    assert claims_of(again["id_token"])["sub"] == claims_of(tokens["id_token"])["sub"]

    daemon.cli("user", "set-password", name, stdin="another password of the dodo\n")
    assert browser.submit(browser.form(connector_id="local"), name, password).status_code == 200
    assert browser.tokens(name, "another password of the dodo")["id_token"]

    shown = daemon.cli("user", "add", "generated", "--generate").stdout
    made = max(shown.split(), key=len)
    assert browser.tokens("generated", made)["id_token"]

    daemon.cli("user", "remove", name)
    assert browser.submit(browser.form(connector_id="local"), name, "another password of the dodo").status_code == 200
    assert browser.refresh(again["refresh_token"]).json()["error"] == "invalid_grant"
    assert name not in daemon.cli("user", "list").stdout.split()
    for verb in ("lock", "unlock", "remove"):
        assert daemon.cli("user", verb, name, check=False).returncode == 1
    assert daemon.cli("user", "add", "shorty", stdin="\n", check=False).returncode == 1, "no empty password"


def test_a_new_user_of_an_old_name_is_somebody_else(daemon, browser):
    daemon.add_user("phoenix", "the first password of it")
    first = browser.tokens("phoenix", "the first password of it")
    daemon.cli("user", "remove", "phoenix")
    daemon.add_user("phoenix", "the second password of it")
    assert claims_of(browser.tokens("phoenix", "the second password of it")["id_token"])["sub"] != claims_of(first["id_token"])["sub"]
    assert browser.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"


# ---- keys ----

def test_keys_are_listed_and_replaced_in_an_emergency(own_daemon):
    daemon = own_daemon()
    daemon.add_user(*ALICE)
    browser = Browser(daemon)
    tokens = browser.tokens(*ALICE)

    def published():
        return {k["kid"] for k in browser.http.get(daemon.url("/keys")).json()["keys"]}
    before = published()
    listed = daemon.cli("keys", "list").stdout
    assert all(kid in listed for kid in before) and "PRIVATE" not in listed
    daemon.cli("keys", "replace")
    wait_until(lambda: published().isdisjoint(before), "the daemon to sign with new keys")
    assert browser.userinfo(tokens["access_token"]).status_code == 401, "signed with a key that is gone"
    refreshed = browser.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200 and browser.userinfo(refreshed.json()["access_token"]).status_code == 200


# ---- configuration ----

def test_check_config_tells_every_mistake_at_once_and_where(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("""issuer: https://localhost:9451/oidc
staticClient: []
expiry:
  codes: 2h
  idTokens: soon
storage: {type: postgre}
staticClients:
  - id: web
    redirectURIs: ["not a uri"]
""")
    said = run("check-config", "--config", file, status=1)
    text = said.stdout + said.stderr
    for line, key in ((2, "staticClient"), (4, "codes"), (5, "idTokens"), (6, "type")):
        assert any(f"{file}:{line}" in one and key in one for one in text.splitlines()), f"{key}: {text}"
    assert "staticClients" in next(one for one in text.splitlines() if ":2:" in one), "the nearest valid key"
    run("check-config", "--config", tmp_path / "missing.yaml", status=1)
    assert run("check-config", "--config", ROOT / "config/tke-auth.yaml").returncode == 0


def test_print_config_hides_secrets_and_can_be_read_back(daemon, tmp_path):
    shown = daemon.cli("print-config").stdout
    assert SECRET not in shown and "bindPW: admin" not in shown and "***" in shown
    document = yaml.safe_load(shown)
    assert document["issuer"] == daemon.issuer and document["staticClients"][0]["id"] == "web"
    assert document["expiry"]["codes"] == "60s" or document["expiry"]["codes"] == "1m"


def test_can_answers_with_the_rules_of_a_file(daemon, tmp_path):
    rules = tmp_path / "policy.csv"
    rules.write_text("p, reader, *, namespace:default/pod:*, getPod*, allow\ng, local##user##alice, reader, *\n")
    question = ("can", "alice", "get", "pods/log", "web-1", "--namespace", "default", "--policy", str(rules))
    assert "allowed" in daemon.cli(*question, "--tenant", "local").stdout
    elsewhere = daemon.cli(*question, "--tenant", "default", "--explain", check=False)
    assert elsewhere.returncode == 1 and "nearest" in elsewhere.stdout and "default##user##alice" in elsewhere.stdout


# ---- backup ----

def test_a_backup_of_a_running_daemon_is_restored(own_daemon):
    daemon = own_daemon()
    daemon.add_user(*ALICE)
    browser = Browser(daemon)
    tokens = browser.tokens(*ALICE)
    kids = [k["kid"] for k in browser.http.get(daemon.url("/keys")).json()["keys"]]
    copy = daemon.folder / "copy.db"
    daemon.cli("backup", str(copy))
    assert copy.stat().st_mode & 0o077 == 0, "for its owner only"
    assert daemon.cli("backup", str(copy), check=False).returncode == 1, "an earlier copy is not written over"
    daemon.add_user("late", "who came after the copy")
    daemon.stop()
    database = pathlib.Path(daemon.config["storage"]["config"]["file"])
    for left in database.parent.glob(database.name + "*"):
        left.unlink()
    shutil.copy(copy, database)
    daemon.start()
    browser = Browser(daemon)
    assert [k["kid"] for k in browser.http.get(daemon.url("/keys")).json()["keys"]] == kids
    assert browser.refresh(tokens["refresh_token"]).status_code == 200
    assert browser.tokens(*ALICE)["id_token"]
    assert browser.submit(browser.form(connector_id="local"), "late", "who came after the copy").status_code == 200


def test_a_first_start_makes_an_administrator_whose_password_is_shown_once(own_daemon):
    daemon = own_daemon()
    assert " admin=admin" in daemon.ready_line
    file = daemon.folder / "initial-admin-password"
    assert file.stat().st_mode & 0o077 == 0
    password = file.read_text().strip()
    assert claims_of(Browser(daemon).tokens("admin", password)["id_token"])["name"] == "admin"
    assert password not in daemon.log()
    file.unlink()
    daemon.restart()
    assert not file.exists(), "there is a user now"
    assert json.loads(requests.get(daemon.url("/keys"), verify=daemon.ca).text)["keys"]
