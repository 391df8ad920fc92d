"""Logins through the daemon against a real slapd: whom it finds, what it reports, and what happens when the directory does not answer. The connector's own
tests go deeper; these see it as people and clients do."""
import concurrent.futures
import json
import socket
import subprocess
import threading

import pytest

from conftest import ALICE
from support import ROOT, Browser, Daemon, Slapd, claims_of, merge, seed_connector, seed_slapd, wait_until

SUFFIX = "dc=example,dc=org"
MEMBER = [{"userAttr": "DN", "groupAttr": "member"}]


def people(case, **more):
    return {"baseDN": f"ou=People,ou={case},{SUFFIX}", "username": "cn", "nameAttr": "cn", "emailAttr": "mail", "idAttr": "DN", **more}


def groups(case, matchers=None, **more):
    return {"baseDN": f"ou=Groups,ou={case},{SUFFIX}", "nameAttr": "cn", "userMatchers": matchers or MEMBER, **more}


def everywhere(case, **more):
    """Below the case's own entry: all of its towns."""
    return {"baseDN": f"ou={case},{SUFFIX}", "nameAttr": "cn", **more}


SEATTLE = "(ou:dn:=Seattle)"
SEATTLE_PEOPLE = {"username": "cn", "nameAttr": "cn", "emailAttr": "mail", "idAttr": "DN"}
# Tenant: its userSearch and groupSearch.
TENANTS = {
    "query": (people("Query"), None),
    "email-suffix": ({k: v for k, v in people("EmailSuffix", emailSuffix="test.example.com").items() if k != "emailAttr"}, None),
    "user-filter": (everywhere("UserFilter", **SEATTLE_PEOPLE, filter=SEATTLE), None),
    "multi-username": (everywhere("MultiUsername", **{**SEATTLE_PEOPLE, "username": ["cn", "mail"]}, filter=SEATTLE), None),
    "group-query": (people("GroupQuery"), groups("GroupQuery")),
    "groups-on-user": (people("GroupsOnUser"), groups("GroupsOnUser", [{"userAttr": "departmentNumber", "groupAttr": "gidNumber"}])),
    "group-filter": (people("Seattle,ou=GroupFilter"), everywhere("GroupFilter", filter=SEATTLE,
                                                                  userMatchers=[{"userAttr": "dn", "groupAttr": "member"}])),
    "older-matcher": (people("Seattle,ou=GroupFilter"), everywhere("GroupFilter", filter=SEATTLE, userAttr="DN", groupAttr="member")),
    "matchers": (people("Seattle,ou=Matchers"), everywhere("Matchers", filter="(|(objectClass=posixGroup)(objectClass=groupOfNames))", userMatchers=[
        *MEMBER, {"userAttr": "uid", "groupAttr": "memberUid"}])),
    "nested": (people("NestedGroups"), groups("NestedGroups", [{**MEMBER[0], "recursionGroupAttr": "member"}])),
    "odd": (people("Odd", username="uid", nameAttr="uid"), None),
    "policy": (people("Policy", username="uid", nameAttr="uid"), None),
    "moving": (people("Moving", username="uid", nameAttr="uid", idAttr="entryUUID"), None),
    "crowd": (people("Crowd", username="uid", nameAttr="uid"), None),
}
TRANSPORTS = ("starttls", "ldaps", "skip-verify")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    ldif = subprocess.run([str(ROOT / "tests/fixture/ldap_cases")], check=True, capture_output=True, text=True).stdout
    (folder / "cases.ldif").write_text(ldif)
    server = Slapd(folder / "slapd", "--ldif", str(folder / "cases.ldif"), "--suffix", SUFFIX, "--admin-dn", f"cn=admin,{SUFFIX}", "--ppolicy")
    yield server
    server.stop()


def tenant(directory, name, user, group=None, **transport):
    config = {"host": directory.ldap, "insecureNoSSL": True, "bindDN": directory.admin_dn, "bindPW": directory.admin_pw, "userSearch": user}
    if group:
        config["groupSearch"] = group
    merge(config, transport)
    return {"type": "ldap", "id": name, "name": name, "config": {k: v for k, v in config.items() if v is not None}}


@pytest.fixture(scope="module")
def cases(directory, tmp_path_factory):
    query = TENANTS["query"][0]
    connectors = [tenant(directory, name, *searches) for name, searches in TENANTS.items()] + [
        tenant(directory, "starttls", query, host="localhost:" + directory.ldap.split(":")[1], insecureNoSSL=None, startTLS=True, rootCA=directory.ca),
        tenant(directory, "ldaps", query, host=directory.ldaps, insecureNoSSL=None, rootCA=directory.ca),
        tenant(directory, "skip-verify", query, host=directory.ldaps, insecureNoSSL=None, insecureSkipVerify=True),
        tenant(directory, "other-ca", query, host=directory.ldaps, insecureNoSSL=None, rootCA=directory.other_ca)]
    d = Daemon(tmp_path_factory.mktemp("cases-daemon"), {"connectors": connectors, "login": {"maxFailures": 1000}}).start()
    yield d
    d.stop()


@pytest.fixture
def person(cases):
    return Browser(cases)


def login_and_refresh(person, name, password, connector):
    """The claims of the login, which a refresh must repeat."""
    tokens = person.tokens(name, password, connector)
    first = claims_of(tokens["id_token"])
    refreshed = person.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200, refreshed.text
    second = claims_of(refreshed.json()["id_token"])
    same = ("sub", "name", "preferred_username", "email", "email_verified", "federated_claims", "auth_time")
    assert {k: first.get(k) for k in same} == {k: second.get(k) for k in same}
    assert sorted(first.get("groups", [])) == sorted(second.get("groups", []))
    return first


def id_of(claims):
    return claims["federated_claims"]["user_id"]


def assert_wrong(person, name, password, connector):
    page = person.submit(person.form(connector_id=connector), name, password)
    assert page.status_code == 200 and 'role="alert"' in page.text, f"{name}: {page.status_code}"
    return page


def test_a_person_is_found_by_name_and_let_in_by_password(person):
    jane = login_and_refresh(person, "jane", "foo", "query")
    assert id_of(jane) == f"cn=jane,ou=People,ou=Query,{SUFFIX}"
    assert jane["name"] == "jane" and jane["email"] == "janedoe@example.com" and jane["email_verified"] is True
    assert jane.get("groups", []) == []
    assert login_and_refresh(person, "john", "bar", "query")["email"] == "johndoe@example.com"
    for name, password in (("jane", "badpassword"), ("idontexist", "foo"), ("a*", "foo"), ("john", "*"), ("jan*", "foo"), ("jane)(cn=*", "foo")):
        assert_wrong(person, name, password, "query")


def test_no_password_is_no_password(person):
    """An LDAP bind with a name and no password succeeds: RFC 4513 5.1.2."""
    for password in ("", None):
        form = person.form(connector_id="query")
        page = person.submit(form, "jane", password)
        assert page.status_code in (200, 400) and "location" not in page.headers


def test_an_email_may_be_made_of_the_name(person):
    assert login_and_refresh(person, "jane", "foo", "email-suffix")["email"] == "jane@test.example.com"
    assert login_and_refresh(person, "john", "bar", "email-suffix")["email"] == "john@test.example.com"


def test_a_filter_tells_two_janes_apart(person):
    jane = login_and_refresh(person, "jane", "foo", "user-filter")
    assert id_of(jane) == f"cn=jane,ou=People,ou=Seattle,ou=UserFilter,{SUFFIX}" and jane["email"] == "janedoe@example.com"
    login_and_refresh(person, "john", "bar", "user-filter")
    assert_wrong(person, "jane", "baz", "user-filter")


def test_name_and_mail_lead_to_the_same_person(person):
    assert login_and_refresh(person, "jane", "foo", "multi-username")["sub"] == login_and_refresh(
        person, "janedoe@example.com", "foo", "multi-username")["sub"]


@pytest.mark.parametrize("connector, jane, john", [
    ("group-query", {"admins", "developers"}, {"admins"}),
    ("groups-on-user", {"admins", "developers"}, {"admins", "designers"}),
    ("group-filter", {"admins", "developers"}, {"admins"}),
    ("older-matcher", {"admins", "developers"}, {"admins"}),
    ("matchers", {"admins", "developers", "frontend"}, {"admins", "qa", "logger"}),
    ("nested", {"childGroup", "circularGroup1", "intermediateGroup", "circularGroup2", "parentGroup"},
     {"circularGroup2", "intermediateGroup", "circularGroup1", "parentGroup"}),
])
def test_groups(person, connector, jane, john):
    assert set(login_and_refresh(person, "jane", "foo", connector)["groups"]) == jane
    assert set(login_and_refresh(person, "john", "bar", connector)["groups"]) == john


@pytest.mark.parametrize("connector", TRANSPORTS)
def test_encrypted_connections(person, connector):
    assert login_and_refresh(person, "jane", "foo", connector)["name"] == "jane"
    assert_wrong(person, "jane", "bar", connector)


def test_a_certificate_of_another_ca_is_not_talked_to(cases, person):
    page = person.submit(person.form(connector_id="other-ca"), "jane", "foo")
    assert page.status_code == 503 and page.headers["Retry-After"]
    assert any("certificate" in json.dumps(e) for e in cases.events("login_unavailable"))


def test_odd_names(person):
    for name in ("jürgen", "DOM\\user", "o(x)", "a*b", "Doe, Jane", "#hash", "名前", "plus+sign", 'quo"te', "<angle>"):
        assert login_and_refresh(person, name, "secret", "odd")["name"] == name
    assert login_and_refresh(person, "unicode", "pässwörd", "odd")["email"] == "u@example.com"


def test_an_account_that_the_directory_has_closed_is_told_apart(person):
    page = person.submit(person.form(connector_id="policy"), "locked", "secret")
    assert page.status_code in (200, 403) and 'role="alert"' in page.text and "location" not in page.headers


def ldapmodify(directory, text):
    subprocess.run(["ldapmodify", "-x", "-H", f"ldap://{directory.ldap}", "-D", directory.admin_dn, "-w", directory.admin_pw], input=text,
                   check=True, capture_output=True, text=True)


def test_who_has_left_the_directory_gets_no_more_tokens(directory, person):
    tokens = person.tokens("deleted", "secret", "moving")
    renamed = person.tokens("renamed", "secret", "moving")
    ldapmodify(directory, f"dn: uid=deleted,ou=People,ou=Moving,{SUFFIX}\nchangetype: delete\n\n"
                          f"dn: uid=renamed,ou=People,ou=Moving,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=newname\ndeleteoldrdn: 1\n")
    gone = person.refresh(tokens["refresh_token"])
    assert gone.status_code == 400 and gone.json()["error"] == "invalid_grant"
    still_there = person.refresh(renamed["refresh_token"])
    assert still_there.status_code == 200, "the same entry, by its entryUUID"
    assert claims_of(still_there.json()["id_token"])["sub"] == claims_of(renamed["id_token"])["sub"]


def test_many_people_at_once(cases):
    def one(i):
        return claims_of(Browser(cases).tokens(f"user{i}", f"pw{i}", "crowd")["id_token"])["name"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(60))) == [f"user{i}" for i in range(60)]


# ---- what the connector reports is what ldapsearch finds ----

def sections(report):
    """{"entry": {name: [values]}, "identity": {...}} and the searches as (base, filter)."""
    found, searches, current = {}, [], None
    for line in report.splitlines():
        if line.startswith("search base "):
            base, _, rest = line.removeprefix('search base "').partition('" scope ')
            searches.append((base, rest.partition(" filter ")[2]))
        elif line in ("entry", "identity"):
            current = found.setdefault(line, {})
        elif line.startswith("  ") and current is not None and not line.lstrip().startswith("result"):
            name, _, value = line.strip().partition(" ")
            current.setdefault(name, []).append(value.strip())
    return found, searches


def ldapsearch(server, base, ldap_filter, *attributes):
    out = subprocess.run(["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", f"ldap://{server.ldap}", "-D", server.admin_dn, "-w", server.admin_pw,
                          "-b", base, ldap_filter, *attributes], check=True, capture_output=True, text=True).stdout
    return [[tuple(line.split(": ", 1)) for line in entry.splitlines()] for entry in out.strip().split("\n\n") if entry]


@pytest.mark.parametrize("connector, user", [("group-query", "jane"), ("matchers", "john"), ("nested", "jane"), ("user-filter", "jane")])
def test_the_connectors_view_is_what_ldapsearch_finds(cases, directory, connector, user):
    report = cases.cli("ldap", "search", "--tenant", connector, "--user", user).stdout
    found, searches = sections(report)
    entries = ldapsearch(directory, *searches[0])
    assert len(entries) == 1
    dn = dict(entries[0])["dn"]
    assert found["entry"]["dn"] == [dn] and found["identity"]["id"] == [dn]
    for name, values in found["entry"].items():
        if name != "dn":
            assert sorted(values) == sorted(v for n, v in entries[0] if n.lower() == name.lower()), name
    named = {dict(e)["cn"] for base, f in searches[1:] for e in ldapsearch(directory, base, f, "cn")}
    assert set(found["identity"].get("group", [])) == named


def test_the_platforms_directory_seen_by_the_connector(daemon, slapd):
    report = daemon.cli("ldap", "search", "--tenant", "default", "--user", "ldapadmin").stdout
    found, searches = sections(report)
    assert searches[0] == ("ou=People,dc=tkestack,dc=io", "(&(objectClass=organizationalPerson)(uid=ldapadmin))")
    assert [dict(e)["dn"] for e in ldapsearch(slapd, *searches[0])] == found["identity"]["id"] == ["uid=ldapadmin,ou=People,dc=tkestack,dc=io"]
    assert [dict(e)["cn"] for e in ldapsearch(slapd, *searches[1], "cn")] == found["identity"]["group"] == ["test"]
    assert "admin" not in [w for w in report.split() if w == "admin"], "no password in the report"
    missing = daemon.cli("ldap", "search", "--tenant", "default", "--user", "nobody-there")
    assert "no such user" in missing.stdout
    assert daemon.cli("ldap", "search", "--tenant", "unheard-of", "--user", "x", check=False).returncode != 0


# ---- a directory in trouble ----

def test_a_stopped_directory_is_told_and_its_return_noticed(own_daemon, tmp_path):
    server = seed_slapd(tmp_path / "slapd")
    daemon = own_daemon({"connectors": [seed_connector(server)]})
    browser = Browser(daemon)
    tokens = browser.tokens("ldapadmin", "admin", "default")
    server.command("kill")
    page = browser.submit(browser.form(connector_id="default"), "ldapadmin", "admin")
    assert page.status_code == 503 and 'id="error"' in page.text and int(page.headers["Retry-After"]) > 0
    refused = browser.refresh(tokens["refresh_token"])
    assert refused.status_code == 503 and refused.json()["error"] == "temporarily_unavailable"
    assert browser.userinfo(tokens["access_token"]).status_code == 200, "tokens are still looked at"
    server.command("restart")
    wait_until(lambda: browser.refresh(tokens["refresh_token"]).status_code == 200, "the directory's return to be noticed: the token stayed good")
    assert browser.tokens("ldapadmin", "admin", "default")["id_token"]
    server.stop()


class SilentServer:
    """Accepts connections and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.accepted = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.accepted.append(self.listener.accept()[0])
        except OSError:
            return

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for s in self.accepted:
            s.close()


def test_a_silent_directory_holds_up_only_those_who_ask_it(own_daemon, slapd):
    silent = SilentServer()
    connectors = [seed_connector(slapd), {**seed_connector(slapd), "id": "silent", "name": "Silent"}]
    connectors[1]["config"] = {**connectors[1]["config"], "host": silent.address}
    daemon = own_daemon({"connectors": connectors, "login": {"maxFailures": 1000}})
    daemon.add_user(*ALICE)
    tokens = Browser(daemon).tokens(*ALICE)
    people = [Browser(daemon) for _ in range(50)]
    forms = [b.form(connector_id="silent") for b in people]
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        storm = [pool.submit(b.submit, form, f"user{i}", "x") for i, (b, form) in enumerate(zip(people, forms))]
        wait_until(lambda: silent.accepted, "the storm to reach the directory")
        session = daemon.session()
        for path in ("/oidc/keys", "/oidc/.well-known/openid-configuration", "/healthz"):
            assert session.get(daemon.issuer.removesuffix("/oidc") + path).status_code == 200
        browser = Browser(daemon)
        assert browser.refresh(tokens["refresh_token"]).status_code == 200
        assert claims_of(browser.tokens(*ALICE)["id_token"])["name"] == "alice", "local users need no directory"
        hanging = [f for f in storm if not f.done()]
        assert hanging, "all of that happened while the directory was silent"
        # Logins at other directories share its workers: they may wait, for as long as a directory may be silent, but come through.
        assert claims_of(browser.tokens("ldapadmin", "admin", "default")["id_token"])["groups"] == ["test"]
        assert {f.result().status_code for f in storm} == {503}
    silent.stop()
