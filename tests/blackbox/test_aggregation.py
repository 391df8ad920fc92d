"""tke-auth as a part of kube-apiserver's API: through a front proxy, with the certificates and manifests of deploy/aggregation."""
import base64
import json
import re
import subprocess

import pytest
import yaml

from frontproxy import Backend, FrontProxy, identity_headers, token_review
from kubeclients import BASE, GROUP, KUBECTLS, Authority, KubeDaemon, Kubectl, policy
from support import BIN, ROOT, START_TIMEOUT, Browser, wait_until

DEPLOY = ROOT / "deploy" / "aggregation"
SERVICE = "tke-auth-api.tke.svc"
ADMIN, STRANGER = "a-token-of-kube-apiserver-for-masters", "a-token-of-kube-apiserver-for-nobody"
MASTERS = {"username": "kubernetes-admin", "groups": ["system:masters"]}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run([DEPLOY / "certificates.sh", folder, "localhost", "::1"], check=True, capture_output=True, timeout=START_TIMEOUT)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, certificates):
    """Served with what certificates.sh made, which also issued the webhook's certificate."""
    daemon = KubeDaemon(tmp_path_factory.mktemp("site"), {"secure_serving": {
        "tls_cert_file": str(certificates / "tls.crt"), "tls_private_key_file": str(certificates / "tls.key"),
        "client_ca_file": str(certificates / "ca.crt")}})
    daemon.authority = str(certificates / "ca.crt")
    daemon.start()
    daemon.add_tenant("acme", "ann")
    daemon.add_tenant("rival", "ria")
    for tenant, name in (("acme", "ann"), ("acme", "bob"), ("rival", "ria")):
        daemon.add_person(tenant, name, f"a password of {name}")
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module")
def backend(site):
    """How the aggregation layer calls: the Service's name, the CA of caBundle, the front proxy's certificate."""
    return Backend(site.port, SERVICE, site.authority, site.front.issue("front-proxy-client"))


@pytest.fixture(scope="module")
def proxy(site, backend, certificates, tmp_path_factory):
    webhook = (str(certificates / "webhook.crt"), str(certificates / "webhook.key"))
    server = FrontProxy(tmp_path_factory.mktemp("proxy"), backend, {ADMIN: MASTERS, STRANGER: {"username": "stranger"}},
                        token_review(site.port, site.authority, webhook))
    yield server
    server.stop()


@pytest.fixture(params=[pytest.param("old", marks=pytest.mark.slow), "new"])
def kubectl(request, proxy, tmp_path):
    return lambda token: Kubectl(tmp_path / token[-8:], request.param, proxy.url, proxy.ca, {"token": token})


@pytest.fixture(scope="module")
def ann(site):
    return Browser(site).tokens("ann", "a password of ann", "acme")["id_token"]


# ---- through the proxy ----


def test_an_administrator_of_the_cluster_manages_all(kubectl, proxy):
    admin = kubectl(ADMIN)
    assert "policies" in admin.run("api-resources", f"--api-group={GROUP}")
    assert admin.names("usr") == ["usr-acme-ann", "usr-acme-bob", "usr-admin", "usr-rival-ria"]
    name = f"pol-{admin.age}-aggregated"
    assert admin.apply(policy(name)).endswith("created\n") and admin.apply(policy(name)).endswith("unchanged\n")
    assert "What may be done" in admin.run("explain", "policy")
    admin.run("delete", "pol", name)
    assert ("GET", f"{BASE}/policies/{name}") in proxy.forwarded, "paths are passed on as they are"


def test_a_tenants_user_gets_what_is_theirs(kubectl, ann, tmp_path):
    """kube-apiserver's token webhook says who it is, with the tenant in an extra, and the extra arrives."""
    mine, admin = kubectl(ann), kubectl(ADMIN)
    assert mine.names("usr") == ["usr-acme-ann", "usr-acme-bob"] and mine.names("idp") == ["acme"]
    assert "NotFound" in mine.run("get", "usr", "usr-rival-ria", status=1)
    name = f"pol-{mine.age}-of-ann"
    watching = mine.start("get", "pol", "-w", "-o", "name", stdout=open(tmp_path / "watched", "w"))
    wait_until(lambda: "pol-acme-viewer" in (tmp_path / "watched").read_text(), "the watch")
    admin.apply(policy(name + "-not", tenant="rival"))
    mine.apply(policy(name, tenant="rival"))
    wait_until(lambda: name in (tmp_path / "watched").read_text(), "the change in the watch")
    watching.terminate()
    watching.communicate()
    assert name + "-not" not in (tmp_path / "watched").read_text()
    assert admin.json("get", "pol", name)["spec"]["tenantID"] == "acme"
    admin.run("delete", "pol", name, name + "-not")


def test_others_get_nothing(kubectl):
    assert 'User "stranger" cannot list' in kubectl(STRANGER).run("get", "pol", status=1)
    admin = kubectl(ADMIN)
    assert admin.run("get", "pol", "--as", "acme##user##ann", status=1).startswith("Error from server (Forbidden)"), \
        "a name is just a name when kube-apiserver says it: the tenant comes in an extra"
    assert "logged in" in kubectl("no token of anybody").run("get", "pol", status=1)


def test_the_api_counts_as_available(backend):
    """What kube-apiserver's controller of APIServices looks at, and where it finds discovery and OpenAPI."""
    aggregator = identity_headers({"username": "system:kube-aggregator", "groups": ["system:masters"]})
    assert backend.json("GET", BASE, aggregator)[0] == 200
    status, groups = backend.json("GET", "/apis", [*aggregator, (
        "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json")])
    assert status == 200 and groups["kind"] in ("APIGroupDiscoveryList", "APIGroupList")
    assert GROUP in json.dumps(groups)
    for path in ("/openapi/v2", "/openapi/v3", f"/openapi/v3/apis/{GROUP}/v1"):
        assert backend.json("GET", path, aggregator)[0] == 200, path


# ---- who is believed ----


def test_headers_count_with_the_front_proxys_certificate_only(site, certificates):
    def ask(certificate, *headers, path=f"{BASE}/identityproviders"):
        return Backend(site.port, SERVICE, site.authority, certificate).json("GET", path, [*identity_headers(MASTERS), *headers])

    believed, answer = ask(site.front.issue("front-proxy-client"))
    assert believed == 200 and [i["metadata"]["name"] for i in answer["items"]] == ["acme", "local", "rival"]
    assert ask(None)[0] == 401, "without a certificate"
    assert ask(site.front.issue("somebody-else"))[0] == 401, "of the right CA for another name"
    webhook = (str(certificates / "webhook.crt"), str(certificates / "webhook.key"))
    status, answer = ask(webhook)
    assert status == 403 and 'User "webhook" cannot list' in answer["message"], "a client is who its certificate says"
    assert ask(None, ("Authorization", "Bearer no-token-of-anybody"))[0] == 401
    stranger = Authority(site.folder / "strangers", "strangers").issue("front-proxy-client")
    try:
        assert ask(stranger)[0] == 401, "of a CA that nobody knows"
    except OSError:
        pass  # the connection is refused


def test_a_tenant_in_an_extra_makes_a_tenants_user(backend):
    def names(user, resource="localidentities"):
        status, answer = backend.json("GET", f"{BASE}/{resource}", identity_headers(user))
        return [i["metadata"]["name"] for i in answer["items"]] if status == 200 else status

    assert names({"username": "ria", "extra": {"tenantid": ["rival"]}}) == ["usr-rival-ria"]
    assert names({"username": "ria", "extra": {"Tenantid": ["rival"]}}) == ["usr-rival-ria"]
    assert names({"username": "ria", "extra": {"tenantid": ["acme"]}}) == 403, "nobody of that name administers acme"
    assert names({"username": "ria", "groups": ["system:masters"], "extra": {"tenantid": ["rival"]}}) == ["usr-rival-ria"], \
        "a group does not lead out of the tenant"
    assert names({"username": "ria", "extra": {"tenantid": ["nowhere"]}}) == 403
    assert names({"username": "admin", "extra": {"tenantid": ["acme"]}}) == 403, "nor does a name"


# ---- deploy/aggregation ----


@pytest.fixture(scope="module")
def manifests():
    done = subprocess.run([KUBECTLS["new"], "kustomize", DEPLOY], capture_output=True, text=True, check=True, timeout=START_TIMEOUT)
    documents = list(yaml.safe_load_all(done.stdout))
    found = {(m["kind"], m["metadata"]["name"]): m for m in documents}
    assert len(found) == len(documents)
    return found


def base_of():
    done = subprocess.run([KUBECTLS["new"], "kustomize", ROOT / "deploy" / "kubernetes"], capture_output=True, text=True, check=True,
                          timeout=START_TIMEOUT)
    return {(m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all(done.stdout)}


def test_the_apiservice_leads_to_the_service(manifests, site, backend):
    spec = manifests["APIService", f"v1.{GROUP}"]["spec"]
    assert (spec["group"], spec["version"], spec["groupPriorityMinimum"], spec["versionPriority"]) == (GROUP, "v1", 1000, 5)
    assert "insecureSkipTLSVerify" not in spec
    service = manifests["Service", spec["service"]["name"]]
    assert service["metadata"]["namespace"] == spec["service"]["namespace"] == manifests["Namespace", "tke"]["metadata"]["name"]
    assert spec["service"]["port"] in [p["port"] for p in service["spec"]["ports"]]
    assert SERVICE == f"{spec['service']['name']}.{spec['service']['namespace']}.svc", "the name that kube-apiserver verifies"
    injected = manifests["APIService", f"v1.{GROUP}"]["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
    assert injected == "tke/tke-auth-tls"


def test_the_front_proxys_ca_gets_to_the_daemon(manifests):
    pod = manifests["StatefulSet", "tke-auth-api"]["spec"]["template"]["spec"]
    fetcher, = pod["initContainers"]
    daemon, = pod["containers"]
    config = yaml.safe_load(manifests["ConfigMap", "tke-auth-api"]["data"]["tke-auth.yaml"])
    ca = config["authentication"]["requestheader"]["client_ca_file"]
    assert f">{ca}" in fetcher["args"][0] and "requestheader-client-ca-file" in fetcher["args"][0]
    mounts = {c["name"]: {m["mountPath"]: m for m in c["volumeMounts"]} for c in (fetcher, daemon)}
    place = ca.rpartition("/")[0]
    assert mounts["front-proxy-ca"][place]["name"] == mounts["tke-auth"][place]["name"]
    assert mounts["tke-auth"][place]["readOnly"] and not mounts["front-proxy-ca"][place].get("readOnly")
    volumes = {v["name"] for v in pod["volumes"]} | {"state"}
    assert all(m["name"] in volumes for per in mounts.values() for m in per.values())
    assert "/var/run/secrets/kubernetes.io/serviceaccount" not in mounts["tke-auth"] and pod["automountServiceAccountToken"] is False
    account = manifests["ServiceAccount", pod["serviceAccountName"]]
    binding = manifests["RoleBinding", "tke-auth-api-front-proxy-ca"]
    assert binding["metadata"]["namespace"] == "kube-system" and binding["roleRef"]["name"] == "extension-apiserver-authentication-reader"
    subject, = binding["subjects"]
    assert (subject["name"], subject["namespace"]) == (account["metadata"]["name"], account["metadata"]["namespace"])
    assert not any("auth-delegator" in json.dumps(m) for m in manifests.values())


def test_aggregation_only_adds_to_the_manifests(manifests):
    for key, of_base in base_of().items():
        if key[0] == "Service":
            assert manifests[key] == of_base
    pod, base = (m["StatefulSet", "tke-auth-api"]["spec"]["template"]["spec"] for m in (manifests, base_of()))
    assert {v["name"] for v in base["volumes"]} < {v["name"] for v in pod["volumes"]}
    assert {m["mountPath"] for m in base["containers"][0]["volumeMounts"]} < {m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    config, config_of_base = (yaml.safe_load(m["ConfigMap", "tke-auth-api"]["data"]["tke-auth.yaml"]) for m in (manifests, base_of()))
    added = config.pop("authentication")
    assert config == config_of_base and list(added) == ["requestheader"]
    reference = (ROOT / "config/tke-auth.yaml").read_text()
    for key in added["requestheader"]:
        assert re.search(rf"^ +#?{key}:", reference, re.M), key


def test_the_configuration_is_accepted(manifests, tmp_path):
    config = yaml.safe_load(manifests["ConfigMap", "tke-auth-api"]["data"]["tke-auth.yaml"])
    front = Authority(tmp_path, "front")
    config["authentication"]["requestheader"]["client_ca_file"] = front.ca
    for key in ("tls_cert_file", "client_ca_file"):
        config["secure_serving"][key] = front.ca
    config["secure_serving"]["tls_private_key_file"] = front.key
    config["auth"]["ldap_config_file"] = str(ROOT / "tests/data/ldap/ldap.json")
    (tmp_path / "secret").write_text("a secret of the tests")
    config["auth"]["init_client_secret_file"] = str(tmp_path / "secret")
    config["stateDir"] = str(tmp_path)
    (tmp_path / "tke-auth.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run([BIN, "check-config", "--config", tmp_path / "tke-auth.yaml"], capture_output=True, text=True,
                          timeout=START_TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr


def names_in(certificate):
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName"], capture_output=True, text=True,
                          check=True).stdout
    return set(re.findall(r"DNS:([^,\s]+)", text)), set(re.findall(r"IP Address:([^,\s]+)", text))


def test_both_ways_to_certificates_lead_to_the_same(manifests, certificates):
    names, addresses = names_in(certificates / "tls.crt")
    wanted = {(m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all((DEPLOY / "cert-manager.yaml").read_text())}
    server = wanted["Certificate", "tke-auth-tls"]["spec"]
    assert set(server["dnsNames"]) | {"localhost"} == names and set(server["ipAddresses"]) < addresses
    assert "0:0:0:0:0:0:0:1" in addresses
    webhook = subprocess.run(["openssl", "x509", "-in", certificates / "webhook.crt", "-noout", "-subject"], capture_output=True, text=True,
                             check=True).stdout
    assert webhook.strip().endswith(wanted["Certificate", "tke-auth-webhook"]["spec"]["commonName"])
    pod = manifests["StatefulSet", "tke-auth-api"]["spec"]["template"]["spec"]
    assert server["secretName"] in [v.get("secret", {}).get("secretName") for v in pod["volumes"]]
    issuers = {name for kind, name in wanted if kind == "Issuer"}
    assert all(m["spec"]["issuerRef"]["name"] in issuers for (kind, _), m in wanted.items() if kind == "Certificate")
    bundle = yaml.safe_load((certificates / "ca-bundle.yaml").read_text())["spec"]["caBundle"]
    assert base64.b64decode(bundle) == (certificates / "ca.crt").read_bytes()
    assert (certificates / "ca.key").stat().st_mode & 0o077 == 0


def test_the_script_keeps_its_ca(certificates):
    before = (certificates / "ca.crt").read_bytes(), (certificates / "tls.crt").read_bytes()
    subprocess.run([DEPLOY / "certificates.sh", certificates], check=True, capture_output=True, timeout=START_TIMEOUT)
    assert (certificates / "ca.crt").read_bytes() == before[0] and (certificates / "tls.crt").read_bytes() != before[1]
    subprocess.run(["openssl", "verify", "-CAfile", certificates / "ca.crt", "-purpose", "sslserver", certificates / "tls.crt"], check=True,
                   capture_output=True)
    assert subprocess.run([DEPLOY / "certificates.sh"], capture_output=True).returncode == 2
