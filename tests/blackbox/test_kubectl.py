"""Two real kubectls, one years old and one new, manage the objects of auth.tkestack.io/v1."""
import json
import platform
import re

import pytest
import yaml

from kubeclients import BASE, GROUP, ROOT_TOKEN, Authority, KubeDaemon, Kubectl, category, manifest, policy
from support import ROOT, START_TIMEOUT, Browser, seed_connector, wait_until

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


@pytest.fixture(scope="module", params=[pytest.param("old", marks=pytest.mark.slow), "new"])
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
    assert minor == 20 if root.is_old else minor >= 35 or platform.machine() != "x86_64"
    assert "tke-auth" in version["serverVersion"]["gitVersion"]


def test_discovery_names_every_kind_with_its_short_name(root):
    listed = rows(root.run("api-resources", f"--api-group={GROUP}"))
    assert {r["NAME"]: r["KIND"] for r in listed} == KINDS
    assert {r["NAME"] for r in listed if r["NAMESPACED"] == "true"} == {"custompolicybindings"}
    assert {s: r["NAME"] for r in listed for s in r["SHORTNAMES"].split(",") if s} == SHORT
    assert root.run("api-versions").split() == [f"{GROUP}/v1", "authentication.k8s.io/v1", "authorization.k8s.io/v1"]
    assert f"policies.{GROUP}" in root.run("api-resources", "-o", "name", "--verbs=deletecollection,watch").split()


def test_every_kind_is_explained(root):
    running = {plural: root.start("explain", plural, "--recursive") for plural in KINDS}
    for plural, kind in KINDS.items():
        text, _ = running[plural].communicate(timeout=START_TIMEOUT)
        assert re.search(rf"^KIND: +{kind}$", text, re.M) and f"{GROUP}" in text
        assert re.search(r"^DESCRIPTION:\n +\S", text, re.M), f"{plural} is not described"
        assert re.search(r"^ +creationTimestamp\t<string>$", text, re.M), text
    assert re.search(r"^ +effect\t<string> -required-$", root.run("explain", "policy.spec.statement"), re.M)
    assert "Patterns of actions" in root.run("explain", "policies.spec.statement.actions")
    assert 'field "nonsense" does not exist' in root.run("explain", "policy.spec.nonsense", status=1)


# ---- the commands of the platform's guides, as they are printed there ----


def test_the_guides_look_at_a_tenant_and_its_directory(root):
    provider = yaml.safe_load(root.run("get", "identityproviders.auth.tkestack.io", "default", "-o", "yaml"))
    assert provider["apiVersion"] == f"{GROUP}/v1" and provider["kind"] == "IdentityProvider" and provider["spec"]["type"] == "ldap"
    assert json.loads(provider["spec"]["config"])["bindPW"] == "***", "the password stays where it is"
    user, = rows(root.run("get", "user", "--field-selector=spec.tenantID=default"))
    assert (user["NAME"], user["TENANT"]) == ("ldapadmin", "default")
    same, = rows(root.run("get", "user", "default##ldapadmin"))
    assert same == user, "how a caller of the platform names one of them"
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
    root.run("delete", "-f", GUIDE, "--ignore-not-found")  # the binding goes with its policy
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
    assert [r["NAME"] for r in rows(root.run("get", "policies", "--chunk-size=20"))] == whole
    page = json.loads(root.run("get", "--raw", f"{BASE}/policies?limit=7"))
    assert len(page["items"]) == 7 and page["metadata"]["continue"]


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
    for verb, how in (("create", "client"), ("create", "server"), ("apply", "server")):
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
    told = "" if root.is_old else ": the server rejected our request due to an error in our request"  # the old one never shows it
    assert refused.startswith(f"The request is invalid{told}"), refused
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
    wait_until(lambda: root.call("get", "pol", names[1])[0] == 1, "the policy to be gone")
    root.run("delete", "pol", names[2], "--cascade=foreground")
    root.run("delete", "pol", names[3], "--cascade=orphan", "--now")
    assert not set(root.names("pol")) & set(names)
    assert "NotFound" in root.run("delete", "pol", names[0], status=1)
    assert root.run("delete", "pol", names[0], "--ignore-not-found") == ""


def test_what_belongs_together_is_deleted_together(root):
    """Whatever the order: a role of a policy that has just gone is deleted without a word about that."""
    names = [f"pol-{root.age}-set", f"rol-{root.age}-set", f"grp-{root.age}-set"]
    documents = [policy(names[0]),
                 manifest("Role", names[1], spec={"displayName": "r", "tenantID": "acme", "policies": [names[0], "pol-acme-viewer"]}),
                 {**manifest("LocalGroup", names[2], spec={"displayName": "g", "tenantID": "acme"}), "status": {"users": [{"id": "usr-acme-bob"}]}}]
    root.apply(*documents)
    assert root.json("get", "grp", names[2])["status"]["users"] == [{"id": "usr-acme-bob", "name": "bob"}]
    assert root.json("get", "rol", names[1])["spec"]["policies"] == [names[0], "pol-acme-viewer"]
    code, out, err = root.call("delete", "-f", "-", stdin=yaml.safe_dump_all(documents))
    assert (code, out.count(" deleted"), err) == (0, 3, "")


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
    assert "timed out" in root.run("wait", "--for=condition=Nonsense", f"idp/{name}", "--timeout=0.2s", status=1)
    root.run("delete", "idp", name)
    assert root.names("pol", f"--field-selector=spec.tenantID={name}") == [], "it went when everything of it had gone"


def test_kubectl_waits_for_an_end(root):
    name = f"pol-{root.age}-ending"
    root.apply(policy(name), verb="create")
    root.run("patch", "pol", name, "--type=merge", "-p", '{"metadata":{"finalizers":["example.com/hold"]}}')
    waiting = root.start("wait", "--for=delete", f"pol/{name}", f"--timeout={START_TIMEOUT}s")
    root.run("delete", "pol", name, "--wait=false")
    wait_until(lambda: not root.json("get", "pol", name)["spec"].get("finalizers"), "the server's own finalizer to go")
    held = root.json("get", "pol", name)
    assert held["metadata"]["deletionTimestamp"] and held["status"]["phase"] == "Terminating"
    root.run("patch", "pol", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    out, err = waiting.communicate(timeout=START_TIMEOUT)
    assert waiting.returncode == 0, err


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


# ---- who ----


def test_who_one_is(root, site, other):
    """`auth whoami` is in kubectl since 1.26; a SelfSubjectReview can be made with any."""
    if not root.is_old:
        said = rows(root.run("auth", "whoami"))
        assert {r["ATTRIBUTE"]: r["VALUE"] for r in said} == {"Username": "root", "UID": "uid-of-root",
                                                               "Groups": "[system:masters system:authenticated]"}
        as_ann = json.loads(root.run("auth", "whoami", "--as", "acme##user##ann", "-o", "json"))["status"]["userInfo"]
        assert as_ann["username"] == "ann" and as_ann["extra"]["tenantid"] == ["acme"]
    review = yaml.safe_dump({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    said = json.loads(root.run("create", "-f", "-", "-o", "json", "--validate=false", stdin=review))
    assert said["status"]["userInfo"]["username"] == "root"
    assert "error: You must be logged in to the server" in other({"token": "no token of anybody"}).run("get", "idp", status=1)
    assert other({}).call("get", "idp", stdin="")[0] == 1


def test_what_one_may(root):
    def may(*args, who):
        code, out, _ = root.call("auth", "can-i", *args, "--as", f"acme##user##{who}")
        assert out.startswith("no" if code else "yes"), out
        return code == 0

    assert root.run("auth", "can-i", "delete", "policies") == "yes\n"
    assert may("delete", f"policies.{GROUP}/pol-x", who="ann") and may("create", "localidentities", "--subresource=password", who="ann")
    for who in ([], ["--as", "acme##user##ann"]):
        code, out, err = root.call("auth", "can-i", "--list", *who)
        assert code == 0 and err == "" and re.search(r"^\*\.\* .* \[\*\]$", out, re.M), "all of it, with nothing to warn of"
    assert not may("list", "policies", who="bob") and may("list", "apikeys", who="bob")
    path, subjects = f"{BASE}/policies/pol-acme-readonly", json.dumps({"users": [{"id": "usr-acme-bob"}]})
    root.run("create", "--raw", f"{path}/binding", "-f", "-", stdin=subjects)
    try:
        assert may("list", "policies", who="bob") and not may("delete", "policies", who="bob")
        listed = root.run("auth", "can-i", "--list", "--as", "acme##user##bob")
        assert re.search(r"^\*\.\* .*\[.*\bgetCluster\b.*\]$", listed, re.M), listed
    finally:
        root.run("create", "--raw", f"{path}/unbinding", "-f", "-", stdin=subjects)
    assert not may("list", "policies", who="bob")


def test_one_may_act_for_a_tenants_user(root):
    ann = ["--as", "acme##user##ann"]
    assert root.names("usr", *ann) == ["usr-acme-ann", "usr-acme-bob"]
    assert root.names("idp", *ann) == ["acme"]
    assert {p["spec"]["tenantID"] for p in root.json("get", "pol", *ann)["items"]} == {"acme"}
    assert "NotFound" in root.run("get", "usr", "usr-rival-ria", *ann, status=1)
    name = f"pol-{root.age}-of-ann"
    root.apply(policy(name, tenant="rival"), verb="create", args=ann)
    made = root.json("get", "pol", name)
    assert (made["spec"]["tenantID"], made["spec"]["username"]) == ("acme", "ann"), "it is their tenant's, whatever they say"
    root.run("delete", "pol", name, *ann)
    denied = root.run("get", "pol", "--as", "acme##user##bob", status=1)
    assert denied.startswith(f'Error from server (Forbidden): policies.{GROUP} is forbidden: User "bob" cannot list resource "policies" in API')
    assert root.run("get", "pol", "--as", "nobody", "--as-group", "nothing", status=1).startswith("Error from server (Forbidden)")


@pytest.fixture(scope="module")
def id_tokens(site):
    """ID tokens of people of acme, by name, each got once by logging in."""
    got = {}

    def login(name):
        if name not in got:
            got[name] = Browser(site).tokens(name, f"a password of {name}", "acme")["id_token"]
        return got[name]

    return login


def test_an_id_token_is_a_credential(root, other, id_tokens):
    ann = other({"token": id_tokens("ann")})
    assert ann.names("usr") == ["usr-acme-ann", "usr-acme-bob"]
    assert ann.names("users") == ["usr-acme-ann", "usr-acme-bob"]
    bob = other({"token": id_tokens("bob")}, "bob")
    assert bob.run("get", "usr", status=1).startswith("Error from server (Forbidden)")
    assert f'User "bob" cannot' in bob.run("delete", "pol", "pol-acme-viewer", status=1)
    if not root.is_old:
        who = json.loads(ann.run("auth", "whoami", "-o", "json"))["status"]["userInfo"]
        assert who["username"] == "ann" and who["extra"]["tenantid"] == ["acme"]


def test_an_exec_plugin_brings_the_credential(root, other, id_tokens, tmp_path):
    version = "client.authentication.k8s.io/" + ("v1beta1" if root.is_old else "v1")
    plugin = tmp_path / "plugin"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": id_tokens("ann")}}
    plugin.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
    plugin.chmod(0o755)
    ann = other({"exec": {"apiVersion": version, "command": str(plugin), "interactiveMode": "Never"}})
    assert ann.names("idp") == ["acme"]


def test_a_client_certificate_is_a_credential(root, site, other):
    crt, key = site.clients.issue("carol", "system:masters")
    carol = other({"client-certificate": crt, "client-key": key})
    assert "default" in carol.names("idp")
    crt, key = site.clients.issue("dan", "visitors")
    assert 'User "dan" cannot list' in other({"client-certificate": crt, "client-key": key}, "dan").run("get", "idp", status=1)
    crt, key = Authority(site.folder / "strangers", "strangers").issue("eve", "system:masters")
    stranger = other({"client-certificate": crt, "client-key": key}, "eve").call("get", "idp", stdin="")
    assert stranger[0] == 1 and stranger[1] == ""


def test_an_api_key_is_a_credential(root, other, id_tokens):
    ann = other({"token": id_tokens("ann")})
    asked = json.dumps({"description": "of the tests", "expire": "1h"})
    key = json.loads(ann.run("create", "--raw", f"{BASE}/apikeys/default/token", "-f", "-", stdin=asked))
    by_key = other({"token": key["spec"]["apiKey"]}, "key")
    assert by_key.names("usr") == ["usr-acme-ann", "usr-acme-bob"]
    name = key["metadata"]["name"]
    assert ann.names("apk") == [name]
    assert key["spec"]["apiKey"] not in ann.run("get", "apk", "-o", "yaml"), "it is shown once"
    root.run("delete", "apk", name)
    assert by_key.run("get", "usr", status=1).startswith("error: You must be logged in to the server")


# ---- what goes wrong ----


def test_what_is_wrong_with_an_object_is_told(root):
    wrong = policy("pol-wrong", displayName="", statement={"actions": [], "resources": ["*"], "effect": "perhaps"})
    said = root.apply(wrong, verb="create", args=["--validate=false"], status=1)
    assert said.startswith('The Policy "pol-wrong" is invalid:')
    for line in ("* spec.displayName: Required value", "* spec.statement.actions: Required value",
                 '* spec.statement.effect: Unsupported value: "perhaps"'):
        assert line in said, said
    said = root.apply(policy("Wrong_Name"), verb="create", status=1)
    assert 'metadata.name: Invalid value: "Wrong_Name"' in said
    unknown = policy("pol-unknown", colour="red")
    said = root.apply(unknown, verb="create", status=1)
    assert "colour" in said and "unknown field" in said, said
    asks = "--validate=false" if root.is_old else "--validate=warn"  # the new one's false is to be silent
    warned = root.call("create", "-f", "-", asks, "--dry-run=server", stdin=yaml.safe_dump(unknown))
    assert warned[0] == 0 and 'Warning: unknown field "spec.colour"' in warned[2]
    assert "no matches for kind" in root.apply(manifest("Nonsense", "x"), status=1)


def test_what_is_missing_or_forbidden_is_told(root):
    assert root.run("get", "pol", "pol-no", status=1) == f'Error from server (NotFound): policies.{GROUP} "pol-no" not found\n'
    assert "the server doesn't have a resource type" in root.run("get", "nonsense", status=1)
    assert "(MethodNotAllowed)" in root.run("delete", "rul", "x", status=1)
    assert "(NotFound)" in root.run("get", "--raw", f"{BASE}/nonsense", status=1)
    immutable = root.run("patch", "usr", "usr-acme-bob", "--type=merge", "-p", '{"spec":{"username":"rob"}}', status=1)
    assert immutable.startswith('The LocalIdentity "usr-acme-bob" is invalid: spec.username')
    stale = '{"metadata":{"resourceVersion":"1"},"spec":{"displayName":"Rob"}}'
    assert "(Conflict)" in root.run("patch", "usr", "usr-acme-bob", "--type=merge", "-p", stale, status=1)
    assert root.run("get", "--raw", "/healthz") == "ok\n" and root.run("get", "--raw", "/version").startswith("{")
