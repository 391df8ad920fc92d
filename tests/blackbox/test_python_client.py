"""Kubernetes' own Python client: custom objects, watches that go on, and the dynamic client."""
import sqlite3
import threading
import time

import pytest
from kubernetes import client, dynamic, watch
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

from kubeclients import GROUP, ROOT_TOKEN, KubeDaemon, category, policy
from support import START_TIMEOUT, wait_until

CATEGORIES = (GROUP, "v1", "categories")
POLICIES = (GROUP, "v1", "policies")
PATIENCE = {"_request_timeout": START_TIMEOUT}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    daemon = KubeDaemon(tmp_path_factory.mktemp("site")).start()
    daemon.add_tenant("acme", "ann")
    wait_until(lambda: daemon.api("GET", "policies/pol-acme-chart-pull-fake").status_code == 200, "the tenant's default policies")
    yield daemon
    daemon.stop()


def connect(site, token=ROOT_TOKEN):
    configuration = client.Configuration()
    configuration.host, configuration.ssl_ca_cert = site.server, site.ca
    configuration.api_key = {"authorization": f"Bearer {token}"}
    configuration.retries = False
    configuration.proxy = None
    return client.ApiClient(configuration)


@pytest.fixture
def connection(site):
    connected = connect(site)
    yield connected
    connected.close()


@pytest.fixture
def objects(connection):
    return client.CustomObjectsApi(connection)


def refused(call, *args, **kw):
    with pytest.raises(ApiException) as why:
        call(*args, **kw)
    return why.value


def delete_all(objects, selector):
    """A collection's deletion, which this version of the client cannot narrow."""
    objects.api_client.call_api(f"/apis/{GROUP}/v1/categories", "DELETE", auth_settings=["BearerToken"],
                                query_params=[("labelSelector", selector)])


def labelled(name, value, **more):
    return category(name, n=str(value), **more)


# ---- custom objects ----


def test_an_object_lives_its_life(objects):
    made = objects.create_cluster_custom_object(*POLICIES, policy("pol-life"))
    assert made["metadata"]["uid"] and made["status"]["phase"] == "Active"
    assert refused(objects.create_cluster_custom_object, *POLICIES, policy("pol-life")).status == 409
    got = objects.get_cluster_custom_object(*POLICIES, "pol-life")
    assert got == made
    got["spec"]["description"] = "replaced"
    replaced = objects.replace_cluster_custom_object(*POLICIES, "pol-life", got)
    assert replaced["spec"]["description"] == "replaced"
    assert refused(objects.replace_cluster_custom_object, *POLICIES, "pol-life", made).reason == "Conflict"
    patched = objects.patch_cluster_custom_object(*POLICIES, "pol-life", {"spec": {"description": "patched"}})
    assert patched["spec"]["description"] == "patched" and patched["spec"]["displayName"] == "pol-life"
    assert objects.get_cluster_custom_object_status(*POLICIES, "pol-life")["status"]["phase"] == "Active"
    names = [p["metadata"]["name"] for p in objects.list_cluster_custom_object(*POLICIES, field_selector="spec.type=custom")["items"]]
    assert names == ["pol-life"]
    gone = objects.delete_cluster_custom_object(*POLICIES, "pol-life")
    assert gone["metadata"]["deletionTimestamp"] or gone["status"] == "Success"
    wait_until(lambda: not objects.list_cluster_custom_object(*POLICIES, field_selector="spec.type=custom")["items"], "the policy to be gone")
    assert refused(objects.get_cluster_custom_object, *POLICIES, "pol-life").status == 404


def test_bindings_are_namespaced(objects):
    where = (GROUP, "v1", "team", "custompolicybindings")
    name = "pol-acme-chart-pull-fake"
    body = {"apiVersion": f"{GROUP}/v1", "kind": "CustomPolicyBinding", "metadata": {"name": name}, "spec": {
        "tenantID": "acme", "domain": "*", "policyID": name, "rulePrefix": "team", "resources": ["x:*"], "users": [{"id": "*", "name": "*"}]}}
    made = objects.create_namespaced_custom_object(*where, body)
    assert made["metadata"]["namespace"] == "team"
    assert len(objects.list_cluster_custom_object(GROUP, "v1", "custompolicybindings")["items"]) == 1
    assert objects.list_namespaced_custom_object(GROUP, "v1", "elsewhere", "custompolicybindings")["items"] == []
    objects.delete_collection_namespaced_custom_object(*where)
    wait_until(lambda: not objects.list_namespaced_custom_object(*where)["items"], "the binding to be gone")


def test_lists_come_in_pages(objects):
    for i in range(5):
        objects.create_cluster_custom_object(*CATEGORIES, labelled(f"page-{i}", i, set="pages"))
    names, token, pages = [], None, 0
    while pages == 0 or token:
        page = objects.list_cluster_custom_object(*CATEGORIES, label_selector="set=pages", limit=2, **({"_continue": token} if token else {}))
        names += [c["metadata"]["name"] for c in page["items"]]
        token, pages = page["metadata"].get("continue"), pages + 1
    assert (names, pages) == ([f"page-{i}" for i in range(5)], 3)
    delete_all(objects, "set=pages")
    assert objects.list_cluster_custom_object(*CATEGORIES, label_selector="set=pages")["items"] == []


# ---- watches ----


def versions(events):
    return [(e["type"], e["object"]["metadata"]["name"], e["object"]["metadata"]["labels"]["n"]) for e in events]


def test_a_watch_goes_on_from_a_version(objects):
    start = objects.list_cluster_custom_object(*CATEGORIES, limit=1)["metadata"]["resourceVersion"]
    objects.create_cluster_custom_object(*CATEGORIES, labelled("resumed", 1))
    objects.patch_cluster_custom_object(*CATEGORIES, "resumed", {"metadata": {"labels": {"n": "2"}}})

    def seen_since(version, count):
        found = []
        for event in watch.Watch().stream(objects.list_cluster_custom_object, *CATEGORIES, field_selector="metadata.name=resumed",
                                          timeout_seconds=START_TIMEOUT, **({"resource_version": version} if version else {})):
            found.append(event)
            if len(found) == count:
                return found
        raise AssertionError(f"the watch ended early: {found}")

    both = seen_since(start, 2)
    assert versions(both) == [("ADDED", "resumed", "1"), ("MODIFIED", "resumed", "2")]
    first, last = (e["object"]["metadata"]["resourceVersion"] for e in both)
    assert versions(seen_since(first, 1)) == [("MODIFIED", "resumed", "2")]
    assert versions(seen_since(None, 1)) == [("ADDED", "resumed", "2")], "without a version it begins with what there is"
    objects.delete_cluster_custom_object(*CATEGORIES, "resumed")
    assert versions(seen_since(last, 1)) == [("DELETED", "resumed", "2")]
    rest = watch.Watch().stream(objects.list_cluster_custom_object, *CATEGORIES, field_selector="metadata.name=resumed", timeout_seconds=1)
    assert list(rest) == [], "after timeout_seconds it ends"


class Follower(threading.Thread):
    """Lists and watches, and starts anew when a watch ends, as a controller does."""

    def __init__(self, site, selector):
        super().__init__(daemon=True)
        self.connection, self.selector = connect(site), selector
        self.objects = client.CustomObjectsApi(self.connection)
        self.known, self.events, self.version, self.lists, self.stopped, self.failure = {}, [], None, 0, False, None

    def list(self):
        listed = self.objects.list_cluster_custom_object(*CATEGORIES, label_selector=self.selector, **PATIENCE)
        self.lists += 1
        self.known = {c["metadata"]["name"]: c["metadata"]["labels"]["n"] for c in listed["items"]}
        return listed["metadata"]["resourceVersion"]

    def follow(self):
        for event in watch.Watch().stream(self.objects.list_cluster_custom_object, *CATEGORIES, label_selector=self.selector,
                                          resource_version=self.version, timeout_seconds=START_TIMEOUT, **PATIENCE):
            self.version = event["object"]["metadata"]["resourceVersion"]
            name, value = event["object"]["metadata"]["name"], event["object"]["metadata"]["labels"]["n"]
            self.events.append((event["type"], name, value))
            if event["type"] == "DELETED":
                self.known.pop(name)
            else:
                self.known[name] = value
            if self.stopped:
                break

    def run(self):
        while not self.stopped:
            try:
                if self.version is None:
                    self.version = self.list()
                self.follow()
            except ApiException as why:
                if why.status == 410:
                    self.version = None
                elif why.status != 503:  # it is about to stop
                    self.failure = why
                    return
            except (HTTPError, OSError):  # it is away for a moment: go on with what was last seen
                time.sleep(0.05)


def test_a_follower_misses_nothing_over_restarts(site, objects):
    follower = Follower(site, "set=followed")
    follower.start()
    wait_until(lambda: follower.version or follower.failure, "the follower's list")
    wanted = {}
    for i in range(12):
        name = f"followed-{i % 4}"
        if name in wanted:
            objects.patch_cluster_custom_object(*CATEGORIES, name, {"metadata": {"labels": {"n": str(i)}}})
        else:
            objects.create_cluster_custom_object(*CATEGORIES, labelled(name, i, set="followed"))
        wanted[name] = str(i)
        if i == 5:
            site.restart()
    objects.delete_cluster_custom_object(*CATEGORIES, "followed-0")
    del wanted["followed-0"]
    wait_until(lambda: follower.known == wanted or follower.failure, "the follower to know everything")
    assert follower.failure is None, str(follower.failure)
    assert follower.lists == 1, "it went on where it was"
    assert [n for _, _, n in follower.events] == [str(i) for i in range(12)] + ["8"], "each change once, in order"
    follower.stopped = True
    delete_all(objects, "set=followed")
    follower.join(START_TIMEOUT)


def test_bookmarks_say_how_far_one_is(objects):
    """The end of a list that was sent as a watch is a bookmark; the client hands it on as it came."""
    objects.create_cluster_custom_object(*CATEGORIES, labelled("marked", 1))
    events = []
    for event in watch.Watch().stream(objects.list_cluster_custom_object, *CATEGORIES, allow_watch_bookmarks=True, timeout_seconds=START_TIMEOUT,
                                      label_selector="n=1", resource_version="0"):
        events.append(event)
        if event["type"] == "ADDED":
            break
    assert events[-1]["object"]["metadata"]["name"] == "marked"
    answer = objects.api_client.call_api(
        f"/apis/{GROUP}/v1/categories", "GET", _preload_content=False, auth_settings=["BearerToken"],
        query_params=[("watch", "1"), ("allowWatchBookmarks", "true"), ("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan"),
                      ("timeoutSeconds", "1"), ("labelSelector", "n=1")])[0]
    lines = [watch.Watch().unmarshal_event(line, "object") for line in watch.watch.iter_resp_lines(answer)]
    assert [e["type"] for e in lines] == ["ADDED", "BOOKMARK"]
    mark = lines[-1]["raw_object"]["metadata"]
    assert mark["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(mark["resourceVersion"]) >= int(lines[0]["raw_object"]["metadata"]["resourceVersion"])
    objects.delete_cluster_custom_object(*CATEGORIES, "marked")


def age_history(site):
    """All that has happened so far happened an hour ago; the daemon forgets it at its next look."""
    site.stop()
    database = sqlite3.connect(site.folder / "tke-auth.db")
    with database:
        database.execute("UPDATE changes SET at = at - 3600")
    database.close()
    site.start()


def test_who_was_away_for_too_long_lists_again(site, objects):
    start = objects.list_cluster_custom_object(*CATEGORIES, limit=1)["metadata"]["resourceVersion"]
    token = objects.list_cluster_custom_object(*CATEGORIES, limit=2)["metadata"]["continue"]
    objects.create_cluster_custom_object(*CATEGORIES, labelled("forgotten", 1))
    objects.patch_cluster_custom_object(*CATEGORIES, "forgotten", {"metadata": {"labels": {"n": "2"}}})
    age_history(site)

    def resume():
        try:
            return list(watch.Watch().stream(objects.list_cluster_custom_object, *CATEGORIES, resource_version=start, timeout_seconds=1))
        except ApiException as why:
            return why

    wait_until(lambda: isinstance(resume(), ApiException), "the history to be forgotten")
    why = resume()
    assert why.status == 410 and why.reason.startswith("Expired: too old resource version")
    assert refused(objects.list_cluster_custom_object, *CATEGORIES, limit=2, _continue=token).status == 410
    version = objects.list_cluster_custom_object(*CATEGORIES)["metadata"]["resourceVersion"]
    objects.patch_cluster_custom_object(*CATEGORIES, "forgotten", {"metadata": {"labels": {"n": "3"}}})
    seen = list(watch.Watch().stream(objects.list_cluster_custom_object, *CATEGORIES, resource_version=version, timeout_seconds=1))
    assert versions(seen) == [("MODIFIED", "forgotten", "3")]
    objects.delete_cluster_custom_object(*CATEGORIES, "forgotten")


# ---- the dynamic client ----


@pytest.fixture
def anything(connection, tmp_path):
    return dynamic.DynamicClient(connection, cache_file=str(tmp_path / "cache"))


def test_the_dynamic_client_discovers_what_there_is(anything):
    found = anything.resources.get(api_version=f"{GROUP}/v1", kind="Policy")
    assert (found.name, found.namespaced, found.short_names) == ("policies", False, ["pol"])
    assert "finalize" in found.subresources and "watch" in found.verbs
    assert anything.resources.get(api_version=f"{GROUP}/v1", kind="CustomPolicyBinding").namespaced is True
    assert "tke-auth" in anything.version["kubernetes"]["gitVersion"]


def test_the_dynamic_client_writes_and_watches(anything):
    categories = anything.resources.get(api_version=f"{GROUP}/v1", kind="Category")
    made = categories.create(body=labelled("dynamic", 1))
    assert made.metadata.name == "dynamic" and made.Spec.actions[0].name == "getCluster"
    categories.patch(name="dynamic", body={"metadata": {"labels": {"n": "2"}}}, content_type="application/merge-patch+json")
    seen = []
    for event in categories.watch(field_selector="metadata.name=dynamic", resource_version=made.metadata.resourceVersion, timeout=START_TIMEOUT):
        seen.append((event["type"], event["object"].metadata.labels.n))
        if event["type"] == "MODIFIED":
            categories.delete(name="dynamic")
        if event["type"] == "DELETED":
            break
    assert seen == [("MODIFIED", "2"), ("DELETED", "2")]
    assert [c.metadata.name for c in categories.get(label_selector="n").items] == []
