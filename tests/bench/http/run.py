"""CPU per request beside nginx's `return 200`, and throughput over numbers of connections.

Both servers are measured in the same round, one after the other, and the median of the rounds' ratios counts: the
absolute numbers of a shared machine mean little.
"""
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 7
CONNECTIONS = [64, 127, 128, 129, 256, 512, 1000]
TICK = os.sysconf("SC_CLK_TCK")
NGINX = """
daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log crit; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{{"keys":[{{"kty":"EC","crv":"P-256","kid":"1"}}]}}'; }} }}
}}
"""


def pinned(core, command):
    return ["taskset", "-c", str(core)] + command if os.cpu_count() > 1 else command


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    total = 0
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
        total = int(fields[11]) + int(fields[12])
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        children = f.read().split()
    return total / TICK + sum(cpu_seconds(c) for c in children)


def wrk(port, path, connections, seconds):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", f"http://127.0.0.1:{port}{path}"]
    began = time.monotonic()
    out = subprocess.run(pinned(1, command), capture_output=True, text=True, check=True).stdout
    took = time.monotonic() - began
    if "Non-2xx" in out:
        sys.exit("a server answered with errors:\n" + out)
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    return requests, requests / took


class Server:
    def __init__(self, process, port, path):
        self.process, self.port, self.path = process, port, path

    def cpu_us_per_request(self, connections, seconds):
        before = cpu_seconds(self.process.pid)
        requests, _ = wrk(self.port, self.path, connections, seconds)
        return (cpu_seconds(self.process.pid) - before) * 1e6 / max(requests, 1)


def start_ours(build, threads, pin, header_bytes=16384):
    command = [os.path.join(build, "tests/bench/http/bench_http_server"), str(threads), str(header_bytes)]
    p = subprocess.Popen(pinned(0, command) if pin else command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return Server(p, int(p.stdout.readline()), "/static")


def start_nginx(folder):
    port = free_port()
    with open(f"{folder}/nginx.conf", "w") as f:
        f.write(NGINX.format(dir=folder, port=port))
    p = subprocess.Popen(pinned(0, ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"]), stderr=subprocess.DEVNULL)
    import socket
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return Server(p, port, "/")
        time.sleep(0.02)
    sys.exit("nginx does not start")


def against_nginx(build, results):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        ours, nginx = start_ours(build, 1, True), start_nginx(folder)
        try:
            pairs = []
            for i in range(ROUNDS):
                order = [ours, nginx] if i % 2 else [nginx, ours]
                cost = {s: s.cpu_us_per_request(64, 1) for s in order}
                pairs.append((cost[ours], cost[nginx]))
        finally:
            ours.process.stdin.close()
            nginx.process.terminate()
            ours.process.wait()
            nginx.process.wait()
    ratio = statistics.median(a / b for a, b in pairs)
    value, reference = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    results.append({"name": "http static answer, CPU per request", "value": round(value, 2), "unit": "us",
                    "reference": "nginx return 200, 1 worker", "reference_value": round(reference, 2),
                    "ratio": round(ratio, 3), "goal": "<= 1.3", "met": ratio <= 1.3})


def over_connections(build, results, path, title):
    server = start_ours(build, 0, False)
    try:
        rates = {c: [] for c in CONNECTIONS}
        for _ in range(3):
            for c in CONNECTIONS:
                rates[c].append(wrk(server.port, path, c, 1)[1])
    finally:
        server.process.stdin.close()
        server.process.wait()
    for c in CONNECTIONS[1:]:
        ratio = statistics.median(a / b for a, b in zip(rates[c], rates[64]))
        results.append({"name": f"http {title}, {c} connections", "value": round(statistics.median(rates[c])), "unit": "req/s",
                        "reference": "64 connections", "reference_value": round(statistics.median(rates[64])),
                        "ratio": round(ratio, 3), "goal": ">= 0.5", "met": ratio >= 0.5})


def main():
    build, output = sys.argv[1], sys.argv[2]
    for tool in ("wrk", "nginx", "taskset"):
        if shutil.which(tool) is None and not os.path.exists(f"/usr/sbin/{tool}"):
            sys.exit(f"{tool} is not installed")
    os.environ["PATH"] += ":/usr/sbin"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    results = []
    against_nginx(build, results)
    over_connections(build, results, "/static", "static")
    over_connections(build, results, "/hop", "worker hop")
    with open(output, "w") as f:
        json.dump(results, f, indent=1)
    for r in results:
        print(f"{r['name']:<40} {r['value']:>10} {r['unit']:<6} {r['reference']:<28} {r['reference_value']:>10}"
              f"  x{r['ratio']:<6} goal {r['goal']:<7} {'met' if r['met'] else 'MISSED'}")


main()
