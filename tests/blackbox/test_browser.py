"""People in a real browser: Chromium through the login pages, the demo app and a gateway. Screenshots: build/artifacts."""
import json
import subprocess
import urllib.parse

import pytest

from conftest import ALICE
from support import ARTIFACTS, BIN, ROOT, SECRET, START_TIMEOUT, Browser, Daemon, Nginx, claims_of, free_port, seed_connector

DEMO_SECRET = "a-secret-of-the-demo-application"
LDAPADMIN = ("ldapadmin", "admin")


class DemoApp:
    def __init__(self, daemon, port, secret_file):
        self.process = subprocess.Popen(
            [BIN, "demo-app", "--issuer", daemon.issuer, "--client-id", "demo", "--client-secret-file", str(secret_file), "--ca", daemon.ca,
             "--listen", f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line == f"demo-app ready url=http://127.0.0.1:{port}/\n", line
        self.url = f"http://127.0.0.1:{port}/"

    def stop(self):
        self.process.terminate()
        assert self.process.wait(START_TIMEOUT) == 0


class Chromium:
    """One browser for all tests; open() gives a fresh profile. Every command of browser.mjs is a method."""

    def __init__(self):
        self.process = subprocess.Popen(["node", str(ROOT / "tests/blackbox/clients/browser.mjs")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd=ROOT / "tests/blackbox")

    def __getattr__(self, name):
        def command(**arguments):
            self.process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
            assert "error" not in answer, f"{name} {arguments}: {answer['error']}"
            return answer["ok"]
        return command

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(START_TIMEOUT) == 0

    def picture(self, name):
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        self.screenshot(file=str(ARTIFACTS / f"{name}.png"))

    def sign_in(self, user):
        self.fill(selector="#login", text=user[0])
        self.fill(selector="#password", text=user[1])
        return self.follow(selector="#submit")

    def fits(self):
        return self.evaluate(expression="document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    def shown_claims(self, where="#claims"):
        return dict(self.evaluate(expression=f"[...document.querySelectorAll('{where} > div')].map(row => "
                                             "[row.querySelector('dt code').innerText.trim(), row.querySelector('dd').innerText])"))


@pytest.fixture(scope="module")
def chromium():
    c = Chromium()
    yield c
    c.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory, slapd):
    """A daemon with two tenants, its demo application and a gateway by another name, in plain HTTP and in TLS."""
    folder = tmp_path_factory.mktemp("site")
    demo_port = free_port()
    daemon = Daemon(folder / "daemon", {"connectors": [seed_connector(slapd)]})
    proxies = {"http": Nginx(folder / "http", daemon), "https": Nginx(folder / "https", daemon, tls=True)}
    daemon.config["staticClients"] += [
        {"id": "demo", "name": "Demo application", "secret": DEMO_SECRET, "redirectURIs": [f"http://127.0.0.1:{demo_port}/callback"],
         "postLogoutRedirectURIs": [f"http://127.0.0.1:{demo_port}/"]},
        {"id": "gateway", "name": "The platform", "secret": SECRET,
         "redirectURIs": [f"{scheme}://console.example:{proxy.port}/callback" for scheme, proxy in proxies.items()]}]
    daemon.start()
    daemon.add_user(*ALICE, "--email", "alice@example.com", "--email-verified", "--display-name", "Alice Liddell", "--group", "developers")
    (folder / "secret").write_text(DEMO_SECRET)
    (folder / "secret").chmod(0o600)
    daemon.demo = DemoApp(daemon, demo_port, folder / "secret")
    daemon.proxies = proxies
    yield daemon
    daemon.demo.stop()
    for proxy in proxies.values():
        proxy.stop()
    daemon.stop()


@pytest.fixture
def page(chromium):
    chromium.open(options={})
    yield chromium
    # What a browser complains of (Content-Security-Policy, scripts, missing files) is a fault wherever it happens. It also says so when a page is
    # answered with 4xx or 5xx on purpose.
    assert [n for n in chromium.noise() if "the server responded with a status of" not in n] == []


def authorize_url(base, **params):
    query = {"client_id": "web", "redirect_uri": "http://127.0.0.1:5555/callback", "response_type": "code", "scope": "openid", "state": "s"}
    return f"{base}/auth?" + urllib.parse.urlencode({**query, **params})


def test_the_directorys_administrator_logs_in_through_the_demo_application(site, page):
    page.goto(url=site.demo.url)
    page.picture("demo-start")
    page.follow(selector="#sign-in")
    page.picture("tenants")
    page.follow(selector="text=Company directory")
    page.picture("login")
    assert page.sign_in(LDAPADMIN) == 200
    assert page.url() == site.demo.url
    page.picture("demo-claims")
    claims = page.shown_claims()
    assert claims["iss"] == site.issuer and claims["name"] == "ldapadmin" and claims["email"] == "ldapadmin@example.com"
    assert claims["groups"] == "test"


def test_a_local_user_refreshes_asks_userinfo_and_logs_out(site, page):
    page.goto(url=site.demo.url)
    page.follow(selector="#sign-in")
    page.follow(selector="text=local")
    page.sign_in(ALICE)
    before = page.evaluate(expression="document.querySelector('#id-token').textContent")
    page.follow(selector="#refresh")
    after = page.evaluate(expression="document.querySelector('#id-token').textContent")
    assert page.count(selector="#notice") == 1
    assert claims_of(after)["jti"] != claims_of(before)["jti"] and claims_of(after)["sub"] == claims_of(before)["sub"]
    page.follow(selector="#userinfo")
    assert page.shown_claims("#userinfo-claims")["email"] == "alice@example.com"
    page.picture("demo-userinfo")
    page.follow(selector="#logout")
    assert page.url().startswith(site.demo.url)
    assert page.count(selector="#sign-in") == 1, "signed out: the start page again"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_through_a_gateway_whose_name_is_not_the_issuers(site, page, scheme):
    """Contract 6.7. The browser never leaves the gateway; over plain HTTP the login cookie has to come back, too."""
    host = f"{scheme}://console.example:{site.proxies[scheme].port}"
    page.goto(url=authorize_url(host + "/oidc", client_id="gateway", redirect_uri=host + "/callback", connector_id="default",
                                scope="openid offline_access"))
    assert page.url().startswith(host + "/oidc/auth/default/login?")
    assert [(c["name"], c["path"], c["secure"], c["httpOnly"], c["sameSite"]) for c in page.cookies()] == [
        ("tke_auth_login", "/oidc", scheme == "https", True, "Lax")]
    page.sign_in(LDAPADMIN)
    assert page.url().startswith(host + "/callback?code=")
    assert page.evaluate(expression="document.referrer") == host + "/", "no more than the origin, in which there is no ticket"
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(page.url()).query))["code"]
    answer = Browser(site).redeem(code, auth=("gateway", SECRET), redirect_uri=host + "/callback")
    assert claims_of(answer.json()["id_token"])["iss"] == site.issuer


def test_a_wrong_password_is_told_and_the_name_kept(site, page):
    page.goto(url=authorize_url(site.issuer, connector_id="local"))
    assert page.sign_in(("alice", "wrong")) == 200
    assert page.attribute(selector="#error", name="role") == "alert"
    assert page.value(selector="#login") == "alice" and page.value(selector="#password") == ""
    assert page.evaluate(expression="document.activeElement.id") == "password", "the person goes on typing"
    page.picture("login-wrong-password")


def test_everything_works_without_scripts(site, chromium):
    chromium.open(options={"javaScriptEnabled": False})
    chromium.goto(url=site.demo.url)
    chromium.follow(selector="#sign-in")
    chromium.follow(selector="text=Company directory")
    chromium.sign_in(LDAPADMIN)
    assert chromium.count(selector="#claims") == 1
    chromium.follow(selector="#refresh")
    chromium.follow(selector="#logout")
    assert chromium.count(selector="#sign-in") == 1


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_every_page_without_scrolling_sideways(site, chromium, width):
    chromium.open(options={"viewport": {"width": width, "height": 640}, "deviceScaleFactor": 2, "isMobile": True, "hasTouch": True})
    too_wide = []

    def look(name):
        chromium.picture(f"phone-{width}-{name}")
        if not chromium.fits():
            too_wide.append(name)

    chromium.goto(url=site.demo.url)
    look("demo-start")
    chromium.follow(selector="#sign-in")
    look("tenants")
    chromium.follow(selector="text=Company directory")
    look("login")
    chromium.sign_in(("ldapadmin", "wrong"))
    look("login-wrong-password")
    chromium.sign_in(LDAPADMIN)
    look("demo-claims")
    chromium.follow(selector="#userinfo")
    look("demo-userinfo")
    chromium.goto(url=authorize_url(site.issuer, client_id="nobody-that-we-know-of-with-a-very-long-name-in-one-word"))
    look("error")
    chromium.goto(url=site.issuer + "/logout")
    look("logout")
    assert too_wide == []


def test_chinese_by_the_browsers_language_and_by_ui_locales(site, chromium):
    chromium.open(options={"locale": "zh-CN"})
    chromium.goto(url=authorize_url(site.issuer, connector_id="local"))
    assert chromium.attribute(selector="html", name="lang").startswith("zh")
    heading = chromium.text(selector="h1")
    chromium.sign_in(("alice", "wrong"))
    assert chromium.attribute(selector="html", name="lang").startswith("zh")
    chromium.picture("login-zh")
    chromium.open(options={"locale": "en-US"})
    chromium.goto(url=authorize_url(site.issuer, connector_id="local"))
    assert chromium.attribute(selector="html", name="lang") == "en" and chromium.text(selector="h1") != heading
    chromium.goto(url=authorize_url(site.issuer, connector_id="local", ui_locales="fr zh-CN en"))
    assert chromium.text(selector="h1") == heading
    chromium.goto(url=authorize_url(site.issuer, ui_locales="zh"))
    chromium.follow(selector="text=local")
    assert chromium.text(selector="h1") == heading, "the choice of tenants keeps the language that the client asked for"


def test_the_keyboard_is_enough(site, page):
    page.goto(url=authorize_url(site.issuer, redirect_uri="http://127.0.0.1:5555/callback"))
    page.press(key="Tab")
    while "local" not in page.evaluate(expression="document.activeElement.innerText"):
        assert page.evaluate(expression="document.activeElement !== document.body"), "the link cannot be reached"
        page.press(key="Tab")
    page.pressAndFollow(key="Enter")
    assert page.evaluate(expression="document.activeElement.id") == "login", "typing can begin at once"
    page.type(text=ALICE[0])
    page.press(key="Tab")
    assert page.evaluate(expression="document.activeElement.id") == "password"
    assert page.evaluate(expression="getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).boxShadow") != "nonenone"
    page.type(text="wrong")
    page.pressAndFollow(key="Enter")
    page.type(text=ALICE[1])
    page.press(key="Tab")
    assert page.evaluate(expression="document.activeElement.id") == "reveal"
    page.press(key="Space")
    assert page.attribute(selector="#password", name="type") == "text"
    assert page.attribute(selector="#reveal", name="aria-pressed") == "true"
    page.picture("login-password-shown")


def test_a_screen_reader_has_a_name_for_everything(site, page):
    page.goto(url=authorize_url(site.issuer, connector_id="default"))
    for role, name in (("textbox", "User name"), ("textbox", "Password"), ("button", "Sign in"), ("heading", page.text(selector="h1")),
                       ("main", None)):
        assert page.named(role=role, **({"name": name} if name else {})) == 1, (role, name)
    assert page.evaluate(expression="document.title") != ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_readable(site, chromium, scheme):
    chromium.open(options={"colorScheme": scheme})
    chromium.goto(url=authorize_url(site.issuer, connector_id="default"))
    chromium.sign_in(("ldapadmin", "wrong"))
    chromium.picture(f"login-{scheme}")
    pairs = chromium.evaluate(expression="""['h1', '.lead', 'label', '#submit', '#error span'].map(selector => {
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
                                  return [...canvas.getImageData(0, 0, 1, 1).data]; };
        let element = document.querySelector(selector), behind = element, ground;
        do { ground = rgb(getComputedStyle(behind).backgroundColor); behind = behind.parentElement; } while (ground[3] < 255 && behind);
        return [selector, rgb(getComputedStyle(element).color), ground]; })""")

    def luminance(colour):
        part = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2]

    for selector, text, ground in pairs:
        high, low = sorted((luminance(text), luminance(ground)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, f"{selector}: WCAG 2.2 1.4.3, {text} on {ground}"
    page_is_dark = luminance(pairs[0][2]) < 0.2
    assert page_is_dark == (scheme == "dark")


def test_what_the_policy_forbids_is_indeed_blocked(site, chromium):
    """The silence of the console in the tests above means something: a page with inline script would not be silent."""
    chromium.open(options={})
    chromium.goto(url=authorize_url(site.issuer, connector_id="local"))
    chromium.evaluate(expression="document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))")
    assert chromium.evaluate(expression="window.ran") is None
    assert any("Content Security Policy" in n for n in chromium.noise())
