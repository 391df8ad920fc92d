"""openid-client, a certified relying-party library, accepts everything from discovery to logout."""
import json

import pytest

from conftest import ALICE
from support import SECRET, header_of, node

BYE = "http://127.0.0.1:5555/bye"
CALLBACK = "http://127.0.0.1:5555/callback"
CLIENTS = {
    "basic-rs256": {"alg": "RS256", "method": "basic"},
    "post-es256": {"alg": "ES256", "method": "post"},
    "basic-eddsa": {"alg": "EdDSA", "method": "basic"},
    "public-es256": {"alg": "ES256", "method": "none"},
}


@pytest.fixture(scope="module")
def clients(daemon):
    """The four clients, made known to the running daemon through its configuration."""
    for name, how in CLIENTS.items():
        public = how["method"] == "none"
        daemon.config["staticClients"].append({
            "id": name, "idTokenAlg": how["alg"], "redirectURIs": [CALLBACK], "postLogoutRedirectURIs": [BYE],
            **({"public": True} if public else {"secret": SECRET})})
    daemon.restart()


def run(daemon, name, user, connector):
    how = CLIENTS[name]
    return node("openid_client.mjs", ca=daemon.ca, stdin=json.dumps({
        "issuer": daemon.issuer, "clientId": name, "secret": SECRET, "method": how["method"], "alg": how["alg"], "redirectUri": CALLBACK,
        "connector": connector, "username": user[0], "password": user[1], "postLogoutRedirectUri": BYE,
        "wrongSecret": None if how["method"] == "none" else "not-" + SECRET}))


@pytest.mark.parametrize("name", CLIENTS)
def test_openid_client_goes_from_discovery_to_logout(daemon, clients, name):
    seen = run(daemon, name, ALICE, "local")
    claims = seen["claims"]
    assert claims["iss"] == daemon.issuer and claims["aud"] == name and claims["name"] == "alice"
    assert header_of(seen["idToken"])["alg"] == CLIENTS[name]["alg"]
    assert seen["expiresIn"] > 0
    assert seen["userinfo"]["sub"] == claims["sub"] and seen["userinfo"]["email"] == "alice@example.com"
    assert seen["refreshRotated"]
    kept = ("iss", "sub", "aud", "auth_time", "email", "groups")
    assert {k: seen["refreshedClaims"][k] for k in kept} == {k: claims[k] for k in kept}
    assert seen["userinfoAfterRefresh"] == seen["userinfo"]
    assert seen["endSession"] == {"status": 303, "location": BYE + "?state=out"}
    assert seen["afterLogout"]["error"] == "invalid_grant" and seen["afterLogout"]["status"] == 400


@pytest.mark.parametrize("name", CLIENTS)
def test_openid_client_notices_what_is_wrong(daemon, clients, name):
    """Each check of the library is seen to fail: the tests above cannot pass because nobody looked."""
    seen = run(daemon, name, ("ldapadmin", "admin"), "default")
    assert seen["otherSub"]["code"] == "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED"
    assert seen["otherNonce"]["code"] == "OAUTH_JWT_CLAIM_COMPARISON_FAILED"
    assert seen["otherState"]["code"] == "OAUTH_INVALID_RESPONSE"
    assert seen["otherVerifier"]["error"] == "invalid_grant" and seen["otherVerifier"]["status"] == 400
    if CLIENTS[name]["method"] == "basic":
        wrong = seen["wrongSecret"]
        assert wrong["name"] == "WWWAuthenticateChallengeError" and wrong["status"] == 401
        assert [c["scheme"] for c in wrong["cause"]] == ["basic"]
    elif CLIENTS[name]["method"] == "post":
        assert seen["wrongSecret"]["status"] == 401


def test_the_metadata_promises_what_the_clients_used(daemon, clients):
    server = run(daemon, "basic-rs256", ALICE, "local")["server"]
    assert {"client_secret_basic", "client_secret_post", "none"} <= set(server["token_endpoint_auth_methods_supported"])
    assert {"RS256", "ES256", "EdDSA"} <= set(server["id_token_signing_alg_values_supported"])
    assert server["code_challenge_methods_supported"] == ["S256"]
    assert server["authorization_response_iss_parameter_supported"] is True
    assert server["response_types_supported"] == ["code"]
