"""The API when the daemon dies in the middle of it, and when its disk is full: what was acknowledged is there, once, with its rules."""
import json
import random
import threading

import pytest
import requests

from support import wait_until

TOKEN = "the-token-of-the-tests-master"
API = "/apis/auth.tkestack.io/v1"
TENANT = "local"


@pytest.fixture
def daemon(own_daemon, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f'{TOKEN},master,1,"system:masters"\n')
    return own_daemon({"authentication": {"token_auth_file": str(tokens)}})


class Api:
    def __init__(self, daemon):
        self.http = daemon.session()
        self.http.headers["Authorization"] = f"Bearer {TOKEN}"
        self.base = daemon.issuer.removesuffix("/oidc") + API

    def call(self, method, path, **kw):
        return self.http.request(method, self.base + path, timeout=60, **kw)

    def objects(self, kind):
        items, more = [], ""
        while True:
            page = self.call("GET", f"/{kind}?limit=500{more}").json()
            items += page["items"]
            if not page["metadata"].get("continue"):
                return items, int(page["metadata"]["resourceVersion"])
            more = "&continue=" + page["metadata"]["continue"]


def policy(name, actions):
    return {"metadata": {"name": name}, "spec": {
        "displayName": name, "category": "common", "tenantID": TENANT, "username": "admin",
        "statement": {"actions": actions, "resources": ["thing:*", "other:a"], "effect": "allow"}}}


def role(name, policies):
    return {"metadata": {"name": name}, "spec": {"displayName": name, "tenantID": TENANT, "policies": policies}}


class Writer(threading.Thread):
    """Creates, changes, binds and deletes objects of its own, and notes what the daemon said yes to."""

    def __init__(self, daemon, number, stop):
        super().__init__()
        self.api, self.number, self.stop = Api(daemon), number, stop
        self.random = random.Random(number)
        self.acknowledged = {}  # (kind, name) -> the last body acknowledged, None: deleted
        self.in_doubt = set()  # a request that got no answer may have been carried out
        self.revisions = []

    def write(self, method, kind, name, body=None):
        key = (kind, name)
        path = f"/{kind}" if method == "POST" else f"/{kind}/{name}"
        try:
            answer = self.api.call(method, path, json=body)
        except requests.RequestException:
            self.in_doubt.add(key)
            raise
        if answer.status_code == 409 and method == "DELETE":
            return
        assert answer.status_code in (200, 201), answer.text
        self.acknowledged[key] = None if method == "DELETE" else answer.json()
        if method != "DELETE":
            self.revisions.append(int(answer.json()["metadata"]["resourceVersion"]))

    def step(self, i):
        name = f"pol-w{self.number}-{i}"
        self.write("POST", "policies", name, policy(name, ["get*", "list*"]))
        self.write("POST", "roles", f"rol-w{self.number}-{i}", role(f"rol-w{self.number}-{i}", [name]))
        if self.random.random() < 0.5:
            body = self.acknowledged["policies", name]
            current = self.api.call("GET", f"/policies/{name}").json()
            if current["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]:
                current["spec"]["statement"]["actions"] = ["update*"]
                self.write("PUT", "policies", name, current)
        if self.random.random() < 0.3:
            self.write("DELETE", "roles", f"rol-w{self.number}-{i}")

    def run(self):
        try:
            for i in range(10000):
                if self.stop.is_set():
                    return
                self.step(i)
        except requests.RequestException:
            pass


def wanted_rules(policies, roles):
    """Contract 5.2, of the objects that are not on their way out."""
    rules = set()
    for p in policies:
        if "deletionTimestamp" in p["metadata"]:
            continue
        s = p["spec"]["statement"]
        rules |= {("p", p["metadata"]["name"], "*", r, a, s["effect"]) for r in s["resources"] for a in s["actions"]}
    for r in roles:
        if "deletionTimestamp" not in r["metadata"]:
            rules |= {("g", r["metadata"]["name"], p, "*") for p in r["spec"]["policies"] or []}
    return rules


def mine(name):
    return "-w" in name


def rules_there(api):
    found = set()
    for rule in api.objects("rules")[0]:
        s = rule["spec"]
        if mine(s["v0"]):
            found.add(tuple(s[k] for k in ("ptype", "v0", "v1", "v2", "v3", "v4") if s.get(k)))
    return found


def check(api, writers):
    policies, roles = ([o for o in api.objects(kind)[0] if mine(o["metadata"]["name"])] for kind in ("policies", "roles"))
    there = {("policies", o["metadata"]["name"]): o for o in policies} | {("roles", o["metadata"]["name"]): o for o in roles}
    for w in writers:
        for key, said in w.acknowledged.items():
            if key in w.in_doubt:
                continue
            if said is None:
                assert key not in there or "deletionTimestamp" in there[key]["metadata"], key
            else:
                assert there[key]["metadata"]["resourceVersion"] == said["metadata"]["resourceVersion"], key
                assert there[key]["spec"] == said["spec"], key
    names = [(o["kind"] if "kind" in o else "", o["metadata"]["name"]) for o in policies + roles]
    assert len(names) == len(set(names))
    assert rules_there(api) == wanted_rules(policies, roles)
    return there


def test_killed_during_writes_objects_rules_and_revisions_agree(daemon):
    highest, api = 0, None
    for round_number in range(3):
        stop = threading.Event()
        writers = [Writer(daemon, f"{round_number}{n}", stop) for n in range(4)]
        for w in writers:
            w.start()
        wait_until(lambda: sum(len(w.revisions) for w in writers) > 60, "some writes")
        daemon.kill9()
        stop.set()
        for w in writers:
            w.join()
        assert not any(w.exc for w in writers if hasattr(w, "exc"))
        seen = [r for w in writers for r in w.revisions]
        assert len(seen) == len(set(seen)), "each write has a revision of its own"
        highest = max([highest, *seen])
        daemon.start()
        api = Api(daemon)
        # Deletions that were under way are carried out.
        wait_until(lambda: not any("deletionTimestamp" in o["metadata"] for o in api.objects("roles")[0]), "deletions to end")
        there = check(api, writers)
        assert len(there) >= 30
        after = api.call("POST", "/configmaps", json={"metadata": {"generateName": "after-"}}).json()
        assert int(after["metadata"]["resourceVersion"]) > highest, "revisions go on where they were"
        highest = int(after["metadata"]["resourceVersion"])
    # A watch from before the last death sees what came after it, in order.
    events = api.call("GET", f"/configmaps?watch=1&resourceVersion={highest - 1}&timeoutSeconds=1", stream=True)
    lines = [json.loads(line) for line in events.iter_lines() if line]
    assert [e["object"]["metadata"]["resourceVersion"] for e in lines if e["type"] == "ADDED"] == [str(highest)]


def test_a_decision_follows_a_change_at_once(daemon):
    """The answer to a write comes after the rules count: no pause in here."""
    api = Api(daemon)
    user = {"metadata": {"name": "usr-eve"}, "spec": {"tenantID": TENANT, "username": "eve", "displayName": "Eve",
                                                     "hashedPassword": "YSBwYXNzd29yZCBvZiBldmU="}}
    assert api.call("POST", "/localidentities", json=user).status_code == 201

    def may(verb):
        answer = api.call("GET", "/policies", headers={"Impersonate-User": f"{TENANT}##user##eve"})
        return answer.status_code == 200

    for i in range(20):
        assert not may("list")
        body = policy(f"pol-now-{i}", ["listPolicies"])
        body["spec"]["statement"]["resources"] = ["*"]
        body["status"] = {"users": [{"id": "usr-eve"}]}
        assert api.call("POST", "/policies", json=body).status_code == 201
        assert may("list")
        assert api.call("POST", f"/policies/pol-now-{i}/unbinding", json={"users": [{"id": "usr-eve"}]}).status_code in (200, 201)
        assert not may("list")
        assert api.call("POST", f"/policies/pol-now-{i}/binding", json={"users": [{"id": "usr-eve"}]}).status_code in (200, 201)
        assert may("list")
        assert api.call("DELETE", f"/policies/pol-now-{i}").status_code == 200
        assert not may("list"), "the first phase of a deletion takes the rights away already"


def test_a_tenant_and_a_client_count_at_once(daemon):
    api = Api(daemon)
    discovery = daemon.session()
    for i in range(5):
        idp = {"metadata": {"name": f"ten{i}"}, "spec": {"name": f"Tenant {i}", "type": "tke", "administrators": ["root"]}}
        assert api.call("POST", "/identityproviders", json=idp).status_code == 201
        user = {"spec": {"tenantID": f"ten{i}", "username": "root", "displayName": "R", "hashedPassword": "YSBwYXNzd29yZCBvZiByb290"}}
        assert api.call("POST", "/localidentities", json=user).status_code == 201
        client = {"spec": {"id": f"c{i}", "public": True, "name": "C", "redirect_uris": ["http://127.0.0.1/"]}}
        made = api.call("POST", "/clients", json=client)
        assert made.status_code == 201, made.text
        page = discovery.get(daemon.url("/auth"), params={
            "client_id": f"c{i}", "redirect_uri": "http://127.0.0.1/", "response_type": "code", "scope": "openid", "connector_id": f"ten{i}",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"})
        assert page.status_code == 200 and "<form" in page.text, page.text[:500]
        assert api.call("DELETE", f"/clients/c{i}").status_code == 200
        gone = discovery.get(daemon.url("/auth"), params={"client_id": f"c{i}", "redirect_uri": "http://127.0.0.1/", "response_type": "code"})
        assert gone.status_code == 400
        assert api.call("DELETE", f"/identityproviders/ten{i}").status_code == 200
        wait_until(lambda i=i: api.call("GET", f"/identityproviders/ten{i}").status_code == 404, "the tenant to be gone with all it had")
        left = [u for u in api.objects("localidentities")[0] if u["spec"]["tenantID"] == f"ten{i}"]
        assert left == []
