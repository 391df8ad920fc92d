"""What an attacker tries, each with what stands against it."""
import base64
import concurrent.futures
import pathlib
import re
import socket
import ssl
import urllib.parse

import pytest

from conftest import ALICE
from support import REDIRECT, ROOT, SECRET, START_TIMEOUT, Browser, Slapd, pkce, seed_connector, wait_until

CARROLL = ("carroll", "another long password of the tests")
EVIL = "https://evil.example"


# ---- guessing passwords ----

@pytest.fixture
def counting_slapd(tmp_path):
    """Its log tells every bind."""
    server = Slapd(tmp_path / "slapd", "--ldif", str(ROOT / "tests/data/ldap/directory.ldif"), "--suffix", "dc=tkestack,dc=io",
                   "--admin-dn", "cn=admin,dc=tkestack,dc=io", "--admin-pw", "bind-password-of-the-service", "--debug", "256")
    log = pathlib.Path(server.folder) / "slapd.log"
    server.binds = lambda: len(re.findall(r'BIND dn="uid=ldapadmin[^"]*" method=128', log.read_text(errors="replace")))
    yield server
    server.stop()


def guesser(own_daemon, slapd, failures):
    return own_daemon({"connectors": [seed_connector(slapd, bindPW="bind-password-of-the-service")], "login": {"maxFailures": failures},
                       "generic": {"trusted_proxies": ["127.0.0.1"]}})


def guess(daemon, address, user="ldapadmin", password="wrong"):
    browser = Browser(daemon)
    browser.http.headers["X-Forwarded-For"] = address
    return browser.submit(browser.form(connector_id="default"), user, password)


def test_guesses_are_refused_before_the_directory_is_asked(own_daemon, counting_slapd):
    """An attacker must not be able to lock an account of the directory."""
    daemon = guesser(own_daemon, counting_slapd, 4)
    answers = [guess(daemon, f"192.0.2.{i}") for i in range(12)]
    assert [a.status_code for a in answers[:4]] == [200] * 4
    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) >= 7, "of one user from ever other addresses"
    for answer in refused:
        assert int(answer.headers["Retry-After"]) >= 1 and 'id="error"' in answer.text
    assert counting_slapd.binds() == len(answers) - len(refused)


def test_guesses_at_once_are_counted_while_they_run(own_daemon, counting_slapd):
    daemon = guesser(own_daemon, counting_slapd, 6)
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(lambda i: guess(daemon, f"198.51.100.{i}").status_code, range(24)))
    assert statuses.count(200) + statuses.count(429) == 24
    assert counting_slapd.binds() == statuses.count(200) <= 8


def test_one_address_that_tries_many_names_is_slowed_down_and_others_are_not(own_daemon, counting_slapd):
    daemon = guesser(own_daemon, counting_slapd, 1)
    statuses = [guess(daemon, "203.0.113.7", user=f"user{i}").status_code for i in range(14)]
    assert statuses[:10] == [200] * 10 and 429 in statuses[10:]
    assert guess(daemon, "203.0.113.8", password="admin").status_code == 303, "somebody else, meanwhile"


def test_the_password_grant_is_slowed_down_too(own_daemon):
    daemon = own_daemon({"login": {"maxFailures": 3}, "oauth2": {"passwordConnector": "local"}})
    daemon.config["staticClients"].append({"id": "gateway", "secret": SECRET, "grantTypes": ["password", "refresh_token"],
                                           "redirectURIs": [REDIRECT]})
    daemon.restart()
    daemon.add_user(*ALICE)
    browser = Browser(daemon)

    def attempt(password):
        return browser.token(auth=("gateway", SECRET), grant_type="password", username="alice", password=password, scope="openid")
    assert attempt(ALICE[1]).status_code == 200
    answers = [attempt("wrong") for _ in range(6)]
    assert answers[0].status_code == 400 and answers[0].json()["error"] == "invalid_grant"
    assert answers[-1].status_code in (400, 429) and int(answers[-1].headers["Retry-After"]) >= 1


def test_who_does_not_exist_looks_like_who_mistyped(daemon):
    pages = []
    for name in ("alice", "nobody"):
        browser = Browser(daemon)
        page = browser.submit(browser.form(connector_id="local"), name, "wrong password")
        text = re.sub(r'(name="(?:ticket|csrf)" value=")[^"]*|(connector_id|ticket)=[^"&]*', r"\1", page.text).replace(name, "NAME")
        pages.append((page.status_code, text, sorted(k for k in page.headers)))
    assert pages[0] == pages[1]


def test_a_visitor_who_has_proved_nothing_causes_no_write(own_daemon):
    daemon = own_daemon({"login": {"maxFailures": 3}})
    daemon.add_user(*ALICE)
    browser = Browser(daemon)
    wait_until(lambda: browser.authorize().status_code == 303, "the login page")
    commits = daemon.metric("tkeauth_store_commits_total")
    for i in range(10):
        visitor = Browser(daemon)
        visitor.authorize(method="POST" if i % 2 else "GET")
        visitor.submit(visitor.form(), "alice" if i % 2 else f"nobody{i}", "wrong")
        visitor.authorize(client_id="unknown")
        visitor.redeem("no-such-code")
        visitor.redeem("no-such-code", auth=("web", "wrong"))
        visitor.refresh("no-such-token")
        visitor.userinfo("no-such-token")
        visitor.http.get(daemon.url("/logout"))
    assert daemon.metric("tkeauth_store_commits_total") == commits
    assert Browser(daemon).http.get(daemon.url("/keys")).status_code == 200


def test_the_count_of_writes_does_count(daemon):
    commits = daemon.metric("tkeauth_store_commits_total")
    Browser(daemon).login(*ALICE)
    assert daemon.metric("tkeauth_store_commits_total") > commits


# ---- forms ----

def test_a_form_counts_only_in_the_browser_that_asked_for_it(daemon):
    victim, attacker = Browser(daemon), Browser(daemon)
    action, fields, _ = attacker.form(connector_id="local")
    no_cookie = Browser(daemon).http.post(action, data={**fields, "login": ALICE[0], "password": ALICE[1]}, allow_redirects=False)
    assert no_cookie.status_code == 400 and "location" not in no_cookie.headers
    own = victim.form(connector_id="local")
    foreign = victim.submit((action, fields, ""), *ALICE)
    assert foreign.status_code == 400 and "location" not in foreign.headers
    mixed = victim.submit((action, {**own[1], "csrf": fields["csrf"]}, ""), *ALICE)
    assert mixed.status_code == 400
    assert victim.submit((action, {k: v for k, v in own[1].items() if k != "csrf"}, ""), *ALICE).status_code == 400
    broken = own[1]["ticket"][:-6] + "AAAAAA"
    assert victim.submit((action, {**own[1], "ticket": broken}, ""), *ALICE).status_code == 400
    assert victim.submit(own, *ALICE).status_code == 303


@pytest.mark.parametrize("headers", [
    {"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost"}], ids=str)
def test_a_form_posted_from_another_site_is_refused(daemon, headers):
    browser = Browser(daemon)
    action, fields, _ = browser.form(connector_id="local")
    answer = browser.http.post(action, data={**fields, "login": ALICE[0], "password": ALICE[1]}, headers=headers, allow_redirects=False)
    assert answer.status_code == 403 and "location" not in answer.headers


def test_no_page_can_be_framed_or_run_what_was_put_into_it(daemon):
    browser = Browser(daemon)
    name = "\"><script>alert(1)</script>"
    pages = [browser.follow(browser.authorize(connector_id="local")), browser.authorize(), browser.authorize(client_id=name),
             browser.submit(browser.form(connector_id="local"), name, "wrong"), browser.http.get(daemon.url("/logout")),
             browser.authorize(connector_id="local", login_hint=name), browser.http.get(daemon.url("/auth/" + urllib.parse.quote(name)))]
    pages.append(browser.follow(pages[5]))
    shown = [p for p in pages if p.headers.get("Content-Type", "").startswith("text/html")]
    assert len(shown) >= 6
    for page in shown:
        policy = dict(part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";") if part.strip())
        assert policy["frame-ancestors"] == "'none'" and policy["default-src"] == "'none'" and policy["base-uri"] == "'none'"
        assert "unsafe" not in page.headers["Content-Security-Policy"] and "*" not in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY" and page.headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in page.headers["Cache-Control"]
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:", page.text)
        assert "<script>alert" not in page.text


# ---- redirects ----

def test_nothing_redirects_to_where_no_client_lives(daemon):
    browser = Browser(daemon)
    for uri in (EVIL, REDIRECT + ".evil.example", REDIRECT + "?x=1", REDIRECT + "#x", REDIRECT.upper(), "//evil.example", "javascript:alert(1)",
                REDIRECT.replace("//", "//evil.example@"), REDIRECT + "/", "http://127.0.0.1:5556/callback"):
        for extra in ({}, {"response_type": "none"}, {"prompt": "none"}, {"scope": "bad"}):
            answer = browser.authorize(redirect_uri=uri, **extra)
            assert answer.status_code == 400 and "location" not in answer.headers, (uri, extra)
    for uri in (EVIL, "//evil.example", "http://127.0.0.1:5555/bye?x"):
        answer = browser.http.get(daemon.url("/logout"), params={"post_logout_redirect_uri": uri, "client_id": "web"}, allow_redirects=False)
        assert "location" not in answer.headers and "evil.example" not in answer.text
    for path in ("//evil.example", "/%2F/evil.example", "/auth//evil.example", "/auth/..%2F..%2Fevil.example", "/\\evil.example"):
        answer = browser.http.get(daemon.issuer + path, allow_redirects=False)
        assert answer.status_code in (400, 404, 405) and "location" not in answer.headers


def test_a_foreign_host_header_changes_no_address(daemon):
    browser = Browser(daemon)
    answer = browser.http.get(daemon.url("/auth"), headers={"Host": "evil.example"}, allow_redirects=False, params={
        "client_id": "web", "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid", "connector_id": "local"})
    assert answer.status_code == 303 and answer.headers["location"].startswith("/oidc/")
    document = browser.http.get(daemon.url("/.well-known/openid-configuration"), headers={"Host": "evil.example"})
    assert "evil.example" not in document.text


def test_a_state_cannot_write_headers_or_parameters(daemon):
    browser = Browser(daemon)
    for state in ("x\r\nSet-Cookie: stolen=1", "x&code=forged", "x#fragment", "x%0d%0aLocation: " + EVIL, "\"'<>äö 漢"):
        for answer in (browser.authorize(state=state, prompt="none"), browser.submit(browser.form(connector_id="local", state=state), *ALICE)):
            query = urllib.parse.parse_qs(urllib.parse.urlparse(answer.headers["location"]).query, strict_parsing=True)
            assert query["state"] == [state] and len(query.get("code", [])) <= 1 and "#" not in answer.headers["location"]
            assert "stolen" not in answer.headers.get("set-cookie", "") and answer.headers["location"].startswith(REDIRECT)


# ---- codes and tokens in the wrong hands ----

@pytest.fixture(scope="module")
def second_client(daemon):
    daemon.config["staticClients"].append({"id": "other", "secret": "other-" + SECRET, "redirectURIs": [REDIRECT]})
    daemon.write_config()
    browser = Browser(daemon)
    wait_until(lambda: browser.authorize(client_id="other").status_code != 400, "the second client")
    return ("other", "other-" + SECRET)


def test_a_code_is_worth_nothing_to_another_client_session_or_address(daemon, browser, second_client):
    code = browser.login(*ALICE)["code"]
    _, challenge = pkce()
    bound = browser.login(*ALICE, code_challenge=challenge, code_challenge_method="S256")["code"]
    for attempt in (lambda: browser.redeem(code, auth=second_client), lambda: browser.redeem(code, redirect_uri=REDIRECT + "x"),
                    lambda: browser.token(grant_type="authorization_code", code=code), lambda: browser.redeem(code, code_verifier=pkce()[0]),
                    lambda: browser.redeem(bound), lambda: browser.redeem(bound, code_verifier=pkce()[0]),
                    lambda: browser.redeem(bound, code_verifier=challenge), lambda: browser.redeem(code[:-1] + ("A" if code[-1] != "A" else "B"))):
        answer = attempt()
        assert answer.status_code == 400 and answer.json()["error"] in ("invalid_grant", "invalid_request"), answer.text
    assert browser.redeem(code).status_code == 200, "none of that took it from its owner"


def test_a_refresh_token_is_worth_nothing_to_another_client(daemon, browser, second_client):
    token = browser.tokens(*ALICE)["refresh_token"]
    assert browser.refresh(token, auth=second_client).json()["error"] == "invalid_grant"
    assert browser.refresh(token, scope="openid groups audience:server:client_id:other").status_code == 400, "never more than was granted"
    assert browser.refresh(token).status_code == 200


def test_every_answer_says_who_gave_it(daemon, browser):
    """RFC 9207, against mix-up."""
    assert browser.login(*ALICE)["iss"] == daemon.issuer
    assert urllib.parse.quote(daemon.issuer, safe="") in browser.authorize(prompt="none").headers["location"]


def test_a_public_client_cannot_leave_pkce_out(daemon, browser):
    uri = "http://127.0.0.1:9999/callback"
    for extra in ({}, {"code_challenge": "x" * 43, "code_challenge_method": "plain"}, {"code_challenge": "x" * 43}):
        answer = browser.authorize(client_id="native", redirect_uri=uri, **extra)
        assert answer.status_code == 303 and "error=invalid_request" in answer.headers["location"]


def test_parameters_given_twice_are_refused(daemon, browser):
    query = [("client_id", "web"), ("redirect_uri", REDIRECT), ("redirect_uri", EVIL), ("response_type", "code"), ("scope", "openid")]
    answer = browser.http.get(daemon.url("/auth"), params=query, allow_redirects=False)
    assert answer.status_code == 400 and "location" not in answer.headers
    answer = browser.http.post(daemon.url("/token"), data=[("grant_type", "refresh_token"), ("grant_type", "password")], auth=("web", SECRET))
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_request"
    both = browser.token(grant_type="refresh_token", refresh_token="x", client_id="web", client_secret=SECRET)
    assert both.status_code in (400, 401), "two ways to authenticate at once: RFC 6749 2.3"


# ---- what is written down ----

def test_no_secret_is_in_log_or_metrics(own_daemon, counting_slapd):
    daemon = own_daemon({"connectors": [seed_connector(counting_slapd, bindPW="bind-password-of-the-service")],
                         "oauth2": {"passwordConnector": "local"}})
    daemon.config["staticClients"][0]["grantTypes"] = ["authorization_code", "refresh_token", "password"]
    daemon.restart()
    daemon.add_user(*ALICE)
    browser = Browser(daemon)
    secrets = {SECRET, ALICE[1], "bind-password-of-the-service", "a-wrong-password-of-the-log-test", base64.b64encode(f"web:{SECRET}".encode()).decode()}

    def note(tokens):
        secrets.update(v for k, v in tokens.items() if k.endswith("_token"))
        return tokens
    for user, connector in ((ALICE, "local"), (("ldapadmin", "admin"), "default")):
        form = browser.form(connector_id=connector, state="state-of-the-log-test", nonce="nonce-of-the-log-test")
        secrets.update(form[1].values())
        browser.submit(form, user[0], "a-wrong-password-of-the-log-test")
        browser.submit(form, "a-wrong-password-of-the-log-test", user[1])
        code = browser.login(*user, connector)["code"]
        secrets.add(code)
        tokens = note(browser.redeem(code).json())
        browser.redeem(code, auth=("web", "a-wrong-password-of-the-log-test"))
        browser.redeem(code)  # a replay
        tokens = note(browser.tokens(*user, connector))
        tokens = note(browser.refresh(tokens["refresh_token"]).json())
        browser.userinfo(tokens["access_token"])
        browser.userinfo(tokens["id_token"])
        browser.http.get(daemon.url("/userinfo"), params={"access_token": tokens["access_token"]})
        browser.http.get(daemon.url("/token"), params={"code": code, "client_secret": SECRET})
        browser.http.get(daemon.url("/nowhere"), params={"password": ALICE[1]})
        browser.http.get(daemon.url("/logout"), params={"id_token_hint": tokens["id_token"]})
    note(browser.token(grant_type="password", username=ALICE[0], password=ALICE[1], scope="openid offline_access").json())
    browser.token(grant_type="password", username=ALICE[0], password="a-wrong-password-of-the-log-test", scope="openid")
    browser.token(auth=None, grant_type="refresh_token", client_id="web", client_secret=SECRET + "x", refresh_token="x")
    secrets.update(c.value for c in browser.http.cookies)
    secrets.update((daemon.folder / "initial-admin-password").read_text().split() if (daemon.folder / "initial-admin-password").exists() else [])
    metrics = daemon.session().get(daemon.issuer.removesuffix("/oidc") + "/metrics").text
    daemon.stop()
    log = daemon.log()
    assert len(log.splitlines()) > 20 and '"login"' in log, "there is something to look at"
    for secret in secrets:
        for text, where in ((log, "log"), (metrics, "metrics")):
            at = text.find(secret)
            # A name typed is logged, as the audit must tell who was tried: the wrong password above was also typed as a name.
            if secret == "a-wrong-password-of-the-log-test":
                at = text.replace(f'"user":"{secret}"', "").find(secret)
            assert at < 0, f"{where}: ...{text[max(0, at - 200):at + 20]}..."
            assert urllib.parse.quote(secret, safe="") not in text.replace(f'"user":"{secret}"', "")


# ---- bytes ----

def connect(daemon):
    context = ssl.create_default_context(cafile=daemon.ca)
    raw = socket.create_connection(("127.0.0.1", daemon.port))
    raw.settimeout(START_TIMEOUT)
    return context.wrap_socket(raw, server_hostname="localhost")


def answer_to(daemon, data):
    """Status of the answer to these bytes; None when the connection was closed without one."""
    with connect(daemon) as c:
        try:
            c.sendall(data)
            got = b""
            while b"\r\n" not in got:
                part = c.recv(65536)
                if not part:
                    return None
                got += part
        except (ConnectionError, ssl.SSLError, OSError) as error:
            assert not isinstance(error, TimeoutError), data[:80]
            return None
    return int(got.split(b" ")[1])


HOST = b"Host: localhost\r\n"
BAD = {
    "no HTTP": b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
    "no version": b"GET /oidc/keys\r\n\r\n",
    "no host": b"GET /oidc/keys HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /oidc/keys HTTP/1.1\r\n" + HOST + b"Host: evil\r\n\r\n",
    "two lengths": b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunked": b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "length no number": b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Content-Length: 1e3\r\n\r\n",
    "length too large": b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "a chunk of no size": b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
    "unknown method": b"FROBNICATE /oidc/keys HTTP/1.1\r\n" + HOST + b"\r\n",
    "huge header": b"GET /oidc/keys HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET /oidc/keys HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: aaaaaaaaaaaaaaaa\r\n" % i for i in range(8000)) + b"\r\n",
    "huge target": b"GET /oidc/keys?" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "huge body": b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000000\r\n\r\n"
                 + b"a" * 300_000,
    "path upwards": b"GET /oidc/static/../../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "path upwards, encoded": b"GET /oidc/static/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "encoded NUL": b"GET /oidc/keys%00 HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_malformed_requests_are_refused(daemon, name):
    status = answer_to(daemon, BAD[name])
    assert status is None or 400 <= status <= 505, f"{name}: {status}"
    assert answer_to(daemon, b"GET /oidc/keys HTTP/1.1\r\n" + HOST + b"\r\n") == 200


def test_slow_clients_hold_no_place_for_long(own_daemon):
    daemon = own_daemon({"limits": {"requestTimeout": "1s", "connections": 64, "connectionsPerAddress": 40, "threads": 2}})
    slow = [connect(daemon) for _ in range(30)]
    for i, c in enumerate(slow):
        c.sendall([b"GET /oidc/ke", b"GET /oidc/keys HTTP/1.1\r\nHost: local",
                   b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\ngrant",
                   b"POST /oidc/token HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n"][i % 4])
    assert daemon.session().get(daemon.url("/keys")).status_code == 200, "others are served meanwhile"
    for c in slow:
        try:
            got = c.recv(65536)
        except (ConnectionError, ssl.SSLError):
            got = b""
        assert got == b"" or b" 408 " in got.split(b"\r\n")[0], "cut, or told so"
        c.close()


def test_clients_that_never_finish_the_handshake_are_cut(own_daemon):
    daemon = own_daemon({"limits": {"requestTimeout": "1s", "connectionsPerAddress": 40}})
    silent = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(20)]
    for c in silent:
        c.settimeout(START_TIMEOUT)
        c.sendall(b"\x16\x03\x01")
    assert daemon.session().get(daemon.url("/keys")).status_code == 200
    for c in silent:
        try:
            while c.recv(4096):
                pass
        except ConnectionError:
            pass
        c.close()


def test_one_address_gets_so_many_connections_and_no_more(own_daemon):
    daemon = own_daemon({"limits": {"connectionsPerAddress": 10}})
    held = [connect(daemon) for _ in range(10)]
    with pytest.raises((ConnectionError, ssl.SSLError, OSError)):
        with connect(daemon) as c:
            c.sendall(b"GET /oidc/keys HTTP/1.1\r\n" + HOST + b"\r\n")
            if c.recv(10) == b"":
                raise ConnectionError
    for c in held:
        c.close()
    wait_until(lambda: answers(daemon), "a place to become free")


def answers(daemon):
    try:
        return answer_to(daemon, b"GET /oidc/keys HTTP/1.1\r\n" + HOST + b"\r\n") == 200
    except (ConnectionError, ssl.SSLError, OSError):
        return False


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_tls_is_not_spoken(daemon):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", daemon.port)) as raw, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(raw)
