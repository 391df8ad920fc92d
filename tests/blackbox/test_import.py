"""Moving here from TKEStack or dex: `tke-auth import`, and what works afterwards."""
import json
import os
import re
import shutil
import stat
import subprocess

import pytest
import yaml

from support import BIN, REDIRECT, ROOT, START_TIMEOUT, Browser, claims_of, wait_until

DATA = ROOT / "tests/data/import"
DUMP, AS_JSON, DEX, CA = (str(DATA / name) for name in ("tkestack.yaml", "tkestack.json", "dex.yaml", "ca.crt"))
ROOT_CA = ("--root-ca", f"corp={CA}")
SECRETS = ("the-bind-password", "the-secret-of-the-gateway", "of-no-use-to-anybody", "what alice typed once")


def dump():
    return json.loads((DATA / "tkestack.json").read_text())["items"]


def spec_of(kind, name):
    return next(o["spec"] for o in dump() if o["kind"] == kind and o["metadata"]["name"] == name)


def secrets_of_the_dump():
    return [*SECRETS, *(o["spec"]["hashedPassword"] for o in dump() if o["kind"] == "LocalIdentity"),
            *(o["spec"]["apiKey"] for o in dump() if o["kind"] == "APIKey"), *(o["signingKey"] for o in dump() if "signingKey" in o)]


@pytest.fixture
def idle(own_daemon):
    """A configuration whose daemon has not been started yet."""
    def make(config=None):
        daemon = own_daemon(config, start=False)
        daemon.write_config()
        return daemon
    return make


def imported(daemon, *args, status=None, env=None):
    done = subprocess.run([BIN, "import", *args, "--config", str(daemon.config_path)], capture_output=True, text=True,
                          timeout=START_TIMEOUT, env=dict(os.environ, **(env or {})), cwd=ROOT)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    if status is not None:
        assert done.returncode == status, done.stdout + done.stderr
    return done


def lines(done, first):
    return [line for line in done.stdout.splitlines() if line.startswith(first)]


def summary(done):
    return done.stdout.splitlines()[-1]


# ---- the command line alone ----


@pytest.mark.parametrize("args", [(), ("--dry-run",), ("--nonsense", "x"), ("--root-ca",)], ids=" ".join)
def test_it_is_told_when_it_is_called_wrongly(args):
    done = subprocess.run([BIN, "import", *args], capture_output=True, text=True, timeout=START_TIMEOUT)
    assert done.returncode == 2 and "Usage: tke-auth import" in done.stderr and done.stdout == ""


def test_a_dry_run_makes_and_changes_nothing(idle):
    daemon = idle()
    before = sorted(daemon.folder.iterdir())
    done = imported(daemon, "--dry-run", *ROOT_CA, DUMP, status=1)
    assert sorted(daemon.folder.iterdir()) == before, "no database, no key"
    assert summary(done).startswith("dry run, nothing was written: 20 would be created, 0 would be changed, 0 the same")
    assert not lines(done, "not taken        P"), "what refers to objects of the same dump is understood"
    imported(daemon, *ROOT_CA, DUMP, status=1)
    stored = (daemon.folder / "tke-auth.db").read_bytes()
    again = imported(daemon, "--dry-run", *ROOT_CA, DUMP, status=1)
    assert "0 would be created, 0 would be changed, 20 the same" in summary(again)
    assert (daemon.folder / "tke-auth.db").read_bytes() == stored


def test_a_second_run_finds_everything_the_same(idle):
    daemon = idle()
    first = imported(daemon, *ROOT_CA, DUMP, status=1)
    assert len(lines(first, "created ")) == 20
    assert summary(first) == "20 created, 0 changed, 0 the same, 8 left out, 0 in conflict, 1 not taken"
    for args in ((DUMP,), (AS_JSON,), (DUMP, AS_JSON), ("--overwrite", DUMP)):
        again = imported(daemon, *ROOT_CA, *args, status=1)
        assert summary(again).startswith("0 created, 0 changed, ") and not lines(again, "conflict")
    for done in (first, again):
        for secret in secrets_of_the_dump():
            assert secret not in done.stdout + done.stderr


def test_standard_input_is_a_file_too(idle):
    daemon = idle()
    one = {"apiVersion": "auth.tkestack.io/v1", "kind": "IdentityProvider", "metadata": {"name": "acme"}, "spec": {"name": "Acme", "type": "tke"}}
    done = subprocess.run([BIN, "import", "-", "--config", daemon.config_path], input=yaml.safe_dump(one), capture_output=True, text=True,
                          timeout=START_TIMEOUT)
    assert done.returncode == 0 and done.stdout.startswith("created   IdentityProvider acme\n"), done.stdout + done.stderr


def test_a_file_that_is_no_dump_stops_everything(idle, tmp_path):
    daemon = idle()
    bad = tmp_path / "bad.yaml"
    for text in ("a: [", "hunter2", "{\"a\": 1}", "apiVersion: v1\nkind: List\nitems:\n- hunter2\n"):
        bad.write_text(text)
        done = imported(daemon, DUMP, str(bad), status=1)
        assert done.stdout == "" and "bad.yaml" in done.stderr and "nothing was written" in done.stderr
        assert "hunter2" not in done.stderr
    assert daemon.cli("user", "list").stdout == ""


def test_what_says_something_else_here_is_told_and_kept(idle, tmp_path):
    daemon = idle()
    imported(daemon, *ROOT_CA, DUMP, status=1)
    daemon.cli("user", "lock", "alice", "--tenant", "default")
    done = imported(daemon, *ROOT_CA, DUMP, status=1)
    assert lines(done, "conflict") == ["conflict  LocalIdentity usr-7hq4k9zt (alice): differs here in status.locked; --overwrite takes "
                                       "what the dump says"]
    assert "\talice\tusr-7hq4k9zt\talice@example.com\tlocked\n" in daemon.cli("user", "list").stdout
    changed, = lines(imported(daemon, *ROOT_CA, "--overwrite", DUMP), "changed")
    assert changed.startswith("changed   LocalIdentity usr-7hq4k9zt (alice): status.locked;")
    assert "\talice\tusr-7hq4k9zt\talice@example.com\tactive\n" in daemon.cli("user", "list").stdout


def test_rules_and_tenants_that_were_imported_count_without_a_daemon(idle):
    daemon = idle()
    imported(daemon, *ROOT_CA, DUMP, status=1)
    allowed = daemon.cli("can", "alice", "get", "clusters", "cls-1", "--tenant", "default", "--explain").stdout
    assert "allowed" in allowed and "pol-x4k8m2qz" in allowed
    assert daemon.cli("can", "alice", "delete", "clusters", "cls-1", "--tenant", "default", check=False).returncode == 1
    assert daemon.cli("can", "ldapadmin", "delete", "clusters", "cls-1", "--tenant", "corp").returncode == 0, "their administrator"


def test_users_and_clients_of_the_commands_are_the_same_objects(idle):
    daemon = idle()
    imported(daemon, *ROOT_CA, DUMP, status=1)
    assert daemon.cli("user", "add", "alice", "--tenant", "default", stdin="x\n", check=False).returncode == 1
    daemon.cli("user", "remove", "bob", "--tenant", "default")
    assert daemon.cli("can", "bob", "get", "clusters", "cls-1", "--tenant", "default", check=False).returncode == 1, "with his role"
    daemon.cli("client", "remove", "kubectl")
    done = imported(daemon, *ROOT_CA, DUMP, status=1)
    assert [line.split()[1:3] for line in lines(done, "created")] == [["LocalIdentity", "usr-6m2d8w5x"], ["APIKey", "apk3k5m7q8r"],
                                                                      ["Client", "kubectl:"]]


def test_what_the_configuration_sets_is_left_to_it(idle):
    daemon = idle({"auth": {"init_tenant_type": "tke", "init_tenant_id": "default"}})
    daemon.config["staticClients"].append({"id": "kubectl", "public": True, "redirectURIs": []})
    daemon.write_config()
    done = imported(daemon, *ROOT_CA, DUMP, status=1)
    assert [line.split()[3] for line in lines(done, "left out  IdentityProvider") + lines(done, "left out  Client")] == ["default:", "kubectl:"]
    assert "administrators: admin" in done.stdout


# ---- with a daemon ----


def key_user(daemon, key):
    """Whom an API key stands for, as a TokenReview tells it; None: nobody."""
    answer = daemon.session().post(daemon.issuer.removesuffix("/oidc") + "/auth/authn", json={
        "apiVersion": "authentication.k8s.io/v1beta1", "kind": "TokenReview", "spec": {"token": key}})
    assert answer.status_code == 200, answer.text
    status = answer.json()["status"]
    return (status["user"]["username"], status["user"]["uid"]) if status.get("authenticated") else None


def test_people_and_programs_go_on_after_the_move(idle):
    daemon = idle({"authz": {"access": "open"}})
    imported(daemon, *ROOT_CA, DUMP, status=1)
    daemon.start()
    browser = Browser(daemon)
    auth, uri = ("default", "the-secret-of-the-gateway"), "https://console.example.com/callback"
    code = browser.login("alice", "the password of alice", connector="default", client_id="default", redirect_uri=uri)["code"]
    claims = claims_of(browser.redeem(code, auth=auth, redirect_uri=uri).json()["id_token"])
    assert claims["name"] == "alice" and claims["preferred_username"] == "Alice Liddell"
    assert claims["federated_claims"] == {"connector_id": "default", "user_id": "usr-7hq4k9zt"}
    assert "grp-5v8n2m7c" in claims["groups"]
    page = browser.submit(browser.form(connector_id="default"), "bob", "the password of bob")
    assert page.status_code == 403, "locked there, locked here"
    assert key_user(daemon, spec_of("APIKey", "apk9w4x6z2v")["apiKey"]) == ("alice", "usr-7hq4k9zt")
    for name in ("apk3k5m7q8r", "apk1a2b3c4d", "apk8j6h5g4f"):
        assert key_user(daemon, spec_of("APIKey", name)["apiKey"]) is None, name
    for secret in secrets_of_the_dump():
        assert secret not in daemon.log()


def test_a_running_daemon_takes_an_import_up(own_daemon):
    daemon = own_daemon({"authz": {"access": "open"}})
    key = spec_of("APIKey", "apk9w4x6z2v")["apiKey"]
    assert key_user(daemon, key) is None
    done = imported(daemon, *ROOT_CA, DUMP)
    assert lines(done, "created   APIKey apk9w4x6z2v")
    wait_until(lambda: key_user(daemon, key) == ("alice", "usr-7hq4k9zt"), "the daemon to know the key")
    browser = Browser(daemon)
    wait_until(lambda: "error=" not in browser.authorize(connector_id="default").headers["location"], "the daemon to know the tenant")
    assert claims_of(browser.tokens("alice", "the password of alice", connector="default")["id_token"])["name"] == "alice"
    again = imported(daemon, *ROOT_CA, DUMP)
    assert not lines(again, "created"), again.stdout
    # The login made a better hash of the password; that is not a difference.
    assert not lines(again, "conflict  LocalIdentity"), again.stdout


def test_users_of_dex_keep_their_subject(idle):
    daemon = idle({"staticClients": [{"id": "web", "secret": "a secret of the web", "redirectURIs": [REDIRECT]}]})
    env = {"LDAP_PASSWORD": "hunter2", "CONSOLE_SECRET": "the-secret-of-the-console"}
    done = imported(daemon, "--tenant", "local", DEX, status=1, env=env)
    assert "hunter2" not in done.stdout + done.stderr and "the-secret-of-the-console" not in done.stdout + done.stderr
    assert [line.split(":")[0] for line in lines(done, "not taken")] == [
        "not taken IdentityProvider github", "not taken IdentityProvider other", "not taken Client NOT_SET_ANYWHERE"]
    daemon.start()
    browser = Browser(daemon)
    auth = ("console", "the-secret-of-the-console")
    uri = "https://console.example.com/callback"
    for login in ("ada", "ada@example.com"):
        code = browser.login(login, "the password of ada", client_id="console", redirect_uri=uri)["code"]
        claims = claims_of(browser.redeem(code, auth=auth, redirect_uri=uri).json()["id_token"])
        # dex: base64url of the protobuf {1: user id, 2: "local"}
        assert claims["sub"] == "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs"
        assert claims["groups"] == ["operators"] and claims["email_verified"] is True
    assert browser.login("grace.hopper@example.com", "the password of grace", client_id="console", redirect_uri=uri)["code"]
    env["LDAP_PASSWORD"] = "another"
    assert lines(imported(daemon, "--tenant", "local", DEX, env=env), "conflict")[0].startswith(
        "conflict  IdentityProvider corp: differs here in spec.config;")


# ---- the page ----


def test_the_commands_of_the_page_run_and_print_what_it_shows(idle, tmp_path):
    daemon = idle()
    page = (ROOT / "docs/import.md").read_text()
    commands = [line.strip() for block in re.findall(r"^ *```sh\n(.*?)^ *```$", page, re.M | re.S) for line in block.splitlines()
                if "tke-auth " in line]
    assert len(commands) >= 8
    items = dump()
    bindings = ("ProjectPolicyBinding", "CustomPolicyBinding", "APIKey", "Client")
    for name, chosen in (("objects.yaml", [o for o in items if o["kind"] not in bindings]),
                         ("bindings.yaml", [o for o in items if o["kind"] in bindings])):
        (tmp_path / name).write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": chosen}))
        (tmp_path / name).chmod(stat.S_IRUSR | stat.S_IWUSR)
    shutil.copy(CA, tmp_path / "ldap-ca.crt")
    (tmp_path / "dex.yaml").write_text((DATA / "dex.yaml").read_text().replace("tests/data/import/ca.crt", "ldap-ca.crt"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tke-auth").symlink_to(BIN)
    env = dict(os.environ, PATH=f"{tmp_path}/bin:{os.environ['PATH']}", TKE_AUTH_CONFIG=str(daemon.config_path))
    printed = ""
    for command in commands:
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=START_TIMEOUT)
        assert done.returncode in ((0, 1) if " import " in command else (0,)) and done.stderr == "", f"{command}\n{done.stdout}{done.stderr}"
        printed += done.stdout
    shown = [line.strip() for block in re.findall(r"^ *```text\n(.*?)^ *```$", page, re.M | re.S) for line in block.splitlines()]
    assert len(shown) >= 5
    for line in shown:
        assert re.search("^" + ".*".join(map(re.escape, line.split("..."))) + "$", printed, re.M), line
