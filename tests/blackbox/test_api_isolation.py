"""No tenant sees or changes what is another's (contract 2.0, 9.14 to 9.17): every caller tries every kind, verb and subresource at its own, at
other tenants' and at absent objects. Random: ISOLATION_SEED chooses the run again, ISOLATION_OPERATIONS is how many each caller tries (or
"all")."""
import collections
import concurrent.futures
import copy
import json
import os
import random
import re

import pytest

from kubeapi import (JSON_PATCH, MERGE_PATCH, PARTIAL, PARTIAL_LIST, STRATEGIC_PATCH, TABLE, ApiDaemon, b64, group, identity, make_tenant,
                     path_of, policy, role, users)
from support import wait_until

PASSWORD = "a long password of the tests"
SEED = int(os.environ.get("ISOLATION_SEED", random.SystemRandom().randrange(10 ** 6)))
WANTED = os.environ.get("ISOLATION_OPERATIONS", "160")
NAMESPACED = "custompolicybindings"
STORED = ["localidentities", "localgroups", "policies", "roles", "projectpolicybindings", "custompolicybindings", "apikeys",
          "identityproviders", "categories", "configmaps", "clients", "apisigningkeys", "rules"]
VIRTUAL = ["users", "groups", "projects"]
PEOPLE = ["localidentities", "localgroups", "apikeys"]
READS = {"localidentities": ["policies", "roles", "groups", "status", "finalize"], "localgroups": ["users", "policies", "roles", "status", "finalize"],
         "policies": ["users", "groups", "projectusers", "projectgroups", "roles", "status", "finalize"],
         "roles": ["users", "groups", "policies", "status", "finalize"], "projectpolicybindings": ["status", "finalize"],
         "custompolicybindings": ["status", "finalize"], "apikeys": ["status"], "identityproviders": ["status"],
         "users": ["policies", "roles", "projects"], "groups": ["policies", "roles"], "projects": ["users", "groups", "policies"]}
POSTS = {"localidentities": ["password"], "localgroups": ["binding", "unbinding"],
         "policies": ["binding", "unbinding", "projectbinding", "projectunbinding"],
         "roles": ["binding", "unbinding", "policybinding", "policyunbinding"],
         "projects": ["users", "groups", "binding", "unbinding"], "apikeys": ["token", "password"]}
PARTS = {k: ["status", "finalize"] for k in ("localidentities", "localgroups", "policies", "roles", "projectpolicybindings", "custompolicybindings")}
PARTS["apikeys"] = ["status"]


class Tenant:
    """Three of them are alike. Everything in one holds its mark; nothing else does."""

    def __init__(self, color, rng):
        tail = "".join(rng.choice("bcdfgh2456789") for _ in range(5))
        self.id, self.mark = f"{color}-{tail}", f"MARK-{color}-{tail}-planted"
        self.project, self.namespace = f"prj-{self.id}", f"cg-{self.id}"
        self.people = ["plain", "member", "admin", "padmin", "owner", "victim"]
        self.keys = {}  # username -> name of their API key
        self.names = {"localidentities": self.user("victim"), "localgroups": f"grp-{self.id}", "policies": f"pol-{self.id}-x",
                      "roles": f"rol-{self.id}-x", "projectpolicybindings": f"{self.project}-pol-{self.id}-p",
                      "custompolicybindings": f"pol-{self.id}-x", "identityproviders": self.id, "users": self.user("victim"),
                      "groups": f"grp-{self.id}", "projects": self.project}

    def user(self, name):
        return f"usr-{self.id}-{name}"

    def planted(self, body, name=None):
        meta = body.setdefault("metadata", {})
        meta.update({"name": name} if name else {}, labels={"mark": self.mark}, annotations={"mark": self.mark})
        body.setdefault("spec", {}).update(tenantID=self.id)
        return body

    def fill(self, master):
        make_tenant(master, self.id, administrators=["admin"])
        master.patch("identityproviders", self.id, {"metadata": {"labels": {"mark": self.mark}}, "spec": {"name": self.mark}}).expect(200)
        for name in self.people:
            body = self.planted(identity(self.id, name, displayName=self.mark, email=f"{name}@{self.id}.example"), self.user(name))
            master.create("localidentities", body).expect(201)
        victim = {"users": [{"id": self.user("victim")}]}
        master.create("localgroups", self.planted(group(self.id, description=self.mark), f"grp-{self.id}")).expect(201)
        master.post("localgroups", f"grp-{self.id}", "binding", victim).expect(201)
        for name, scope in (("x", ""), ("p", "project")):
            master.create("policies", self.planted(policy(self.id, description=self.mark, scope=scope), f"pol-{self.id}-{name}")).expect(201)
        master.post("policies", f"pol-{self.id}-x", "binding", {**victim, "groups": [{"id": f"grp-{self.id}"}]}).expect(201)
        master.create("roles", self.planted(role(self.id, policies=[f"pol-{self.id}-x"], description=self.mark), f"rol-{self.id}-x")).expect(201)
        master.post("roles", f"rol-{self.id}-x", "binding", victim).expect(201)
        spec = {"projectID": self.project, "policyID": f"pol-{self.id}-p", **victim}
        master.create("projectpolicybindings", self.planted({"spec": spec})).expect(201)
        spec = {"domain": "*", "policyID": f"pol-{self.id}-x", "rulePrefix": self.namespace, "resources": [f"chart:{self.mark}"]}
        master.create(NAMESPACED, self.planted({"spec": spec}), namespace=self.namespace).expect(201)
        master.post("roles", f"rol-{self.id}-member", "binding", users(self.user("member"))).expect(201)
        master.post("roles", f"rol-{self.id}-administrator", "binding", users(self.user("padmin"))).expect(201)
        master.in_project(self.project).post("policies", f"pol-{self.id}-project-owner", "projectbinding", users(self.user("owner"))).expect(201)
        for name in ("plain", "admin", "victim"):
            request = {"tenantID": self.id, "username": name, "password": b64(PASSWORD), "description": self.mark}
            made = master.post("apikeys", "default", "password", request).expect(201).body
            self.keys[name] = made["metadata"]["name"], made["spec"]["apiKey"]
        self.names["apikeys"] = self.keys["victim"][0]


class World:
    def __init__(self, daemon, rng):
        self.daemon, self.rng, self.master = daemon, rng, daemon.master
        self.tenants = [Tenant(color, rng) for color in ("red", "green", "blue")]
        for t in self.tenants:
            t.fill(self.master)
        rng.shuffle(self.tenants)
        self.home, self.foreign, self.third = self.tenants
        self.platform = {"configmaps": "cm-of-platform", "clients": "client-of-platform", "apisigningkeys": "default-api-signing-key"}
        self.master.create("configmaps", {"metadata": {"name": "cm-of-platform"}, "data": {"mark": "MARK-platform"}}).expect(201)
        spec = {"secret": "kept-secret-of-platform", "redirect_uris": ["https://MARK-platform.example/"]}
        self.master.create("clients", {"metadata": {"name": "client-of-platform"}, "spec": spec}).expect(201)
        self.platform["rules"] = self.master.list("rules", limit="1").names[0]
        self.platform["categories"] = self.master.list("categories", limit="1").names[0]
        for name, which in (("viewer", "viewer"), ("manager", "user-manager"), ("root", "administrator")):
            self.master.create("localidentities", {**identity("local", f"p-{name}"), "metadata": {"name": f"usr-p-{name}"}}).expect(201)
            self.master.post("roles", f"rol-platform-{which}", "binding", users(f"local##usr-p-{name}")).expect(201)
        self.version = self.master.list("policies").version

    def dump(self):
        """(kind, name) -> what it is, of everything; also whose it is."""
        found = {}
        for plural in STORED:
            for item in self.master.list(plural).expect(200).items:
                meta = item["metadata"]
                key = plural, f"{meta.get('namespace', '')}/{meta['name']}"
                if plural in ("identityproviders", "rules"):  # conditions change by themselves; rules have no owner to see
                    meta.pop("resourceVersion"), item.pop("status", None), meta.pop("managedFields", None)
                found[key] = json.dumps(item, sort_keys=True)
        return found

    def name_of(self, plural, tenant):
        return tenant.names.get(plural) or self.platform[plural]

    def shown(self, plural, name, namespace=None):
        return self.master.get(plural, name, namespace=namespace).body


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    print(f"ISOLATION_SEED={SEED}")
    daemon = ApiDaemon(tmp_path_factory.mktemp("isolation"))
    daemon.start()
    yield World(daemon, random.Random(SEED))
    daemon.stop()


# ---- operations ----

Op = collections.namedtuple("Op", "method plural name sub namespace query headers content_type body twin")


def leaves(value):
    """All texts in JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value


class Tries:
    """What one caller tries. `writes`: may change things at home, so that what would is tried dry there."""

    def __init__(self, world, rng, home, writes):
        self.world, self.rng, self.home, self.writes = world, rng, home, writes
        self.others = [t for t in world.tenants if t is not home]

    def headers(self):
        other = self.rng.choice(self.others)
        return self.rng.choice([{}, {}, {}, {"X-TKE-TenantID": other.id}, {"X-TKE-ProjectName": self.home.project},
                                {"X-TKE-ProjectName": other.project}, {"X-TKE-ClusterName": other.id}])

    def op(self, method, plural, name=None, sub=None, namespace=None, query=None, body=None, content_type="application/json", twin=None, headers=None):
        return Op(method, plural, name, sub, namespace, query or {}, self.headers() if headers is None else headers, content_type, body, twin)

    def absent(self, name):
        """A name like that one of nothing."""
        return name[:-1] + ("q" if name[-1] != "q" else "w") + "zz"

    def subject_bodies(self, tenant):
        return [users(tenant.user("victim")), users(f"{tenant.id}##{tenant.user('victim')}"), {"groups": [{"id": f"grp-{tenant.id}"}]},
                {"users": [{"id": self.home.user("plain"), "name": "victim"}, {"name": "victim"}, {"id": "*"}]}]

    def post_bodies(self, plural, sub):
        t = self.rng.choice(self.others)
        if sub == "password" and plural == "localidentities":
            return [{"hashedPassword": b64("a new long password"), "originalPassword": b64(PASSWORD)}]
        if sub == "policybinding" or sub == "policyunbinding":
            return [{"policies": [t.names["policies"], f"pol-{t.id}-administrator", "pol-platform-administrator"]}]
        if plural == "projects":
            return [{"tenantID": tenant, "policies": [p], **subjects} for tenant in (t.id, self.home.id)
                    for p in (f"pol-{t.id}-p", f"pol-{self.home.id}-p") for subjects in self.subject_bodies(t)[:1]]
        if plural == "apikeys":
            return [{"expire": "1h"}, {"tenantID": t.id, "username": "victim", "password": b64("wrong"), "expire": "1h"}]
        return self.subject_bodies(t)

    def named(self, plural, tenant):
        """Of one object: of the home, of another tenant, of the platform."""
        name = self.world.name_of(plural, tenant)
        if plural in ("users", "groups") and self.rng.random() < 0.5:
            name = f"{tenant.id}##{name}"
        ns = tenant.namespace if plural == NAMESPACED else None
        foreign = tenant is not self.home or plural in self.world.platform
        twin = self.absent(name) if foreign and plural not in VIRTUAL[2:] and plural not in ("categories",) else None
        common = {"namespace": ns, "twin": twin}
        dry = {"dryRun": "All"} if self.writes and not foreign else {}
        for sub in [None] + READS.get(plural, []):
            yield self.op("GET", plural, name, sub, query=self.rng.choice([{}, {"watch": "false"}, {"resourceVersion": "0"}]), **common)
        for sub in POSTS.get(plural, []):
            for body in self.post_bodies(plural, sub):
                same = plural != "apikeys"  # which are issued for the caller, whatever the name
                yield self.op("POST", plural, name, sub, query=dry, body=body, **{**common, "twin": twin if same else None})
        shown = self.world.shown(plural, self.world.name_of(plural, tenant), ns) if plural in STORED else {"spec": {}}
        for sub in [None] + PARTS.get(plural, []):
            body = copy.deepcopy(shown)
            self.tamper(plural, body)
            yield self.op("PUT", plural, name, sub, query=dry, body=body, **common)
            for content_type, patch in self.patches(plural):
                yield self.op("PATCH", plural, name, sub, query=dry, body=patch, content_type=content_type, **common)
        for body in (None, {"preconditions": {"uid": (shown.get("metadata") or {}).get("uid", "")}}):
            yield self.op("DELETE", plural, name, query=dry, body=body, **common)

    def tamper(self, plural, body):
        t = self.rng.choice(self.others)
        spec = body.setdefault("Spec" if plural == "categories" else "spec", {})
        choice = self.rng.randrange(4)
        if choice == 0:
            spec["tenantID"] = self.home.id
        elif choice == 1:
            spec["tenantID"] = t.id
        elif choice == 2:
            spec["description"] = "taken over"
        for key in ("status", "spec", "Status"):
            if isinstance(body.get(key), dict) and "users" in body[key]:
                body[key]["users"] = [{"id": self.home.user("plain"), "name": "plain"}, {"id": t.user("victim"), "name": "victim"}]
        if plural == "roles":
            spec["policies"] = [t.names["policies"], f"pol-{t.id}-administrator"]
        if plural == "localidentities":
            spec["hashedPassword"] = b64("a password of the attacker")
            spec.setdefault("extra", {})["policies"] = f"pol-{t.id}-administrator,pol-platform-administrator"
        if plural == "identityproviders":
            spec["administrators"] = ["plain", "owner"]

    def patches(self, plural):
        t = self.rng.choice(self.others)
        some = [(MERGE_PATCH, {"metadata": {"labels": {"mark": "taken-over"}, "finalizers": ["a/b"]}}), (MERGE_PATCH, {"spec": {"tenantID": self.home.id}}),
                (STRATEGIC_PATCH, {"status": {"users": [{"id": self.home.user("plain")}], "locked": False, "disabled": False}}),
                (JSON_PATCH, [{"op": "test", "path": "/metadata/labels/mark", "value": t.mark[:4]}]),
                (JSON_PATCH, [{"op": "copy", "from": "/spec/tenantID", "path": "/metadata/annotations/mark"}]), (MERGE_PATCH, {})]
        return self.rng.sample(some, 2)

    def lists(self, plural):
        t = self.rng.choice(self.others)
        foreign = self.world.name_of(plural, t)
        nowhere = [{"fieldSelector": f"metadata.name={foreign}"}, {"labelSelector": f"mark={t.mark}"}]
        if plural not in ("categories", "configmaps", "clients", "apisigningkeys", "rules", "identityproviders", "projects"):
            nowhere += [{"fieldSelector": f"spec.tenantID={t.id}"}, {"fieldSelector": f"keyword={t.mark}"},
                        {"fieldSelector": f"spec.tenantID!={self.home.id}"}]
        queries = [{}, {"limit": "1"}, {"limit": "500"}, {"resourceVersion": self.world.version, "resourceVersionMatch": "Exact"},
                   {"fieldSelector": "policy=true"}, {"watch": "true", "timeoutSeconds": "1"},
                   {"watch": "true", "timeoutSeconds": "1", "resourceVersion": self.world.version}, *nowhere]
        for query in queries:
            accept = self.rng.choice([{}, {}, {"Accept": TABLE}, {"Accept": PARTIAL}, {"Accept": PARTIAL_LIST}])
            namespace = self.rng.choice([None, t.namespace]) if plural == NAMESPACED else None
            yield self.op("GET", plural, namespace=namespace, query=query, headers={**self.headers(), **accept})
        for query in [{}] + nowhere:
            dry = {"dryRun": "All"} if self.writes else {}
            yield self.op("DELETE", plural, query={**query, **dry} if query == {} else query)

    def creations(self, plural):
        t = self.rng.choice(self.others)
        fresh = f"made-{self.rng.randrange(10 ** 9)}"
        specs = {"localidentities": identity(t.id, fresh[:20], extra={"policies": f"pol-{t.id}-administrator"}), "localgroups": group(t.id),
                 "policies": policy(t.id, status={"users": [{"id": t.user("victim"), "name": "victim"}]}),
                 "roles": role(t.id, policies=[t.names["policies"], "pol-platform-administrator"], projectID=t.project),
                 "projectpolicybindings": {"spec": {"tenantID": t.id, "projectID": t.project, "policyID": f"pol-{t.id}-p"}},
                 "custompolicybindings": {"spec": {"tenantID": t.id, "domain": "*", "policyID": t.names["policies"], "rulePrefix": t.namespace + "x",
                                                   "resources": ["*"], "users": [{"id": "*"}]}},
                 "apikeys": {"spec": {"apiKey": t.keys["victim"][1], "tenantID": t.id, "username": "victim"}},
                 "identityproviders": {"spec": {"name": "Mine", "type": "tke", "administrators": ["plain"]}},
                 "categories": {"Spec": {"displayName": "Mine", "actions": []}}, "configmaps": {"data": {"a": "b"}},
                 "clients": {"spec": {"public": True, "redirect_uris": ["https://evil.example/"]}}, "apisigningkeys": {"signingKey": b64("{}")},
                 "rules": {"spec": {"ptype": "g", "v0": f"{self.home.id}##user##plain", "v1": f"pol-{t.id}-administrator", "v2": "*"}}}
        body = specs.get(plural, {"spec": {"tenantID": t.id}})
        for name in (fresh, self.world.name_of(plural, t)):
            named = {**body, "metadata": {"name": name}}
            if isinstance(named.get("spec"), dict) and plural == "policies":
                named["status"] = named["spec"].pop("status", None) or {}
                named["spec"] = {**named["spec"]}
            yield self.op("POST", plural, namespace=t.namespace if plural == NAMESPACED else None, body=named)

    def all(self):
        for plural in STORED + VIRTUAL:
            for tenant in [self.home, *self.others]:
                yield from self.named(plural, tenant)
            yield from self.lists(plural)
            yield from self.creations(plural)


def normal(reply, *names):
    """Without what the caller said themselves."""
    text = reply.text
    for name in names:
        text = text.replace(name, "NAME")
    return reply.status, re.sub(r'"resourceVersion":"\d+"', "", text)


class Attempt:
    """Runs a caller's tries; what is wrong is collected."""

    def __init__(self, name, api, tries, forbidden, compares=True):
        self.name, self.api, self.tries, self.forbidden, self.compares = name, api, tries, forbidden, compares
        self.wrong, self.statuses = [], collections.Counter()

    def send(self, op, name):
        body = op.body
        if name != op.name and isinstance(body, dict) and "metadata" in body:
            body = {**body, "metadata": {**body["metadata"], "name": name}}
        return self.api.request(op.method, path_of(op.plural, name, op.sub, op.namespace), body, op.query, headers=op.headers, content_type=op.content_type)

    def look(self, op, reply):
        said = [op.name or "", op.namespace or "", *op.query.values(), *op.headers.values(), *leaves(op.body)]
        said += [part for s in said for part in re.split(r"[=,#]+", s)]
        text = reply.text
        for s in sorted({s for s in said if len(s) > 3}, key=len, reverse=True):
            text = text.replace(s, "")
        for mark in self.forbidden:
            if mark in text:
                at = text.index(mark)
                self.wrong.append(f"{self.name} sees {mark}: {self.told(op)} -> {reply.status} ...{text[max(0, at - 150):at + 50]}...")
                return
        if reply.status >= 500:
            self.wrong.append(f"{self.name}: {self.told(op)} -> {reply!r}")

    def told(self, op):
        return f"{op.method} {op.plural} {op.name} {op.sub} {op.query} {op.headers} {op.content_type} {json.dumps(op.body)[:600]}"

    def run(self, wanted):
        ops = list(self.tries.all())
        self.tries.rng.shuffle(ops)
        for op in ops if wanted == "all" else ops[:int(wanted)]:
            reply = self.send(op, op.name)
            self.statuses[reply.status] += 1
            self.look(op, reply)
            if op.twin and self.compares and len(self.wrong) < 5:
                other = self.send(op, op.twin)
                names = [op.name, op.twin, op.name.split("##")[-1], op.twin.split("##")[-1]]
                if normal(reply, *names) != normal(other, *names):
                    self.wrong.append(f"{self.name} can tell: {self.told(op)} -> {reply!r} but of an absent one {other!r}")
            if len(self.wrong) >= 5:
                break
        return self


def attack(world, attempts):
    """All at once; what went wrong."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda a: a.run(WANTED), attempts))
    print({a.name: dict(a.statuses) for a in done})
    wrong = [w for a in done for w in a.wrong]
    if wrong:
        pytest.fail(f"ISOLATION_SEED={SEED}\n" + "\n".join(wrong[:6]), pytrace=False)


def rng_of(name):
    return random.Random(f"{SEED} {name}")


def assert_same(before, after, what, but=lambda key, text: False):
    keys = [k for k in sorted(before.keys() | after.keys()) if before.get(k) != after.get(k)]
    changed = [k for k in keys if not but(k, before.get(k) or after.get(k))]
    details = [f"{k}: {before.get(k)} -> {after.get(k)}" for k in changed[:3]]
    assert not changed, f"ISOLATION_SEED={SEED} {what} changed {changed[:10]}\n" + "\n".join(details)


def marks(*tenants):
    return [m for t in tenants for m in (t.mark, t.id)]


SECRETS = ["kept-secret-of-platform", "$argon2", "$2a$", '"hashedPassword":"']


# ---- the tests ----

def test_callers_without_rights(world):
    home = world.home
    front = world.daemon.proxied
    strangers = {
        "nobody": world.daemon.caller(), "a wrong token": world.daemon.caller(token="nonsense"),
        "without tenant": front("somebody"), "without tenant, in a tenant's name": front("somebody").in_tenant(home.id),
        "of an unknown tenant": front("admin", "nowhere"),
    }
    attempts = [Attempt(name, api, Tries(world, rng_of(name), home, False), marks(*world.tenants) + SECRETS + ["MARK-platform"])
                for name, api in strangers.items()]
    plain = {"a user without rights": world.daemon.logged_in(home.id, "plain", PASSWORD),
             "their API key": world.daemon.caller(token=home.keys["plain"][1])}
    attempts += [Attempt(name, api, Tries(world, rng_of(name), home, True), marks(world.foreign, world.third) + SECRETS + ["MARK-platform"])
                 for name, api in plain.items()]
    before = world.dump()
    attack(world, attempts)

    def own(key, text):  # their own keys, and what notes the last change of themselves
        return key[0] == "apikeys" and '"username": "plain"' in text
    assert_same(before, world.dump(), "callers without rights", own)


def test_callers_with_rights_at_home(world):
    """Watches of theirs are open all the while."""
    home, daemon = world.home, world.daemon
    by_name = {name: daemon.proxied(name, home.id) for name in ("member", "admin", "padmin", "owner")}
    callers = {**by_name, "the administrator, logged in": daemon.logged_in(home.id, "admin", PASSWORD),
               "the administrator's API key": daemon.caller(token=home.keys["admin"][1]), "the project's owner": by_name["owner"].in_project(home.project),
               "the owner in another's project": by_name["owner"].in_project(world.foreign.project),
               "impersonated": world.master.as_user(f"{home.id}##user##padmin")}
    forbidden = marks(world.foreign, world.third) + SECRETS + ["MARK-platform"]
    before = world.dump()
    watches = [(f"{name} {plural}", caller.watch(plural, timeoutSeconds="600", headers={"Accept": accept}, **query))
               for plural in STORED for name, caller, accept, query in (
                   ("admin", by_name["admin"], "application/json", {"resourceVersion": world.version}), ("padmin", by_name["padmin"], TABLE, {}),
                   ("owner", by_name["owner"].in_project(home.project), PARTIAL, {"resourceVersion": world.version}),
                   ("API key", callers["the administrator's API key"], "application/json", {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan",
                                                                                        "allowWatchBookmarks": "true"}))]
    attack(world, [Attempt(name, api, Tries(world, rng_of(name), home, True), forbidden) for name, api in callers.items()])
    theirs = world.dump()
    assert_same(before, theirs, "callers of another tenant", lambda key, text: is_of(home, key, text))
    stir(world, world.foreign)
    stir(world, home)
    seen = 0
    for name, watch in watches:
        plural = name.split()[-1]
        if watch.status != 200:
            assert watch.status == 403, name
            continue
        if plural in home.names and plural != "identityproviders" and not name.startswith("owner") and plural != "apikeys":
            watch.wait(lambda events: any("stirred" in json.dumps(e) for e in events), f"what was stirred, in the watch of {name}")
            seen += 1
        watch.close()
        for line in watch.lines:
            assert not [m for m in forbidden if m in line], f"ISOLATION_SEED={SEED} {name}: {line[:1000]}"
    assert seen >= 6, "they did see their own"


def is_of(tenant, key, text):
    """Of a rule: that it is about nobody else; of others: their tenant."""
    plural, name = key
    if plural == "rules":
        return tenant.id in text or "made-" in text or re.search(r'"v0": "(cat|cpb|grp|pol|rol|usr)-', text)
    return f'"tenantID": "{tenant.id}"' in text or (plural == "identityproviders" and name == f"/{tenant.id}")


def stir(world, tenant):
    """Everything of the tenant changes, and something comes and goes."""
    for plural, name in tenant.names.items():
        if plural in STORED:
            ns = tenant.namespace if plural == NAMESPACED else None
            world.master.patch(plural, name, {"metadata": {"annotations": {"stirred": tenant.mark}}}, namespace=ns).expect(200)
    for plural, body in (("policies", policy(tenant.id)), ("localgroups", group(tenant.id)), ("roles", role(tenant.id)),
                         ("localidentities", identity(tenant.id, "passing"))):
        made = world.master.create(plural, tenant.planted(body, f"stirred-{plural}-{tenant.id}")).expect(201)  # what goes keeps its name for a while
        world.master.delete(plural, made.body["metadata"]["name"]).expect(200)


def said(reply, *names):
    """Without the names that were asked for, and what differs each time."""
    shown = reply.body
    for meta in [shown["metadata"]] + [i["metadata"] for i in shown.get("items", [])]:
        for key in ("uid", "creationTimestamp", "resourceVersion", "name", "managedFields"):
            meta.pop(key, None)
    (shown.get("details") or {}).pop("name", None)
    text = json.dumps([reply.status, shown, reply.warnings])
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "NAME")
    return re.sub(r'\w+\.auth\.tkestack\.io \\"[^"]*\\"', "OBJECT", text)


def test_references_tell_nothing(world):
    """What is another tenant's is spoken of as if there were no such thing; what is refused for its name alone (AlreadyExists, a project that
    is taken) is the exception, because names are the platform's."""
    home, other = world.home, world.foreign
    admin = world.daemon.proxied("admin", home.id)
    absent, absent_user = f"pol-{other.id}-q", other.user("nobody")
    there, user = other.names["policies"], other.user("victim")
    project_policy, own = f"pol-{other.id}-p", f"pol-{home.id}-p"
    grp, no_grp = other.names["localgroups"], f"grp-{other.id}q"

    def cpb(name):
        return {"spec": {"domain": "*", "policyID": name, "rulePrefix": "told", "resources": ["*"]}}
    dry = {"dryRun": "All"}
    asked = [
        ("a role's policies", lambda p: admin.create("roles", role("", policies=[p]), **dry), there, absent),
        ("policies bound to a role", lambda p: admin.post("roles", f"rol-{home.id}-x", "policybinding", {"policies": [p]}, **dry), there, absent),
        ("policies taken from a role", lambda p: admin.post("roles", f"rol-{home.id}-x", "policyunbinding", {"policies": [p]}, **dry), there, absent),
        ("a project binding's policy", lambda p: admin.create("projectpolicybindings", {"spec": {"projectID": "prj-told", "policyID": p}}, **dry),
         project_policy, absent),
        ("a custom binding's policy", lambda p: admin.create(NAMESPACED, cpb(p), namespace="told", **dry), there, absent),
        ("a project's policies", lambda p: admin.post("projects", "prj-told", "binding", {"policies": [p], **users(home.user("plain"))}, **dry),
         project_policy, absent),
        ("a user's policies", lambda p: admin.create("localidentities", identity("", "told", extra={"policies": p}), **dry), there, absent),
        ("a group's policies", lambda p: admin.create("localgroups", group("", extra={"policies": p}), **dry), there, absent),
        ("who is bound to a policy", lambda u: admin.post("policies", f"pol-{home.id}-x", "binding", users(u), **dry), user, absent_user),
        ("who is bound to a role", lambda u: admin.post("roles", f"rol-{home.id}-x", "binding", users(u), **dry), user, absent_user),
        ("who is in a group", lambda u: admin.post("localgroups", f"grp-{home.id}", "binding", users(u), **dry), user, absent_user),
        ("who is bound in a project", lambda u: admin.in_project(home.project).post("policies", own, "projectbinding", users(u), **dry), user, absent_user),
        ("a group that is bound", lambda g: admin.post("policies", f"pol-{home.id}-x", "binding", {"groups": [{"id": g}]}, **dry), grp, no_grp),
        ("a user of a named tenant", lambda u: admin.post("policies", f"pol-{home.id}-x", "binding", users(f"{other.id}##{u}"), **dry), user, absent_user),
        ("users by selector", lambda t: admin.list("users", fieldSelector=f"spec.tenantID={t}"), other.id, "nowhere-x"),
        ("projects by header", lambda p: admin.in_project(p).list("roles"), other.project, "prj-nowhere-x"),
        ("a project's people", lambda p: admin.get("projects", p, "users"), other.project, "prj-nowhere-x"),
        ("a project", lambda p: admin.get("projects", p), other.project, "prj-nowhere-x"),
    ]
    for what, ask, name, other_name in asked:
        one, two = ask(name), ask(other_name)
        assert other.mark not in one.text
        assert said(one, name, other_name) == said(two, name, other_name), what


def test_callers_of_the_platform(world):
    """What the platform's roles allow, they allow everywhere, and nothing else."""
    front, home = world.daemon.proxied, world.home
    before = world.dump()
    viewer, manager = front("p-viewer", "local"), front("p-manager", "local")
    for t in world.tenants:
        assert t.mark in viewer.list("policies", limit="2000").expect(200).text and t.mark in manager.list("localidentities").expect(200).text
    attempts = [Attempt("the viewer", viewer, Tries(world, rng_of("viewer"), home, False), SECRETS, compares=False)]
    attack(world, attempts)
    assert_same(before, world.dump(), "the viewer", lambda key, text: key[0] == "apikeys" and '"username": "p-viewer"' in text)

    # The user manager looks after people, but gets nobody's rights through them.
    for t in world.tenants:
        for plural in ("policies", "roles", "identityproviders"):
            name = t.names[plural]
            for reply in (manager.patch(plural, name, {"spec": {"description": "x"}}), manager.delete(plural, name)):
                assert reply.status == 403, (plural, reply)
        for sub, body in (("binding", users(t.user("plain"))), ("unbinding", users(t.user("victim")))):
            assert manager.post("policies", f"pol-{t.id}-administrator", sub, body).status == 403
    for target in ("usr-p-root", "usr-p-viewer", "usr-admin"):
        for reply in (manager.patch("localidentities", target, {"spec": {"hashedPassword": b64("a new long password")}}),
                      manager.post("localidentities", target, "password", {"hashedPassword": b64("x" * 12), "originalPassword": b64(PASSWORD)}),
                      manager.patch("localidentities", target, {"spec": {"extra": {"policies": "pol-platform-administrator"}}}),
                      manager.patch("localidentities", target, {"status": {"locked": True}}, sub="status"), manager.delete("localidentities", target)):
            assert reply.status == 403 or target == "usr-p-viewer", (target, reply)
    assert manager.post("roles", "rol-platform-administrator", "binding", users("local##usr-p-manager")).status == 403
    plain = home.user("plain")
    assert manager.patch("localidentities", plain, {"spec": {"extra": {"policies": f"pol-{home.id}-administrator"}}}).status == 403
    assert manager.patch("localidentities", plain, {"status": {"locked": True}}, sub="status").status == 200
    assert manager.patch("localidentities", plain, {"status": {"locked": False}}, sub="status").status == 200

    # Names of the platform's own roles and policies are nobody else's, also while there are none.
    admin = front("admin", home.id)
    world.master.delete("roles", "rol-platform-viewer").expect(200)
    wait_until(lambda: world.master.get("roles", "rol-platform-viewer").status == 404, "the end of a role")
    taken = admin.create("roles", role("", "rol-platform-viewer", policies=[f"pol-{home.id}-administrator"]))
    assert (taken.status, set(taken.causes)) == (422, {"metadata.name"}), taken
    assert admin.create("policies", policy("", "pol-platform-anything")).status == 422
    world.master.create("policies", policy(home.id, "viewer")).expect(201)
    spec = {"domain": "*", "policyID": "viewer", "rulePrefix": "rol-platform", "resources": ["*"]}
    taken = admin.create(NAMESPACED, {"spec": spec}, namespace="rol-platform")
    assert (taken.status, set(taken.causes)) == (422, {"spec.rulePrefix"}), taken
    world.master.create("roles", role("", "rol-platform-viewer", policies=["pol-platform-viewer"])).expect(201)


def test_nobody_rises_through_the_people_they_manage(world):
    """A clerk of a tenant and the platform's user manager look after users and groups, and get nobody's rights through them."""
    home, master, front = world.home, world.master, world.daemon.proxied
    actions = ["*Localidentit*", "*Localgroup*"]
    master.create("policies", policy(home.id, f"pol-{home.id}-clerk", actions)).expect(201)
    for name in ("clerk", "other"):
        master.create("localidentities", {**identity(home.id, name), "metadata": {"name": home.user(name)}}).expect(201)
    master.post("policies", f"pol-{home.id}-clerk", "binding", users(home.user("clerk"))).expect(201)
    tops = {f"grp-{home.id}-top": (home.id, f"rol-{home.id}-administrator"), "grp-local-top": ("local", "rol-platform-administrator")}
    for grp, (tenant, rol) in tops.items():
        master.create("localgroups", group(tenant, grp)).expect(201)
        subject = grp if tenant != "local" else f"local##{grp}"
        master.post("roles", rol, "binding", {"groups": [{"id": subject}]}).expect(201)
    top, platform_top = tops
    clerk, manager = front("clerk", home.id), front("p-manager", "local")
    for caller, grp, user in ((clerk, top, home.user("clerk")), (manager, top, home.user("other")), (manager, platform_top, "usr-p-manager")):
        member = {"status": {"users": [{"id": user}]}}
        for reply in (caller.post("localgroups", grp, "binding", users(user)), caller.patch("localgroups", grp, member),
                      caller.patch("localgroups", grp, member, sub="status"), caller.delete("localgroups", grp)):
            assert (reply.status, reply.reason) == (403, "Forbidden"), (grp, reply)
    for caller, grp, user in ((clerk, f"grp-{home.id}", home.user("clerk")), (front("admin", home.id), top, home.user("other"))):
        assert caller.post("localgroups", grp, "binding", users(user)).expect(201)
        assert caller.post("localgroups", grp, "unbinding", users(user)).expect(201)
    # Names that a list of administrators has, but nobody yet.
    master.patch("identityproviders", home.id, {"spec": {"administrators": ["admin", "chief"]}}).expect(200)
    assert clerk.create("localidentities", identity(home.id, "chief")).status == 403
    assert manager.create("localidentities", identity(home.id, "chief")).status == 403
    assert clerk.create("localidentities", identity(home.id, "clerks-own")).status == 201
    assert front("admin", home.id).create("localidentities", identity(home.id, "chief")).status == 201
    # An address is verified by others.
    own = home.user("clerk")
    said = clerk.patch("localidentities", own, {"spec": {"email": f"boss@{home.id}.example", "extra": {"emailVerified": "true", "a": "b"}}}).expect(200)
    assert said.body["spec"]["extra"] == {"a": "b"} and "emailVerified" in said.warnings[0]
    master.patch("localidentities", own, {"spec": {"extra": {"emailVerified": "true"}}}).expect(200)
    assert clerk.patch("localidentities", own, {"spec": {"displayName": "x"}}).expect(200).body["spec"]["extra"]["emailVerified"] == "true"
    moved = clerk.patch("localidentities", own, {"spec": {"email": f"chief@{home.id}.example"}}).expect(200)
    assert moved.body["spec"]["extra"] == {"a": "b"}


def test_what_a_tenant_deletes_as_a_whole_is_its_own(world):
    """Last: the third tenant's administrator deletes every collection."""
    third, admin = world.third, world.daemon.proxied("admin", world.third.id)
    before = world.dump()
    for plural in STORED:
        reply = admin.delete_collection(plural)
        platform = plural in world.platform or plural == "identityproviders"
        assert reply.status == (403 if platform else 200) or plural == "rules" and reply.status == 405, reply
    for plural in third.names.keys() & set(STORED) - {"identityproviders"}:
        wait_until(lambda: third.id not in json.dumps([i["spec"].get("tenantID") for i in world.master.list(plural).items]), f"the end of {plural}")
    assert_same(before, world.dump(), "a collective deletion", lambda key, text: is_of(third, key, text) or key[0] == "rules" and third.id in text)
    world.master.get("identityproviders", third.id).expect(200)
