"""kubectl with our ID token, at a server that applies kube-apiserver's rules to it."""
import json
import os
import subprocess
import sys

import pytest
import yaml

from apiserver import ApiServer, Authenticator, Refused
from conftest import ALICE
from support import START_TIMEOUT, claims_of, pkce, wait_until

KUBECTL_CALLBACK = "http://127.0.0.1:8000/callback"


def kubectl_tokens(browser, user=ALICE, connector="local", **params):
    """Logs in as kubelogin does: the public client, a loopback redirect and PKCE."""
    verifier, challenge = pkce()
    code = browser.login(*user, connector, client_id="native", redirect_uri=KUBECTL_CALLBACK, code_challenge=challenge,
                         code_challenge_method="S256", **params)["code"]
    answer = browser.redeem(code, auth=None, redirect_uri=KUBECTL_CALLBACK, client_id="native", code_verifier=verifier)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def apiserver(daemon, tmp_path):
    server = ApiServer(tmp_path, Authenticator(daemon.issuer, "native", daemon.ca))
    yield server
    server.stop()


class Kubectl:
    def __init__(self, folder, server, user):
        folder.mkdir()
        self.folder, self.config = folder, folder / "config"
        self.config.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server.url, "certificate-authority": server.ca}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": user}]}))

    def start(self, *args):
        return subprocess.Popen(["kubectl", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECONFIG": str(self.config)})

    def run(self, *args, status=0):
        process = self.start(*args)
        out, err = process.communicate(timeout=START_TIMEOUT)
        assert process.returncode == status, err
        return out if status == 0 else err

    def saved(self):
        return yaml.safe_load(self.config.read_text())["users"][0]["user"]


def oidc_user(daemon, refresh_token):
    return {"auth-provider": {"name": "oidc", "config": {
        "idp-issuer-url": daemon.issuer, "client-id": "native", "idp-certificate-authority": daemon.ca, "refresh-token": refresh_token}}}


def test_kubectl_is_let_in_with_the_id_token(browser, apiserver, tmp_path):
    tokens = kubectl_tokens(browser)
    kubectl = Kubectl(tmp_path / "k", apiserver, {})
    who = json.loads(kubectl.run("get", "--raw", "/api/v1/namespaces", "--token", tokens["id_token"]))
    assert who == {"username": "alice", "groups": ["developers", "wonderland"]} and apiserver.refusals == []
    kubectl = Kubectl(tmp_path / "saved", apiserver, {"token": kubectl_tokens(browser, ("ldapadmin", "admin"), "default")["id_token"]})
    assert json.loads(kubectl.run("get", "--raw", "/api/v1/namespaces")) == {"username": "ldapadmin", "groups": ["test"]}
    assert "v1" in kubectl.run("api-versions").split()


def test_other_tokens_do_not_let_kubectl_in(browser, apiserver, tmp_path):
    tokens = kubectl_tokens(browser)
    kubectl = Kubectl(tmp_path / "k", apiserver, {})
    for_another = browser.tokens(*ALICE)["id_token"]
    broken = tokens["id_token"][:-8] + ("AAAAAAAA" if not tokens["id_token"].endswith("AAAAAAAA") else "BBBBBBBB")
    for token in (tokens["access_token"], tokens["refresh_token"], for_another, broken):
        kubectl.run("get", "--raw", "/api/v1/namespaces", "--token", token, status=1)
    refusals = list(dict.fromkeys(apiserver.refusals))  # kubectl may ask twice
    assert refusals[:2] == ["alg ES256", "not a compact JWS"]
    assert refusals[2].endswith("aud ['web']") and refusals[3:] == ["no key verifies it"]


def test_kubectls_oidc_provider_refreshes_and_keeps_the_new_tokens(daemon, browser, apiserver, tmp_path):
    """client-go wants id_token in the answer to a refresh, and keeps the rotated refresh token."""
    tokens = kubectl_tokens(browser)
    kubectl = Kubectl(tmp_path / "k", apiserver, oidc_user(daemon, tokens["refresh_token"]))
    assert json.loads(kubectl.run("get", "--raw", "/version"))["username"] == "alice"
    saved = kubectl.saved()["auth-provider"]["config"]
    assert claims_of(saved["id-token"])["sub"] == claims_of(tokens["id_token"])["sub"]
    assert saved["refresh-token"] != tokens["refresh_token"]
    assert json.loads(kubectl.run("get", "--raw", "/version"))["username"] == "alice"
    assert kubectl.saved()["auth-provider"]["config"] == saved, "a valid token is used as long as it lasts"


def test_parallel_kubectls_with_one_login_do_not_lose_it(daemon, browser, apiserver, tmp_path):
    refresh_token = kubectl_tokens(browser)["refresh_token"]
    crowd = [Kubectl(tmp_path / f"k{i}", apiserver, oidc_user(daemon, refresh_token)) for i in range(4)]
    running = [k.start("get", "--raw", "/version") for k in crowd]
    answers = [p.communicate(timeout=START_TIMEOUT) for p in running]
    assert [p.returncode for p in running] == [0] * 4, answers
    kept = {k.saved()["auth-provider"]["config"]["refresh-token"] for k in crowd}
    assert len(kept) == 1, "all got the same successor"
    assert browser.refresh(kept.pop(), auth=None, client_id="native").status_code == 200


def test_an_exec_plugin_brings_the_token(daemon, browser, apiserver, tmp_path):
    plugin = tmp_path / "credential"
    (tmp_path / "refresh-token").write_text(kubectl_tokens(browser)["refresh_token"])
    plugin.write_text(f"""#!{sys.executable}
import datetime, json, pathlib, requests
saved = pathlib.Path({str(tmp_path / "refresh-token")!r})
answer = requests.post({daemon.url("/token")!r}, verify={daemon.ca!r}, data={{
    "grant_type": "refresh_token", "client_id": "native", "refresh_token": saved.read_text()}}).json()
saved.write_text(answer["refresh_token"])
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {{"token": answer["id_token"]}}}}))
""")
    plugin.chmod(0o755)
    kubectl = Kubectl(tmp_path / "k", apiserver, {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": str(plugin)}})
    for _ in range(2):
        assert json.loads(kubectl.run("get", "--raw", "/version"))["groups"] == ["developers", "wonderland"]


def test_the_username_may_be_the_verified_email(daemon, browser):
    by_email = Authenticator(daemon.issuer, "native", daemon.ca, username_claim="email")
    assert by_email.authenticate(kubectl_tokens(browser)["id_token"])["username"] == "alice@example.com"
    daemon.add_user("rabbit", "a password of the rabbit", "--email", "rabbit@example.com")  # not verified
    token = kubectl_tokens(browser, ("rabbit", "a password of the rabbit"))["id_token"]
    with pytest.raises(Refused, match="email_verified False"):
        by_email.authenticate(token)
    assert Authenticator(daemon.issuer, "native", daemon.ca).authenticate(token) == {"username": "rabbit", "groups": []}


def test_the_authenticator_is_strict(daemon, browser):
    """Otherwise the tests above would say nothing."""
    token = kubectl_tokens(browser)["id_token"]
    for wrong, why in (({"issuer": daemon.issuer + "/"}, "issuer"), ({"client_id": "web"}, "aud"), ({"algorithms": ("ES256",)}, "alg RS256"),
                       ({"username_claim": "groups"}, "username")):
        with pytest.raises(Refused, match=why):
            Authenticator(**{"issuer": daemon.issuer, "client_id": "native", "ca": daemon.ca, **wrong}).authenticate(token)


def test_kubectl_may_carry_a_token_for_another_client_that_trusts_it(daemon, browser):
    """One login, several clusters: scope audience:server:client_id:NAME (contract 6.2)."""
    daemon.cli("client", "add", "cluster-b", "--public", "--redirect-uri", "http://127.0.0.1/", "--trusted-peer", "native")
    wait_until(lambda: browser.authorize(client_id="cluster-b", redirect_uri="http://127.0.0.1/", code_challenge=pkce()[1],
                                         code_challenge_method="S256").status_code != 400, "the daemon to know the new client")
    token = kubectl_tokens(browser, scope="openid groups profile audience:server:client_id:cluster-b")["id_token"]
    assert Authenticator(daemon.issuer, "cluster-b", daemon.ca).authenticate(token)["username"] == "alice"
