"""A thin client of the Kubernetes-style API, and a daemon that serves it to callers of every sort."""
import base64
import http.client
import json
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import requests

from support import START_TIMEOUT, Browser, Daemon, merge, wait_until

BASE = "/apis/auth.tkestack.io/v1"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
MASTER_TOKEN = "a-token-of-the-tests-for-system-masters"
QUIET_TIMEOUT = 900  # a watch may have nothing to tell for a long time
TOKEN = r"eyJ[\w-]+\.[\w-]+\.[\w-]+"


def b64(text):
    return base64.b64encode(text.encode()).decode()


class Reply:
    """status, body (JSON; None when there is none), text, headers, warnings (texts of the Warning headers)."""

    def __init__(self, response):
        self.status = response.status_code
        self.text = response.text
        self.headers = response.headers
        self.warnings = list(warnings_of(response.raw.headers.getlist("Warning")))
        try:
            self.body = json.loads(self.text) if self.text else None
        except ValueError:
            self.body = None

    def __repr__(self):
        return f"<{self.status} {re.sub(TOKEN, '(a token)', self.text[:1500])}>"

    @property
    def reason(self):
        return (self.body or {}).get("reason")

    @property
    def items(self):
        return self.body["items"]

    @property
    def names(self):
        """Of a list's items."""
        return [item["metadata"]["name"] for item in self.body["items"]]

    @property
    def version(self):
        return self.body["metadata"]["resourceVersion"]

    @property
    def causes(self):
        """{field: reason} of an invalid object."""
        return {c["field"]: c["reason"] for c in (self.body.get("details") or {}).get("causes", [])}

    def expect(self, status):
        assert self.status == status, f"not {status}: {self!r}"
        return self


def warnings_of(headers):
    for header in headers:
        code, _, text = header.split(" ", 2)
        assert code == "299"
        yield json.loads(text)


def path_of(resource, name=None, sub=None, namespace=None):
    parts = [BASE]
    if namespace is not None:
        parts += ["namespaces", urllib.parse.quote(namespace, safe="")]
    parts += [urllib.parse.quote(p, safe="") for p in (resource, name, sub) if p is not None]
    return "/".join(parts)


class Api:
    """One caller. `headers` go with every request; `as_user`, `in_project` and `in_tenant` make other callers of it."""

    def __init__(self, url, ca, token=None, certificate=None, headers=None):
        self.url, self.ca, self.token, self.certificate = url, ca, token, certificate
        self.headers = dict(headers or {})
        self.local = threading.local()
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    @property
    def http(self):
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
            self.local.session.trust_env = False
            self.local.session.verify = self.ca
            self.local.session.cert = self.certificate
        return self.local.session

    def with_headers(self, **headers):
        """Underscores stand for dashes; None takes a header away."""
        merged = dict(self.headers)
        for name, value in headers.items():
            merged[name.replace("_", "-")] = value
        return Api(self.url, self.ca, certificate=self.certificate, headers={k: v for k, v in merged.items() if v is not None})

    def as_user(self, user, *groups, **extra):
        """Impersonation; several groups go into one header each, which requests cannot do: one at most."""
        headers = {"Impersonate_User": user}
        if groups:
            assert len(groups) == 1
            headers["Impersonate_Group"] = groups[0]
        headers.update({f"Impersonate_Extra_{key}": value for key, value in extra.items()})
        return self.with_headers(**headers)

    def in_project(self, project):
        return self.with_headers(X_TKE_ProjectName=project)

    def in_tenant(self, tenant):
        return self.with_headers(X_TKE_TenantID=tenant)

    def send(self, method, path, body=None, query=None, headers=None, content_type="application/json", stream=False):
        all_headers = {**self.headers, **(headers or {})}
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        if data is not None and content_type is not None:
            all_headers["Content-Type"] = content_type
        if isinstance(data, str):
            data = data.encode()
        return self.http.request(method, self.url + path, params=query, data=data, headers=all_headers, stream=stream,
                                 timeout=START_TIMEOUT)

    def announce(self, method, path, length):
        """What is answered to the mere announcement of a body that long (JSON)."""
        connection = self.connect()
        connection.putrequest(method, path)
        for name, value in {**self.headers, "Content-Type": "application/json", "Content-Length": str(length)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        body = json.loads(connection.getresponse().read())
        connection.close()
        return body

    def connect(self):
        url = urllib.parse.urlparse(self.url)
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=QUIET_TIMEOUT)

    def request(self, method, path, body=None, query=None, **options):
        return Reply(self.send(method, path, body, query, **options))

    def get(self, resource, name, sub=None, namespace=None, headers=None, **query):
        return self.request("GET", path_of(resource, name, sub, namespace), query=query, headers=headers)

    def list(self, resource, namespace=None, headers=None, **query):
        return self.request("GET", path_of(resource, namespace=namespace), query=query, headers=headers)

    def create(self, resource, body, namespace=None, headers=None, **query):
        return self.request("POST", path_of(resource, namespace=namespace), body, query, headers=headers)

    def post(self, resource, name, sub, body, namespace=None, headers=None, **query):
        return self.request("POST", path_of(resource, name, sub, namespace), body, query, headers=headers)

    def put(self, resource, name, body, sub=None, namespace=None, headers=None, **query):
        return self.request("PUT", path_of(resource, name, sub, namespace), body, query, headers=headers)

    def patch(self, resource, name, body, sub=None, namespace=None, content_type=MERGE_PATCH, headers=None, **query):
        return self.request("PATCH", path_of(resource, name, sub, namespace), body, query, headers=headers,
                            content_type=content_type)

    def delete(self, resource, name, body=None, namespace=None, headers=None, **query):
        return self.request("DELETE", path_of(resource, name, namespace=namespace), body, query, headers=headers)

    def delete_collection(self, resource, body=None, namespace=None, headers=None, **query):
        return self.request("DELETE", path_of(resource, namespace=namespace), body, query, headers=headers)

    def watch(self, resource, namespace=None, headers=None, **query):
        query["watch"] = "true"
        return Watch(self, path_of(resource, namespace=namespace), query, headers)

    def edit(self, resource, name, change, sub=None, namespace=None):
        """GET, change(object), PUT."""
        shown = self.get(resource, name, sub=sub, namespace=namespace).expect(200).body
        change(shown)
        return self.put(resource, name, shown, sub=sub, namespace=namespace)


class Watch:
    """A watch that is read in the background: lines (as text) and events (as JSON). Not with requests, which cannot hang up on an answer
    that somebody reads."""

    def __init__(self, api, path, query, headers=None):
        self.lines, self.changed, self.ended = [], threading.Condition(), False
        self.connection = api.connect()
        self.connection.request("GET", path + "?" + urllib.parse.urlencode(query), headers={**api.headers, **(headers or {})})
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.text = "" if self.status == 200 else self.response.read().decode()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            while line := self.response.readline():
                with self.changed:
                    self.lines.append(line.decode())
                    self.changed.notify_all()
        except (http.client.HTTPException, OSError, ValueError):
            pass  # hung up
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    @property
    def events(self):
        with self.changed:
            return [json.loads(line) for line in self.lines]

    def wait(self, condition, what):
        """Until condition(events) is true: the events."""
        end = time.monotonic() + START_TIMEOUT
        with self.changed:
            while True:
                events = [json.loads(line) for line in self.lines]
                if condition(events):
                    return events
                left = end - time.monotonic()
                assert left > 0 and not self.ended, f"no {what} in {[e['type'] for e in events]}, {'ended' if self.ended else 'too late'}"
                self.changed.wait(left)

    def wait_for(self, kind_of_event, name):
        def there(events):
            return any(e["type"] == kind_of_event and e["object"]["metadata"].get("name") == name for e in events)
        return self.wait(there, f"{kind_of_event} of {name}")

    def close(self):
        """What has come stays."""
        try:
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was faster
        self.thread.join(START_TIMEOUT)
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- certificates ----

class Authority:
    """A CA of the tests: `certificate` is its PEM file, issue() makes (certificate, key)."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.certificate)

    def issue(self, common_name, *organizations):
        base = self.folder / f"{self.name}-{common_name.replace(':', '-')}"
        subject = "".join(f"/O={o}" for o in organizations) + f"/CN={common_name}"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout", f"{base}.key",
                "-out", f"{base}.csr")
        openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "30",
                "-out", f"{base}.crt")
        return f"{base}.crt", f"{base}.key"


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


# ---- the daemon ----

class ApiDaemon(Daemon):
    """With static tokens, a CA for clients' certificates and one for front proxies. `tokens`: {token: (user, groups with commas)}."""

    def __init__(self, folder, config=None, tokens=None):
        super().__init__(folder)
        self.clients = Authority(self.folder / "ca", "clients")
        self.proxies = Authority(self.folder / "ca", "proxies")
        self.token_file = self.folder / "token.csv"
        every = {MASTER_TOKEN: ("master", "system:masters"), **(tokens or {})}
        self.token_file.write_text("".join(f'{token},{user},uid-of-{user},"{groups}"\n' for token, (user, groups) in every.items()))
        self.token_file.chmod(0o600)
        self.config["authentication"] = {"token_auth_file": str(self.token_file), "client_ca_file": str(self.clients.certificate),
                                         "requestheader": {"client_ca_file": str(self.proxies.certificate),
                                                           "allowed_names": ["front-proxy"]}}
        merge(self.config, config or {})
        self.front_proxy = self.proxies.issue("front-proxy")
        self.url_base = self.issuer.removesuffix("/oidc")

    def caller(self, **how):
        return Api(self.url_base, self.ca, **how)

    @property
    def master(self):
        return self.caller(token=MASTER_TOKEN)

    def proxied(self, user, tenant=None, group=None, **extra):
        """Somebody kube-apiserver vouches for."""
        headers = {"X-Remote-User": user, **{f"X-Remote-Extra-{key}": value for key, value in extra.items()}}
        if tenant:
            headers["X-Remote-Extra-Tenantid"] = tenant
        if group:
            headers["X-Remote-Group"] = group
        return self.caller(certificate=self.front_proxy, headers=headers)

    def logged_in(self, tenant, username, password):
        """With an ID token, after a login in a browser."""
        return self.caller(token=Browser(self).tokens(username, password, connector=tenant)["id_token"])


# ---- objects ----

def tenant(name, administrators=(), **spec):
    return {"metadata": {"name": name}, "spec": {"name": f"Tenant {name}", "type": "tke", "administrators": list(administrators), **spec}}


def identity(tenant_id, username, password="a long password of the tests", **spec):
    return {"metadata": {}, "spec": {"username": username, "displayName": f"The user {username}", "tenantID": tenant_id,
                                     "hashedPassword": b64(password), **spec}}


def policy(tenant_id, name=None, actions=("getCluster",), resources=("*",), effect="allow", **spec):
    return {"metadata": {"name": name} if name else {},
            "spec": {"displayName": f"Policy {name}", "tenantID": tenant_id, "category": "common",
                     "statement": {"actions": list(actions), "resources": list(resources), "effect": effect}, **spec}}


def role(tenant_id, name=None, policies=(), **spec):
    return {"metadata": {"name": name} if name else {},
            "spec": {"displayName": f"Role {name}", "tenantID": tenant_id, "policies": list(policies), **spec}}


def group(tenant_id, name=None, **spec):
    return {"metadata": {"name": name} if name else {}, "spec": {"displayName": f"Group {name}", "tenantID": tenant_id, **spec}}


def make_tenant(master, name, **options):
    """With its default policies and roles, which the controller brings in."""
    master.create("identityproviders", tenant(name, **options)).expect(201)
    wait_until(lambda: master.get("roles", f"rol-{name}-viewer").status == 200, f"the defaults of {name}")


def make_user(master, tenant_id, username, **spec):
    """Its id."""
    return master.create("localidentities", identity(tenant_id, username, **spec)).expect(201).body["metadata"]["name"]


def users(*ids):
    return {"users": [{"id": i} for i in ids]}
