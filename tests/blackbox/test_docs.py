"""What README.md and docs/ say is true: commands run, configurations are accepted, names exist, links lead somewhere.

A block ```console is run line by line ("$ command", "> more of it", then what it prints; "..." stands for anything). A block ```sh needs another
machine and is parsed. A block ```yaml that begins with "# tke-auth.yaml" must pass check-config; ```json is an ldap.json; ```nginx serves a login.
"""
import configparser
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pytest
import yaml

from kubeclients import BASE, KUBECTLS, ROOT_TOKEN, KubeDaemon
from support import BIN, ROOT, SECRET, Browser, Daemon, free_port, seed_connector, wait_until

DEPLOY = ROOT / "deploy"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(p.relative_to(ROOT)) for p in [*PAGES, *sorted(DEPLOY.rglob("*.md"))]]
API_PAGE = "docs/kubernetes-api.md"  # has a daemon of its own to run its commands
ISSUER_HOST = "auth.example.com"


def read(name):
    return (ROOT / name).read_text()


def blocks(name, *kinds):
    found = re.findall(r"^```([a-z]*)\n(.*?)^```$", read(name), re.M | re.S)
    return [text for kind, text in found if kind in kinds]


def code(name):
    """All that is set as code: blocks and `spans`, a line each."""
    text = read(name)
    for block in re.findall(r"^```[a-z]*\n(.*?)^```$", text, re.M | re.S):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))


def tke_auth(*args, **kw):
    return subprocess.run([BIN, *map(str, args)], capture_output=True, text=True, timeout=60, **kw)


@pytest.fixture(scope="module")
def commands():
    """Each subcommand with its help text."""
    listing = tke_auth("help").stdout.split("Commands:")[1].split("\n\n")[0]
    names = re.findall(r"^  ([a-z-]+) ", listing, re.M)
    assert "serve" in names
    return {name: tke_auth(name, "--help").stdout if name != "version" else "" for name in names}


# ---- links and names ----


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_somewhere(name):
    page = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", read(name)):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name}: {target}"
        if fragment:
            assert fragment in [anchor(h) for h in re.findall(r"^#+ (.+)$", there.read_text(), re.M)], f"{name}: {target}"


def test_every_page_is_reachable_from_the_readme():
    for page in PAGES[1:]:
        assert f"(docs/{page.name})" in read("README.md"), page.name
    for page in DEPLOY.rglob("*.md"):
        assert any(f"({('../' * (name.count('/'))) + str(page.relative_to(ROOT))})" in read(name) for name in NAMES), page.name


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_options_that_a_page_shows_exist(name, commands):
    for line in code(name):
        for use in re.finditer(r"(?:^|[\s(/])tke-auth ([a-z][a-z-]*)([^|;&()#]*)", line):
            command, rest = use.groups()
            assert command in commands, f"{name}: {line}"
            usage = commands[command].split("\n")[0]
            for option in re.findall(r"(?<!\S)(--[a-z-]+)", rest):
                assert option in commands[command], f"{name}: {line}: {option}"
            verb = re.match(r" ([a-z-]+)\b", rest)
            if command in ("client", "user", "keys", "ldap") and verb:
                assert verb.group(1) in usage, f"{name}: {line}"


def test_options_listed_in_the_page_on_clients_exist(commands):
    for span in code("docs/clients.md"):
        option = re.match(r"(--[a-z-]+)", span)
        if option:
            assert option.group(1) in commands["client"], span


def test_every_command_is_described_on_some_page(commands):
    text = "\n".join(read(name) for name in NAMES)
    for command in commands:
        assert f"tke-auth {command}" in text, command


def test_words_of_the_dev_script_exist():
    help_text = subprocess.run([str(ROOT / "dev"), "help"], capture_output=True, text=True, check=True).stdout
    shown = {m for name in NAMES for line in code(name) for m in re.findall(r"\./dev ([a-z]+)", line)}
    assert {"run", "test"} <= shown
    for word in shown:
        assert re.search(rf"^  {word}\b", help_text, re.M), word


def test_configuration_keys_that_pages_name_exist():
    reference = read("config/tke-auth.yaml")
    sections = re.findall(r"^([a-zA-Z_0-9]+):", reference, re.M)
    for name in NAMES:
        for span in code(name):
            if re.fullmatch(rf"({'|'.join(sections)})(\.[A-Za-z_]+)+", span) and not span.endswith((".yaml", ".json")):
                for part in span.split("."):
                    part = re.sub(r"(_file|File)$", "", part) if f"{part}:" not in reference else part
                    assert re.search(rf"^[#\s-]*{part}:", reference, re.M), f"{name}: {span}"


def test_every_key_of_the_ldap_connector_is_documented():
    source = read("src/connector/ldap/config.c")
    keys = re.findall(r'\.key = "(\w+)",\s*\.type = CFG_(?!IGNORED)', source)
    assert len(keys) > 25
    for key in keys:
        assert re.search(rf"\b{key}\b", read("docs/ldap.md")), key


def source_text():
    return "\n".join(p.read_text() for p in sorted((ROOT / "src").rglob("*.c")))


def test_metrics_and_events_in_the_page_on_operations_are_those_of_the_daemon():
    source, page = source_text(), read("docs/operations.md")
    metrics = set(re.findall(r'"((?:tkeauth|http)_[a-z_]+)"', source))
    audits = set(re.findall(r'audit_event\([^,]+,\s*[^,]+,\s*"([a-z_]+)"', source))
    assert len(metrics) > 15 and len(audits) > 10
    for name in metrics | audits:
        assert f"`{name}`" in page, name
    for name in re.findall(r"`((?:tkeauth|http)_[a-z_]+)`", page):
        assert name in metrics, name
    tables = page.split("| audit event |")[1].split("## Signing keys")[0]
    for row in re.findall(r"^\|([^|]*)\|", tables, re.M):
        for name in re.findall(r"`([a-z_.]+)`", row):
            assert f'"{name}"' in source, name


# ---- configuration ----


def with_files(text, folder):
    """`text` with its absolute paths moved below `folder`, where the files are made."""
    (folder / "made").mkdir(exist_ok=True)
    certificate, key = folder / "made" / "crt", folder / "made" / "key"
    if not certificate.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=x", "-keyout", key, "-out", certificate], check=True, capture_output=True)

    def move(match):
        path = folder / match.group(0).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name.endswith("-hash"):
            path.write_text(tke_auth("hash-password", input="x\n").stdout)
        elif path.suffix == "":
            path.write_text("a-secret-of-a-page\n")
        elif path.suffix in (".crt", ".key"):
            shutil.copy(certificate if path.suffix == ".crt" else key, path)
        elif path.suffix == ".json":
            shutil.copy(ROOT / "tests/data/ldap/ldap.json", path)
        elif path.name == "token.csv":
            path.write_text("an-example-token-of-27-chars,admin,1,administrator\n")
        else:
            path.write_text("")
        path.chmod(0o600)
        return str(path)

    return re.sub(r"(?<![\w.:/])/(?:etc|app)/[\w./-]+", move, text)


def check_config(text, folder):
    config = {"issuer": f"https://{ISSUER_HOST}/oidc", "enablePasswordDB": True, "stateDir": str(folder)}
    config.update(yaml.safe_load(with_files(text, folder)))
    path = folder / "tke-auth.yaml"
    path.write_text(yaml.safe_dump(config))
    done = tke_auth("check-config", "--config", path, cwd=folder)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"


def configurations():
    return [pytest.param(text, id=f"{name}-{i}") for name in NAMES for i, text in enumerate(blocks(name, "yaml"))
            if text.startswith("# tke-auth.yaml")]


@pytest.mark.parametrize("text", configurations())
def test_configurations_in_pages_are_accepted(text, tmp_path):
    check_config(text, tmp_path)


def test_ldap_files_in_pages_are_accepted(tmp_path):
    texts = blocks("docs/ldap.md", "json")
    assert texts
    for text in texts:
        config = {"connectors": [{"type": "ldap", "id": "d", "config": json.loads(text)}]}
        check_config(json.dumps(config), tmp_path)


def test_matchers_for_nested_groups_are_accepted(tmp_path):
    text, = [t for t in blocks("docs/ldap.md", "yaml") if t.startswith("# groupSearch")]
    ldap = json.loads(read("tests/data/ldap/ldap.json"))
    ldap["groupSearch"] = {"baseDN": "ou=Group,dc=tkestack,dc=io", "nameAttr": "cn", **yaml.safe_load(text)}
    check_config(json.dumps({"connectors": [{"type": "ldap", "id": "d", "config": ldap}]}), tmp_path)


def test_the_authentication_configuration_is_complete():
    text, = [t for t in blocks("docs/kubernetes.md", "yaml") if t.startswith("# AuthenticationConfiguration")]
    config = yaml.safe_load(text)
    assert config["kind"] == "AuthenticationConfiguration"
    issuer, mappings = config["jwt"][0]["issuer"], config["jwt"][0]["claimMappings"]
    assert issuer["url"] == f"https://{ISSUER_HOST}/oidc" and issuer["audiences"] == ["kubernetes"]
    for mapping in ("username", "groups"):  # the file form has no default prefix
        assert mappings[mapping]["prefix"] == "oidc:"
    flags = blocks("docs/kubernetes.md", "")[0]
    for flag, value in (("username-claim", mappings["username"]["claim"]), ("groups-claim", mappings["groups"]["claim"]),
                        ("client-id", "kubernetes"), ("issuer-url", issuer["url"])):
        assert f"--oidc-{flag}={value}\n" in flags


# ---- commands ----


@pytest.fixture(scope="module")
def site(tmp_path_factory, slapd):
    """A daemon that is https://auth.example.com to curl."""
    folder = tmp_path_factory.mktemp("site")
    daemon = Daemon(folder, {
        "issuer": f"https://{ISSUER_HOST}/oidc",
        "connectors": [seed_connector(slapd)],
        "oauth2": {"passwordConnector": "local"},
    })
    daemon.config["staticClients"].append({"id": "ci", "secret": SECRET, "redirectURIs": [], "grantTypes": ["password"]})
    daemon.start()
    daemon.add_user("robot", "a robot's password")
    yield daemon
    daemon.stop()


def page_environment(daemon, folder):
    (folder / "bin").mkdir()
    (folder / "bin" / "tke-auth").symlink_to(BIN)
    (folder / ".curlrc").write_text(f'connect-to = "{ISSUER_HOST}:443:127.0.0.1:{daemon.port}"\n')
    shutil.copy(daemon.ca, folder / "ca.crt")
    (folder / "ci-secret").write_text(SECRET)
    (folder / "robot-password").write_text("a robot's password")
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    return dict(env, HOME=str(folder), PATH=f"{folder}/bin:{env['PATH']}", TKE_AUTH_CONFIG=str(daemon.config_path),
                KUBECONFIG=str(folder / "kubeconfig"), LC_ALL="C.UTF-8")


def steps(text):
    """[(command, expected lines)]"""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        else:
            found[-1][1].append(line)
    return found


def lines_pattern(lines):
    if not lines:
        return r".*"
    parts = [r"(?:.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n" for line in lines]
    return "".join(parts)


def run_page(name, folder, env):
    todo = [step for text in blocks(name, "console") for step in steps(text)]
    script = ["set -euo pipefail"]
    for i, (command, _) in enumerate(todo):
        script += [command, f"printf '@@%d\\n' {i}"]
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=180)
    outputs = re.split(r"@@\d+\n", done.stdout)
    assert done.returncode == 0, f"{todo[len(outputs) - 1][0]}\n{outputs[-1]}"
    for (command, expected), output in zip(todo, outputs):
        assert not expected or re.fullmatch(lines_pattern(expected), output), f"$ {command}\n{output}"


@pytest.mark.parametrize("name", [n for n in NAMES if blocks(n, "console") and n != API_PAGE])
def test_commands_of_a_page_do_what_it_says(name, site, tmp_path):
    run_page(name, tmp_path, page_environment(site, tmp_path))


@pytest.mark.parametrize("name", [n for n in NAMES if blocks(n, "sh")])
def test_commands_for_other_machines_are_shell(name):
    for text in blocks(name, "sh"):
        subprocess.run(["bash", "-n", "-c", text], check=True, timeout=60)
        for path in re.findall(r"(?<![\w/.])((?:deploy|config)/[\w./-]+)", text):
            assert (ROOT / path).exists(), path


# ---- the page on the API ----


@pytest.fixture(scope="module")
def api_site(tmp_path_factory):
    daemon = KubeDaemon(tmp_path_factory.mktemp("api"), {"issuer": f"https://{ISSUER_HOST}/oidc"})
    daemon.config["staticClients"].append({"id": "kubernetes", "public": True, "redirectURIs": ["http://localhost:8000"]})
    daemon.start()
    yield daemon
    daemon.stop()


class Tunnel(http.server.ThreadingHTTPServer):
    """A proxy for kubectl that leads every CONNECT to the daemon, whatever the name."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self):
            with socket.create_connection(("127.0.0.1", self.server.to)) as there:
                self.send_response(200)
                self.end_headers()
                pump = threading.Thread(target=self.copy, args=(self.connection, there), daemon=True)
                pump.start()
                self.copy(there, self.connection)

        def copy(self, source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        def log_message(self, *args):
            pass

    daemon_threads = True

    def __init__(self, to):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.to = to
        threading.Thread(target=self.serve_forever, daemon=True).start()


KUBELOGIN = """#!/usr/bin/python3
# As kubelogin does it, with the browser in here: `kubectl oidc-login get-token --oidc-issuer-url=... --oidc-client-id=...`
import json, sys, types
sys.path.insert(0, {tests!r})
import requests
from support import Browser, pkce
options = {{}}
for word in sys.argv[2:]:
    name, _, value = word.partition("=")
    options.setdefault(name, []).append(value)
assert sys.argv[1] == "get-token" and options["--oidc-issuer-url"] == [{issuer!r}] and options["--certificate-authority"] == ["ca.crt"]
def session():
    s = requests.Session()
    s.trust_env, s.verify = False, {ca!r}
    return s
browser = Browser(types.SimpleNamespace(issuer={issuer!r}, session=session), base={base!r})
client, redirect, (verifier, challenge) = options["--oidc-client-id"][0], "http://localhost:8000", pkce()
code = browser.login("ann", "a password of ann", "acme", client_id=client, redirect_uri=redirect, code_challenge=challenge,
                     code_challenge_method="S256", scope=" ".join(["openid", *options["--oidc-extra-scope"]]))["code"]
answer = browser.redeem(code, auth=None, redirect_uri=redirect, client_id=client, code_verifier=verifier).json()
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {{"token": answer["id_token"]}}}}))
"""


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


def test_commands_of_the_page_on_the_api_do_what_it_says(api_site, tmp_path):
    tunnel = Tunnel(api_site.port)
    env = page_environment(api_site, tmp_path)
    executable(tmp_path / "bin" / "kubectl",
               f"#!/bin/sh\nHTTPS_PROXY=http://127.0.0.1:{tunnel.server_address[1]} exec {KUBECTLS['new']} \"$@\"\n")
    executable(tmp_path / "bin" / "kubectl-oidc_login", KUBELOGIN.format(
        tests=str(ROOT / "tests/blackbox"), issuer=f"https://{ISSUER_HOST}/oidc", ca=api_site.ca, base=f"https://localhost:{api_site.port}/oidc"))
    (tmp_path / "token").write_text(ROOT_TOKEN)
    for made, name in zip(api_site.clients.issue("operator", "system:masters"), ("operator.crt", "operator.key")):
        shutil.copy(made, tmp_path / name)
    try:
        run_page(API_PAGE, tmp_path, env)
    finally:
        tunnel.shutdown()
        tunnel.server_close()


def table(name, first_heading):
    """{first cell: the others} of the table of a page that begins so."""
    rows = read(name).split(f"| {first_heading} |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[c.strip() for c in row.strip("|").split("|")] for row in rows]
    return {c[0]: c[1:] for c in cells}


def test_the_page_on_the_api_names_every_kind_and_its_selectors(api_site):
    listed = {r["kind"]: r for r in api_site.api("GET", BASE).json()["resources"] if "/" not in r["name"]}
    kinds = table(API_PAGE, "kind | short")
    assert {k: "".join(r.get("shortNames", [])) for k, r in listed.items()} == {k: cells[0].strip("`") for k, cells in kinds.items()}
    for names, (fields,) in table(API_PAGE, "kind | besides `metadata.name`").items():
        for kind in names.split(", "):
            for field in re.findall(r"`([^`]+)`", fields):
                value = "1" if field == "limit" else "nothing"
                answer = api_site.api("GET", f"{listed[kind]['name']}?fieldSelector={field}={value}")
                assert answer.status_code == 200, f"{kind}: {field}: {answer.text}"
            refused = api_site.api("GET", f"{listed[kind]['name']}?fieldSelector=spec.nonsense=1")
            assert refused.status_code == 400, kind


# ---- the gateway ----


def test_a_person_logs_in_through_the_nginx_of_the_page(site, tmp_path):
    server, = blocks("docs/gateway.md", "nginx")
    port = free_port()
    for old, new in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "https://tke-auth.internal:9451": f"https://127.0.0.1:{site.port}",
        "/etc/nginx/tls/tls.crt": site.folder / "tls" / "server.crt",
        "/etc/nginx/tls/tls.key": site.folder / "tls" / "server.key",
        "/etc/nginx/tls/tke-auth-ca.crt": site.ca,
    }.items():
        assert old in server
        server = server.replace(old, str(new))
    temporary = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\nevents {{}}\n"
                    f"http {{ access_log off; {temporary}\n{server} }}\n")
    nginx = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", conf, "-p", tmp_path],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        browser = Browser(site, base=f"https://localhost:{port}/oidc", verify=site.ca)

        def answers():
            try:
                return browser.http.get(browser.base + "/healthz", timeout=5).status_code == 200
            except OSError:
                return False

        wait_until(answers, "nginx")
        code_of_login = browser.login("robot", "a robot's password", connector="local")
        assert code_of_login["iss"] == f"https://{ISSUER_HOST}/oidc"
        reply = browser.redeem(code_of_login["code"])
        assert reply.status_code == 200, reply.text
        assert browser.http.get(f"https://localhost:{port}/metrics").status_code in (403, 404)
    finally:
        nginx.terminate()
        nginx.wait(60)


# ---- deploy/ ----


def test_the_systemd_unit_is_sound(tmp_path):
    text = (DEPLOY / "systemd" / "tke-auth.service").read_text()
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(text)
    service = unit["Service"]
    assert service["Type"] == "notify" and service["User"] == "tke-auth"
    for name in ("NoNewPrivileges", "MemoryDenyWriteExecute", "ProtectHome", "PrivateDevices", "LockPersonality"):
        assert service[name] == "yes", name
    assert service["ProtectSystem"] == "strict" and "SystemCallFilter=@system-service\n" in text
    if shutil.which("systemd-analyze"):
        copy = tmp_path / "tke-auth.service"
        copy.write_text(text.replace("/usr/bin/tke-auth", BIN))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, timeout=60)
        assert "tke-auth.service" not in done.stderr, done.stderr


def test_the_container_has_what_the_build_and_the_program_need():
    text = (DEPLOY / "container" / "Containerfile").read_text()
    stages = re.findall(r"^FROM (\S+)", text, re.M)
    assert stages == ["debian:12-slim", "debian:12-slim"]
    build, run = text.split("\nFROM ")[1], text.split("\nFROM ")[2]
    wanted = re.search(r"packages_build=\((.*?)\)", read("dev"), re.S).group(1).split()
    assert set(wanted) <= set(build.replace("\\", " ").split())
    libraries = re.findall(r"^\s*NEEDED\s+(\S+)", subprocess.run(["objdump", "-p", BIN], capture_output=True, text=True,
                                                                 check=True).stdout, re.M)
    ours = [n for n in libraries if not re.match(r"(ld-linux|libc|libm|libgcc_s|lib[aut]b?san|libubsan)\b", n)]
    assert any(n.startswith("libmicrohttpd") for n in ours)
    for library in ours:
        found = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True, check=True).stdout
        assert found.split(":")[0] in run.replace("\\", " ").split(), f"{library} is of {found}"
    assert re.search(r"^USER 65532:65532$", run, re.M)


@pytest.fixture(scope="module")
def manifests():
    done = subprocess.run(["kubectl", "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, text=True, check=True)
    return {m["kind"]: m for m in yaml.safe_load_all(done.stdout)}


def test_the_service_leads_from_443_to_the_daemon(manifests):
    service, pod = manifests["Service"], manifests["StatefulSet"]["spec"]["template"]
    assert service["metadata"]["name"] == "tke-auth-api" and service["metadata"]["namespace"] == "tke"
    port, = service["spec"]["ports"]
    container, = pod["spec"]["containers"]
    listening, = container["ports"]
    assert (port["port"], port["nodePort"]) == (443, 31138)
    assert port["targetPort"] == listening["name"] and listening["containerPort"] == 9451
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert manifests["StatefulSet"]["spec"]["replicas"] == 1


def test_the_probes_ask_paths_that_the_daemon_has(manifests, site):
    container, = manifests["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    for probe in ("readinessProbe", "livenessProbe"):
        path = container[probe]["httpGet"]["path"]
        assert site.session().get(f"https://localhost:{site.port}{path}").status_code == 200


def test_the_configuration_of_the_manifests_is_accepted_and_its_files_are_mounted(manifests, tmp_path):
    text = manifests["ConfigMap"]["data"]["tke-auth.yaml"]
    spec = manifests["StatefulSet"]["spec"]["template"]["spec"]
    container, = spec["containers"]
    mounts = {m["mountPath"]: m["name"] for m in container["volumeMounts"]}
    assert set(mounts.values()) == {v["name"] for v in spec["volumes"]} | {"state"}
    for path in re.findall(r"(?<=: )/[\w./-]+", text):
        assert any(path == m or path.startswith(m + "/") for m in mounts), path
    assert container["args"][-1].rpartition("/")[0] in mounts
    config = yaml.safe_load(text)
    assert config["secure_serving"]["port"] == container["ports"][0]["containerPort"]
    config["stateDir"] = str(tmp_path)
    check_config(yaml.safe_dump(config), tmp_path)
