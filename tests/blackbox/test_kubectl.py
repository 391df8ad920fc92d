"""Two real kubectls, one years old and one new, manage the objects of auth.tkestack.io/v1."""
import json
import re
import time

import pytest
import yaml

from kubeclients import BASE, GROUP, KUBECTLS, ROOT_TOKEN, KubeDaemon, Kubectl, category, manifest, policy
from support import ROOT, START_TIMEOUT, seed_connector, wait_until

KINDS = {"apikeys": "APIKey", "apisigningkeys": "APISigningKey", "categories": "Category", "clients": "Client", "configmaps": "ConfigMap",
         "custompolicybindings": "CustomPolicyBinding", "groups": "Group", "identityproviders": "IdentityProvider",
         "localgroups": "LocalGroup", "localidentities": "LocalIdentity", "policies": "Policy",
         "projectpolicybindings": "ProjectPolicyBinding", "projects": "Project", "roles": "Role", "rules": "Rule", "users": "User"}
SHORT = {"apk": "apikeys", "cli": "clients", "cm": "configmaps", "cpb": "custompolicybindings", "group": "groups", "grp": "localgroups",
         "idp": "identityproviders", "pol": "policies", "ppb": "projectpolicybindings", "rol": "roles", "rul": "rules", "user": "users",
         "usr": "localidentities"}
GUIDE = ROOT / "tests/data/resources/guide.yaml"


@pytest.fixture(scope="module")
def site(tmp_path_factory, slapd):
    """Tenant default is the seed directory; acme and rival keep their users themselves."""
    daemon = KubeDaemon(tmp_path_factory.mktemp("site"), {"connectors": [seed_connector(slapd)], "enablePasswordDB": False})
    daemon.start()
    daemon.add_tenant("acme", "ann")
    daemon.add_tenant("rival", "ria")
    for tenant, name in (("acme", "ann"), ("acme", "bob"), ("rival", "ria")):
        daemon.add_person(tenant, name, f"a password of {name}")
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module", params=list(KUBECTLS))
def root(request, site, tmp_path_factory):
    """kubectl of an administrator of the platform."""
    return Kubectl(tmp_path_factory.mktemp("root"), request.param, site.server, site.ca, {"token": ROOT_TOKEN})


@pytest.fixture
def other(root, site, tmp_path):
    """The same kubectl for another caller: other({"token": ...})."""
    return lambda user, name="other": Kubectl(tmp_path / name, root.age, site.server, site.ca, user)


def rows(table):
    """A printed table as a list of rows, {column: cell}."""
    head, *lines = table.splitlines()
    starts = [(m.start(), m.group().strip()) for m in re.finditer(r"\S+(?: \S+)*", head)]
    ends = [s for s, _ in starts[1:]] + [None]
    return [{name: line[start:end].strip() for (start, name), end in zip(starts, ends)} for line in lines]


# ---- what there is ----


def test_the_kubectls_are_an_old_and_a_new_one(root):
    version = json.loads(root.run("version", "-o", "json"))
    minor = int(version["clientVersion"]["minor"])
    assert minor == 20 if root.is_old else minor >= 35
    assert "tke-auth" in version["serverVersion"]["gitVersion"]


def test_discovery_names_every_kind_with_its_short_name(root):
    listed = rows(root.run("api-resources", f"--api-group={GROUP}"))
    assert {r["NAME"]: r["KIND"] for r in listed} == KINDS
    assert {r["NAME"] for r in listed if r["NAMESPACED"] == "true"} == {"custompolicybindings"}
    assert {s: r["NAME"] for r in listed for s in r["SHORTNAMES"].split(",") if s} == SHORT
    assert root.run("api-versions").split() == [f"{GROUP}/v1", "authentication.k8s.io/v1", "authorization.k8s.io/v1"]
    assert f"policies.{GROUP}" in root.run("api-resources", "-o", "name", "--verbs=deletecollection,watch").split()


def test_every_kind_is_explained(root):
    for plural, kind in KINDS.items():
        text = root.run("explain", plural, "--recursive")
        assert re.search(rf"^KIND: +{kind}$", text, re.M) and f"{GROUP}" in text
        assert re.search(r"^DESCRIPTION:\n +\S", text, re.M), f"{plural} is not described"
        assert re.search(r"^ +creationTimestamp\t<string>$", text, re.M), text
    assert "-required-" in root.run("explain", "policy.spec.statement.effect").split("\n\n")[0] + root.run("explain", "policy.spec.statement")
    assert "Patterns of actions" in root.run("explain", f"policies.{GROUP}.spec.statement.actions")
    assert 'field "nonsense" does not exist' in root.run("explain", "policy.spec.nonsense", status=1)


# ---- the commands of the platform's guides, as they are printed there ----


def test_the_guides_look_at_a_tenant_and_its_directory(root):
    provider = yaml.safe_load(root.run("get", "identityproviders.auth.tkestack.io", "default", "-o", "yaml"))
    assert provider["apiVersion"] == f"{GROUP}/v1" and provider["kind"] == "IdentityProvider" and provider["spec"]["type"] == "ldap"
    assert json.loads(provider["spec"]["config"])["bindPW"] == "***", "the password stays where it is"
    user, = rows(root.run("get", "user", "--field-selector=spec.tenantID=default"))
    assert (user["NAME"], user["TENANT"]) == ("ldapadmin", "default")
    group, = rows(root.run("get", "group", "--field-selector=spec.tenantID=default"))
    assert group["NAME"] == "test"


def test_the_guides_manifests_are_applied(root):
    created = root.run("apply", "-f", GUIDE).split("\n")
    assert created[:2] == [f"policy.{GROUP}/pol-prj-default created", f"projectpolicybinding.{GROUP}/prj-fwxqdm6b-pol-prj-default created"]
    code, out, err = root.call("apply", "-f", GUIDE)
    assert code == 0 and out.startswith(f"policy.{GROUP}/pol-prj-default unchanged\n")
    assert 'Warning: spec.users[0]: there is no user "usr-test-default" in the tenant; left out' in err
    binding = root.json("get", "ppb", "prj-fwxqdm6b-pol-prj-default")
    assert binding["spec"]["policyID"] == "pol-prj-default" and binding["Status"]["phase"] == "Active"
    assert root.json("get", "pol", "pol-prj-default")["spec"]["statement"]["actions"][0] == "createDeployment"
    root.run("delete", "-f", GUIDE)
    assert root.run("get", "-f", GUIDE, status=1).count("NotFound") == 2


# ---- get ----


def test_objects_are_shown_in_tables(root):
    idp = {r["NAME"]: r for r in rows(root.run("get", "idp"))}
    assert list(idp["acme"]) == ["NAME", "DISPLAY NAME", "TYPE", "READY", "CREATED AT"]
    assert (idp["acme"]["DISPLAY NAME"], idp["acme"]["TYPE"], idp["default"]["TYPE"]) == ("Tenant acme", "tke", "ldap")
    wide, = rows(root.run("get", "idp", "acme", "-o", "wide"))
    assert wide["ADMINISTRATORS"] == "1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", wide["CREATED AT"])
    labelled = rows(root.run("get", "usr", "--show-labels", "-L", "nothing"))
    assert {r["NAME"]: r["LABELS"] for r in labelled}["usr-acme-ann"] == "<none>"
    mixed = root.run("get", "usr,idp")
    assert f"localidentity.{GROUP}/usr-acme-ann" in mixed and f"identityprovider.{GROUP}/acme" in mixed
    assert not rows(root.run("get", "usr", "--no-headers", "-o", "custom-columns=NAME:.metadata.name,USER:.spec.username"))[0].get("NAME")


def test_objects_are_shown_in_every_format(root):
    assert root.json("get", "usr", "usr-acme-ann")["spec"]["username"] == "ann"
    assert yaml.safe_load(root.run("get", "usr", "usr-acme-ann", "-o", "yaml"))["kind"] == "LocalIdentity"
    assert root.run("get", "usr", "usr-acme-ann", "-o", "name") == f"localidentity.{GROUP}/usr-acme-ann\n"
    assert root.run("get", "usr", "-o", "jsonpath={.items[?(@.spec.username==\"bob\")].metadata.name}") == "usr-acme-bob"
    assert root.run("get", "usr", "usr-acme-ann", "-o", "go-template={{.spec.displayName}}") == "Ann"
    listed = root.json("get", "usr,idp")
    assert listed["kind"] == "List" and {i["kind"] for i in listed["items"]} == {"LocalIdentity", "IdentityProvider"}
    by_user = root.run("get", "usr", "--sort-by=.spec.username", "-o", "name").split()
    assert [n[-3:] for n in by_user] == ["ann", "bob", "ria"]
    table = rows(root.run("get", "usr", "--sort-by={.spec.displayName}"))
    assert [r["USERNAME"] for r in table] == ["ann", "bob", "ria"]


def test_lists_are_narrowed_by_labels_and_fields(root):
    names = [f"{root.age}-selected-{i}" for i in range(3)]
    root.apply(*[category(n, **{"made-by": root.age, "odd": str(i % 2)}) for i, n in enumerate(names)])
    assert root.names("categories", "-l", f"made-by={root.age}") == names
    assert root.names("categories", "-l", f"made-by={root.age},odd!=1") == [names[0], names[2]]
    assert root.names("categories", "-l", f"made-by in ({root.age},nobody),odd notin (0)") == [names[1]]
    assert root.names("categories", "-l", f"odd,made-by={root.age}") == names
    assert root.names("categories", f"--field-selector=metadata.name={names[1]}") == [names[1]]
    assert root.names("usr", "--field-selector=spec.tenantID=acme,spec.username!=bob") == ["usr-acme-ann"]
    assert root.names("usr", "--field-selector=keyword=Ri") == ["usr-rival-ria"]
    assert "field label not supported: spec.nonsense" in root.run("get", "usr", "--field-selector=spec.nonsense=1", status=1)
    assert root.run("delete", "categories", "-l", f"made-by={root.age}").count(" deleted\n") == 3
    assert root.names("categories", "-l", f"made-by={root.age}") == []


def test_a_list_longer_than_a_page_comes_in_pages(root):
    whole = root.names("policies")
    assert len(whole) > 50
    assert root.names("policies", "--chunk-size=7") == whole
    assert [r["NAME"] for r in rows(root.run("get", "policies", "--chunk-size=7"))] == whole
    page = json.loads(root.run("get", "--raw", f"{BASE}/policies?limit=7"))
    assert len(page["items"]) == 7 and page["metadata"]["remainingItemCount"] == len(whole) - 7 and page["metadata"]["continue"]


def test_bindings_of_all_namespaces_are_listed(root):
    for place in ("team-a", "team-b"):
        root.apply(manifest("CustomPolicyBinding", "pol-acme-chart-pull-fake", spec={
            "tenantID": "acme", "domain": "*", "policyID": "pol-acme-chart-pull-fake", "rulePrefix": place,
            "resources": [f"registrynamespace:{place}/*"], "users": [{"id": "ann", "name": "ann"}]}), args=["-n", place])
    everywhere = rows(root.run("get", "cpb", "-A"))
    assert [(r["NAMESPACE"], r["NAME"]) for r in everywhere] == [(p, "pol-acme-chart-pull-fake") for p in ("team-a", "team-b")]
    assert len(rows(root.run("get", "cpb", "-n", "team-b"))) == 1
    code, out, err = root.call("get", "cpb")
    assert (code, out) == (0, "") and "No resources found in default namespace." in err
    assert root.names("cpb", "-A", "--field-selector=metadata.namespace=team-a") == ["pol-acme-chart-pull-fake"]
    for place in ("team-a", "team-b"):
        root.run("delete", "cpb", "--all", "-n", place)
    assert "No resources found" in root.call("get", "cpb", "-A")[2]


def test_an_object_is_described(root):
    text = root.run("describe", "idp", "acme")
    for line in (r"Name: +acme", r"API Version: +auth.tkestack.io/v1", r"  Type: +tke", r"    Type: +Ready", r"Events: +<none>"):
        assert re.search(rf"^{line}$", text, re.M), text
    assert root.run("describe", "usr").count("\nName: ") == 2, "all three, one after another"


# ---- create, apply, edit, patch, replace ----


def test_objects_are_created(root):
    name = f"{root.age}-created"
    assert root.apply(category(name), verb="create") == f"category.{GROUP}/{name} created\n"
    assert f'"{name}" already exists' in root.apply(category(name), verb="create", status=1)
    generated = manifest("LocalGroup", None, spec={"displayName": "x", "tenantID": "acme"})
    generated["metadata"] = {"generateName": "grp-"}
    made = root.apply(generated, verb="create", args=["-o", "name"]).strip()
    assert re.fullmatch(rf"localgroup.{GROUP}/grp-[a-z0-9]{{8}}", made)
    unnamed = manifest("LocalGroup", None, spec={"displayName": "x", "tenantID": "acme"})
    del unnamed["metadata"]["name"]
    second = root.apply(unnamed, verb="create", args=["-o", "name"]).strip()
    root.run("delete", made, second, f"categories/{name}")


def test_a_dry_run_changes_nothing(root):
    name = f"{root.age}-dry"
    for how in ("client", "server"):
        for verb in ("create", "apply"):
            said = root.apply(category(name), verb=verb, args=[f"--dry-run={how}"])
            assert said == f"category.{GROUP}/{name} created ({'server ' if how == 'server' else ''}dry run)\n"
    seen = json.loads(root.apply(policy(name), verb="create", args=["--dry-run=server", "-o", "json"]))
    assert seen["spec"]["finalizers"] == ["policy"] and seen["spec"]["type"] == "custom", "as the server would have made it"
    assert "NotFound" in root.run("get", "categories", name, status=1)
    root.apply(category(name), verb="create")
    assert root.run("delete", "categories", name, "--dry-run=server").endswith("deleted (server dry run)\n")
    root.run("patch", "categories", name, "--type=merge", "-p", '{"Spec":{"displayName":"else"}}', "--dry-run=server")
    assert root.json("get", "categories", name)["Spec"]["displayName"] == name
    root.run("delete", "categories", name)


def test_apply_tells_what_it_did(root):
    name = f"pol-{root.age}-applied"
    wanted = policy(name)
    assert root.apply(wanted) == f"policy.{GROUP}/{name} created\n"
    first = root.json("get", "pol", name)
    assert root.apply(wanted) == f"policy.{GROUP}/{name} unchanged\n"
    assert root.json("get", "pol", name)["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    wanted["spec"]["statement"]["actions"] = ["listClusters", "getCluster"]
    wanted["metadata"]["labels"] = {"reviewed": "yes"}
    assert root.apply(wanted) == f"policy.{GROUP}/{name} configured\n"
    now = root.json("get", "pol", name)
    assert now["spec"]["statement"]["actions"] == ["listClusters", "getCluster"] and now["metadata"]["labels"] == {"reviewed": "yes"}
    del wanted["metadata"]["labels"]
    wanted["spec"].pop("description")
    root.apply(wanted)
    now = root.json("get", "pol", name)
    assert "labels" not in now["metadata"] and not now["spec"].get("description"), "what is no longer applied is gone"
    last = json.loads(root.run("apply", "view-last-applied", "pol", name, "-o", "json"))
    assert last["spec"]["statement"]["actions"] == ["listClusters", "getCluster"]
    root.run("delete", "pol", name)


def test_apply_prunes_what_is_no_longer_in_the_set(root):
    names = [f"{root.age}-pruned-{i}" for i in range(2)]
    documents = [category(n, set=f"prune-{root.age}") for n in names]
    root.apply(*documents)
    args = ["--prune", "-l", f"set=prune-{root.age}", f"--prune-{'whitelist' if root.is_old else 'allowlist'}={GROUP}/v1/Category"]
    assert f"category.{GROUP}/{names[1]} pruned" in root.apply(documents[0], args=args)
    assert root.names("categories", "-l", f"set=prune-{root.age}") == names[:1]
    root.run("delete", "categories", names[0])


def test_an_object_is_edited(root, tmp_path):
    name = f"{root.age}-edited"
    root.apply(category(name))
    said = root.run("edit", "categories", name, env={"EDITOR": "sed -i 's/of the tests/by an editor/'"})
    assert said == f"category.{GROUP}/{name} edited\n"
    assert root.json("get", "categories", name)["Spec"]["description"] == "by an editor"
    assert "no changes made" in root.call("edit", "categories", name, env={"EDITOR": "true"})[2]
    again = tmp_path / "editor"  # invalid at first; the second time kubectl shows the reason in the file
    again.write_text(f"""#!/bin/sh
if grep -q 'is invalid\\|Required value' "$1"; then cp "$1" {tmp_path}/shown; sed -i 's/displayName: ""/displayName: better/' "$1"
else sed -i 's/displayName: .*/displayName: ""/' "$1"; fi
""")
    again.chmod(0o755)
    assert root.run("edit", "categories", name, env={"EDITOR": str(again)}).endswith("edited\n")
    assert root.json("get", "categories", name)["Spec"]["displayName"] == "better"
    assert "Spec.displayName" in (tmp_path / "shown").read_text()
    root.run("delete", "categories", name)


def test_objects_are_patched_in_every_way(root):
    name = f"pol-{root.age}-patched"
    root.apply(policy(name))

    def patch(kind, change):
        root.run("patch", "pol", name, f"--type={kind}", "-p", json.dumps(change))
        return root.json("get", "pol", name)["spec"]

    assert patch("merge", {"spec": {"description": "merged", "statement": {"actions": ["a*"]}}})["statement"]["actions"] == ["a*"]
    assert patch("json", [{"op": "add", "path": "/spec/statement/actions/-", "value": "b*"},
                          {"op": "test", "path": "/spec/description", "value": "merged"}])["statement"]["actions"] == ["a*", "b*"]
    spec = patch("strategic", {"spec": {"description": "strategic"}})
    assert spec["description"] == "strategic" and spec["statement"]["actions"] == ["a*", "b*"]
    assert root.run("patch", "pol", name, "--type=merge", "-p", '{"spec":{"description":"strategic"}}').endswith("patched (no change)\n")
    refused = root.run("patch", "pol", name, "--type=json", "-p", '[{"op":"test","path":"/spec/description","value":"x"}]', status=1)
    assert "description" in refused or "test" in refused
    if not root.is_old:
        root.run("patch", "pol", name, "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Active"}}')
        assert root.json("get", "pol", name, "--subresource=status")["status"]["phase"] == "Active"
    root.run("delete", "pol", name)


def test_objects_are_replaced(root):
    name = f"pol-{root.age}-replaced"
    root.apply(policy(name), verb="create")
    live = root.json("get", "pol", name)
    live["spec"]["description"] = "replaced"
    assert root.apply(live, verb="replace") == f"policy.{GROUP}/{name} replaced\n"
    conflict = root.apply(live, verb="replace", status=1)
    assert f'Operation cannot be fulfilled on policies.{GROUP} "{name}": the object has been modified' in conflict
    without = policy(name)  # kubectl fills the version in
    assert root.apply(without, verb="replace").endswith("replaced\n")
    old_uid = root.json("get", "pol", name)["metadata"]["uid"]
    assert root.apply(policy(name), verb="replace", args=["--force"]).endswith("replaced\n")
    assert root.json("get", "pol", name)["metadata"]["uid"] != old_uid, "deleted, waited for and made anew"
    assert "NotFound" in root.apply(policy(name + "-not"), verb="replace", status=1)
    root.run("delete", "pol", name)


def test_labels_and_annotations_are_set(root):
    name = f"{root.age}-labelled"
    root.apply(category(name), verb="create")
    assert root.run("label", "categories", name, "team=a", "env=x").endswith("labeled\n")
    assert "--overwrite" in root.run("label", "categories", name, "team=b", status=1)
    root.run("label", "categories", name, "team=b", "env-", "--overwrite")
    assert root.json("get", "categories", name)["metadata"]["labels"] == {"team": "b"}
    assert root.run("annotate", "categories", name, "example.com/note=some words").endswith("annotated\n")
    assert root.json("get", "categories", name)["metadata"]["annotations"]["example.com/note"] == "some words"
    assert "Invalid value" in root.run("label", "categories", name, "team=not a label", "--overwrite", status=1)
    assert "metadata.labels" in root.run("patch", "categories", name, "--type=merge", "-p", '{"metadata":{"labels":{"a":"b c"}}}', status=1)
    root.run("delete", "categories", name)


def test_a_difference_is_told_by_the_exit_status(root):
    name = f"pol-{root.age}-diff"
    wanted = policy(name)
    root.apply(wanted)
    assert root.apply(wanted, verb="diff") == ""
    wanted["spec"]["description"] = "something else"
    code, out, _ = root.call("diff", "-f", "-", stdin=yaml.safe_dump(wanted))
    assert code == 1 and "\n-  description: of the tests\n+  description: something else\n" in out
    assert root.json("get", "pol", name)["spec"]["description"] == "of the tests"
    code, out, _ = root.call("diff", "-f", "-", stdin=yaml.safe_dump(policy(name + "-new")))
    assert code == 1 and f"+  name: {name}-new\n" in out
    root.run("delete", "pol", name)


# ---- delete, wait, watch ----


def test_deletions_wait_until_the_object_is_gone(root):
    names = [f"pol-{root.age}-doomed-{i}" for i in range(4)]
    root.apply(*[policy(n) for n in names], verb="create")
    assert root.run("delete", "pol", names[0]) == f'policy.{GROUP} "{names[0]}" deleted\n'
    assert "NotFound" in root.run("get", "pol", names[0], status=1)
    root.run("delete", "pol", names[1], "--wait=false")
    root.run("wait", "--for=delete", f"pol/{names[1]}", f"--timeout={START_TIMEOUT}s")
    root.run("delete", "pol", names[2], "--cascade=foreground")
    root.run("delete", "pol", names[3], "--cascade=orphan", "--now")
    assert not set(root.names("pol")) & set(names)
    assert "NotFound" in root.run("delete", "pol", names[0], status=1)
    assert root.run("delete", "pol", names[0], "--ignore-not-found") == ""


def test_all_of_a_namespace_are_deleted(root):
    place = f"place-{root.age}"
    for name in ("pol-acme-chart-pull-fake", "pol-acme-chart-full-fake"):
        root.apply(manifest("CustomPolicyBinding", name, spec={"tenantID": "acme", "domain": "*", "policyID": name, "rulePrefix": place,
                                                               "resources": ["x:*"], "users": []}), args=["-n", place])
    assert root.run("delete", "cpb", "--all", "-n", place).count(" deleted") == 2
    assert root.names("cpb", "-n", place) == []


def test_kubectl_waits_for_a_tenant_to_be_ready(root):
    name = f"{root.age}-tenant"
    root.apply(manifest("IdentityProvider", name, spec={"name": "A new tenant", "type": "tke"}))
    assert root.run("wait", "--for=condition=Ready", f"idp/{name}", f"--timeout={START_TIMEOUT}s").endswith(" condition met\n")
    assert f"pol-{name}-viewer" in root.names("pol", f"--field-selector=spec.tenantID={name}")
    if not root.is_old:
        root.run("wait", "--for=jsonpath={.spec.type}=tke", f"idp/{name}", f"--timeout={START_TIMEOUT}s")
        root.run("wait", "--for=jsonpath={.metadata.uid}", f"idp/{name}", f"--timeout={START_TIMEOUT}s")
    assert "timed out" in root.run("wait", "--for=condition=Nonsense", f"idp/{name}", "--timeout=1s", status=1)
    root.run("delete", "idp", name)
    assert root.names("pol", f"--field-selector=spec.tenantID={name}") == [], "it went when everything of it had gone"


class Watching:
    """A `kubectl get -w` and the lines it has printed."""

    def __init__(self, kubectl, folder, *args):
        self.path = folder / "watched"
        self.process = kubectl.start("get", *args, stdout=open(self.path, "w"))

    def wait_for(self, *parts):
        wait_until(lambda: all(p in self.path.read_text() for p in parts) or self.process.poll() is not None, f"{parts} in the watch")
        text = self.path.read_text()
        assert all(p in text for p in parts), text

    def end(self):
        self.process.terminate()
        self.process.communicate()


def test_changes_are_watched(root, tmp_path):
    name = f"{root.age}-watched"
    watching = Watching(root, tmp_path, "categories", "-w", "-o", "wide", "--output-watch-events")
    root.apply(category(name))
    watching.wait_for("EVENT", f"ADDED      {name}")
    root.run("label", "categories", name, "a=b")
    watching.wait_for(f"MODIFIED   {name}")
    root.run("delete", "categories", name)
    watching.wait_for(f"DELETED    {name}")
    watching.end()


def test_a_watch_of_one_object_sees_nothing_else(root, tmp_path):
    name = f"{root.age}-single"
    root.apply(category(name))
    watching = Watching(root, tmp_path, "categories", name, "--watch-only", "-o", "jsonpath={.metadata.name} {.metadata.labels.n}{'\\n'}")
    for n in range(200):  # from when on it watches nobody says
        root.run("label", "categories", name, f"n={n}", "--overwrite")
        root.run("label", "categories", "cluster", f"n={n}", "--overwrite")
        if watching.path.read_text().count(name) > 1:
            break
    watching.end()
    lines = watching.path.read_text().splitlines()
    assert len(lines) > 1 and all(line.startswith(name + " ") for line in lines)
    root.run("label", "categories", "cluster", "n-")
    root.run("delete", "categories", name)


def test_a_watch_goes_on_where_it_was_after_a_restart(root, site, tmp_path):
    name = f"{root.age}-restarted"
    version = json.loads(root.run("get", "--raw", f"{BASE}/categories?limit=1"))["metadata"]["resourceVersion"]
    watching = Watching(root, tmp_path, "categories", "-w")
    watching.wait_for("cluster")
    root.apply(category(name, when="before"))
    watching.wait_for(name)
    site.restart()
    out, err = watching.process.communicate(timeout=START_TIMEOUT)
    assert watching.process.returncode == 0, "the watch has ended, and that is no error"
    root.run("label", "categories", name, "when=after", "--overwrite")
    raw = root.run("get", "--raw", f"{BASE}/categories?watch=1&resourceVersion={version}&timeoutSeconds=1")
    seen = [(e["type"], e["object"]["metadata"]["labels"]["when"]) for e in map(json.loads, raw.splitlines())
            if e["object"]["metadata"]["name"] == name]
    assert seen == [("ADDED", "before"), ("MODIFIED", "after")]
    root.run("delete", "categories", name)
