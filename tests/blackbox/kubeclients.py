"""What the tests with Kubernetes' own clients share: the kubectls, certificates, and a daemon that knows callers of every sort."""
import base64
import json
import os
import pathlib
import subprocess

import yaml

from support import ROOT, START_TIMEOUT, Daemon, merge

GROUP = "auth.tkestack.io"
BASE = f"/apis/{GROUP}/v1"
ROOT_TOKEN = "a-token-of-the-tests-for-system-masters"
KUBECTLS = {age: ROOT / "build" / "kubectl" / age / "kubectl" for age in ("old", "new")}  # ./dev setup brings them


class Authority:
    """A CA and what it issues."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name, self.ca, self.key = name, str(self.folder / f"{name}.crt"), str(self.folder / f"{name}.key")
        self.openssl("req", "-x509", *self.new_key(self.key), "-days", "30", "-subj", f"/CN={name}", "-out", self.ca)

    def openssl(self, *args, stdin=None):
        subprocess.run(["openssl", *args], check=True, capture_output=True, text=True, input=stdin, timeout=START_TIMEOUT)

    def new_key(self, path):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path]

    def issue(self, name, *groups, sans=()):
        """(certificate, key) of a client named `name` in `groups`, or of a server with `sans`."""
        crt, key, csr = (str(self.folder / f"{self.name}-{name}.{end}") for end in ("crt", "key", "csr"))
        subject = "".join(f"/O={g}" for g in groups) + f"/CN={name}"
        self.openssl("req", *self.new_key(key), "-subj", subject, "-out", csr)
        extensions = "extendedKeyUsage=" + ("serverAuth\nsubjectAltName=" + ",".join(sans) if sans else "clientAuth")
        extension_file = self.folder / "extensions"
        extension_file.write_text(extensions + "\n")
        self.openssl("x509", "-req", "-in", csr, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial", "-days", "30", "-extfile",
                     str(extension_file), "-out", crt)
        return crt, key


class KubeDaemon(Daemon):
    """tke-auth as kubectl's server. `clients` and `front` are the CAs of client certificates and of front proxies; `authority` is the CA of
    its own certificate when the test brings one."""

    authority = None

    def __init__(self, folder, config=None):
        folder = pathlib.Path(folder)
        self.clients, self.front = Authority(folder / "ca", "clients"), Authority(folder / "ca", "front")
        token_file = folder / "token.csv"
        token_file.write_text(f'{ROOT_TOKEN},root,uid-of-root,"system:masters"\n')
        token_file.chmod(0o600)
        kube = {
            "secure_serving": {"client_ca_file": self.clients.ca},
            "authentication": {"token_auth_file": str(token_file),
                               "requestheader": {"client_ca_file": self.front.ca, "allowed_names": ["front-proxy-client"]}},
        }
        super().__init__(folder, merge_into(kube, config or {}))

    @property
    def ca(self):
        return self.authority or super().ca

    @property
    def server(self):
        return self.issuer.removesuffix("/oidc")

    def api(self, method, path, body=None, token=ROOT_TOKEN, **options):
        """A call of the API by root, below /apis/auth.tkestack.io/v1 unless `path` begins with a slash."""
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        url = self.server + (path if path.startswith("/") else f"{BASE}/{path}")
        return self.session().request(method, url, json=body, headers=headers, timeout=START_TIMEOUT, **options)

    def create(self, kind, plural, name, namespace=None, **body):
        where = f"namespaces/{namespace}/{plural}" if namespace else plural
        answer = self.api("POST", where, {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def add_tenant(self, name, *administrators):
        return self.create("IdentityProvider", "identityproviders", name, spec={
            "name": f"Tenant {name}", "type": "tke", "administrators": list(administrators), "config": ""})

    def add_person(self, tenant, name, password, **spec):
        hashed = base64.b64encode(password.encode()).decode()
        return self.create("LocalIdentity", "localidentities", f"usr-{tenant}-{name}", spec={
            "tenantID": tenant, "username": name, "displayName": name.capitalize(), "hashedPassword": hashed, **spec})


def merge_into(target, changes):
    merge(target, changes)
    return target


class Kubectl:
    """One caller with one kubectl. `user` is a user entry of a kubeconfig."""

    def __init__(self, folder, age, server, ca, user):
        self.folder, self.program, self.age = pathlib.Path(folder), str(KUBECTLS[age]), age
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "config"
        self.config.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": ca}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": user}]}))
        self.is_old = age == "old"

    def environment(self, **more):
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECONFIG": str(self.config), "LC_ALL": "C.UTF-8", **more}

    def start(self, *args, env=None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
        return subprocess.Popen([self.program, *map(str, args)], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True,
                                env=self.environment(**(env or {})))

    def call(self, *args, stdin=None, env=None):
        """(exit status, what it printed, what it complained)"""
        process = self.start(*args, env=env, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
        try:
            out, err = process.communicate(stdin, timeout=START_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"kubectl {args} did not end: {process.communicate()}")
        return process.returncode, out, err

    def run(self, *args, status=0, **options):
        """What it printed; with a status what it complained."""
        code, out, err = self.call(*args, **options)
        assert code == status, f"kubectl {' '.join(map(str, args))}: {code}\n{out}{err}"
        return out if status == 0 else err

    def json(self, *args, **options):
        return json.loads(self.run(*args, "-o", "json", **options))

    def names(self, *args):
        return [line.partition("/")[2] for line in self.run("get", *args, "-o", "name").split()]

    def apply(self, *documents, verb="apply", args=(), **options):
        return self.run(verb, "-f", "-", *args, stdin=yaml.safe_dump_all(documents), **options)


def manifest(kind, name, **body):
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, **body}


def policy(name, tenant="acme", actions=("getCluster",), **spec):
    return manifest("Policy", name, spec={
        "displayName": name, "tenantID": tenant, "category": "cluster", "description": "of the tests",
        "statement": {"actions": list(actions), "resources": ["cluster:*"], "effect": "allow"}, **spec})


def category(name, **labels):
    made = manifest("Category", name, Spec={"displayName": name, "description": "of the tests", "actions": [{"name": "getCluster"}]})
    if labels:
        made["metadata"]["labels"] = labels
    return made
