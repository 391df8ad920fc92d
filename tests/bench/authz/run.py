"""Runs wrk in turns against two servers (1 k and 100 k rules); what counts is the median of the ratios of each round."""

import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

SIZES = (1_000, 100_000)
ROUNDS = 5
SECONDS = 2
RULES_PER_TENANT = 50

LUA = """
local bodies, i = {}, 0
function init(args)
for n = 0, 63 do
  local t, p = (n * 7919) %% %d, n %% 10
  bodies[n] = wrk.format("POST", "/auth/authz", {["Content-Type"] = "application/json", ["Authorization"] = "Bearer bench-token"},
    string.format('{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{"creationTimestamp":null},' ..
      '"spec":{"resourceAttributes":{"namespace":"ns-%%d","verb":"list","group":"apps","version":"v1","resource":"deployments"},' ..
      '"user":"user-%%d","groups":["cluster:cls-%%d","system:authenticated"],"uid":"usr-%%d","extra":{"tenantid":["t%%d"]}},' ..
      '"status":{"allowed":false}}', p, p, t, p, t))
end
end
function request() i = (i + 1) %% 64; return bodies[i] end
"""


def certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=bench", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"],
        check=True, capture_output=True)


def check_answer(port, script_size):
    """One question by hand: a benchmark of refusals would be worth nothing."""
    import ssl
    import urllib.request
    body = {"spec": {"user": "user-1", "groups": ["cluster:cls-1"], "extra": {"tenantid": ["t1"]},
                     "resourceAttributes": {"namespace": "ns-1", "verb": "list", "resource": "deployments"}}}
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(
        f"https://127.0.0.1:{port}/auth/authz", json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer bench-token"})
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        assert json.load(answer)["status"]["allowed"] is True, script_size


def wrk(port, path, script=None):
    command = ["wrk", "-t1", "-c32", f"-d{SECONDS}s", f"https://127.0.0.1:{port}{path}"]
    if script:
        command[1:1] = ["-s", str(script)]
    done = subprocess.run(command, capture_output=True, text=True)
    out = done.stdout
    if done.returncode != 0 or "Non-2xx" in out:
        sys.exit(f"wrk failed, or the answers are wrong:\n{out}{done.stderr}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", out).group(1))


def main():
    program, results = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="bench-authz-") as name:
        folder = pathlib.Path(name)
        certificate(folder)
        (folder / "tokens").write_text("bench-token\n")
        servers, ports, scripts = [], {}, {}
        try:
            for size in SIZES:
                server = subprocess.Popen([program, folder, str(size)], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
                servers.append(server)
                ports[size] = int(server.stdout.readline())
                scripts[size] = folder / f"{size}.lua"
                scripts[size].write_text(LUA % (size // RULES_PER_TENANT))
                check_answer(ports[size], size)
            rounds = []
            for _ in range(ROUNDS):
                rate = {size: wrk(ports[size], "/auth/authz", scripts[size]) for size in SIZES}
                rate["static"] = wrk(ports[SIZES[1]], "/static")
                rounds.append(rate)
        finally:
            for server in servers:
                server.stdin.close()
                server.wait(timeout=10)
        decisions = {size: float(subprocess.run([program, folder, str(size), "decide"], check=True,
                                                capture_output=True, text=True).stdout) for size in SIZES}
    report(results, rounds, decisions)


def report(results, rounds, decisions):
    few, many = SIZES

    def median(pick):
        return statistics.median(pick(r) for r in rounds)

    of_static = median(lambda r: r[many] / r["static"])
    growth = median(lambda r: r[few] / r[many])
    rows = [
        {"name": "reviews over HTTPS, 100 k rules", "value": round(median(lambda r: r[many])), "unit": "req/s",
         "reference": "static answer of the same server", "reference_value": round(median(lambda r: r["static"])),
         "ratio": round(of_static, 3), "goal": ">= 0.25", "met": of_static >= 0.25},
        {"name": "reviews over HTTPS, 1 k rules", "value": round(median(lambda r: r[few])), "unit": "req/s",
         "reference": "100 k rules", "reference_value": round(median(lambda r: r[many])),
         "ratio": round(growth, 3), "goal": "<= 1.3", "met": growth <= 1.3},
        {"name": "decisions in process, 100 k rules", "value": round(decisions[many]), "unit": "1/s per core",
         "reference": "1 k rules", "reference_value": round(decisions[few]),
         "ratio": round(decisions[many] / decisions[few], 3), "goal": None, "met": None},
    ]
    results.write_text(json.dumps(rows, indent=2) + "\n")
    for row in rows:
        verdict = "" if row["met"] is None else ("met" if row["met"] else "MISSED")
        print(f"{row['name']:36} {row['value']:>10} {row['unit']:14} {row['ratio']:>7} of {row['reference']} "
              f"({row['reference_value']}), goal {row['goal'] or '-'} {verdict}")


main()
