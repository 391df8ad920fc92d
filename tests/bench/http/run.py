"""CPU per request beside nginx's `return 200`, and throughput over numbers of connections.

Both servers are measured in the same round, one after the other, and the median of the rounds' ratios counts: the
absolute numbers of a shared machine mean little.

What watches cost: memory of one that waits beside that of a kept connection, the time to wake all of them beside that of an ordinary answer to
each, and the CPU of requests that need a worker while others watch beside the same without.
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
WATCHERS = 2000
MANY_WATCHERS = 10000
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


def start_ours(build, threads, pin, header_bytes=16384, pem=None):
    command = [os.path.join(build, "tests/bench/http/bench_http_server"), str(threads), str(header_bytes)]
    if pem is not None:
        command.append(pem)
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


class Watchers:
    def __init__(self, build, server, connections, kind):
        command = [os.path.join(build, "tests/bench/http/bench_http_watchers"), str(server.port), str(connections), kind]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, what):
        """In milliseconds."""
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            sys.exit(f"the watching clients cannot {what}")
        return float(answer[1])

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def anonymous_bytes(pid):
    time.sleep(0.3)  # what workers still hold of the last request
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Anonymous:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024


def of_watchers(build, results, kind, pem, memory_goal, wake_goal):
    server = start_ours(build, 0, False, pem=pem)
    watchers = Watchers(build, server, WATCHERS, kind)
    try:
        before = anonymous_bytes(server.process.pid)
        watchers.do("connect")
        watchers.do("ask")
        asked = [watchers.do("ask") for _ in range(ROUNDS)]
        kept = (anonymous_bytes(server.process.pid) - before) / WATCHERS
        watchers.do("watch")
        watchers.do("wake")
        watching = (anonymous_bytes(server.process.pid) - before) / WATCHERS
        woken = [watchers.do("wake") for _ in range(ROUNDS)]
    finally:
        watchers.end()
        server.process.stdin.close()
        server.process.wait()
    ratio = watching / kept
    results.append({"name": f"http idle watcher, {kind}", "value": round(watching), "unit": "bytes",
                    "reference": "kept connection", "reference_value": round(kept),
                    "ratio": round(ratio, 3), "goal": f"<= {memory_goal}", "met": ratio <= memory_goal})
    value, reference = statistics.median(woken), statistics.median(asked)
    results.append({"name": f"http wake {WATCHERS} watchers, {kind}", "value": round(value, 1), "unit": "ms",
                    "reference": "a request on each of as many", "reference_value": round(reference, 1),
                    "ratio": round(value / reference, 3), "goal": f"<= {wake_goal}", "met": value / reference <= wake_goal})


def beside_watchers(build, results, count, connections, goal):
    """MHD walks all suspended connections of a thread when one of them is resumed, as each request that needs a worker is."""
    quiet, watched = start_ours(build, 0, False), start_ours(build, 0, False)
    watchers = Watchers(build, watched, count, "plain")
    quiet.path = watched.path = "/hop"
    try:
        watchers.do("watch")
        pairs = []
        for i in range(ROUNDS):
            order = [watched, quiet] if i % 2 else [quiet, watched]
            cost = {s: s.cpu_us_per_request(connections, 1) for s in order}
            pairs.append((cost[watched], cost[quiet]))
    finally:
        watchers.end()
        for s in (quiet, watched):
            s.process.stdin.close()
            s.process.wait()
    ratio = statistics.median(a / b for a, b in pairs)
    value, reference = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    results.append({"name": f"http worker hop, c={connections}, {count} watch", "value": round(value, 1), "unit": "us",
                    "reference": "nobody watches", "reference_value": round(reference, 1),
                    "ratio": round(ratio, 3), "goal": f"<= {goal}", "met": ratio <= goal})


def over_watchers(build, results):
    with tempfile.TemporaryDirectory() as folder:
        pem = f"{folder}/server.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", f"{folder}/key", "-out", pem], check=True, stderr=subprocess.DEVNULL)
        with open(pem, "a") as out, open(f"{folder}/key") as key:
            out.write(key.read())
        of_watchers(build, results, "plain", None, 0.5, 1)
        of_watchers(build, results, "tls", pem, 0.7, 1)
    beside_watchers(build, results, WATCHERS, 64, 1.5)
    beside_watchers(build, results, WATCHERS, 1, 3)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] > MANY_WATCHERS + 200:
        beside_watchers(build, results, MANY_WATCHERS, 64, 2)
        beside_watchers(build, results, MANY_WATCHERS, 1, 5)


def main():
    build, output = sys.argv[1], sys.argv[2]
    for tool in ("wrk", "nginx", "taskset", "openssl"):
        if shutil.which(tool) is None and not os.path.exists(f"/usr/sbin/{tool}"):
            sys.exit(f"{tool} is not installed")
    os.environ["PATH"] += ":/usr/sbin"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    results = []
    against_nginx(build, results)
    over_connections(build, results, "/static", "static")
    over_connections(build, results, "/hop", "worker hop")
    over_watchers(build, results)
    with open(output, "w") as f:
        json.dump(results, f, indent=1)
    for r in results:
        print(f"{r['name']:<40} {r['value']:>10} {r['unit']:<6} {r['reference']:<28} {r['reference_value']:>10}"
              f"  x{r['ratio']:<6} goal {r['goal']:<7} {'met' if r['met'] else 'MISSED'}")


main()
