"""The main job, end to end: a person logs in, the client gets tokens, the tokens say who it is."""
import requests

from conftest import ALICE
from support import REDIRECT, SECRET, Browser, claims_of, header_of, pkce, wait_until


def test_a_local_user_logs_in_and_the_id_token_says_who_it_is(daemon, browser):
    tokens = browser.tokens(*ALICE)
    claims = claims_of(tokens["id_token"])
    assert claims["iss"] == daemon.issuer
    assert claims["aud"] == "web"
    assert claims["nonce"] == "some-nonce"
    assert claims["name"] == "alice"
    assert claims["preferred_username"] == "Alice Liddell"
    assert claims["email"] == "alice@example.com" and claims["email_verified"] is True
    assert sorted(claims["groups"]) == ["developers", "wonderland"]
    assert claims["federated_claims"]["connector_id"] == "local"
    assert header_of(tokens["id_token"])["alg"] == "RS256"
    assert header_of(tokens["access_token"])["typ"] == "at+jwt"
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] > 0


def test_a_directory_user_logs_in_with_the_platforms_ldap_json(daemon, browser):
    claims = claims_of(browser.tokens("ldapadmin", "admin", "default")["id_token"])
    assert claims["name"] == "ldapadmin" and claims["preferred_username"] == "ldapadmin"
    assert claims["email"] == "ldapadmin@example.com" and claims["email_verified"] is True
    assert claims["groups"] == ["test"]
    assert claims["federated_claims"] == {"connector_id": "default", "user_id": "uid=ldapadmin,ou=People,dc=tkestack,dc=io"}


def test_userinfo_answers_what_was_asked_for(daemon, browser):
    tokens = browser.tokens(*ALICE, scope="openid email")
    for method in ("GET", "POST"):
        answer = browser.userinfo(tokens["access_token"], method)
        assert answer.status_code == 200
        assert answer.json() == {"sub": claims_of(tokens["id_token"])["sub"], "email": "alice@example.com", "email_verified": True}
    assert "refresh_token" not in tokens  # offline_access was not asked for


def test_several_tenants_give_a_choice(daemon, browser):
    page = browser.authorize()
    assert page.status_code == 200
    assert "Company directory" in page.text
    assert page.text.count("/login?ticket=") == 2


def test_a_public_client_uses_any_loopback_port_and_pkce(daemon, browser):
    verifier, challenge = pkce()
    uri = "http://127.0.0.1:18000/callback"
    query = browser.login(*ALICE, client_id="native", redirect_uri=uri, code_challenge=challenge, code_challenge_method="S256")
    assert query["iss"] == daemon.issuer and query["state"] == "some-state"
    wrong = browser.redeem(query["code"], auth=None, redirect_uri=uri, client_id="native", code_verifier="x" * 43)
    assert wrong.status_code == 400 and wrong.json()["error"] == "invalid_grant"
    right = browser.redeem(query["code"], auth=None, redirect_uri=uri, client_id="native", code_verifier=verifier)
    assert right.status_code == 200, "a mistaken attempt must not burn the code"


def test_go_clients_try_basic_with_an_empty_password_first(daemon, browser):
    """Go's oauth2 sends a public client as Basic id: first, then in the body."""
    verifier, challenge = pkce()
    uri = "http://127.0.0.1:8000/callback"
    code = browser.login(*ALICE, client_id="native", redirect_uri=uri, code_challenge=challenge, code_challenge_method="S256")["code"]
    answer = browser.redeem(code, auth=("native", ""), redirect_uri=uri, code_verifier=verifier)
    assert answer.status_code == 200


def test_a_wrong_secret_is_answered_401_with_a_challenge_and_burns_nothing(daemon, browser):
    code = browser.login(*ALICE)["code"]
    refused = browser.redeem(code, auth=("web", "wrong"))
    assert refused.status_code == 401 and refused.json()["error"] == "invalid_client"
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert refused.headers["Cache-Control"] == "no-store"
    assert browser.redeem(code).status_code == 200
    by_body = browser.redeem(browser.login(*ALICE)["code"], auth=None, client_id="web", client_secret=SECRET)
    assert by_body.status_code == 200


def test_a_replayed_code_revokes_what_the_first_use_gave(daemon, browser):
    code = browser.login(*ALICE)["code"]
    tokens = browser.redeem(code).json()
    replay = browser.redeem(code)
    assert replay.status_code == 400 and replay.json()["error"] == "invalid_grant"
    assert browser.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_refresh_keeps_the_identity_and_drops_the_nonce(daemon, browser):
    first = browser.tokens(*ALICE)
    second = browser.refresh(first["refresh_token"])
    assert second.status_code == 200
    a, b = claims_of(first["id_token"]), claims_of(second.json()["id_token"])
    assert "nonce" not in b
    assert all(a[k] == b[k] for k in ("iss", "sub", "aud", "auth_time", "sid", "name", "groups"))
    assert a["jti"] != b["jti"]


def test_parallel_refreshes_with_one_token_all_get_the_same_successor(daemon, browser):
    token = browser.tokens(*ALICE)["refresh_token"]
    answers = [browser.refresh(token) for _ in range(5)]
    assert {a.status_code for a in answers} == {200}
    assert len({a.json()["refresh_token"] for a in answers}) == 1


def test_behind_a_proxy_that_keeps_the_browsers_host(daemon, proxy, tmp_path):
    """Contract 6.7: the gateway's own redirect URI, on the host the browser sees, over plain HTTP."""
    (tmp_path / "secret").write_text(SECRET)
    uri = f"http://127.0.0.1:{proxy.port}/callback"
    daemon.cli("client", "add", f"gateway-{proxy.port}", "--secret-file", str(tmp_path / "secret"), "--redirect-uri", uri)
    browser = Browser(daemon, base=f"http://127.0.0.1:{proxy.port}/oidc")
    params = {"client_id": f"gateway-{proxy.port}", "redirect_uri": uri, "connector_id": "default"}
    wait_until(lambda: browser.authorize(**params).status_code == 303, "the running daemon to know the new client")
    response = browser.authorize(**params)
    assert response.headers["location"].startswith("/oidc/"), "path-only: the browser must stay on the gateway"
    query = browser.login("ldapadmin", "admin", connector="default", client_id=params["client_id"], redirect_uri=uri)
    answer = browser.redeem(query["code"], auth=(params["client_id"], SECRET), redirect_uri=uri)
    assert claims_of(answer.json()["id_token"])["iss"] == daemon.issuer


def test_unknown_clients_and_foreign_redirect_uris_are_never_redirected_to(daemon, browser):
    for params in ({"client_id": "nobody"}, {"client_id": None}, {"redirect_uri": "https://evil.example/callback"},
                   {"redirect_uri": REDIRECT + "/../x"}, {"redirect_uri": None}):
        answer = browser.authorize(**params)
        assert answer.status_code == 400 and "location" not in answer.headers
        assert "text/html" in answer.headers["Content-Type"]


def test_errors_reach_the_client_with_state_and_issuer(daemon, browser):
    cases = {
        "unsupported_response_type": {"response_type": "token"},
        "invalid_scope": {"scope": "profile"},
        "login_required": {"prompt": "none"},
        "request_not_supported": {"request": "x.y.z"},
        "invalid_request": {"code_challenge": "A" * 43},
    }
    for error, params in cases.items():
        answer = browser.authorize(**params)
        assert answer.status_code == 303, error
        query = requests.models.PreparedRequest()
        query.prepare_url(answer.headers["location"], None)
        assert f"error={error}" in query.url and "state=some-state" in query.url and "iss=https" in query.url


def test_the_access_token_is_no_id_token_and_the_other_way_round(daemon, browser):
    tokens = browser.tokens(*ALICE)
    assert browser.userinfo(tokens["id_token"]).status_code == 401
    assert browser.userinfo(tokens["refresh_token"]).status_code == 401
    hinted = browser.http.get(daemon.url("/logout"), params={"id_token_hint": tokens["access_token"]}, allow_redirects=False)
    assert hinted.status_code == 400
    assert browser.refresh(tokens["access_token"]).status_code == 400
    assert browser.refresh(tokens["id_token"][:500]).json()["error"] == "invalid_grant"


def test_logout_ends_the_login_and_leads_back(daemon, browser):
    tokens = browser.tokens(*ALICE)
    answer = browser.http.get(daemon.url("/logout"), allow_redirects=False, params={
        "id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "http://127.0.0.1:5555/bye", "state": "s"})
    assert answer.status_code == 303 and answer.headers["location"] == "http://127.0.0.1:5555/bye?state=s"
    assert browser.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    elsewhere = browser.http.get(daemon.url("/logout"), allow_redirects=False, params={
        "id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://evil.example/"})
    assert elsewhere.status_code == 200 and "evil.example" not in elsewhere.text


def test_discovery_tells_the_truth(daemon):
    s = daemon.session()
    document = s.get(daemon.url("/.well-known/openid-configuration")).json()
    assert document["issuer"] == daemon.issuer
    for name, path in (("jwks_uri", "/keys"), ("authorization_endpoint", "/auth"), ("token_endpoint", "/token"),
                       ("userinfo_endpoint", "/userinfo"), ("end_session_endpoint", "/logout")):
        assert document[name] == daemon.issuer + path
        assert s.get(document[name]).status_code != 404
    keys = s.get(document["jwks_uri"])
    assert {k["alg"] for k in keys.json()["keys"]} == {"RS256", "ES256", "EdDSA"}
    assert all("d" not in k for k in keys.json()["keys"])
    assert "max-age=" in keys.headers["Cache-Control"]
