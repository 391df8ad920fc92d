"""What the black-box tests share: the daemon, a throw-away slapd, a reverse proxy, a browser's way through the login."""
import base64
import hashlib
import html
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import requests
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("TKE_AUTH_BIN", str(ROOT / "build/dev/tke-auth"))
ARTIFACTS = ROOT / "build" / "artifacts"
REDIRECT = "http://127.0.0.1:5555/callback"
SECRET = "an-example-secret-of-the-tests"
START_TIMEOUT = 60  # a sanitized build on a busy machine


PORTS_OF_A_WORKER = 3000
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
FIRST_PORT = 20000 + WORKER % 4 * PORTS_OF_A_WORKER
next_port = random.randrange(PORTS_OF_A_WORKER)


def free_port():
    """One below those that the kernel gives to clients, so that it stays free until somebody listens there, and after a restart."""
    global next_port
    for _ in range(PORTS_OF_A_WORKER):
        port = FIRST_PORT + next_port
        next_port = (next_port + 1) % PORTS_OF_A_WORKER
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port is free from {FIRST_PORT} on")


def wait_until(condition, what, timeout=START_TIMEOUT):
    """Polls; a test fails when it never comes true. Not an assertion on speed: the limit is far away."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"gave up waiting for {what}")


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(jwt):
    part = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def header_of(jwt):
    part = jwt.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def pkce():
    verifier = b64url(secrets.token_bytes(32))
    return verifier, b64url(hashlib.sha256(verifier.encode()).digest())


class PlainDumper(yaml.SafeDumper):
    """Without anchors, which the configuration does not take."""

    def ignore_aliases(self, data):
        return True


class Daemon:
    """A running tke-auth with its own folder, port and configuration."""

    def __init__(self, folder, config=None, host="localhost", log_through_pipe=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.issuer = f"https://{host}:{self.port}/oidc"
        self.config_path = self.folder / "tke-auth.yaml"
        self.log_path = self.folder / "log"
        self.config = self.default_config()
        merge(self.config, config or {})
        self.process = None
        self.extra_env = {}
        self.log_through_pipe = log_through_pipe

    def default_config(self):
        return {
            "issuer": self.issuer,
            "stateDir": str(self.folder),
            "secure_serving": {"bind_address": "127.0.0.1", "port": self.port, "cert_dir": str(self.folder / "tls")},
            "storage": {"type": "sqlite", "config": {"file": str(self.folder / "tke-auth.db")}},
            "log": {"format": "json", "level": "debug"},
            "enablePasswordDB": True,
            "staticClients": [
                {"id": "web", "name": "A web application", "secret": SECRET, "redirectURIs": [REDIRECT],
                 "postLogoutRedirectURIs": ["http://127.0.0.1:5555/bye"]},
                {"id": "native", "name": "kubectl", "public": True, "redirectURIs": ["http://127.0.0.1/callback"]},
            ],
            "staticPasswords": [],
        }

    @property
    def ca(self):
        return str(self.folder / "tls" / "ca.crt")

    def url(self, path):
        return self.issuer + path

    def write_config(self):
        text = yaml.dump(self.config, Dumper=PlainDumper, sort_keys=False)
        temporary = self.config_path.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(self.config_path)

    def start(self, expect_failure=False):
        self.write_config()
        env = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:exitcode=99", UBSAN_OPTIONS="print_stacktrace=1",
                   TSAN_OPTIONS=f"exitcode=99:suppressions={ROOT}/tests/tsan.supp", **self.extra_env)
        self.log_file = open(self.log_path, "ab")
        if self.log_through_pipe:
            self.log_file = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=self.log_file).stdin
        self.process = subprocess.Popen([BIN, "serve", "--config", str(self.config_path), "--print-ready"], env=env,
                                        stdout=subprocess.PIPE, stderr=self.log_file, text=True)
        self.log_file.close()
        if expect_failure:
            self.process.wait(START_TIMEOUT)
            return self
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            self.process.wait(START_TIMEOUT)
            raise AssertionError(f"the daemon did not start: {self.log()[-3000:]}")
        self.ready_line = line
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def events(self, name):
        found = []
        for line in self.log().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if entry.get("event") == name or entry.get("audit") == name:
                found.append(entry)
        return found

    def signal(self, number):
        self.process.send_signal(number)

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self):
        """SIGTERM; the exit status and the log tell whether all went well."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(START_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the daemon did not stop on SIGTERM: " + self.log()[-2000:])
        self.process = None
        log = self.log()
        assert "Sanitizer" not in log and "runtime error" not in log, log[-6000:]
        assert status == 0, f"exit status {status}: {log[-3000:]}"

    def restart(self):
        self.stop()
        return self.start()

    def cli(self, *args, stdin=None, check=True):
        done = subprocess.run([BIN, *args, "--config", str(self.config_path)], input=stdin, capture_output=True, text=True,
                              timeout=START_TIMEOUT)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def add_user(self, name, password, *options):
        self.cli("user", "add", name, *options, stdin=password + "\n")

    def session(self):
        s = requests.Session()
        s.trust_env = False
        s.verify = self.ca
        return s

    def metric(self, line_start):
        text = self.session().get(self.issuer.removesuffix("/oidc") + "/metrics").text
        for line in text.splitlines():
            if line.startswith(line_start):
                return float(line.rsplit(" ", 1)[1])
        return 0.0


def merge(into, changes):
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


SCOPES = "openid profile email groups offline_access federated:id"


class Browser:
    """A user agent without JavaScript: follows forms and redirects as a person would. `base` is the host it talks to, which
    behind a proxy is not the issuer's."""

    def __init__(self, daemon, base=None, verify=None):
        self.daemon = daemon
        self.base = base or daemon.issuer
        self.http = daemon.session()
        if verify is not None:
            self.http.verify = verify

    def authorize(self, method="GET", path="/auth", **params):
        query = dict(client_id="web", redirect_uri=REDIRECT, response_type="code", scope=SCOPES, state="some-state", nonce="some-nonce")
        query.update(params)
        query = {k: v for k, v in query.items() if v is not None}
        if method == "POST":
            return self.http.post(self.base + path, data=query, allow_redirects=False)
        return self.http.get(self.base + path, params=query, allow_redirects=False)

    def follow(self, response):
        return self.http.get(urllib.parse.urljoin(self.base, response.headers["location"]), allow_redirects=False)

    def form(self, **params):
        """The login form: (action URL, hidden fields, page)."""
        response = self.authorize(**params)
        while response.status_code in (302, 303):
            response = self.follow(response)
        assert response.status_code == 200, response.text
        return self.read_form(response)

    def read_form(self, response):
        fields = {name: html.unescape(value) for name, value in
                  re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', response.text)}
        action = html.unescape(re.search(r'<form[^>]*action="([^"]*)"', response.text).group(1))
        return urllib.parse.urljoin(self.base, action), fields, response.text

    def submit(self, form, username, password):
        action, fields, _ = form
        return self.http.post(action, data=dict(fields, login=username, password=password), allow_redirects=False)

    def login(self, username, password, connector="local", **params):
        """Through the form to the redirect with the code: its query."""
        response = self.submit(self.form(connector_id=connector, **params), username, password)
        assert response.status_code == 303, f"{response.status_code} {response.text[:2000]}"
        return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(response.headers["location"]).query))

    def token(self, auth=("web", SECRET), **form):
        return self.http.post(self.base + "/token", data=form, auth=auth)

    def redeem(self, code, auth=("web", SECRET), redirect_uri=REDIRECT, **extra):
        return self.token(auth=auth, grant_type="authorization_code", code=code, redirect_uri=redirect_uri, **extra)

    def refresh(self, refresh_token, auth=("web", SECRET), **extra):
        return self.token(auth=auth, grant_type="refresh_token", refresh_token=refresh_token, **extra)

    def tokens(self, username, password, connector="local", **params):
        response = self.redeem(self.login(username, password, connector, **params)["code"])
        assert response.status_code == 200, response.text
        return response.json()

    def userinfo(self, access_token, method="GET"):
        return self.http.request(method, self.base + "/userinfo", headers={"Authorization": f"Bearer {access_token}"})


class Slapd:
    """tests/fixture/slapd; attributes are what it prints (ldap, ldaps, ca, admin_dn, ...)."""

    def __init__(self, folder, *args):
        self.folder = str(folder)
        out = subprocess.run([str(ROOT / "tests/fixture/slapd"), "start", self.folder, *args], check=True, capture_output=True,
                             text=True, timeout=START_TIMEOUT).stdout
        for line in out.splitlines():
            name, _, value = line.partition("=")
            setattr(self, name, value)

    def command(self, verb):
        subprocess.run([str(ROOT / "tests/fixture/slapd"), verb, self.folder], check=True, capture_output=True, timeout=START_TIMEOUT)

    def stop(self):
        self.command("stop")


def seed_slapd(folder):
    return Slapd(folder, "--ldif", str(ROOT / "tests/data/ldap/directory.ldif"), "--suffix", "dc=tkestack,dc=io",
                 "--admin-dn", "cn=admin,dc=tkestack,dc=io", "--admin-pw", "admin")


def seed_connector(slapd, **changes):
    """ldap.json as operators bring it, with the host of the test."""
    config = json.loads((ROOT / "tests/data/ldap/ldap.json").read_text())
    config["host"] = slapd.ldap
    merge(config, changes)
    return {"type": "ldap", "id": "default", "name": "Company directory", "config": config}


class Nginx:
    """A reverse proxy that keeps the browser's Host, as the platform's gateway does (contract 6.7)."""

    def __init__(self, folder, daemon, tls=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        certificate = ""
        if tls:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                            "-subj", "/CN=console.example", "-addext", "subjectAltName=DNS:console.example",
                            "-keyout", str(self.folder / "key.pem"), "-out", str(self.folder / "cert.pem")], check=True, capture_output=True)
            certificate = f"ssl_certificate {self.folder}/cert.pem; ssl_certificate_key {self.folder}/key.pem;"
        (self.folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  server {{
    listen 127.0.0.1:{self.port}{" ssl" if tls else ""};
    {certificate}
    location /oidc/ {{
      proxy_pass https://127.0.0.1:{daemon.port};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_ssl_verify off;
    }}
    location / {{ return 200 "page of the gateway: $request_uri"; }}
  }}
}}
""")
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([nginx, "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, "nginx")

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(START_TIMEOUT)


def node(script, *args, ca=None, timeout=120, env=None, stdin=None):
    """Runs clients/SCRIPT with Node.js; its last line of output is JSON."""
    full_env = dict(os.environ, **(env or {}))
    if ca:
        full_env["NODE_EXTRA_CA_CERTS"] = ca
    done = subprocess.run(["node", str(ROOT / "tests/blackbox/clients" / script), *map(str, args)], capture_output=True, text=True,
                          timeout=timeout, env=full_env, cwd=ROOT / "tests/blackbox", input=stdin)
    assert done.returncode == 0, f"{script}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])
