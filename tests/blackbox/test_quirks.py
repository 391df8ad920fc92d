"""What TKEStack's tke-auth got wrong and this one must not (contract, section 9), where it shows in the API, tenants, API keys and
controllers. The others are tested elsewhere:

   5  nothing to test: no credentials come with the project
   6  unit/enforcer/pattern_test.c               12  bench/enforcer, unit/enforcer/concurrency_test.c
  14  test_api_isolation.py: watches             15  test_api_isolation.py: collective deletions
  16  test_api_isolation.py: subresources        18  test_api_table.py: test_verbs[custompolicybindings]
  19  test_code_flow.py, unit/oidc/refresh_test.c
  20  unit/oidc/tokens_test.c: the password grant
  21  unit/connector/ldap_list_test.c            22  test_ldap.py, unit/connector/ldap_live_test.c
  23  unit/connector/ldap_list_test.c            24  unit/connector/ldap_live_test.c
  31  unit/authz/endpoints_test.c                33  test_api_table.py: test_projects
  37  test_api_table.py: test_immutable_fields   38  unit/kube/selector_test.c
  39  unit/authn/chain_test.c                    40  unit/authn/id_token_test.c: our own keys, without a detour
  41  unit/authz/review_test.c                   42  unit/authz/endpoints_test.c
  43  unit/authz/endpoints_test.c                50  unit/controller/presets_test.c
  51  unit/controller/deletions_test.c           53  of the gateway, which is not ours
  54  unit/oidc/authorize_test.c: no consent     55  test_browser.py, unit/web
  56  of the gateway                             58  test_api_table.py: test_field_selectors
  59  unit/authz/abac_test.c
"""
import base64
import json

import pytest

from kubeapi import (ApiDaemon, b64, group, identity, make_tenant, make_user, policy, role, tenant, users)
from support import Browser, claims_of, seed_connector, wait_until

T = "quirk"
PASSWORD = "a long password of the tests"
NEW = "another long password"
WRONG = "a guess at the password"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    d = ApiDaemon(tmp_path_factory.mktemp("quirks"), {"generic": {"trusted_proxies": ["127.0.0.1"]}},
                  tokens={"the-token-of-somebody-called-admin": ("admin", "")})
    d.start()
    make_tenant(d.master, T)
    yield d
    d.stop()


@pytest.fixture(scope="module")
def api(daemon):
    return daemon.master


def lists_categories(daemon, user, project=None):
    """Whether they may do what the tests' policies allow."""
    caller = daemon.proxied(user, T)
    status = (caller.in_project(project) if project else caller).list("categories", limit="1").status
    assert status in (200, 403)
    return status == 200


def make_policy(api, name, actions=("listCategories",), resources=("*",), **spec):
    api.create("policies", policy(T, name, actions, resources, **spec)).expect(201)


def login_status(daemon, username, password=PASSWORD, connector=T):
    """303: logged in; 200: the form again."""
    browser = Browser(daemon)
    return browser.submit(browser.form(connector_id=connector), username, password).status_code


def key_of(daemon, username, password=PASSWORD, **request):
    return daemon.caller().post("apikeys", "default", "password",
                                {"tenantID": T, "username": username, "password": b64(password), "expire": "1h", **request})


def from_elsewhere(daemon, address):
    return daemon.caller(headers={"X-Forwarded-For": address})


# ---- secrets ----

def test_quirk_01_passwords_and_hashes_are_neither_logged_nor_repeated(daemon, api):
    user = make_user(api, T, "secretive")
    replies = [api.post("localidentities", user, "password", {"hashedPassword": b64(NEW), "originalPassword": b64(WRONG)}).expect(400),
               api.post("localidentities", user, "password", {"hashedPassword": b64(NEW), "originalPassword": b64(PASSWORD)}).expect(201),
               api.create("localidentities", identity(T, "x", NEW)).expect(422), key_of(daemon, "secretive", WRONG),
               api.create("localidentities", {**identity(T, "y", NEW), "metadata": {"name": "No"}}).expect(422), key_of(daemon, "secretive", NEW),
               api.get("localidentities", user), api.list("localidentities"), api.get("localidentities", user, sub="status")]
    login_status(daemon, "secretive", WRONG)
    login_status(daemon, "secretive", NEW)
    log = daemon.log()
    for secret in (PASSWORD, NEW, WRONG, b64(PASSWORD), b64(NEW), b64(WRONG), "$argon2", "$2a$", b64("$argon2")[:9]):
        assert not [r for r in replies if secret in r.text] and secret not in log


def test_quirk_02_tokens_are_not_logged(daemon, api):
    make_user(api, T, "tokened")
    token = Browser(daemon).tokens("tokened", PASSWORD, connector=T)["id_token"]
    key = key_of(daemon, "tokened").expect(201).body["spec"]["apiKey"]
    for t in (token, key):
        for broken in (t, t[:-6] + "AAAAAA"):
            daemon.caller(token=broken).list("apikeys")
    daemon.caller(token="nonsense-token-nonsense").list("apikeys")
    log = daemon.log()
    shown = [t[-20:] for t in (token, key) if t[-20:] in log or t.split(".")[1] in log]
    assert not shown and "nonsense-token" not in log and "for-system-masters" not in log


def test_quirk_03_04_secrets_of_connectors_and_clients_are_not_read_back(daemon, api):
    secrets = "bind-password-of-the-tests", "client-secret-of-the-tests"
    config = {"host": "127.0.0.1:1", "insecureNoSSL": True, "bindDN": "cn=x", "bindPW": secrets[0],
              "userSearch": {"baseDN": "dc=x", "username": "uid", "idAttr": "uid", "emailAttr": "mail", "nameAttr": "cn"}}
    replies = [api.create("identityproviders", tenant("secret-ldap", type="ldap", config=json.dumps(config))).expect(201),
               api.create("identityproviders", tenant("secret-bad", type="ldap", config=json.dumps({**config, "nonsense": 1}))).expect(422),
               api.create("clients", {"metadata": {"name": "secret-client"}, "spec": {"secret": secrets[1], "redirect_uris": ["https://a.example/"]}}),
               api.create("clients", {"metadata": {"name": "secret-bad"}, "spec": {"secret": secrets[1], "redirect_uris": ["nonsense"]}}).expect(422)]
    config = json.loads(api.get("identityproviders", "secret-ldap").expect(200).body["spec"]["config"])
    assert config["bindPW"] == "***" and config["bindDN"] == "cn=x"
    replies += [api.list(plural) for plural in ("identityproviders", "clients", "apisigningkeys")]
    replies.append(api.edit("identityproviders", "secret-ldap", lambda o: o["spec"].update(name="Another")).expect(200))
    assert "signingKeyPub" in api.get("apisigningkeys", "default-api-signing-key").expect(200).body
    private = [r for r in replies if '"signingKey":' in r.text or b64('"d":')[:4] in str((r.body or {}).get("signingKeyPub"))]
    assert not private
    elsewhere = api.edit("identityproviders", "secret-ldap", lambda o: o["spec"].update(config=o["spec"]["config"].replace("127.0.0.1:1", "127.0.0.1:2")))
    assert elsewhere.status == 422, "the kept password is not sent to another host"
    log = daemon.log()
    for secret in secrets:
        assert not [r for r in replies if secret in r.text] and secret not in log and b64(secret) not in log
    api.delete("identityproviders", "secret-ldap").expect(200)


# ---- the rule engine ----

def test_quirk_07_characters_of_regular_expressions_are_taken_as_they_are(daemon, api):
    user = make_user(api, T, "literal")
    make_policy(api, "pol-literal", ["getCategory"], ["category:cls.1", "category:a|b", "category:x+"])
    warned = api.post("policies", "pol-literal", "binding", users(user)).expect(201)
    assert warned.body["status"]["users"]
    caller = daemon.proxied("literal", T)
    assert {name: caller.get("categories", name).status for name in ("cls.1", "clsx1", "a|b", "xb", "a", "x+", "xx")} == {
        "cls.1": 404, "clsx1": 403, "a|b": 404, "xb": 403, "a": 403, "x+": 404, "xx": 403}


def test_quirk_08_a_pattern_with_an_empty_segment_is_refused(api):
    for pattern in ("a/:", "/:/x", "cluster:*/:"):
        for where in ("actions", "resources"):
            refused = api.create("policies", policy(T, "pol-loop", **{where: [pattern]}))
            assert (refused.status, refused.causes) == (422, {f"spec.statement.{where}[0]": "FieldValueInvalid"})


def test_quirk_09_10_one_odd_rule_does_not_take_others_rights(daemon, api):
    user = make_user(api, T, "among-odd")
    make_policy(api, "pol-even")
    make_policy(api, "pol-odd", ["get(Category", "a,b", "c\"d", "[", "\\"], ["category:a,b", "(", "*"])
    for name in ("pol-odd", "pol-even"):
        api.post("policies", name, "binding", users(user)).expect(201)
    assert lists_categories(daemon, "among-odd")
    caller = daemon.proxied("among-odd", T)
    assert caller.list("policies").status == 403 and caller.get("categories", "x").status == 403
    assert api.create("policies", policy(T, "pol-blank", actions=[" getCategory"])).status == 422


def test_quirk_11_rules_are_made_by_objects_alone(api):
    for method in ("create", "delete_collection"):
        assert getattr(api, method)("rules", {"spec": {"ptype": "x", "v0": "a"}}).status == 405
    name = api.list("rules", limit="1").names[0]
    assert api.put("rules", name, {}).status == api.patch("rules", name, {}).status == api.delete("rules", name).status == 405


def test_quirk_13_without_a_project_what_counts_everywhere_is_listed(api):
    user = make_user(api, T, "listed")
    make_policy(api, "pol-listed")
    api.create("roles", role(T, "rol-listed", ["pol-listed"])).expect(201)
    api.create("localgroups", group(T, "grp-listed")).expect(201)
    both = {"users": [{"id": user}], "groups": [{"id": "grp-listed"}]}
    for plural, name in (("policies", "pol-listed"), ("roles", "rol-listed")):
        api.post(plural, name, "binding", both).expect(201)
    for plural, name in (("localidentities", user), ("users", f"{T}##{user}"), ("localgroups", "grp-listed"), ("groups", f"{T}##grp-listed")):
        assert api.get(plural, name, "policies").expect(200).names == ["pol-listed"]
        assert api.get(plural, name, "roles").expect(200).names == ["rol-listed"]
        assert api.in_project("prj-none").get(plural, name, "policies").expect(200).names == []


def test_quirk_17_the_name_of_a_subject_is_looked_up_not_believed(daemon, api):
    mine = make_user(api, T, "climber")
    make_user(api, T, "victim")
    make_policy(api, "pol-named")
    bound = api.post("policies", "pol-named", "binding", {"users": [{"id": mine, "name": "victim"}]}).expect(201)
    assert bound.body["status"]["users"] == [{"id": mine, "name": "climber"}]
    assert lists_categories(daemon, "climber") and not lists_categories(daemon, "victim")
    changed = api.edit("policies", "pol-named", lambda o: o["status"].update(users=[{"id": mine, "name": "victim"}])).expect(200)
    assert changed.body["status"]["users"] == [{"id": mine, "name": "climber"}]
    changed = api.edit("policies", "pol-named", lambda o: o["status"].update(users=[{"id": mine, "name": "victim"}]), sub="status").expect(200)
    assert changed.body["status"]["users"] == [{"id": mine, "name": "climber"}] and not lists_categories(daemon, "victim")
    for name in ("*", "admin"):
        api.post("policies", "pol-named", "binding", {"users": [{"id": name, "name": name}]})
    assert api.get("policies", "pol-named").body["status"]["users"] == [{"id": mine, "name": "climber"}]


# ---- tenants ----

def seed_of(slapd, **changes):
    config = seed_connector(slapd)["config"]
    config.update(changes)
    return {k: v for k, v in config.items() if k not in ("rootCA", "clientCert", "clientKey")}


def test_quirk_25_changes_of_a_tenant_count_at_once(daemon, api, slapd):
    good = seed_of(slapd)
    wrong = {**good, "bindPW": "not-the-bind-password"}
    api.create("identityproviders", tenant("by-ldap", type="ldap", config=json.dumps(wrong))).expect(201)
    assert login_status(daemon, "ldapadmin", "admin", "by-ldap") != 303
    api.edit("identityproviders", "by-ldap", lambda o: o["spec"].update(config=json.dumps(good))).expect(200)
    assert login_status(daemon, "ldapadmin", "admin", "by-ldap") == 303
    found = api.list("users", fieldSelector="spec.tenantID=by-ldap,spec.username=ldapadmin").expect(200)
    assert [i["spec"]["name"] for i in found.items] == ["ldapadmin"]
    report = daemon.cli("ldap", "search", "--tenant", "by-ldap", "--user", "ldapadmin").stdout
    assert "uid=ldapadmin,ou=People,dc=tkestack,dc=io" in report and good["bindPW"] not in report.split()
    caller = daemon.proxied("ldapadmin", "by-ldap")
    assert caller.list("policies").status == 403
    api.edit("identityproviders", "by-ldap", lambda o: o["spec"].update(administrators=["ldapadmin"])).expect(200)
    assert caller.list("policies").status == 200
    api.edit("identityproviders", "by-ldap", lambda o: o["spec"].update(administrators=[])).expect(200)
    assert caller.list("policies").status == 403
    api.delete("identityproviders", "by-ldap").expect(200)
    assert login_status_of_nothing(daemon, "by-ldap") and caller.list("apikeys").status == 403


def login_status_of_nothing(daemon, connector):
    response = Browser(daemon).authorize(connector_id=connector)
    return response.status_code in (302, 303, 400, 404) and f"/{connector}" not in response.headers.get("location", "")


def test_quirk_48_a_tenant_takes_everything_with_it(daemon, api):
    make_tenant(api, "leaving")
    user = make_user(api, "leaving", "leaver")
    api.create("policies", policy("leaving", "pol-leaving")).expect(201)
    api.create("policies", policy("leaving", "pol-leaving-p", scope="project")).expect(201)
    api.post("policies", "pol-leaving", "binding", users(user)).expect(201)
    api.in_project("prj-leaving").post("policies", "pol-leaving-p", "projectbinding", users(user)).expect(201)
    key = key_of(daemon, "leaver", tenantID="leaving").expect(201).body["spec"]["apiKey"]
    assert daemon.caller(token=key).list("apikeys").status == 200
    going = api.delete("identityproviders", "leaving").expect(200).body
    assert going["metadata"]["deletionTimestamp"]
    assert daemon.caller(token=key).list("apikeys").status in (401, 403)
    assert key_of(daemon, "leaver", tenantID="leaving").status == 400
    wait_until(lambda: api.get("identityproviders", "leaving").status == 404, "the end of a tenant")
    for plural in ("localidentities", "localgroups", "policies", "roles", "projectpolicybindings", "apikeys"):
        assert api.list(plural, fieldSelector="spec.tenantID=leaving").items == [], plural
    assert "leaving" not in api.list("rules").text


def test_quirk_48_a_policy_takes_bindings_with_it(daemon, api):
    user = make_user(api, T, "bound")
    make_policy(api, "pol-gone")
    spec = {"tenantID": T, "domain": "*", "policyID": "pol-gone", "rulePrefix": "cg", "resources": ["*"], "users": [{"id": "bound"}]}
    bound = api.create("custompolicybindings", {"spec": spec}, namespace="cg").expect(201).body
    assert bound["spec"]["users"] == [{"id": "bound", "name": "bound"}], "named by the login name (contract 2.7)"
    api.create("roles", role(T, "rol-of-gone", ["pol-gone"], projectID="prj-gone")).expect(201)
    api.post("roles", "rol-of-gone", "binding", users(user)).expect(201)
    assert lists_categories(daemon, "bound")
    api.delete("policies", "pol-gone").expect(200)
    wait_until(lambda: api.get("policies", "pol-gone").status == 404, "the end of a policy")
    assert not lists_categories(daemon, "bound") and not lists_categories(daemon, "bound", "prj-gone")
    assert api.get("custompolicybindings", "pol-gone", namespace="cg").status == 404
    assert api.get("roles", "rol-of-gone").body["spec"]["policies"] in (None, [])
    assert "pol-gone" not in api.list("rules").text


# ---- people and API keys ----

def guess_until_refused(guess):
    """The statuses of guess(0), guess(1) ...; not for ever."""
    statuses = [guess(0)]
    while statuses[-1] != 429:
        assert statuses[-1] == 400 and len(statuses) < 60, statuses
        statuses.append(guess(len(statuses)))
    return statuses


def refused_meanwhile(guess, attempt):
    """What attempt() answers while the name is blocked: for a second at first, which a slow machine may need for the attempt."""
    for _ in range(20):
        assert guess_until_refused(guess)
        status = attempt()
        if status == 429:
            return
    raise AssertionError(f"never blocked: {status}")


def test_quirk_27_guesses_are_counted_wherever_passwords_are_checked(daemon, api):
    guessed = make_user(api, T, "guessed")

    def guess(i):
        return from_elsewhere(daemon, f"192.0.2.{i}").post("apikeys", "default", "password", {
            "tenantID": T, "username": "guessed", "password": b64(f"{WRONG} {i}"), "expire": "1h"}).status

    def ask_for_a_key():
        blocked = key_of(daemon, "guessed")
        if blocked.status == 429:
            assert blocked.reason == "TooManyRequests" and int(blocked.headers["Retry-After"]) >= 1
        return blocked.status

    assert len(guess_until_refused(guess)) > 1
    refused_meanwhile(guess, ask_for_a_key)
    refused_meanwhile(guess, lambda: login_status(daemon, "guessed"))  # the form and the API count together
    change = {"hashedPassword": b64(NEW), "originalPassword": b64(PASSWORD)}
    refused_meanwhile(guess, lambda: api.post("localidentities", guessed, "password", change).status)
    changing = make_user(api, T, "changing")
    api.post("policies", f"pol-{T}-platform", "binding", users(changing)).expect(201)
    statuses = guess_until_refused(lambda i: daemon.proxied("changing", T).post("localidentities", changing, "password", {
        "hashedPassword": b64(NEW), "originalPassword": b64(f"{WRONG} {i}")}).status)
    assert len(statuses) > 1
    outcomes = {(e["user"], e["outcome"]) for e in daemon.events("login") if e.get("for") == "an API key"}
    assert ("guessed", "wrong_credentials") in outcomes


def test_quirk_27_28_who_is_locked_or_deleted_is_out(daemon, api):
    for name in ("locked", "deleted"):
        user = make_user(api, T, name)
        key = daemon.caller(token=key_of(daemon, name).expect(201).body["spec"]["apiKey"])
        assert login_status(daemon, name) == 303 and key.list("apikeys").status == 200
        if name == "locked":
            api.patch("localidentities", user, {"status": {"locked": True}}, sub="status").expect(200)
        else:
            api.patch("localidentities", user, {"metadata": {"finalizers": ["example.com/hold"]}}).expect(200)
            assert api.delete("localidentities", user).expect(200).body["status"]["phase"] == "Deleting"
        assert login_status(daemon, name) != 303 and key.list("apikeys").status == 401 and key_of(daemon, name).status == 400
        if name == "locked":
            api.patch("localidentities", user, {"status": {"locked": False}}, sub="status").expect(200)
            assert login_status(daemon, name) == 303 and key.list("apikeys").status == 200
        else:
            assert api.get("localidentities", user).status == 200
            api.patch("localidentities", user, {"metadata": {"finalizers": None}}).expect(200)
            assert api.list("apikeys", fieldSelector=f"spec.tenantID={T},spec.username={name}").items == []


def test_quirk_28_an_api_key_is_shown_once_and_ends_with_the_password(daemon, api):
    user = make_user(api, T, "keyed")
    api.post("policies", f"pol-{T}-platform", "binding", users(user)).expect(201)
    made = key_of(daemon, "keyed").expect(201).body
    token, name = made["spec"]["apiKey"], made["metadata"]["name"]
    assert len(claims_of(token)["jti"]) >= 32
    shown = api.get("apikeys", name).expect(200).body["spec"]
    assert "..." in shown["apiKey"] and len(shown["sha256"]) == 64
    is_kept = token.encode() in (daemon.folder / "tke-auth.db").read_bytes() or token in api.list("apikeys").text
    assert not is_kept
    key = daemon.caller(token=token)
    assert key.list("apikeys").status == 200
    daemon.proxied("keyed", T).post("localidentities", user, "password", {"hashedPassword": b64(NEW), "originalPassword": b64(PASSWORD)}).expect(201)
    assert key.list("apikeys").status == 401 and api.get("apikeys", name).body["status"]["disabled"] is True


def test_quirk_29_a_key_ends_at_once_and_its_owner_can_delete_it(daemon, api):
    make_user(api, T, "ending")
    owner = daemon.proxied("ending", T)
    keys = [owner.post("apikeys", "default", "token", {"expire": e}).expect(201).body for e in ("1h", "1h", "1s")]
    names = [k["metadata"]["name"] for k in keys]
    callers = [daemon.caller(token=k["spec"]["apiKey"]) for k in keys]
    assert [c.list("apikeys").status for c in callers[:2]] == [200, 200]
    owner.patch("apikeys", names[0], {"status": {"disabled": True}}, sub="status").expect(200)
    owner.delete("apikeys", names[1]).expect(200)
    assert [c.list("apikeys").status for c in callers[:2]] == [401, 401]
    wait_until(lambda: owner.get("apikeys", names[2]).body["status"]["expired"], "the end of a key")
    assert callers[2].list("apikeys").status == 401
    owner.delete("apikeys", names[2]).expect(200)
    owner.get("apikeys", names[2]).expect(404)


def test_quirk_30_the_privileged_name_means_nothing_in_a_tenant(daemon, api):
    make_user(api, T, "admin")
    for caller in (daemon.logged_in(T, "admin", PASSWORD), daemon.proxied("admin", T),
                   daemon.caller(token=key_of(daemon, "admin").expect(201).body["spec"]["apiKey"])):
        assert caller.list("policies").status == 403
    assert daemon.caller(token="the-token-of-somebody-called-admin").list("policies").status == 200, "without a tenant it does"


def test_quirk_32_nobody_is_who_they_say_because_they_are_near(daemon):
    claim = base64.b64encode(json.dumps({"name": "admin", "uid": "1", "groups": ["system:masters"], "extra": {}}).encode()).decode()
    assert daemon.caller(token=claim).list("policies").status == 401


def test_quirk_34_local_groups_are_in_the_id_token(daemon, api):
    user = make_user(api, T, "grouped")
    api.create("localgroups", group(T, "grp-token")).expect(201)
    api.post("localgroups", "grp-token", "binding", users(user)).expect(201)
    assert "grp-token" in json.dumps(claims_of(Browser(daemon).tokens("grouped", PASSWORD, connector=T)["id_token"])["groups"])
    make_policy(api, "pol-token")
    api.post("policies", "pol-token", "binding", {"groups": [{"id": "grp-token"}]}).expect(201)
    assert daemon.logged_in(T, "grouped", PASSWORD).list("categories").status == 200


def test_quirk_35_what_was_read_can_be_written_back(daemon, api):
    user = make_user(api, T, "roundtrip")
    for sub in (None, "status", "finalize"):
        api.edit("localidentities", user, lambda o: o["spec"].update(email="roundtrip@example.com"), sub=sub).expect(200)
    assert login_status(daemon, "roundtrip") == 303
    bcrypt = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
    for given in (bcrypt, b64(bcrypt), "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27Wg"):
        refused = api.edit("localidentities", user, lambda o: o["spec"].update(hashedPassword=given))
        assert (refused.status, set(refused.causes)) == (422, {"spec.hashedPassword"})
    assert login_status(daemon, "roundtrip") == 303


def test_quirk_36_what_is_not_allowed_is_403_and_the_platform_may(daemon, api):
    user = make_user(api, T, "changed")
    make_policy(api, "pol-identities", ["*Localidentit*"])
    api.post("policies", "pol-identities", "binding", users(make_user(api, T, "clerk"))).expect(201)
    clerk, self_ = daemon.proxied("clerk", T), daemon.proxied("changed", T)
    refused = clerk.patch("localidentities", user, {"spec": {"displayName": "x"}})
    assert (refused.status, refused.reason) == (403, "Forbidden")
    assert clerk.post("localidentities", user, "password", {"hashedPassword": b64(NEW), "originalPassword": b64(PASSWORD)}).status == 403
    assert api.patch("localidentities", user, {"spec": {"displayName": "By the platform"}}).status == 200
    api.post("policies", "pol-identities", "binding", users(user)).expect(201)
    assert self_.patch("localidentities", user, {"spec": {"displayName": "By myself"}}).status == 200
    assert self_.patch("localidentities", user, {"status": {"locked": False}}, sub="status").status == 403


# ---- rights ----

def test_quirk_44_a_header_alone_gives_no_rights(daemon, api):
    user = make_user(api, T, "headed")
    make_policy(api, "pol-headed", scope="project")
    api.in_project("prj-own").post("policies", "pol-headed", "projectbinding", users(user)).expect(201)
    assert [lists_categories(daemon, "headed", p) for p in ("prj-own", "prj-other", None)] == [True, False, False]
    caller = daemon.proxied("headed", T, group="project:prj-own")
    assert caller.in_project("prj-other").list("categories").status == 403, "the header replaces what the credential says"
    assert not lists_categories(daemon, "nobody-there", "prj-own")


def test_quirk_45_46_groups_have_rights_in_projects(daemon, api):
    user = make_user(api, T, "in-group")
    api.create("localgroups", group(T, "grp-rights")).expect(201)
    api.post("localgroups", "grp-rights", "binding", users(user)).expect(201)
    make_policy(api, "pol-rights", scope="project")
    bound = api.in_project("prj-rights").post("policies", "pol-rights", "projectbinding", {"groups": [{"id": "grp-rights"}]}).expect(201).body
    assert bound["spec"]["groups"] == [{"id": "grp-rights", "name": "Group grp-rights"}]
    assert [lists_categories(daemon, "in-group", p) for p in ("prj-rights", "prj-other", None)] == [True, False, False]
    make_policy(api, "pol-custom-rights", ["listCategories"], ["-"])
    spec = {"tenantID": T, "domain": "*", "policyID": "pol-custom-rights", "rulePrefix": "cg-r", "resources": ["*"], "groups": [{"id": "grp-rights"}]}
    api.create("custompolicybindings", {"spec": spec}, namespace="cg-r").expect(201)
    assert lists_categories(daemon, "in-group")
    api.post("localgroups", "grp-rights", "unbinding", users(user)).expect(201)
    assert not lists_categories(daemon, "in-group") and not lists_categories(daemon, "in-group", "prj-rights")


def test_quirk_47_a_policy_counts_through_a_role_alone(daemon, api):
    user = make_user(api, T, "in-role")
    make_policy(api, "pol-only-role")
    api.create("roles", role(T, "rol-only", ["pol-only-role"])).expect(201)
    api.post("roles", "rol-only", "binding", users(user)).expect(201)
    assert lists_categories(daemon, "in-role")


def test_quirk_49_a_role_moves_with_its_project(daemon, api):
    user = make_user(api, T, "moving")
    make_policy(api, "pol-moving")
    api.create("roles", role(T, "rol-moving", ["pol-moving"], projectID="prj-a")).expect(201)
    api.post("roles", "rol-moving", "binding", users(user)).expect(201)
    where = [("prj-a", (True, False, False)), ("prj-b", (False, True, False)), ("", (True, True, True))]
    for project, held in where:
        api.edit("roles", "rol-moving", lambda o: o["spec"].update(projectID=project)).expect(200)
        assert tuple(lists_categories(daemon, "moving", p) for p in ("prj-a", "prj-b", None)) == held, project


def test_quirk_52_changes_of_rights_count_at_once(daemon, api):
    user = make_user(api, T, "at-once")
    for _ in range(5):
        make_policy(api, "pol-at-once")
        api.post("policies", "pol-at-once", "binding", users(user)).expect(201)
        assert lists_categories(daemon, "at-once")
        api.edit("policies", "pol-at-once", lambda o: o["spec"]["statement"].update(effect="deny")).expect(200)
        assert not lists_categories(daemon, "at-once")
        api.edit("policies", "pol-at-once", lambda o: o["spec"]["statement"].update(effect="allow")).expect(200)
        api.post("policies", "pol-at-once", "unbinding", users(user)).expect(201)
        assert not lists_categories(daemon, "at-once")
        api.post("policies", "pol-at-once", "binding", users(user)).expect(201)
        api.delete("policies", "pol-at-once").expect(200)
        assert not lists_categories(daemon, "at-once"), "a deleted policy gives nothing from its first phase on"
        wait_until(lambda: api.get("policies", "pol-at-once").status == 404, "the end of a policy")


# ---- shapes ----

def test_quirk_57_odd_spellings_stay_and_plain_ones_are_taken(api):
    make_policy(api, "pol-shape", scope="project")
    body = {"spec": {"tenantID": T, "projectID": "prj-shape", "policyID": "pol-shape"}, "status": {"phase": "Active"}}
    made = api.create("projectpolicybindings", body).expect(201).body
    assert made["Status"] == {"phase": "Active"} and "status" not in made
    assert "memberdProjects" in api.get("users", f"{T}##{make_user(api, T, 'shaped')}", "projects").expect(200).body
    made = api.create("categories", {"metadata": {"name": "shape"}, "spec": {"displayName": "x"}}).expect(201).body
    assert made["Spec"]["displayName"] == "x" and "spec" not in made
    api.delete("categories", "shape").expect(200)


def test_quirk_60_addresses_and_numbers_of_the_whole_world(api):
    for i, (email, phone) in enumerate((("a@example.photography", "+49 (30) 1234-567"), ("a@x.museum", "12025550123"), ("", "13912345678"))):
        made = api.create("localidentities", identity(T, f"world-{i}", email=email, phoneNumber=phone)).expect(201).body["spec"]
        assert (made["email"], made["phoneNumber"]) == (email, phone)
    for email, phone in (("a@", ""), ("a b@example.com", ""), ("", "1|2"), ("", "call me")):
        assert api.create("localidentities", identity(T, "world-bad", email=email, phoneNumber=phone)).status == 422


def test_quirk_61_an_empty_list_of_subjects_keeps_them_and_says_so(api):
    user = make_user(api, T, "kept")
    make_policy(api, "pol-kept")
    api.create("roles", role(T, "rol-kept")).expect(201)
    for plural, name in (("policies", "pol-kept"), ("roles", "rol-kept")):
        api.post(plural, name, "binding", users(user)).expect(201)
        kept = api.edit(plural, name, lambda o: o["status"].update(users=[])).expect(200)
        assert kept.body["status"]["users"] == [{"id": user, "name": "kept"}] and "unbinding" in kept.warnings[0]
        gone = api.edit(plural, name, lambda o: o["status"].update(users=[]), sub="status").expect(200)
        assert gone.body["status"]["users"] in (None, []) and gone.warnings == []


def test_quirk_62_users_and_groups_cannot_be_created(api):
    for plural in ("users", "groups"):
        refused = api.create(plural, {"metadata": {"name": "x"}, "spec": {"tenantID": T}})
        assert (refused.status, refused.reason) == (405, "MethodNotAllowed")


# ---- last, because it starts the daemon anew ----

def test_quirk_26_an_unusable_tenant_does_not_stop_the_others(daemon, api, slapd):
    dead = seed_of(slapd, host="127.0.0.1:1")
    api.create("identityproviders", tenant("dead-ldap", type="ldap", config=json.dumps(dead))).expect(201)
    make_user(api, T, "survivor")
    daemon.restart()
    assert login_status(daemon, "survivor") == 303 and login_status(daemon, "ldapadmin", "admin", "dead-ldap") != 303
    unavailable = api.list("users", fieldSelector="spec.tenantID=dead-ldap")
    assert (unavailable.status, unavailable.reason) == (503, "ServiceUnavailable") and unavailable.headers["Retry-After"]

    def is_told():
        conditions = api.get("identityproviders", "dead-ldap").body["status"].get("conditions", [])
        return [c["status"] for c in conditions if c["type"] == "Ready"] == ["False"]
    wait_until(is_told, "the condition of the dead tenant")
