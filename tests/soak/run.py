"""The daemon under everything at once, for as long as one likes: people log in, refresh and leave, objects and whole tenants come and go, watchers
follow, decisions are asked for, the configuration is loaded again. Every answer is checked while it runs. At its end the watchers must have seen what
there is, nothing may be left of what was deleted, and neither memory nor files nor threads may have grown with time.

usage: run.py [MINUTES]        TKE_AUTH_BIN is the program
"""
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "blackbox"))
from kubeapi import MASTER_TOKEN, ApiDaemon, Api, identity, make_tenant, make_user, policy, role, users  # noqa: E402
from support import BIN, Browser, seed_connector, seed_slapd, wait_until  # noqa: E402

HOME = "home"  # the tenant of those who write objects
PASSWORD = "correct horse battery staple"
PEOPLE = [f"person{i}" for i in range(4)]
WATCHED = ("policies", "roles", "localidentities", "localgroups", "identityproviders")
WRITERS, REVIEWERS, LOGINS = 2, 1, 2
SAMPLE_S, TELL_S, WARM_S = 1, 10, 60
GROWTH_MAX = 1.1  # memory of the last third to that of the middle one; what the allocator keeps swings
GROWTH_KB = 4096
IS_SANITIZED = b"AddressSanitizer" in pathlib.Path(BIN).read_bytes() or b"ThreadSanitizer" in pathlib.Path(BIN).read_bytes()


class Actor(threading.Thread):
    """Does one thing again and again; the first that goes wrong ends the run."""

    def __init__(self, soak, number=0):
        super().__init__(daemon=True)
        self.soak, self.number, self.done = soak, number, 0
        self.random = random.Random(f"{type(self).__name__}{number}")

    def run(self):
        try:
            while not self.soak.stop.is_set():
                self.step()
                self.done += 1
        except Exception:  # whatever it is, it is told
            self.soak.fail(f"{type(self).__name__} {self.number}, after {self.done}: {traceback.format_exc()}")


class Login(Actor):
    """The whole life of a login."""

    def step(self):
        directory = self.random.random() < 0.3
        name, password, connector = ("ldapadmin", "admin", "default") if directory else (self.random.choice(PEOPLE), PASSWORD, HOME)
        browser = Browser(self.soak.daemon)
        tokens = browser.tokens(name, password, connector=connector)
        for _ in range(self.random.randrange(6)):
            claims = browser.userinfo(tokens["access_token"])
            assert claims.status_code == 200 and claims.json()["name"] == name, claims.text
            again = browser.refresh(tokens["refresh_token"])
            assert again.status_code == 200, again.text
            tokens = again.json()
        if self.random.random() < 0.3:
            api = Api(self.soak.daemon.url_base, self.soak.daemon.ca, token=tokens["id_token"])
            assert api.list("policies").status in (200, 403)
        browser.http.close()


class Guesser(Actor):
    """Somebody who does not know the password, and is not so fast that everybody at the address is slowed down."""

    def step(self):
        browser = Browser(self.soak.daemon)
        answer = browser.submit(browser.form(connector_id=HOME), "reader", f"guess {self.done}")
        assert answer.status_code in (200, 429) and "<form" in answer.text, answer.status_code
        browser.http.close()
        self.soak.stop.wait(20)


class Writer(Actor):
    """Objects of its own: a right is there with the answer to who gave it, and gone with the answer to who took it."""

    def may(self, username):
        return self.soak.master.as_user(f"{HOME}##user##{username}").list("policies").status == 200

    def step(self):
        api, mark = self.soak.master, f"{self.number}-{self.done}"
        name, username = f"pol-soak-{mark}", f"soaker{mark}"
        user = make_user(api, HOME, username)
        api.create("policies", policy(HOME, name, actions=["listPolicies"])).expect(201)
        assert not self.may(username)
        if self.random.random() < 0.5:
            api.post("policies", name, "binding", users(user)).expect(201)
            assert self.may(username)
            api.post("policies", name, "unbinding", users(user)).expect(201)
        else:
            api.create("roles", role(HOME, f"rol-soak-{mark}", [name])).expect(201)
            api.post("roles", f"rol-soak-{mark}", "binding", users(user)).expect(201)
            assert self.may(username)
            api.patch("roles", f"rol-soak-{mark}", {"spec": {"displayName": "changed"}}).expect(200)
            api.delete("roles", f"rol-soak-{mark}").expect(200)
        assert not self.may(username)
        api.delete("localidentities", user).expect(200)
        api.delete("policies", name).expect(200)


class TenantMaker(Actor):
    """Whole tenants with somebody who logs in; everything goes with them."""

    def step(self):
        api, name = self.soak.master, f"guest-{self.done}"
        make_tenant(api, name, administrators=["root"])
        make_user(api, name, "root", password=PASSWORD)
        api.create("localgroups", {"metadata": {}, "spec": {"displayName": "Guests", "tenantID": name}}).expect(201)
        token = Browser(self.soak.daemon).tokens("root", PASSWORD, connector=name)["id_token"]
        own = Api(self.soak.daemon.url_base, self.soak.daemon.ca, token=token)
        wait_until(lambda: own.list("policies").status == 200, "the rights of an administrator")
        api.delete("identityproviders", name).expect(200)
        wait_until(lambda: api.get("identityproviders", name).status == 404, f"the end of {name}")
        assert own.list("policies").status in (401, 403)
        self.soak.stop.wait(1)


class Watcher(Actor):
    """A cache as clients keep it: a list, then a watch that goes on where the last one ended."""

    def __init__(self, soak, resource):
        super().__init__(soak)
        self.resource, self.cache, self.version, self.relists = resource, {}, None, 0

    def list(self):
        reply = self.soak.master.list(self.resource).expect(200)
        self.cache = {item["metadata"]["name"]: item for item in reply.items}
        self.version = reply.version
        self.relists += 1

    def take(self, event):
        kind, found = event["type"], event["object"]
        version, name = found["metadata"]["resourceVersion"], found["metadata"].get("name")
        assert int(version) >= int(self.version), f"{kind} {name} of {version} after {self.version}"
        assert (kind == "ADDED") == (kind != "BOOKMARK" and name not in self.cache), f"{kind} {name}, which was{' not' * (name not in self.cache)} there"
        if kind == "DELETED":
            del self.cache[name]
        elif kind != "BOOKMARK":
            self.cache[name] = found
        self.version = version

    def step(self, longest_s=20):
        if self.version is None:
            self.list()
        with self.soak.master.watch(self.resource, resourceVersion=self.version, allowWatchBookmarks="true",
                                    timeoutSeconds=self.random.randrange(1, longest_s + 1)) as watch:
            assert watch.status == 200, f"{watch.status} {watch.text}"
            seen = 0
            while (not watch.ended or seen < len(watch.lines)) and (not self.soak.stop.is_set() or longest_s == 1):
                with watch.changed:
                    watch.changed.wait_for(lambda: watch.ended or len(watch.lines) > seen, 1)
                for line in watch.lines[seen:]:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        assert event["object"]["code"] == 410, line
                        self.version = None
                        return
                    self.take(event)
                    seen += 1

    def has_all(self):
        there = {i["metadata"]["name"]: i["metadata"]["resourceVersion"] for i in self.soak.master.list(self.resource).expect(200).items}
        return there == {name: o["metadata"]["resourceVersion"] for name, o in dict(self.cache).items()}


class Reviewer(Actor):
    """Asks what never changes, while everything else does."""

    def step(self):
        for user, verb, allowed in (("reader", "list", True), ("reader", "delete", False), ("nobody", "list", False)):
            attributes = {"verb": verb, "group": "auth.tkestack.io", "version": "v1", "resource": "policies"}
            body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                    "spec": {"user": user, "extra": {"tenantid": [HOME]}, "resourceAttributes": attributes}}
            answer = self.soak.master.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body).expect(201).body
            assert answer["status"]["allowed"] is allowed, (user, verb, answer)
        self.soak.stop.wait(0.01)


class Operator(Actor):
    """Changes the configuration and has it loaded again."""

    def step(self):
        self.soak.daemon.config["log"]["level"] = self.random.choice(["info", "warn"])
        self.soak.daemon.write_config()
        self.soak.daemon.signal(signal.SIGHUP)
        self.soak.stop.wait(self.random.uniform(1, 5))


class Soak:
    def __init__(self, folder, seconds):
        self.folder, self.seconds = folder, seconds
        self.stop, self.problem, self.samples = threading.Event(), None, []
        self.lock = threading.Lock()

    def fail(self, text):
        with self.lock:
            self.problem = self.problem or text
        self.stop.set()

    def begin(self):
        self.slapd = seed_slapd(self.folder / "slapd")
        self.daemon = ApiDaemon(self.folder / "daemon", {"connectors": [seed_connector(self.slapd)], "log": {
            "level": "info", "audit_file": str(self.folder / "audit.log")}}).start()
        self.master = self.daemon.caller(token=MASTER_TOKEN)
        make_tenant(self.master, HOME)
        for name in PEOPLE:
            self.master.create("localidentities", identity(HOME, name, password=PASSWORD)).expect(201)
        reader = make_user(self.master, HOME, "reader")
        self.master.create("policies", policy(HOME, "pol-soak-reader", actions=["list*", "get*"])).expect(201)
        self.master.post("policies", "pol-soak-reader", "binding", users(reader)).expect(201)
        self.at_first = self.count()

    def count(self):
        return {kind: len(self.master.list(kind).expect(200).items) for kind in WATCHED}

    def sample(self):
        proc = pathlib.Path(f"/proc/{self.daemon.process.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        return {"memory": int(status["RssAnon"].split()[0]), "threads": int(status["Threads"]), "files": len(list((proc / "fd").iterdir()))}

    def run(self):
        actors = [Login(self, i) for i in range(LOGINS)] + [Writer(self, i) for i in range(WRITERS)] + [TenantMaker(self), Operator(self), Guesser(self)]
        actors += [Reviewer(self, i) for i in range(REVIEWERS)] + [Watcher(self, resource) for resource in WATCHED]
        at_rest = self.sample()
        for actor in actors:
            actor.start()
        began = told = time.monotonic()
        while not self.stop.wait(SAMPLE_S) and time.monotonic() - began < self.seconds:
            self.samples.append(self.sample())
            if time.monotonic() - told >= TELL_S:
                told = time.monotonic()
                self.tell(actors, told - began)
        self.stop.set()
        for actor in actors:
            actor.join(120)
            assert self.problem or not actor.is_alive(), f"{type(actor).__name__} does not end"
        self.tell(actors, time.monotonic() - began)
        if self.problem is None:
            self.check([a for a in actors if isinstance(a, Watcher)], at_rest)

    def tell(self, actors, seconds):
        done = {}
        for actor in actors:
            if not isinstance(actor, Watcher):
                done[type(actor).__name__] = done.get(type(actor).__name__, 0) + actor.done
        now = self.samples[-1] if self.samples else self.sample()
        print(f"{seconds:6.0f} s  " + "  ".join(f"{name} {n}" for name, n in done.items()) +
              f"  memory {now['memory'] // 1024} MiB  files {now['files']}  threads {now['threads']}", flush=True)

    def check(self, watchers, at_rest):
        """When all is quiet again."""
        for watcher in watchers:
            wait_until(lambda w=watcher: w.step(1) or w.has_all(), f"all {watcher.resource} in the cache of a watcher")
            print(f"a watcher of {watcher.resource} has all {len(watcher.cache)}; it had to list {watcher.relists} times")
        left = self.count()
        assert left == self.at_first, f"there were {self.at_first}, now there are {left}"
        wait_until(lambda: self.sample()["files"] <= at_rest["files"] + 64, "connections to be closed")  # of kept connections of this process
        after = self.sample()
        assert after["threads"] <= at_rest["threads"] + 2, f"{after['threads']} threads, and {at_rest['threads']} at first"
        third = len(self.samples) // 3
        if third >= WARM_S and not IS_SANITIZED:  # sanitizers keep what was freed
            # The least: a password that is being hashed takes 19 MiB for a moment.
            before, last = (min(s["memory"] for s in part) for part in (self.samples[third:2 * third], self.samples[-third:]))
            print(f"memory: {before / 1024:.1f} MiB at least in the middle third, {last / 1024:.1f} MiB in the last one")
            assert last <= before * GROWTH_MAX + GROWTH_KB, "memory grows with time"

    def end(self):
        self.daemon.stop()  # looks at its log, too
        self.slapd.stop()

    def give_up(self):
        """Nothing is left running."""
        if getattr(self, "daemon", None) is not None and self.daemon.process is not None:
            self.daemon.kill9()
        if hasattr(self, "slapd"):
            self.slapd.stop()


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    soak = Soak(folder, minutes * 60)
    try:
        soak.begin()
        soak.run()
        soak.end()
    except BaseException as e:
        soak.fail("".join(traceback.format_exception(e)))
    if soak.problem is not None:
        soak.give_up()
        sys.exit(f"{soak.problem}\nthe daemon's log and data are in {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    print("soak: all well")


if __name__ == "__main__":
    main()
