"""Every kind, verb and subresource of auth.tkestack.io/v1 as its clients see it: status codes and whole bodies (contract, sections 1 and 2)."""
import base64
import concurrent.futures
import copy
import json
import re
import sqlite3
import time

import pytest

from kubeapi import (BASE, JSON_PATCH, MERGE_PATCH, PARTIAL, PARTIAL_LIST, STRATEGIC_PATCH, TABLE, ApiDaemon, b64, group, identity,
                     make_tenant, make_user, path_of, policy, role, tenant, users)
from support import wait_until

GROUP = "auth.tkestack.io"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
GENERATED = "[bcdfghjklmnpqrstvwxz2456789]{8}"
PASSWORD = "a long password of the tests"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    d = ApiDaemon(tmp_path_factory.mktemp("api"))
    d.start()
    make_tenant(d.master, "alpha")
    yield d
    d.stop()


@pytest.fixture(scope="module")
def api(daemon):
    return daemon.master


@pytest.fixture(scope="module")
def people(api):
    """name -> id of some users of alpha."""
    return {name: make_user(api, "alpha", name) for name in ("ann", "bob", "cid")}


@pytest.fixture(scope="module", autouse=True)
def fixtures_of_kinds(api):
    """What bindings refer to."""
    api.create("policies", policy("alpha", "pol-of-project", scope="project")).expect(201)
    api.create("policies", policy("alpha", "pol-of-platform")).expect(201)
    api.create("policies", policy("alpha", "pol-custom")).expect(201)


# ---- kinds ----

class Kind:
    def __init__(self, plural, kind, sample, complete, *, short=None, namespace=None, finalizer=None, phase=None, status="status",
                 change=("spec", "description"), verbs="create delete deletecollection get list patch update watch", selectable=()):
        self.plural, self.kind, self.sample, self.complete = plural, kind, sample, complete
        self.short, self.namespace, self.finalizer, self.phase, self.status = short, namespace, finalizer, phase, status
        self.change, self.verbs, self.selectable = change, verbs.split(), selectable

    def new(self, name=None):
        """A body, with a name where the kind takes one."""
        body = copy.deepcopy(self.sample)
        metadata = body.setdefault("metadata", {})
        if name and "name" not in metadata:
            metadata["name"] = name
        return body

    def value(self, body):
        return body[self.change[0]][self.change[1]]

    def gone(self, api, name):
        """Deletes it, and waits for the controller."""
        api.delete(self.plural, name, namespace=self.namespace)
        wait_until(lambda: api.get(self.plural, name, namespace=self.namespace).status == 404, f"the end of {name}")


STATEMENT = {"actions": ["getCluster"], "resources": ["*"], "effect": "allow"}
SIGNING_PUBLIC = base64.b64encode(b'{"kty":"RSA"}').decode()
KINDS = [
    Kind("localidentities", "LocalIdentity",
         {"spec": {"username": "table", "displayName": "Table", "tenantID": "alpha", "hashedPassword": b64(PASSWORD)}},
         {"spec": {"finalizers": ["localidentity"], "username": "table", "displayName": "Table", "email": "", "phoneNumber": "",
                   "tenantID": "alpha"},
          "status": {"lastUpdateTime": None}},
         short="usr", finalizer="localidentity", phase="Deleting", change=("spec", "displayName"),
         selectable=["spec.tenantID", "spec.username"]),
    Kind("policies", "Policy", {"spec": {"displayName": "Table", "tenantID": "alpha", "category": "common", "statement": STATEMENT}},
         {"spec": {"finalizers": ["policy"], "displayName": "Table", "tenantID": "alpha", "category": "common", "type": "custom",
                   "scope": "", "username": "admin", "description": "", "statement": STATEMENT},
          "status": {"phase": "Active", "users": None, "groups": None}},
         short="pol", finalizer="policy", phase="Terminating",
         selectable=["spec.tenantID", "spec.username", "spec.category", "spec.scope", "spec.type", "spec.displayName"]),
    Kind("roles", "Role", {"spec": {"displayName": "Table", "tenantID": "alpha", "policies": ["pol-of-platform"]}},
         {"spec": {"finalizers": ["role"], "displayName": "Table", "tenantID": "alpha", "projectID": "", "username": "",
                   "description": "", "policies": ["pol-of-platform"]},
          "status": {"phase": "Active", "users": None, "groups": None}},
         short="rol", finalizer="role", phase="Terminating",
         selectable=["spec.tenantID", "spec.username", "spec.displayName", "spec.projectID"]),
    Kind("localgroups", "LocalGroup", {"spec": {"displayName": "Table", "tenantID": "alpha"}},
         {"spec": {"finalizers": ["localgroup"], "displayName": "Table", "tenantID": "alpha", "username": "", "description": ""},
          "status": {"phase": "Active", "users": None}},
         short="grp", finalizer="localgroup", phase="Terminating",
         selectable=["spec.tenantID", "spec.username", "spec.displayName"]),
    Kind("projectpolicybindings", "ProjectPolicyBinding",
         {"metadata": {"name": "prj-table-pol-of-project"},
          "spec": {"tenantID": "alpha", "projectID": "prj-table", "policyID": "pol-of-project"}},
         {"spec": {"finalizers": ["projectpolicybinding"], "tenantID": "alpha", "projectID": "prj-table", "policyID": "pol-of-project",
                   "users": None, "groups": None},
          "Status": {"phase": "Active"}},
         short="ppb", finalizer="projectpolicybinding", phase="Terminating", status="Status", change=("metadata", "labels"),
         selectable=["spec.tenantID", "spec.projectID", "spec.policyID"]),
    Kind("custompolicybindings", "CustomPolicyBinding",
         {"metadata": {"name": "pol-custom"},
          "spec": {"tenantID": "alpha", "domain": "*", "policyID": "pol-custom", "rulePrefix": "cg-table", "resources": ["chart:1"]}},
         {"spec": {"finalizers": ["custompolicybinding"], "tenantID": "alpha", "domain": "*", "lastDomain": "", "policyID": "pol-custom",
                   "resources": ["chart:1"], "rulePrefix": "cg-table", "users": None, "groups": None},
          "Status": {"phase": "Active"}},
         short="cpb", namespace="cg-table", finalizer="custompolicybinding", phase="Terminating", status="Status",
         change=("metadata", "labels"), selectable=["spec.tenantID", "spec.policyID", "spec.domain", "spec.rulePrefix"]),
    Kind("identityproviders", "IdentityProvider",
         {"spec": {"name": "Table", "type": "tke", "administrators": ["root"]}},
         {"metadata": {"finalizers": ["auth.tkestack.io/tenant"]},
          "spec": {"name": "Table", "type": "tke", "administrators": ["root"], "config": ""}, "status": {}},
         short="idp", change=("spec", "name"), selectable=["spec.type", "spec.name"]),
    Kind("categories", "Category", {"Spec": {"displayName": "Table", "actions": [{"name": "getCluster", "description": "Look"}]}},
         {"Spec": {"displayName": "Table", "description": "", "actions": [{"name": "getCluster", "description": "Look"}]}},
         status=None, change=("Spec", "description")),
    Kind("configmaps", "ConfigMap", {"data": {"a": "1"}, "binaryData": {"b": "AA=="}}, {"data": {"a": "1"}, "binaryData": {"b": "AA=="}},
         short="cm", status=None, change=("data", "a")),
    Kind("clients", "Client", {"spec": {"public": True, "redirect_uris": ["https://app.example/cb"], "name": "Table"}},
         {"spec": {"id": "table-clients", "public": True, "redirect_uris": ["https://app.example/cb"], "name": "Table"}},
         short="cli", status=None, change=("spec", "name"), selectable=["spec.id", "spec.name"]),
    Kind("apisigningkeys", "APISigningKey", {"signingKey": b64('{"kty":"oct","k":"AA"}'), "signingKeyPub": SIGNING_PUBLIC},
         {"signingKeyPub": SIGNING_PUBLIC}, status=None, change=("metadata", "labels")),
]
BY_PLURAL = {k.plural: k for k in KINDS}
ids_of = lambda k: k.plural  # noqa: E731
each_kind = pytest.mark.parametrize("k", KINDS, ids=ids_of)
FINALIZED = [k for k in KINDS if k.finalizer]
NEXT = {"displayName": "Another", "description": "Another", "name": "Another", "a": "2", "labels": {"changed": "yes"}}

# Kinds that cannot be created in the plain way: what may be asked of them.
OTHERS = {
    "apikeys": ("APIKey", "apk", "create delete deletecollection get list patch update watch", ["spec.tenantID", "spec.apiKey", "spec.username"]),
    "rules": ("Rule", "rul", "get list watch", ["spec.ptype"] + [f"spec.v{i}" for i in range(7)]),
    "users": ("User", "user", "get list", ["spec.tenantID", "spec.username"]),
    "groups": ("Group", "group", "get list", ["spec.tenantID", "spec.projectID"]),
    "projects": ("Project", None, "get list", []),
}
PART = "GET PUT PATCH"
SUBRESOURCES = {
    "localidentities": {"password": "POST", "policies": "GET", "roles": "GET", "groups": "GET", "status": PART, "finalize": PART},
    "apikeys": {"token": "POST", "password": "POST", "status": PART},
    "policies": {"binding": "POST", "unbinding": "POST", "projectbinding": "POST", "projectunbinding": "POST", "users": "GET",
                 "groups": "GET", "projectusers": "GET", "projectgroups": "GET", "roles": "GET", "status": PART, "finalize": PART},
    "projectpolicybindings": {"status": PART, "finalize": PART},
    "custompolicybindings": {"status": PART, "finalize": PART},
    "roles": {"binding": "POST", "unbinding": "POST", "policybinding": "POST", "policyunbinding": "POST", "users": "GET", "groups": "GET",
              "policies": "GET", "status": PART, "finalize": PART},
    "localgroups": {"binding": "POST", "unbinding": "POST", "users": "GET", "policies": "GET", "roles": "GET", "status": PART,
                    "finalize": PART},
    "identityproviders": {"status": "GET"},
    "users": {"policies": "GET", "roles": "GET", "projects": "GET"},
    "groups": {"policies": "GET", "roles": "GET"},
    "projects": {"users": "GET POST", "groups": "GET POST", "policies": "GET", "binding": "POST", "unbinding": "POST"},
}


def status(code, reason, message, name=None, kind=None, causes=None):
    """A whole Status, as Kubernetes clients get it."""
    details = {}
    if name:
        details["name"] = name
    if kind:
        details.update(group=GROUP, kind=kind)
    if causes:
        details["causes"] = [{"reason": r, "message": m, "field": f} for f, r, m in causes]
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}
    return {**body, "details": details} if details else body


def assert_status(reply, code, reason, message, **details):
    assert reply.body == status(code, reason, message, **details)
    assert reply.status == code


def bare(body):
    """Without what differs each time, which is checked."""
    body = copy.deepcopy(body)
    metadata = body["metadata"]
    assert UUID.fullmatch(metadata.pop("uid"))
    assert TIME.fullmatch(metadata.pop("creationTimestamp"))
    assert int(metadata.pop("resourceVersion")) > 0
    metadata.pop("managedFields", None)
    return body


def complete(k, name):
    metadata = {"name": name, **k.complete.get("metadata", {})}
    if k.namespace:
        metadata["namespace"] = k.namespace
    return {"kind": k.kind, "apiVersion": f"{GROUP}/v1", **copy.deepcopy(k.complete), "metadata": metadata}


def shown_on_get(k, body):
    if k.plural == "localidentities":
        body["spec"]["extra"] = {"administrator": "false"}
    return body


def is_jwt(text):
    """What failing assertions show must not be a token."""
    return text.count(".") == 2


def make(api, k, name):
    return api.create(k.plural, k.new(name), namespace=k.namespace).expect(201).body


# ---- verbs ----

@each_kind
def test_verbs(api, k):
    """create, get, list, watch, update, patch, delete of one object; bodies are complete."""
    ns = {"namespace": k.namespace} if k.namespace else {}
    start = api.list(k.plural, **ns).expect(200).version
    created = api.create(k.plural, k.new(f"table-{k.plural}"), **ns).expect(201).body
    name = created["metadata"]["name"]
    assert bare(created) == complete(k, name)
    got = api.get(k.plural, name, **ns).expect(200)
    assert bare(got.body) == shown_on_get(k, complete(k, name))
    assert got.version == created["metadata"]["resourceVersion"]
    listed = api.list(k.plural, fieldSelector=f"metadata.name={name}", **ns).expect(200).body
    assert {**listed, "items": None, "metadata": None} == {"kind": f"{k.kind}List", "apiVersion": f"{GROUP}/v1", "items": None, "metadata": None}
    assert [bare(i) for i in listed["items"]] == [complete(k, name)] and int(listed["metadata"]["resourceVersion"]) >= int(got.version)

    part, key = k.change
    updated = api.edit(k.plural, name, lambda o: o[part].update({key: NEXT[key]}), **ns).expect(200)
    assert k.value(updated.body) == NEXT[key] and int(updated.version) > int(got.version)
    assert updated.body["metadata"]["uid"] == created["metadata"]["uid"]
    for content_type, patch in ((MERGE_PATCH, {"metadata": {"labels": {"merge": "1"}}}),
                                (STRATEGIC_PATCH, {"metadata": {"labels": {"strategic": "1"}}}),
                                (JSON_PATCH, [{"op": "test", "path": "/metadata/labels/merge", "value": "1"},
                                              {"op": "add", "path": "/metadata/labels/json", "value": "1"}])):
        patched = api.patch(k.plural, name, patch, content_type=content_type, **ns).expect(200)
    assert patched.body["metadata"]["labels"] == {"merge": "1", "strategic": "1", "json": "1",
                                                  **(NEXT["labels"] if key == "labels" else {})}

    deleted = api.delete(k.plural, name, **ns).expect(200).body
    if k.finalizer or k.plural == "identityproviders":
        assert TIME.fullmatch(deleted["metadata"]["deletionTimestamp"]) and deleted["kind"] == k.kind
        assert k.phase is None or deleted[k.status]["phase"] == k.phase
        wait_until(lambda: api.get(k.plural, name, **ns).status == 404, f"the end of {name}")
    else:
        assert deleted == {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                           "details": {"name": name, "group": GROUP, "kind": k.plural, "uid": created["metadata"]["uid"]}}
    with api.watch(k.plural, resourceVersion=start, fieldSelector=f"metadata.name={name}", timeoutSeconds=60, **ns) as watch:
        events = watch.wait_for("DELETED", name)
    types = [e["type"] for e in events]
    assert types[0] == "ADDED" and types[-1] == "DELETED" and set(types[1:-1]) == {"MODIFIED"}
    assert bare(events[0]["object"]) == complete(k, name)
    versions = [int(e["object"]["metadata"]["resourceVersion"]) for e in events]
    assert versions == sorted(set(versions)), "every event has a version of its own"

    assert_status(api.get(k.plural, name, **ns), 404, "NotFound", f'{k.plural}.{GROUP} "{name}" not found', name=name, kind=k.plural)
    for reply in (api.put(k.plural, name, created, **ns), api.patch(k.plural, name, {}, **ns), api.delete(k.plural, name, **ns)):
        assert_status(reply, 404, "NotFound", f'{k.plural}.{GROUP} "{name}" not found', name=name, kind=k.plural)


@each_kind
def test_deletecollection(api, k):
    ns = {"namespace": k.namespace} if k.namespace else {}
    made = k.new(f"collection-{k.plural}")
    made["metadata"]["labels"] = {"batch": "yes"}
    name = api.create(k.plural, made, **ns).expect(201).body["metadata"]["name"]
    api.delete_collection(k.plural, labelSelector="batch=no", **ns).expect(200)
    api.get(k.plural, name, **ns).expect(200)
    done = api.delete_collection(k.plural, labelSelector="batch=yes", **ns).expect(200).body
    assert done["kind"] == "Status" and done["status"] == "Success"
    wait_until(lambda: api.get(k.plural, name, **ns).status == 404, f"the end of {name}")


def test_discovery_lists_what_the_contract_lists(daemon, api):
    resources = api.request("GET", BASE).expect(200).body
    assert resources["kind"] == "APIResourceList" and resources["groupVersion"] == f"{GROUP}/v1"
    by_name = {r["name"]: r for r in resources["resources"]}
    kinds = {k.plural: (k.kind, k.short, " ".join(k.verbs), k.namespace is not None) for k in KINDS}
    kinds.update({p: (kind, short, verbs, False) for p, (kind, short, verbs, _) in OTHERS.items()})
    for plural, (kind, short, verbs, namespaced) in kinds.items():
        r = by_name[plural]
        assert (r["kind"], r.get("shortNames", [None])[0], sorted(r["verbs"]), r["namespaced"]) == (kind, short, sorted(verbs.split()), namespaced)
    verb_of = {"GET": "get", "PUT": "update", "PATCH": "patch", "POST": "create"}
    assert {n for n in by_name if "/" in n} == {f"{p}/{s}" for p, subs in SUBRESOURCES.items() for s in subs}
    for plural, subs in SUBRESOURCES.items():
        for name, methods in subs.items():
            assert sorted(by_name[f"{plural}/{name}"]["verbs"]) == sorted(verb_of[m] for m in methods.split())
    assert api.request("GET", "/apis").expect(200).body["kind"] == "APIGroupList"
    assert api.request("GET", f"/apis/{GROUP}").expect(200).body["preferredVersion"] == {"groupVersion": f"{GROUP}/v1", "version": "v1"}
    assert daemon.caller().request("GET", "/version").status == 200


def test_what_there_is_not_and_what_cannot_be_done(api):
    """404 of paths, 405 of methods; every other combination of kind, subresource and method."""
    everything = {k.plural: k.verbs for k in KINDS}
    everything.update({p: verbs.split() for p, (_, _, verbs, _) in OTHERS.items()})
    method_of = {"create": "POST", "deletecollection": "DELETE", "list": "GET"}, {"get": "GET", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}

    def check(plural, name, sub, allowed):
        ns = BY_PLURAL[plural].namespace if plural in BY_PLURAL else None
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
            if ns and name is None and method == "POST":
                continue
            reply = api.request(method, path_of(plural, name, sub, ns), "{}" if method != "GET" else None)
            assert (reply.status, reply.reason) == (405, "MethodNotAllowed"), f"{method} {plural} {name} {sub}: {reply!r}"
            assert reply.body["message"] == "the server does not allow this method on the requested resource"

    for plural, verbs in everything.items():
        check(plural, None, None, {m for v, m in method_of[0].items() if v in verbs})
        check(plural, "absent", None, {m for v, m in method_of[1].items() if v in verbs})
        for sub, methods in SUBRESOURCES.get(plural, {}).items():
            check(plural, "absent", sub, set(methods.split()))
        ns = BY_PLURAL[plural].namespace if plural in BY_PLURAL else None
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            reply = api.request(method, path_of(plural, "absent", "nonsense", ns))
            assert_status(reply, 404, "NotFound", "the server could not find the requested resource", name="absent", kind=plural)
    for path in (f"{BASE}/nonsense", f"{BASE}/nonsense/x", f"{BASE}/policies/x/users/y", f"{BASE}/namespaces/default/policies",
                 f"{BASE}/namespaces/default", f"{BASE}/custompolicybindings/x"):
        reply = api.request("GET", path)
        assert (reply.status, reply.reason) == (404, "NotFound"), (path, reply)
    for path in ("/apis/auth.tkestack.io/v2/policies", "/apis/nonsense.tkestack.io/v1", "/api/v1/namespaces"):
        assert api.request("GET", path).status == 404
    api.create("custompolicybindings", {}).expect(404)


# ---- subresources ----

def test_status_and_finalize_change_their_part_alone(api):
    for k in FINALIZED:
        ns = {"namespace": k.namespace} if k.namespace else {}
        body = make(api, k, f"parts-{k.plural}")
        name = body["metadata"]["name"]
        assert bare(api.get(k.plural, name, sub="status", **ns).expect(200).body) == shown_on_get(k, complete(k, name))
        changed = copy.deepcopy(body)
        changed["metadata"]["labels"] = {"ignored": "yes"}
        changed["spec"]["displayName"] = changed["spec"]["finalizers"] = None
        changed[k.status] = {"phase": "Nonsense", "locked": True, "users": [], "groups": []}
        shown = api.put(k.plural, name, changed, sub="status", **ns).expect(200).body
        assert shown["spec"] == body["spec"] and "labels" not in shown["metadata"]
        assert shown[k.status].get("phase") == body[k.status].get("phase"), "the phase is the server's"
        assert shown[k.status].get("locked", False) is (k.plural == "localidentities")
        shown = api.patch(k.plural, name, {k.status: {"locked": False}, "spec": {"tenantID": "beta"}}, sub="status", **ns).expect(200).body
        assert shown["spec"] == body["spec"] and "locked" not in shown[k.status]
        shown["spec"]["finalizers"] = ["another"]
        shown["spec"]["tenantID"] = "beta"
        final = api.put(k.plural, name, shown, sub="finalize", **ns).expect(200).body
        assert final["spec"] == {**body["spec"], "finalizers": ["another"]} and final[k.status] == shown[k.status]
        stale = api.put(k.plural, name, shown, sub="finalize", **ns)
        assert (stale.status, stale.reason) == (409, "Conflict")
        final["spec"]["finalizers"] = []
        final = api.put(k.plural, name, final, sub="finalize", **ns).expect(200)
        api.get(k.plural, name, **ns).expect(200)  # it was not deleted
        assert "deletionTimestamp" not in final.body["metadata"]
        k.gone(api, name)


def test_password(api, people):
    ann = people["ann"]
    new, old = "another long password", PASSWORD
    for body in ({"hashedPassword": b64(new), "originalPassword": b64("wrong")}, {"hashedPassword": "%%%", "originalPassword": b64(old)},
                 {"hashedPassword": "", "originalPassword": b64(old)}, {"hashedPassword": b64(new)},
                 {"hashedPassword": b64(new), "originalPassword": "%%%"}, {}):
        refused = api.post("localidentities", ann, "password", body)
        assert (refused.status, refused.reason) == (400, "BadRequest")
        assert "wrong" not in refused.body["message"] and new not in refused.text and b64(new) not in refused.text
    before = api.get("localidentities", ann).version
    api.post("localidentities", ann, "password", {"hashedPassword": b64(new), "originalPassword": b64(old)}, dryRun="All").expect(201)
    assert api.get("localidentities", ann).version == before
    done = api.post("localidentities", ann, "password", {"hashedPassword": b64(new), "originalPassword": b64(old)}).expect(201).body
    assert done["kind"] == "LocalIdentity" and "hashedPassword" not in done["spec"] and TIME.fullmatch(done["status"]["lastUpdateTime"])
    api.post("localidentities", ann, "password", {"hashedPassword": b64(old), "originalPassword": b64(new)}).expect(201)
    assert api.post("localidentities", "absent", "password", {}).status == 404


def user_object(name, id_, **extra):
    return {"kind": "User", "apiVersion": f"{GROUP}/v1", "metadata": {"name": id_, "resourceVersion": "0"},
            "spec": {"id": id_, "name": name, "displayName": f"The user {name}", "email": "", "phoneNumber": "", "tenantID": "alpha", **extra}}


def test_policy_bindings(api, people):
    ann, bob = people["ann"], people["bob"]
    grp = api.create("localgroups", group("alpha", "grp-bound")).expect(201).body["metadata"]["name"]
    api.create("policies", policy("alpha", "pol-bound")).expect(201)
    done = api.post("policies", "pol-bound", "binding", {"users": [{"id": ann}, {"id": bob, "name": "somebody-else"}, {"id": ann}],
                                                         "groups": [{"id": grp}]}).expect(201).body
    subjects = {"users": [{"id": ann, "name": "ann"}, {"id": bob, "name": "bob"}], "groups": [{"id": grp, "name": "Group grp-bound"}]}
    assert done["kind"] == "Policy" and done["status"] == {"phase": "Active", **subjects}
    unknown = api.post("policies", "pol-bound", "binding", users("usr-nobody")).expect(201)
    assert unknown.body["status"] == {"phase": "Active", **subjects} and "usr-nobody" in unknown.warnings[0]
    listed = api.get("policies", "pol-bound", "users").expect(200).body
    assert listed["kind"] == "UserList" and sorted(i["spec"]["name"] for i in listed["items"]) == ["ann", "bob"]
    assert [i for i in listed["items"] if i["spec"]["name"] == "ann"] == [user_object("ann", ann)]
    groups = api.get("policies", "pol-bound", "groups").expect(200).body
    assert groups["kind"] == "GroupList" and [i["spec"]["id"] for i in groups["items"]] == [grp]
    held = api.get("localidentities", ann, "policies").expect(200).body
    assert held["kind"] == "PolicyList" and "pol-bound" in [i["metadata"]["name"] for i in held["items"]]
    assert "pol-bound" in api.get("users", f"alpha##{ann}", "policies").expect(200).names
    assert api.get("localgroups", grp, "policies").expect(200).names == ["pol-bound"]
    assert api.get("groups", f"alpha##{grp}", "policies").expect(200).names == ["pol-bound"]
    done = api.post("policies", "pol-bound", "unbinding", users(ann, "usr-nobody")).expect(201).body
    assert done["status"]["users"] == [{"id": bob, "name": "bob"}]
    done = api.post("policies", "pol-bound", "unbinding", {"users": [{"id": bob}], "groups": [{"id": grp}]}).expect(201).body
    assert (done["status"]["users"] or [], done["status"]["groups"] or []) == ([], [])
    assert api.get("policies", "pol-bound", "users").expect(200).items == []
    for sub in ("binding", "unbinding"):
        assert api.post("policies", "pol-of-project", sub, users(ann)).reason == "BadRequest"
        assert_status(api.post("policies", "absent", sub, users(ann)), 404, "NotFound", f'policies.{GROUP} "absent" not found',
                      name="absent", kind="policies")
    for sub in ("users", "groups"):
        assert api.get("policies", "pol-of-project", sub).status == 400
        assert api.get("policies", "absent", sub).status == 404


def test_project_bindings_through_policies(api, people):
    ann, bob = people["ann"], people["bob"]
    there = api.in_project("prj-through")
    for sub in ("projectbinding", "projectunbinding"):
        assert api.post("policies", "pol-of-project", sub, users(ann)).status == 400, "no project header"
        assert there.post("policies", "pol-bound-nowhere", sub, users(ann)).status == 404
        assert there.post("policies", "pol-of-platform", sub, users(ann)).status == 400
    assert there.post("policies", "pol-of-project", "projectunbinding", users(ann)).status == 404
    for sub in ("projectusers", "projectgroups"):
        assert api.get("policies", "pol-of-project", sub).status == 400
        assert there.get("policies", "pol-of-platform", sub).status == 400
        assert there.get("policies", "pol-of-project", sub).status == 404
    grp = api.create("localgroups", group("alpha")).expect(201).body["metadata"]["name"]
    assert re.fullmatch("grp-" + GENERATED, grp)
    dry = there.post("policies", "pol-of-project", "projectbinding", users(ann), dryRun="All").expect(201)
    assert dry.body["metadata"]["name"] == "prj-through-pol-of-project"
    api.get("projectpolicybindings", "prj-through-pol-of-project").expect(404)
    done = there.post("policies", "pol-of-project", "projectbinding", {"users": [{"id": ann}, {"name": "bob"}], "groups": [{"id": grp}]}).expect(201).body
    assert bare(done) == {"kind": "ProjectPolicyBinding", "apiVersion": f"{GROUP}/v1", "metadata": {"name": "prj-through-pol-of-project"},
                          "spec": {"finalizers": ["projectpolicybinding"], "tenantID": "alpha", "projectID": "prj-through",
                                   "policyID": "pol-of-project", "users": [{"id": ann, "name": "ann"}, {"id": bob, "name": "bob"}],
                                   "groups": [{"id": grp, "name": "Group None"}]},
                          "Status": {"phase": "Active"}}
    assert sorted(i["spec"]["name"] for i in there.get("policies", "pol-of-project", "projectusers").expect(200).items) == ["ann", "bob"]
    assert [i["spec"]["id"] for i in there.get("policies", "pol-of-project", "projectgroups").expect(200).items] == [grp]
    assert there.get("localidentities", ann, "policies").expect(200).names == ["pol-of-project"]
    belongs = api.get("users", f"alpha##{ann}", "projects").expect(200).body
    assert belongs["memberdProjects"].pop("prj-through") == ["pol-of-project"]
    assert {**belongs, "memberdProjects": {}} == {"kind": "ProjectBelongs", "apiVersion": f"{GROUP}/v1", "tenantID": "alpha",
                                                  "managedProjects": {}, "memberdProjects": {}}
    api.in_project("prj-owned").post("policies", "pol-alpha-project-owner", "projectbinding", users(bob)).expect(201)
    belongs = api.get("users", f"alpha##{bob}", "projects").expect(200).body
    assert belongs["managedProjects"] == {"prj-owned": ["pol-alpha-project-owner"]}
    assert belongs["memberdProjects"]["prj-owned"] == ["pol-alpha-project-owner"]
    done = there.post("policies", "pol-of-project", "projectunbinding", users(bob)).expect(201).body
    assert done["spec"]["users"] == [{"id": ann, "name": "ann"}]
    # As contract 2.6 has it: with the header, everybody's list is that project's.
    api.in_project("prj-else").post("policies", "pol-of-project", "projectbinding", users(ann)).expect(201)
    assert there.list("projectpolicybindings").expect(200).names == ["prj-through-pol-of-project"]
    scopes = {i["spec"]["scope"] for i in there.list("policies", fieldSelector="spec.tenantID=alpha").expect(200).items}
    assert scopes == {"project"}
    cleared = api.delete_collection("projectpolicybindings", fieldSelector="spec.projectID=prj-through")
    assert cleared.status == 200
    wait_until(lambda: api.get("projectpolicybindings", "prj-through-pol-of-project").status == 404, "the end of the project")
    api.get("projectpolicybindings", "prj-else-pol-of-project").expect(200)


def test_role_subresources(api, people):
    ann = people["ann"]
    api.create("roles", role("alpha", "rol-sub")).expect(201)
    done = api.post("roles", "rol-sub", "policybinding", {"policies": ["pol-of-platform", "pol-nowhere", "pol-of-platform"]}).expect(201)
    assert done.body["kind"] == "Role" and done.body["spec"]["policies"] == ["pol-of-platform"] and "pol-nowhere" in done.warnings[0]
    assert api.get("roles", "rol-sub", "policies").expect(200).names == ["pol-of-platform"]
    assert "rol-sub" in api.get("policies", "pol-of-platform", "roles").expect(200).names
    done = api.post("roles", "rol-sub", "binding", users(ann)).expect(201).body
    assert done["status"]["users"] == [{"id": ann, "name": "ann"}]
    assert [i["spec"]["name"] for i in api.get("roles", "rol-sub", "users").expect(200).items] == ["ann"]
    assert api.get("roles", "rol-sub", "groups").expect(200).items == []
    assert api.get("localidentities", ann, "roles").expect(200).names == ["rol-sub"]
    assert api.get("users", f"alpha##{ann}", "roles").expect(200).names == ["rol-sub"]
    assert api.post("roles", "rol-sub", "policyunbinding", {"policies": ["pol-of-platform"]}).expect(201).body["spec"]["policies"] in (None, [])
    assert api.post("roles", "rol-sub", "unbinding", users(ann)).expect(201).body["status"]["users"] in (None, [])
    for sub, body in (("binding", users(ann)), ("unbinding", users(ann)), ("policybinding", {"policies": []}), ("policyunbinding", {"policies": []})):
        assert api.post("roles", "absent", sub, body).status == 404
        for wrong in ({**body, "kind": "Nonsense"}, {**body, "apiVersion": "v1"}):
            refused = api.post("roles", "rol-sub", sub, wrong)
            assert (refused.status, refused.reason) == (400, "BadRequest")


def test_group_subresources(api, people):
    ann, bob = people["ann"], people["bob"]
    api.create("localgroups", group("alpha", "grp-sub")).expect(201)
    done = api.post("localgroups", "grp-sub", "binding", users(ann, bob)).expect(201).body
    assert done["status"]["users"] == [{"id": ann, "name": "ann"}, {"id": bob, "name": "bob"}]
    members = api.get("localgroups", "grp-sub", "users").expect(200)
    assert members.body["kind"] == "LocalIdentityList" and members.names == [ann, bob] and "hashedPassword" not in members.text
    listed = api.get("localidentities", ann, "groups").expect(200).body
    assert listed["kind"] == "GroupList" and "grp-sub" in [i["metadata"]["name"] for i in listed["items"]]
    assert api.get("localgroups", "grp-sub", "roles").expect(200).items == []
    whole = api.get("groups", "alpha##grp-sub").expect(200).body
    assert whole == {"kind": "Group", "apiVersion": f"{GROUP}/v1", "metadata": {"name": "grp-sub", "resourceVersion": "0"},
                     "spec": {"id": "grp-sub", "displayName": "Group grp-sub", "tenantID": "alpha", "description": "",
                              "extra": {"policies": "{}"}},
                     "status": {"users": [{"id": ann, "name": "ann"}, {"id": bob, "name": "bob"}]}}
    assert api.post("localgroups", "grp-sub", "unbinding", users(ann)).expect(201).body["status"]["users"] == [{"id": bob, "name": "bob"}]


def test_users_and_groups(api, people):
    ann = people["ann"]
    shown = user_object("ann", ann, extra={"administrator": "false", "policies": "{}"})
    assert api.get("users", f"alpha##{ann}").expect(200).body == shown
    assert api.in_tenant("alpha").get("users", ann).expect(200).body == shown
    for caller, name in ((api, ann), (api, f"beta##{ann}"), (api, f"local##{ann}"), (api, "alpha##usr-nobody"), (api.in_tenant("beta"), ann)):
        assert_status(caller.get("users", name), 404, "NotFound", f'users.{GROUP} "{name}" not found', name=name, kind="users")
    assert api.get("groups", "alpha##nobody").status == 404
    assert api.list("users").expect(200).body == {"kind": "UserList", "apiVersion": f"{GROUP}/v1", "items": [],
                                                  "metadata": {"resourceVersion": api.list("users").version}}
    of_tenant = api.list("users", fieldSelector="spec.tenantID=alpha").expect(200)
    assert {"ann", "bob", "cid"} <= {i["spec"]["name"] for i in of_tenant.items}
    assert api.in_tenant("alpha").list("users").expect(200).names == of_tenant.names
    assert api.list("users", fieldSelector="spec.tenantID=beta").expect(200).items == []
    assert [i["spec"]["name"] for i in api.list("users", fieldSelector="spec.tenantID=alpha,spec.username=bob").items] == ["bob"]
    assert [i["spec"]["name"] for i in api.list("users", fieldSelector="spec.tenantID=alpha,keyword=the user c").items] == ["cid"]
    assert api.list("users", fieldSelector=f"spec.tenantID=alpha,keyword={ann}").names == [ann]
    one = api.list("users", fieldSelector="spec.tenantID=alpha,limit=1").expect(200)
    assert len(one.items) == 1 and one.body["metadata"]["continue"]
    rest = api.list("users", fieldSelector="spec.tenantID=alpha", **{"continue": one.body["metadata"]["continue"]}).expect(200)
    assert one.names + rest.names == of_tenant.names
    with_policies = api.list("users", fieldSelector="spec.tenantID=alpha,policy=true").expect(200).items
    assert all(isinstance(json.loads(i["spec"]["extra"]["policies"]), dict) for i in with_policies)
    api.create("localgroups", group("alpha", "grp-of-list")).expect(201)
    groups = api.list("groups", fieldSelector="spec.tenantID=alpha,keyword=grp-of-list").expect(200)
    assert groups.names == ["grp-of-list"] and groups.body["kind"] == "GroupList"
    for field in ("limit=nonsense", "limit=-1", "spec.displayName=x"):
        assert api.list("users", fieldSelector=f"spec.tenantID=alpha,{field}").status == 400
    rows = api.list("users", fieldSelector="spec.tenantID=alpha,spec.username=ann", headers={"Accept": TABLE}).expect(200).body["rows"]
    assert rows[0]["cells"][0] == ann and rows[0]["cells"][-1] == "0001-01-01T00:00:00Z"


def test_projects(api, people):
    ann, bob = people["ann"], people["bob"]
    api.create("policies", policy("alpha", "pol-second", scope="project")).expect(201)
    request = {"tenantID": "alpha", "policies": ["pol-of-project", "pol-second"], "users": [{"name": "ann"}, {"id": bob}]}
    empty = {"kind": "Project", "apiVersion": f"{GROUP}/v1", "metadata": {"name": "prj-p", "resourceVersion": "0"}, "tenantID": "",
             "members": {}, "groups": {}}
    assert api.get("projects", "prj-p").expect(200).body == empty, "an unknown project is an empty one"
    for wrong in ({**request, "policies": []}, {**request, "users": []}, {**request, "tenantID": ""}):
        assert api.post("projects", "prj-p", "binding", wrong).status == 400
    for missing in ("pol-nowhere", "pol-of-platform"):
        refused = api.post("projects", "prj-p", "binding", {**request, "policies": [missing]})
        assert refused.status == 422 and set(refused.causes) == {"spec.policyID"}
    done = api.post("projects", "prj-p", "binding", request).expect(201).body
    assert done["kind"] == "ProjectPolicyBindingList"
    assert [i["metadata"]["name"] for i in done["items"]] == ["prj-p-pol-of-project", "prj-p-pol-second"]
    assert api.get("projects", "prj-p").expect(200).body == {**empty, "tenantID": "alpha", "members": {ann: "ann", bob: "bob"}}
    assert api.in_project("prj-p").get("projects", "another").expect(200).body["members"] == {ann: "ann", bob: "bob"}
    assert "prj-p" in api.list("projects").expect(200).names
    members = api.get("projects", "prj-p", "users").expect(200)
    assert {i["spec"]["name"]: json.loads(i["spec"]["extra"]["policies"]) for i in members.items} == {
        n: {"pol-of-project": "Policy pol-of-project", "pol-second": "Policy pol-second"} for n in ("ann", "bob")}
    for fuzzy, found in (("an", ["ann"]), (bob, ["bob"]), ("The user", ["ann", "bob"]), ("nonsense", [])):
        listed = api.with_headers(X_TKE_FuzzyResourceName=fuzzy).get("projects", "prj-p", "users").expect(200)
        assert sorted(i["spec"]["name"] for i in listed.items) == found
    api.post("projects", "prj-p", "users", {**request, "policies": ["pol-second"], "users": [{"id": ann}]}).expect(201)
    held = {i["spec"]["name"]: sorted(json.loads(i["spec"]["extra"]["policies"])) for i in api.get("projects", "prj-p", "users").items}
    assert held == {"ann": ["pol-second"], "bob": ["pol-of-project", "pol-second"]}
    assert api.post("projects", "prj-p", "users", {**request, "users": []}).status == 400
    api.create("localgroups", group("alpha", "grp-p")).expect(201)
    api.post("projects", "prj-p", "groups", {"tenantID": "alpha", "policies": ["pol-second"], "groups": [{"id": "grp-p"}]}).expect(201)
    assert [i["spec"]["id"] for i in api.get("projects", "prj-p", "groups").expect(200).items] == ["grp-p"]
    assert api.get("projects", "prj-p").body["groups"] == {"grp-p": "Group grp-p"}
    listed = api.in_tenant("alpha").get("projects", "prj-p", "policies").expect(200)
    assert {"pol-of-project", "pol-second"} <= set(listed.names) and {i["spec"]["scope"] for i in listed.items} == {"project"}
    done = api.post("projects", "prj-p", "unbinding", {**request, "users": [{"name": "bob"}]}).expect(201).body
    assert done["kind"] == "ProjectPolicyBindingList" and [i["spec"]["users"] for i in done["items"]][0] in (None, [])
    assert api.get("projects", "prj-p").body["members"] == {ann: "ann"}


def test_api_keys(daemon, api, people):
    ann = daemon.proxied("ann", "alpha")
    for expire in ("0.5s", "-1h", "876001h", "nonsense", "1d"):
        assert ann.post("apikeys", "default", "token", {"expire": expire}).status == 400
    for expire in ("", "1h", "168h0m0s"):
        key = ann.post("apikeys", "default", "token", {"expire": expire, "description": "for the table"}).expect(201).body
        assert re.fullmatch("apk-" + GENERATED, key["metadata"]["name"]) and key["kind"] == "APIKey"
    token = key["spec"]["apiKey"]
    assert is_jwt(token) and set(key["spec"]) == {"apiKey", "sha256", "tenantID", "username", "userID", "description", "issue_at", "expire_at"}
    assert (key["spec"]["tenantID"], key["spec"]["username"], key["spec"]["userID"]) == ("alpha", "ann", people["ann"])
    assert key["status"] == {"disabled": False, "expired": False}
    name = key["metadata"]["name"]
    shown = ann.get("apikeys", name).expect(200).body
    assert shown["spec"]["apiKey"] == token[:10] + "..." + token[-6:]
    is_told = token in api.get("apikeys", name).text
    assert not is_told
    assert ann.request("POST", f"{BASE}/apikeys/default/token/", "{}").status == 201, "the gateway's trailing slash"
    caller = daemon.caller(token=token)
    assert caller.list("apikeys").expect(200).names
    assert caller.post("apikeys", "default", "token", {}).status == 403

    anonymous = daemon.caller()
    request = {"tenantID": "alpha", "username": "ann", "password": b64(PASSWORD), "expire": "1h"}
    made = anonymous.post("apikeys", "default", "password", request).expect(201)
    assert is_jwt(made.body["spec"]["apiKey"]) and made.headers["Cache-Control"] == "no-store"
    refused = [anonymous.post("apikeys", "default", "password", {**request, **w}) for w in
               ({"password": b64("wrong")}, {"username": "nobody"}, {"tenantID": "nowhere"}, {"tenantID": "local"})]
    assert {r.text for r in refused} == {refused[0].text} and refused[0].status == 400
    for wrong in ({"password": "%%%"}, {"password": ""}, {"username": ""}, {"tenantID": ""}, {"expire": "nonsense"}):
        assert anonymous.post("apikeys", "default", "password", {**request, **wrong}).status == 400
    assert anonymous.post("apikeys", "other", "password", request).status == 401

    def change(o):
        o["spec"].update(description="changed", apiKey="forged", sha256="00")
        o["status"]["disabled"] = True
    changed = ann.edit("apikeys", name, change).expect(200).body
    assert changed["spec"] == {**shown["spec"], "description": "changed"} and changed["status"] == {"disabled": False, "expired": False}
    immutable = ann.edit("apikeys", name, lambda o: o["spec"].update(username="bob", expire_at="2099-01-01T00:00:00Z"))
    assert immutable.status == 422 and set(immutable.causes) == {"spec.username", "spec.expire_at"}
    disabled = ann.patch("apikeys", name, {"status": {"disabled": True, "expired": True}}, sub="status").expect(200).body
    assert disabled["status"] == {"disabled": True, "expired": False}
    assert caller.list("apikeys").status == 401
    assert ann.create("apikeys", {"spec": {"apiKey": token}}).status == 422, "there is one already"
    ann.delete("apikeys", name).expect(200)
    ann.create("apikeys", {"spec": {"apiKey": token, "description": "again"}}).expect(201)
    assert ann.create("apikeys", {"spec": {"apiKey": token[:-4] + "AAAA"}}).status == 422
    assert ann.create("apikeys", {"spec": {}}).status == 422
    assert daemon.proxied("bob", "alpha").get("apikeys", name).status == 404


def test_extra_policies(api):
    made = api.create("localidentities", identity("alpha", "extra", extra={"policies": "pol-of-platform, pol-nowhere", "k": "v"})).expect(201)
    assert made.body["spec"]["extra"] == {"k": "v"} and "pol-nowhere" in " ".join(made.warnings)
    name = made.body["metadata"]["name"]
    assert api.get("localidentities", name, "policies").names == ["pol-of-platform"]
    entry = api.list("localidentities", fieldSelector="spec.username=extra,policy=true").expect(200).items[0]
    assert entry["spec"]["extra"] == {"k": "v", "administrator": "false", "policies": '{"pol-of-platform":"Policy pol-of-platform"}'}
    assert api.list("localidentities", fieldSelector="spec.username=extra").items[0]["spec"]["extra"] == {"k": "v"}
    paged = api.list("localidentities", fieldSelector="spec.tenantID=alpha,policy=true", limit="1").expect(200).items[0]
    assert "administrator" in paged["spec"]["extra"] and "policies" in paged["spec"]["extra"]
    api.edit("localidentities", name, lambda o: o["spec"]["extra"].update(policies="pol-custom")).expect(200)
    assert api.get("localidentities", name, "policies").names == ["pol-custom"]
    api.edit("localidentities", name, lambda o: o["spec"].update(displayName="Nothing of policies")).expect(200)
    assert api.get("localidentities", name, "policies").names == ["pol-custom"]
    api.create("localgroups", group("alpha", "grp-extra", extra={"policies": "pol-of-platform"})).expect(201)
    entry = api.list("localgroups", fieldSelector="metadata.name=grp-extra,policy=true").expect(200).items[0]
    assert entry["spec"]["extra"] == {"policies": '{"pol-of-platform":"Policy pol-of-platform"}'}
    assert "extra" not in api.get("localgroups", "grp-extra").body["spec"]
    api.edit("localgroups", "grp-extra", lambda o: o["spec"].update(extra={"policies": ""})).expect(200)
    assert api.get("localgroups", "grp-extra", "policies").items == []


# ---- what is refused, and how ----

def test_errors_have_the_shape_kubernetes_gives_them(daemon, api):
    api.create("policies", policy("alpha", "pol-errors")).expect(201)
    body = api.get("policies", "pol-errors").body
    api.edit("policies", "pol-errors", lambda o: o["spec"].update(description="newer")).expect(200)
    conflict = (f'Operation cannot be fulfilled on policies.{GROUP} "pol-errors": the object has been modified; please apply your changes to the '
                "latest version and try again")
    assert_status(api.put("policies", "pol-errors", body), 409, "Conflict", conflict, name="pol-errors", kind="policies")
    assert_status(api.create("policies", policy("alpha", "pol-errors")), 409, "AlreadyExists",
                  f'policies.{GROUP} "pol-errors" already exists', name="pol-errors", kind="policies")
    without = copy.deepcopy(body)
    del without["metadata"]["resourceVersion"]
    text = "Invalid value: 0x0: must be specified for an update"
    assert_status(api.put("policies", "pol-errors", without), 422, "Invalid",
                  f'Policy.{GROUP} "pol-errors" is invalid: metadata.resourceVersion: {text}', name="pol-errors", kind="Policy",
                  causes=[("metadata.resourceVersion", "FieldValueInvalid", text)])
    wrong = policy("alpha", "pol-wrong", effect="perhaps")
    del wrong["spec"]["category"]
    causes = [("spec.category", "FieldValueRequired", "Required value"),
              ("spec.statement.effect", "FieldValueNotSupported", 'Unsupported value: "perhaps": supported values: "allow", "deny"')]
    assert_status(api.create("policies", wrong), 422, "Invalid",
                  f'Policy.{GROUP} "pol-wrong" is invalid: [' + ", ".join(f"{f}: {m}" for f, _, m in causes) + "]",
                  name="pol-wrong", kind="Policy", causes=causes)
    nobody = daemon.caller().get("policies", "pol-errors")
    assert_status(nobody, 401, "Unauthorized", "Unauthorized")
    assert nobody.headers["WWW-Authenticate"].startswith("Bearer")
    assert daemon.caller(token="nonsense").get("nonsense", "x").status == 401, "who is not known learns nothing of what there is"
    forbidden = daemon.proxied("ann", "alpha").get("policies", "pol-errors")
    assert forbidden.body["message"].startswith(f'policies.{GROUP} "pol-errors" is forbidden: User "ann" cannot get resource "policies" in API '
                                                f'group "{GROUP}"')
    assert (forbidden.status, forbidden.reason, forbidden.body["details"]) == (403, "Forbidden", {"name": "pol-errors", "group": GROUP, "kind": "policies"})


INVALID = [  # kind, changes to the sample (path -> value; None takes it away), causes
    ("localidentities", {"spec.username": "x"}, {"spec.username": "FieldValueInvalid"}),
    ("localidentities", {"spec.username": "system"}, {"spec.username": "FieldValueInvalid"}),
    ("localidentities", {"spec.username": "Upper"}, {"spec.username": "FieldValueInvalid"}),
    ("localidentities", {"spec.username": "a" * 33}, {"spec.username": "FieldValueInvalid"}),
    ("localidentities", {"spec.username": None, "spec.displayName": None, "spec.hashedPassword": None},
     {"spec.username": "FieldValueRequired", "spec.displayName": "FieldValueRequired", "spec.hashedPassword": "FieldValueRequired"}),
    ("localidentities", {"spec.displayName": "x" * 256}, {"spec.displayName": "FieldValueTooLong"}),
    ("localidentities", {"spec.hashedPassword": "%%%"}, {"spec.hashedPassword": "FieldValueInvalid"}),
    ("localidentities", {"spec.email": "nonsense"}, {"spec.email": "FieldValueInvalid"}),
    ("localidentities", {"spec.phoneNumber": "x"}, {"spec.phoneNumber": "FieldValueInvalid"}),
    ("localidentities", {"spec.tenantID": None}, {"spec.tenantID": "FieldValueRequired"}),
    ("localidentities", {"spec.username": "ann"}, {"spec.username": "FieldValueDuplicate"}),
    ("policies", {"metadata.name": "Upper"}, {"metadata.name": "FieldValueInvalid"}),
    ("policies", {"metadata.name": "a.b"}, {"metadata.name": "FieldValueInvalid"}),
    ("policies", {"spec.statement": None}, {"spec.statement.actions": "FieldValueRequired", "spec.statement.resources": "FieldValueRequired",
                                            "spec.statement.effect": "FieldValueRequired"}),
    ("policies", {"spec.statement.actions": ["a/:"]}, {"spec.statement.actions[0]": "FieldValueInvalid"}),
    ("policies", {"spec.statement.resources": ["ok", ""]}, {"spec.statement.resources[1]": "FieldValueInvalid"}),
    ("policies", {"spec.type": "x", "spec.scope": "x"}, {"spec.type": "FieldValueNotSupported", "spec.scope": "FieldValueNotSupported"}),
    ("policies", {"spec.displayName": 1}, {"spec.displayName": "FieldValueTypeInvalid"}),
    ("policies", {"metadata.labels": {"a b": "c"}}, {"metadata.labels": "FieldValueInvalid"}),
    ("policies", {"metadata.namespace": "x"}, {"metadata.namespace": "FieldValueForbidden"}),
    ("policies", {"metadata.finalizers": ["no good"]}, {"metadata.finalizers": "FieldValueInvalid"}),
    ("roles", {"spec.displayName": None}, {"spec.displayName": "FieldValueRequired"}),
    ("roles", {"metadata.name": "pol-of-platform"}, {"metadata.name": "FieldValueInvalid"}),
    ("projectpolicybindings", {"spec.policyID": "pol-nowhere"}, {"spec.policyID": "FieldValueNotFound"}),
    ("projectpolicybindings", {"spec.policyID": "pol-of-platform"}, {"spec.policyID": "FieldValueInvalid"}),
    ("projectpolicybindings", {"spec.projectID": None}, {"spec.projectID": "FieldValueRequired"}),
    ("custompolicybindings", {"spec.policyID": None, "spec.domain": None, "spec.rulePrefix": None, "spec.resources": None},
     {"spec.policyID": "FieldValueRequired", "spec.domain": "FieldValueRequired", "spec.rulePrefix": "FieldValueRequired",
      "spec.resources": "FieldValueRequired"}),
    ("categories", {"Spec.displayName": None, "Spec.actions": [{}]}, {"Spec.displayName": "FieldValueRequired",
                                                                      "Spec.actions[0].name": "FieldValueRequired"}),
    ("categories", {"metadata.name": "ab"}, {"metadata.name": "FieldValueInvalid"}),
    ("identityproviders", {"spec.name": None, "spec.type": None}, {"spec.name": "FieldValueRequired", "spec.type": "FieldValueRequired"}),
    ("identityproviders", {"spec.type": "ldap", "spec.config": "{nonsense"}, {"spec.config": "FieldValueInvalid"}),
    ("identityproviders", {"spec.type": "nonsense"}, {"spec.config": "FieldValueInvalid"}),
    ("identityproviders", {"metadata.name": "x" * 33}, {"metadata.name": "FieldValueInvalid"}),
    ("clients", {"spec.redirect_uris": ["not a URL"]}, {"spec": "FieldValueInvalid"}),
    ("clients", {"spec.public": False}, {"spec.secret": "FieldValueRequired"}),
    ("apisigningkeys", {"signingKey": None}, {"signingKey": "FieldValueRequired"}),
]


def changed(body, changes):
    body = copy.deepcopy(body)
    for path, value in changes.items():
        *parents, last = path.split(".")
        holder = body
        for p in parents:
            holder = holder.setdefault(p, {})
        if value is None:
            holder.pop(last, None)
        else:
            holder[last] = value
    return body


@pytest.mark.parametrize("plural, changes, causes", INVALID, ids=lambda v: v if isinstance(v, str) else ",".join(v))
def test_invalid_objects(api, people, plural, changes, causes):
    k = BY_PLURAL[plural]
    refused = api.create(plural, changed(k.new("invalid-one"), changes), namespace=k.namespace)
    assert (refused.status, refused.reason) == (422, "Invalid"), refused
    assert {f: r for f, r in refused.causes.items()} == causes or causes.items() <= refused.causes.items() and plural == "identityproviders", refused
    assert refused.body["details"]["kind"] == k.kind
    assert PASSWORD not in refused.text and b64(PASSWORD) not in refused.text


@pytest.mark.parametrize("plural, path, value", [
    ("localidentities", "spec.username", "other"), ("localidentities", "spec.tenantID", "beta"), ("policies", "spec.tenantID", "beta"),
    ("roles", "spec.tenantID", "beta"), ("localgroups", "spec.tenantID", "beta"), ("projectpolicybindings", "spec.projectID", "prj-other"),
    ("projectpolicybindings", "spec.policyID", "pol-other"), ("projectpolicybindings", "spec.tenantID", "beta"),
    ("custompolicybindings", "spec.policyID", "pol-other"), ("custompolicybindings", "spec.rulePrefix", "other"),
    ("custompolicybindings", "spec.tenantID", "beta"), ("identityproviders", "spec.type", "ldap"), ("clients", "spec.id", "other")])
def test_immutable_fields(api, plural, path, value):
    k = BY_PLURAL[plural]
    body = make(api, k, f"immutable-{plural}")
    name = body["metadata"]["name"]
    refused = api.put(plural, name, changed(body, {path: value}), namespace=k.namespace)
    assert (refused.status, refused.causes.get(path)) == (422, "FieldValueInvalid"), refused
    k.gone(api, name)


def test_bodies(api):
    """Wrong kinds, versions and names; other media types; too much."""
    good = policy("alpha", "pol-body")
    for wrong in ({**good, "kind": "Role"}, {**good, "apiVersion": "v1"}, {**good, "metadata": {**good["metadata"], "resourceVersion": "1"}}):
        refused = api.create("policies", wrong)
        assert (refused.status, refused.reason) == (400, "BadRequest"), refused
    for body in ("", "   ", "[]", "1", "{", '"x"', "{}{}", '{"a":1,"a":2}', b"\xff\xfe", '{"metadata":"\\u0000"}', "[" * 5000):
        refused = api.request("POST", path_of("policies"), body)
        assert (refused.status, refused.reason) == (400, "BadRequest"), body
    made = api.create("policies", {**good, "kind": "Policy", "apiVersion": f"{GROUP}/v1"}).expect(201).body
    for wrong in ({"metadata": {**made["metadata"], "name": "other"}}, {"kind": "Role"}, {"apiVersion": f"{GROUP}/v2"}):
        assert api.put("policies", "pol-body", {**made, **wrong}).status == 400
    assert api.patch("policies", "pol-body", {"metadata": {"name": "other"}}).status == 400
    namespaced = BY_PLURAL["custompolicybindings"].new()
    namespaced["metadata"]["namespace"] = "other"
    assert api.create("custompolicybindings", namespaced, namespace="cg-body").status == 400

    big = {"metadata": {"name": "big"}, "data": {"a": "x" * (800 * 1024)}}
    refused = api.create("configmaps", big)
    assert (refused.status, refused.reason) == (413, "RequestEntityTooLarge")
    sent = api.request("POST", path_of("configmaps"), b"x" * (3 << 20))
    assert (sent.status, sent.reason) == (413, "RequestEntityTooLarge")
    announced = api.announce("POST", path_of("configmaps"), 5 << 20)
    assert (announced["code"], announced["reason"], announced["kind"]) == (413, "RequestEntityTooLarge", "Status")

    protobuf = "application/vnd.kubernetes.protobuf"
    for content_type in (protobuf, "text/plain", "application/x-www-form-urlencoded"):
        refused = api.request("POST", path_of("policies"), b"k8s\0", content_type=content_type)
        assert (refused.status, refused.reason) == (415, "UnsupportedMediaType")
    for content_type in ("application/json", protobuf, "text/plain"):
        assert api.patch("policies", "pol-body", "{}", content_type=content_type).status == 415
    for accept, code in ((protobuf, 406), (f"{protobuf},application/json", 200), ("text/html", 406), ("application/json;as=Nonsense;v=v1;g=meta.k8s.io", 406),
                         ("application/json;as=Table;v=v2;g=meta.k8s.io,application/json", 200), ("*/*", 200), ("application/*", 200), ("", 200)):
        reply = api.get("policies", "pol-body", headers={"Accept": accept}).expect(code)
        assert reply.headers["Content-Type"] == "application/json" and reply.body["kind"] == ("Status" if code == 406 else "Policy")


def test_yaml_bodies(api):
    text = f"# a comment\napiVersion: {GROUP}/v1\nkind: Category\nmetadata: {{name: of-yaml}}\nSpec:\n  displayName: 'yes'\n  actions:\n  - name: getCluster\n"
    made = api.request("POST", path_of("categories"), text, content_type="application/yaml").expect(201).body
    assert made["Spec"] == {"displayName": "yes", "description": "", "actions": [{"name": "getCluster", "description": ""}]}
    text += f"  description: |\n    two\n    lines\n"
    text = text.replace("metadata: {name: of-yaml}", "metadata: {name: of-yaml, resourceVersion: '%s'}" % made["metadata"]["resourceVersion"])
    again = api.request("PUT", path_of("categories", "of-yaml"), text, content_type="application/yaml; charset=utf-8").expect(200).body
    assert again["Spec"]["description"] == "two\nlines\n"
    for wrong in ("a: [", "- x", "a: &x 1\nb: *x", "\t"):
        assert api.request("POST", path_of("categories"), wrong, content_type="application/yaml").status == 400
    done = api.request("DELETE", path_of("categories", "of-yaml"), "kind: DeleteOptions\napiVersion: v1\n", content_type="application/yaml")
    assert done.status == 200


def test_lower_case_spellings_are_taken(api):
    """Contract 9.57."""
    made = api.create("categories", {"metadata": {"name": "lower"}, "spec": {"displayName": "Lower", "actions": []}}).expect(201).body
    assert "spec" not in made and made["Spec"]["displayName"] == "Lower"


# ---- forms ----

def test_tables(api):
    shown = api.list("policies", fieldSelector="metadata.name=pol-of-project", headers={"Accept": TABLE}).expect(200).body
    assert (shown["kind"], shown["apiVersion"]) == ("Table", "meta.k8s.io/v1") and int(shown["metadata"]["resourceVersion"]) > 0
    columns = [c["name"] for c in shown["columnDefinitions"]]
    assert columns[0] == "Name" and columns[-1] == "Created At" and shown["columnDefinitions"][0]["format"] == "name"
    assert {"name", "type", "format", "description", "priority"} == set(shown["columnDefinitions"][0])
    row, whole = shown["rows"][0], api.get("policies", "pol-of-project").body
    assert row["cells"][0] == "pol-of-project" and row["cells"][-1] == whole["metadata"]["creationTimestamp"] and len(row["cells"]) == len(columns)
    assert row["object"] == {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": whole["metadata"]}
    of_one = api.get("policies", "pol-of-project", headers={"Accept": TABLE}).expect(200).body
    assert of_one["rows"] == shown["rows"] and of_one["kind"] == "Table"
    assert "object" not in api.get("policies", "pol-of-project", headers={"Accept": TABLE}, includeObject="None").body["rows"][0]
    assert api.get("policies", "pol-of-project", headers={"Accept": TABLE}, includeObject="Object").body["rows"][0]["object"] == whole
    for plural in [k.plural for k in KINDS] + list(OTHERS):
        table = api.list(plural, headers={"Accept": TABLE}, limit="3").expect(200).body
        assert table["kind"] == "Table" and all(len(r["cells"]) == len(table["columnDefinitions"]) for r in table["rows"])
    with api.watch("policies", headers={"Accept": TABLE}, fieldSelector="metadata.name=pol-of-project", timeoutSeconds=60) as watch:
        event = watch.wait(lambda events: events, "an event")[0]
        assert event["type"] == "ADDED" and event["object"]["kind"] == "Table" and event["object"]["rows"] == shown["rows"]


def test_partial_metadata(api):
    whole = api.get("policies", "pol-of-project").body
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": whole["metadata"]}
    assert api.get("policies", "pol-of-project", headers={"Accept": PARTIAL}).expect(200).body == partial
    listed = api.list("policies", fieldSelector="metadata.name=pol-of-project", headers={"Accept": PARTIAL_LIST + ",application/json"}).expect(200).body
    assert listed["kind"] == "PartialObjectMetadataList" and listed["items"] == [partial]
    with api.watch("policies", headers={"Accept": PARTIAL}, fieldSelector="metadata.name=pol-of-project", timeoutSeconds=60) as watch:
        assert watch.wait(lambda events: events, "an event")[0] == {"type": "ADDED", "object": partial}


# ---- selectors ----

def at(body, path):
    for part in path.split("."):
        body = (body or {}).get(part)
    return body


def test_field_selectors(daemon, api):
    """Every selectable field of every kind: =, ==, != and unknown ones."""
    daemon.proxied("selected", "alpha").post("apikeys", "default", "token", {}).expect(201)
    api.in_project("prj-sel").create("roles", role("alpha", "rol-sel", projectID="prj-sel")).expect(201)
    samples = []
    for k in KINDS:
        ns = {"namespace": k.namespace} if k.namespace else {}
        body = make(api, k, f"select-{k.plural}")
        paths = [*k.selectable, "metadata.name"] + (["metadata.namespace"] if ns else [])
        samples.append((k.plural, k.namespace, body, paths, k))
    for plural, some in (("apikeys", "metadata.name!=x"), ("rules", "spec.v0=pol-alpha-administrator")):
        found = api.list(plural, fieldSelector=some, limit="1").expect(200).items[0]
        samples.append((plural, None, found, OTHERS[plural][3] + ["metadata.name"], None))
    for plural, namespace, body, paths, k in samples:
        name = body["metadata"]["name"]
        for path in paths:
            value = (at(body, path) or "").replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
            both = f"metadata.name={name}"
            for selector, found in ((f"{path}={value}", True), (f"{path}=={value}", True), (f"{path}!={value}", False),
                                    (f"{path}=nonsense,{both}", False), (f"{path}={value},{both}", True), (f"{path}!=nonsense,{both}", True)):
                listed = api.list(plural, namespace=namespace, fieldSelector=selector).expect(200)
                assert (name in listed.names) is found, f"{plural} {selector}"
        for unknown in ("spec.nonsense=1", "metadata.uid=1", "status.phase=Active"):
            refused = api.list(plural, namespace=namespace, fieldSelector=unknown)
            assert (refused.status, refused.reason) == (400, "BadRequest") and "field label not supported" in refused.body["message"]
        for wrong in ("nonsense", "metadata.name=a\\b", "metadata.name>1"):
            assert api.list(plural, fieldSelector=wrong).status == 400
        if k:
            k.gone(api, name)
    assert api.list("roles", fieldSelector="spec.projectID=prj-sel").names == ["rol-sel"]
    for plural in ("users", "groups", "projects"):
        assert api.list(plural, fieldSelector="spec.nonsense=1").status == 400
    assert api.delete_collection("policies", fieldSelector="spec.nonsense=1").status == 400
    with api.watch("policies", fieldSelector="spec.nonsense=1") as watch:
        assert watch.status == 400


def test_keyword(api):
    api.create("localidentities", identity("alpha", "keyword-user", displayName="Die Königin, die")).expect(201)
    api.create("policies", policy("alpha", "pol-keyword", description="a needle = here")).expect(201)
    api.create("roles", role("alpha", "rol-keyword", description="a needle = here")).expect(201)
    api.create("localgroups", group("alpha", "grp-keyword", description="a needle = here")).expect(201)
    for word in ("keyword-u", "Königin", "Königin\\, d"):
        assert [i["spec"]["username"] for i in api.list("localidentities", fieldSelector=f"keyword={word}").items] == ["keyword-user"]
    for plural, name in (("policies", "pol-keyword"), ("roles", "rol-keyword"), ("localgroups", "grp-keyword")):
        for word in (name, "a needle", "needle \\= here"):
            found = api.list(plural, fieldSelector=f"keyword={word},spec.tenantID=alpha").expect(200).names
            assert found == [name], (plural, word)
        assert name in api.list(plural, fieldSelector="keyword=keyword").names, "the display name contains it"
        assert api.list(plural, fieldSelector="keyword=no such thing").names == []
        assert api.list(plural, fieldSelector="keyword=needle,spec.tenantID=beta").names == []


def test_label_selectors(api):
    for i, labels in enumerate(({"app": "a", "tier": "1"}, {"app": "b"}, {"app": "c", "x.io/y": "z"}, {})):
        api.create("configmaps", {"metadata": {"name": f"label-{i}", "labels": {**labels, "of": "labels"}}}).expect(201)
    for selector, found in (("app=a", [0]), ("app==a", [0]), ("app!=a", [1, 2, 3]), ("app in (a,b)", [0, 1]), ("app notin (a)", [1, 2, 3]),
                            ("app", [0, 1, 2]), ("!app", [3]), ("x.io/y=z,app", [2]), ("tier=1,app=b", []), ("tier>0", [0]), ("tier<1", [])):
        listed = api.list("configmaps", labelSelector=f"of=labels,{selector}").expect(200)
        assert listed.names == [f"label-{i}" for i in found], selector
    for wrong in ("a b", "a in", "a in (", "=x", "a=b=c", "!", "a=" + "x" * 64):
        assert api.list("configmaps", labelSelector=wrong).status == 400, wrong


# ---- lists ----

def test_pages_over_concurrent_writes(api):
    """All pages are of one moment: that of the first."""
    for i in range(10):
        api.create("configmaps", {"metadata": {"name": f"page-{i}", "labels": {"of": "pages"}}, "data": {"i": str(i)}}).expect(201)
    first = api.list("configmaps", labelSelector="of=pages", limit="3").expect(200)
    names, versions, page = first.names, {first.version}, first
    pages = 1
    while token := page.body["metadata"].get("continue"):
        api.create("configmaps", {"metadata": {"name": f"page-{pages}5", "labels": {"of": "pages"}}}).expect(201)
        api.delete("configmaps", f"page-{10 - pages}").expect(200)
        api.patch("configmaps", f"page-{pages * 3}", {"data": {"i": "changed"}})
        page = api.list("configmaps", labelSelector="of=pages", limit="3", **{"continue": token}).expect(200)
        names += page.names
        versions.add(page.version)
        assert all(i["data"]["i"] == i["metadata"]["name"][5:] for i in page.items)
        pages += 1
    assert names == [f"page-{i}" for i in range(10)] and versions == {first.version} and pages == 4
    then = api.list("configmaps", labelSelector="of=pages", resourceVersion=first.version, resourceVersionMatch="Exact").expect(200)
    assert then.names == [f"page-{i}" for i in range(10)] and then.version == first.version
    assert api.list("configmaps", labelSelector="of=pages", limit="0").expect(200).names == api.list("configmaps", labelSelector="of=pages").names
    for wrong in ("x", "!", base64.urlsafe_b64encode(b"0/x").decode(), base64.urlsafe_b64encode(b"x").decode(), "a" * 5000):
        assert api.list("configmaps", limit="3", **{"continue": wrong}).status == 400, wrong
    assert api.list("configmaps", limit="-1").status == 400
    assert api.list("configmaps", **{"continue": first.body["metadata"]["continue"], "resourceVersion": "1"}).status == 400


def test_versions_of_lists(api):
    now = int(api.list("configmaps").version)
    ok = ({"resourceVersion": "0"}, {"resourceVersion": "1"}, {"resourceVersion": str(now)}, {"resourceVersion": "1", "resourceVersionMatch": "NotOlderThan"},
          {"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"})
    for query in ok:
        assert int(api.list("configmaps", **query).expect(200).version) >= now, query
    for query in ({"resourceVersion": "x"}, {"resourceVersion": "-1"}, {"resourceVersionMatch": "Exact"}, {"resourceVersionMatch": "NotOlderThan"},
                  {"resourceVersion": "0", "resourceVersionMatch": "Exact"}, {"resourceVersion": "1", "resourceVersionMatch": "Nonsense"}):
        assert api.list("configmaps", **query).status == 400, query
    future = api.list("configmaps", resourceVersion=str(now + 1000000))
    assert (future.status, future.reason, future.headers["Retry-After"]) == (504, "Timeout", "1")
    assert future.body["details"]["retryAfterSeconds"] == 1


# ---- watches ----

def test_watch_from_nothing_and_bookmarks(api):
    api.create("configmaps", {"metadata": {"name": "watched-0", "labels": {"of": "watch"}}}).expect(201)
    with api.watch("configmaps", labelSelector="of=watch", timeoutSeconds=60, allowWatchBookmarks="true", sendInitialEvents="true",
                   resourceVersionMatch="NotOlderThan") as watch:
        def marked(events):
            return any(e["type"] == "BOOKMARK" for e in events)
        events = watch.wait(marked, "a bookmark")
        assert [e["type"] for e in events] == ["ADDED", "BOOKMARK"]
        mark = events[1]["object"]
        assert mark == {"kind": "ConfigMap", "apiVersion": f"{GROUP}/v1",
                        "metadata": {"resourceVersion": mark["metadata"]["resourceVersion"], "annotations": {"k8s.io/initial-events-end": "true"}}}
        api.create("configmaps", {"metadata": {"name": "watched-1", "labels": {"of": "watch"}}}).expect(201)
        api.create("configmaps", {"metadata": {"name": "unwatched"}}).expect(201)
        api.patch("configmaps", "watched-1", {"metadata": {"labels": {"of": "nothing"}}}).expect(200)
        api.patch("configmaps", "watched-1", {"metadata": {"labels": {"of": "watch"}}}).expect(200)
        api.delete("configmaps", "watched-1").expect(200)
        events = watch.wait(lambda e: len(e) >= 6, "all events")
        assert [(e["type"], e["object"]["metadata"]["name"]) for e in events[2:]] == [
            ("ADDED", "watched-1"), ("DELETED", "watched-1"), ("ADDED", "watched-1"), ("DELETED", "watched-1")]
        assert events[3]["object"]["metadata"]["labels"] == {"of": "watch"}, "leaves in its last state that was seen"
    now = api.list("configmaps").version
    for query, code in (({"resourceVersion": "x"}, 400), ({"resourceVersion": str(int(now) + 10 ** 6)}, 504), ({"sendInitialEvents": "true"}, 422),
                        ({"timeoutSeconds": "x"}, 400), ({"labelSelector": "a b"}, 400)):
        with api.watch("configmaps", **query) as watch:
            assert watch.status == code, query
    with api.watch("configmaps", resourceVersion=now, timeoutSeconds="1") as watch:
        wait_until(lambda: watch.ended, "the end of a watch of one second")
        assert watch.events == []
    with api.watch("custompolicybindings", namespace="cg-watched", resourceVersion=now, timeoutSeconds="60") as watch:
        k = BY_PLURAL["custompolicybindings"]
        for namespace in ("cg-other", "cg-watched"):
            body = changed(k.new(), {"spec.rulePrefix": namespace})
            api.create(k.plural, body, namespace=namespace).expect(201)
        assert [e["object"]["metadata"]["namespace"] for e in watch.wait_for("ADDED", "pol-custom")] == ["cg-watched"]


# ---- metadata ----

def test_generated_names(api):
    for plural, prefix in (("policies", "pol-"), ("roles", "rol-"), ("localgroups", "grp-"), ("categories", "cat-"), ("identityproviders", "idp-")):
        made = api.create(plural, BY_PLURAL[plural].new()).expect(201).body["metadata"]["name"]
        assert re.fullmatch(prefix + GENERATED, made)
        BY_PLURAL[plural].gone(api, made)
    for prefix, wanted in (("own", "own-"), ("own-", "own-")):
        made = api.create("policies", {**policy("alpha"), "metadata": {"generateName": prefix}}).expect(201).body["metadata"]
        assert re.fullmatch(wanted + GENERATED, made["name"]) and made["generateName"] == prefix
    for plural in ("configmaps", "clients"):
        refused = api.create(plural, BY_PLURAL[plural].new())
        assert (refused.status, refused.causes) == (422, {"metadata.name": "FieldValueRequired"})
    cpb = BY_PLURAL["custompolicybindings"].new()
    cpb["metadata"] = {"name": "ignored"}
    made = api.create("custompolicybindings", changed(cpb, {"spec.rulePrefix": "cg-named"}), namespace="cg-named").expect(201).body
    assert made["metadata"]["name"] == "pol-custom", "its policy's name is forced on it"


def test_the_servers_metadata_is_not_the_clients(api):
    forged = {"uid": "00000000-0000-4000-8000-000000000000", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 7, "selfLink": "/x",
              "deletionTimestamp": "2001-01-01T00:00:00Z", "managedFields": [{"manager": "forger"}],
              "annotations": {"auth.tkestack.io/source": "configuration", "mine": "1"}}
    made = api.create("configmaps", {"metadata": {"name": "forged", **forged}}).expect(201).body["metadata"]
    assert made["uid"] != forged["uid"] and made["creationTimestamp"] > "2020" and "deletionTimestamp" not in made and "generation" not in made
    assert made["annotations"] == {"mine": "1"} and "forger" not in json.dumps(made)
    again = api.edit("configmaps", "forged", lambda o: o["metadata"].update({k: v for k, v in forged.items() if k != "uid"})).expect(200).body["metadata"]
    assert (again["uid"], again["creationTimestamp"]) == (made["uid"], made["creationTimestamp"]) and "deletionTimestamp" not in again
    refused = api.edit("configmaps", "forged", lambda o: o["metadata"].update(uid=forged["uid"]))
    assert (refused.status, refused.reason) == (409, "Conflict") and "Precondition failed: UID" in refused.body["message"]


def test_finalizers_of_others_hold_an_object(api):
    for plural, ns in (("configmaps", None), ("policies", None)):
        k = BY_PLURAL[plural]
        body = k.new(f"held-{plural}")
        body["metadata"]["finalizers"] = ["example.com/hold"]
        name = api.create(plural, body).expect(201).body["metadata"]["name"]
        first = api.delete(plural, name).expect(200).body
        assert first["kind"] == k.kind and TIME.fullmatch(first["metadata"]["deletionTimestamp"])
        if k.finalizer:  # ours goes first, theirs holds it still
            wait_until(lambda: not api.get(plural, name).body["spec"].get("finalizers"), "the controller")
        second = api.delete(plural, name).expect(200).body
        assert second["metadata"]["deletionTimestamp"] == first["metadata"]["deletionTimestamp"]
        refused = api.create(plural, k.new(name))
        assert refused.reason == "AlreadyExists"
        last = api.patch(plural, name, {"metadata": {"finalizers": None}}).expect(200).body
        assert last["metadata"]["uid"] == first["metadata"]["uid"]
        api.get(plural, name).expect(404)


def test_dry_run_changes_nothing(api):
    for k in KINDS:
        ns = {"namespace": k.namespace} if k.namespace else {}
        before = api.list(k.plural, **ns).version
        dry = api.create(k.plural, k.new(f"dry-{k.plural}"), dryRun="All", **ns).expect(201).body
        assert dry["metadata"]["uid"] and api.get(k.plural, dry["metadata"]["name"], **ns).status == 404
        body = make(api, k, f"dry-{k.plural}")
        name, version = body["metadata"]["name"], body["metadata"]["resourceVersion"]
        patched = api.patch(k.plural, name, {"metadata": {"labels": {"dry": "run"}}}, dryRun="All", **ns).expect(200).body
        assert patched["metadata"]["labels"] == {"dry": "run"}
        api.put(k.plural, name, changed(body, {"metadata.labels": {"dry": "run"}}), dryRun="All", **ns).expect(200)
        api.delete(k.plural, name, dryRun="All", **ns).expect(200)
        api.delete(k.plural, name, body={"dryRun": ["All"]}, **ns).expect(200)
        api.delete_collection(k.plural, dryRun="All", fieldSelector=f"metadata.name={name}", **ns).expect(200)
        assert api.get(k.plural, name, **ns).expect(200).version == version
        assert int(version) == int(before) + 1 or k.finalizer or k.plural == "identityproviders"
        k.gone(api, name)
    for wrong in ("None", "all", ""):
        code = 400 if wrong else 201
        assert api.create("configmaps", {"metadata": {"name": f"dry{code}"}}, dryRun=wrong).status == code, wrong
    assert api.delete("configmaps", "dry201", body={"dryRun": ["Some"]}).status == 400
    text = api.create("policies", policy("alpha", "pol-of-platform"), dryRun="All")
    assert text.reason == "AlreadyExists", "a dry run is checked as a real one"


def test_preconditions(api):
    made = api.create("configmaps", {"metadata": {"name": "precise"}}).expect(201).body["metadata"]
    other = "11111111-1111-4111-8111-111111111111"
    for preconditions in ({"uid": other}, {"resourceVersion": "1"}, {"uid": made["uid"], "resourceVersion": "1"}, {"resourceVersion": "x"}):
        refused = api.delete("configmaps", "precise", body={"preconditions": preconditions})
        assert (refused.status, refused.reason) == (409, "Conflict"), preconditions
        assert refused.body["details"] == {"name": "precise", "group": GROUP, "kind": "configmaps"}
    good = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background", "gracePeriodSeconds": 0,
            "preconditions": {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}}
    api.delete("configmaps", "precise", body=good).expect(200)
    api.create("policies", policy("alpha", "pol-precise")).expect(201)
    assert api.delete("policies", "pol-precise", body={"preconditions": {"uid": other}}).status == 409
    assert "deletionTimestamp" not in api.get("policies", "pol-precise").body["metadata"]
    assert api.delete("configmaps", "absent", body="{").status in (400, 404)


def test_optimistic_concurrency(api):
    """Of many writers who saw the same version one wins; patches that insist on none all count."""
    made = api.create("configmaps", {"metadata": {"name": "contended"}, "data": {"n": "0"}}).expect(201).body
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: api.put("configmaps", "contended", changed(made, {"data.n": f"of {i}"})), range(8)))
        assert sorted(r.status for r in replies) == [200] + [409] * 7
        replies = list(pool.map(lambda i: api.patch("configmaps", "contended", {"data": {f"p{i}": "x"}}), range(8)))
        assert {r.status for r in replies} <= {200, 409}
        kept = [f"p{i}" for i, r in enumerate(replies) if r.status == 200]
    shown = api.get("configmaps", "contended").body
    assert set(kept) == set(shown["data"]) - {"n"} and len(kept) >= 4
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"late": "x"}}
    assert api.patch("configmaps", "contended", stale).reason == "Conflict"
    assert api.patch("configmaps", "contended", [{"op": "test", "path": "/data/n", "value": "nonsense"}], content_type=JSON_PATCH).status == 422
    for wrong in ([{"op": "nonsense"}], [{"op": "add"}], {}, "x"):
        assert api.patch("configmaps", "contended", wrong, content_type=JSON_PATCH).status == 400, wrong
    assert api.patch("configmaps", "contended", [{"op": "remove", "path": "/data/absent"}], content_type=JSON_PATCH).status == 422
    # What changes nothing is no change.
    for k in KINDS:
        ns = {"namespace": k.namespace} if k.namespace else {}
        body = make(api, k, f"same-{k.plural}")
        name = body["metadata"]["name"]
        for reply in (api.put(k.plural, name, body, **ns), api.patch(k.plural, name, {}, **ns)):
            assert reply.expect(200).version == body["metadata"]["resourceVersion"], k.plural
        k.gone(api, name)


def test_field_validation(api):
    def unknown(name):
        return changed(policy("alpha", name), {"spec.nonsense": 1, "spec.statement.resource": ["*"], "metadata.nonsense": "x"})
    paths = ["metadata.nonsense", "spec.nonsense", "spec.statement.resource"]
    refused = api.create("policies", unknown("pol-strict"), fieldValidation="Strict")
    assert (refused.status, refused.reason) == (400, "BadRequest") and refused.body["message"].startswith("strict decoding error: ")
    assert sorted(re.findall(r'unknown field "([^"]+)"', refused.body["message"])) == paths
    for query in ({"fieldValidation": "Warn"}, {}):
        name = f"pol-warn-{len(query)}"
        warned = api.create("policies", unknown(name), **query).expect(201)
        assert sorted(re.findall(r'unknown field "([^"]+)"', " ".join(warned.warnings))) == paths
        assert "nonsense" not in api.get("policies", name).text
    assert api.create("policies", unknown("pol-ignore"), fieldValidation="Ignore").expect(201).warnings == []
    assert api.patch("policies", "pol-ignore", {"spec": {"nonsense": 1}}, fieldValidation="Strict").status == 400
    assert api.patch("policies", "pol-ignore", {"spec": {"nonsense": 1}}).expect(200).warnings
    assert api.edit("policies", "pol-ignore", lambda o: o["spec"].update(nonsense=1)).expect(200).warnings
    assert api.create("policies", policy("alpha", "pol-x"), fieldValidation="nonsense").status == 400
    assert api.create("policies", policy("alpha", "pol-x"), fieldManager="x" * 129).status == 400


# ---- headers ----

def test_headers(daemon, api):
    shown = api.with_headers(X_TKE_TenantID="alpha", X_Remote_Extra_RequestID="of-the-tests").list("configmaps")
    assert (shown.headers["X-TKE-TenantID"], shown.headers["X-Remote-Extra-RequestID"]) == ("alpha", "of-the-tests")
    plain = api.get("policies", "absent").headers
    assert "X-TKE-TenantID" not in plain and len(plain["X-Remote-Extra-RequestID"]) >= 16
    assert plain["Cache-Control"] == "no-cache, private" and plain["Content-Type"] == "application/json"
    other = [k for k in KINDS if k.plural in ("policies", "roles", "localgroups", "localidentities")]
    for k in other:
        assert {at(i, "spec.tenantID") for i in api.in_tenant("alpha").list(k.plural).expect(200).items} <= {"alpha"}
        assert api.in_tenant("nowhere").list(k.plural).expect(200).items == []
    assert api.in_tenant("alpha").list("identityproviders").names == ["alpha"]
    assert api.in_tenant("alpha").list("categories").names == api.list("categories").names, "which are the platform's"


def test_every_way_to_show_who_one_is(daemon, api, people):
    callers = {"certificate": daemon.caller(certificate=daemon.clients.issue("root", "system:masters")),
               "proxy": daemon.proxied("kubernetes-admin", group="system:masters"), "token": api}
    for how, caller in callers.items():
        assert caller.list("policies").status == 200, how
    assert daemon.caller(certificate=daemon.clients.issue("nobody")).list("policies").status == 403
    stranger = daemon.proxies.issue("somebody-else")
    forged = {"X-Remote-User": "kubernetes-admin", "X-Remote-Group": "system:masters"}
    assert daemon.caller(certificate=stranger, headers=forged).list("policies").status == 401, "not an allowed name of the front proxy"
    assert daemon.caller(headers=forged).list("policies").status == 401
    tenants_master = daemon.proxied("kubernetes-admin", "alpha", group="system:masters")
    assert tenants_master.list("policies").status == 403, "whoever has a tenant is not the platform's"
    ann = daemon.logged_in("alpha", "ann", PASSWORD)
    as_ann = api.as_user("alpha##user##ann")
    key = ann.post("apikeys", "default", "token", {"description": "found"}).expect(201).body["metadata"]["name"]
    assert key in as_ann.list("apikeys").names and key in ann.list("apikeys").names
    assert as_ann.list("policies").status == 403
    assert ann.as_user("bob").list("apikeys").status == 403
    for wrong in ({"Impersonate-Group": "x"}, {"Impersonate-Uid": "x"}, {"Impersonate-Extra-A": "x"}):
        assert api.list("policies", headers=wrong).status == 400


# ---- the past; last, because it starts the daemon anew ----

def test_the_past_that_is_not_kept(daemon, api):
    first = api.list("configmaps", limit="1").expect(200)
    old = str(int(first.version) - 5)
    api.create("configmaps", {"metadata": {"name": "before"}}).expect(201)
    daemon.stop()
    with sqlite3.connect(daemon.folder / "tke-auth.db") as db:
        db.execute("UPDATE changes SET at = 1")
    db.close()
    daemon.start()
    api.create("configmaps", {"metadata": {"name": "after"}}).expect(201)
    exact = {"resourceVersion": old, "resourceVersionMatch": "Exact"}
    wait_until(lambda: api.list("configmaps", **exact).status == 410, "compaction")
    gone = api.list("configmaps", **exact)
    assert (gone.reason, gone.body["kind"], gone.body["code"]) == ("Expired", "Status", 410)
    token = {"continue": first.body["metadata"]["continue"]}
    assert api.list("configmaps", limit="1", **token).reason == "Expired"
    assert api.list("configmaps", **token).reason == "Expired"
    with api.watch("configmaps", resourceVersion=old, timeoutSeconds="60") as watch:
        event = watch.wait(lambda events: events, "an event")[0]
        assert event["type"] == "ERROR" and (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        wait_until(lambda: watch.ended, "the end of the watch")
    assert api.list("configmaps", resourceVersion=old).status == 200, "not older than that"
    assert "after" in api.list("configmaps", resourceVersion="0").names
