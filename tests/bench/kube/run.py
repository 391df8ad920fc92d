"""A daemon with a hundred thousand objects and ten thousand watchers: memory, how soon an event is with everybody, and what a list of all costs."""
import http.client
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

OBJECTS, WATCHERS, ROUNDS, WRITERS = 100_000, 10_000, 7, 8
TOKEN = "the-token-of-the-bench-master"
BASE = "/apis/auth.tkestack.io/v1"
TEXT = "x" * 300


class Daemon:
    def __init__(self, build, folder):
        self.folder = folder
        (folder / "tokens").write_text(f'{TOKEN},master,1,"system:masters"\n')
        (folder / "tokens").chmod(0o600)
        (folder / "c.yaml").write_text(f"""
issuer: http://127.0.0.1:1/oidc
stateDir: {folder}/state
secure_serving: {{bind_address: 127.0.0.1, port: 0, http: true}}
storage: {{type: sqlite, config: {{file: {folder}/state/db}}}}
authentication: {{token_auth_file: {folder}/tokens}}
limits: {{connections: {WATCHERS + 500}, connectionsPerAddress: {WATCHERS + 500}}}
log: {{level: warn}}
""")
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen([f"{build}/tke-auth", "serve", "--config", folder / "c.yaml", "--print-ready"],
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        if not self.process.stdout.readline().startswith("ready"):
            sys.exit((folder / "log").read_text())
        self.port = self.find_port()

    def find_port(self):
        """Port 0 was asked for; the kernel knows which one it is."""
        inodes = set()
        for fd in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(fd)))
            except OSError:
                pass
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                return int(fields[1].split(":")[1], 16)
        sys.exit("the daemon listens nowhere")

    def memory(self, what):
        """VmRSS, VmHWM, RssAnon in bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB", text, re.M).group(1)) * 1024

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def call(connection, method, path, body=None, kind="application/json"):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    if body is not None:
        headers["Content-Type"] = kind
    connection.request(method, BASE + path, body=json.dumps(body) if body is not None else None, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status} {text[:500]}")
    return text


def fill(daemon):
    def write(part):
        connection = daemon.connect()
        for i in range(part, OBJECTS, WRITERS):
            call(connection, "POST", "/configmaps", {"metadata": {"name": f"object-{i:06}", "labels": {"part": str(i % 100)}},
                                                     "data": {"text": TEXT, "number": str(i)}})
            if part == 0 and i % 8000 == 0 and sys.stderr.isatty():
                print(f"\r{i} of {OBJECTS} objects", end="", file=sys.stderr)
    threads = [threading.Thread(target=write, args=(part,)) for part in range(WRITERS)]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return OBJECTS / (time.monotonic() - began)


def list_all(daemon, query=""):
    """Bytes, seconds, seconds to the first one."""
    connection = daemon.connect()
    began = time.monotonic()
    connection.request("GET", f"{BASE}/configmaps{query}", headers={"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    first, size = 0.0, 0
    while piece := answer.read1(1 << 16):
        first = first or time.monotonic() - began
        size += len(piece)
    return size, time.monotonic() - began, first


class Watchers:
    def __init__(self, build, daemon, count):
        folder, head = daemon.folder, f"Host: h\r\nAuthorization: Bearer {TOKEN}\r\n"
        revision = json.loads(call(daemon.connect(), "GET", "/configmaps?limit=1"))["metadata"]["resourceVersion"]
        body = json.dumps({"data": {"number": "changed"}})
        texts = {"ask": f"GET {BASE}/configmaps/object-000000 HTTP/1.1\r\n{head}\r\n",
                 "watch": f"GET {BASE}/configmaps?watch=1&resourceVersion={revision}&timeoutSeconds=3600 HTTP/1.1\r\n{head}\r\n",
                 "wake": f"POST {BASE}/configmaps HTTP/1.1\r\n{head}Content-Type: application/json\r\nContent-Length: LEN\r\n\r\n"}
        body = json.dumps({"metadata": {"generateName": "event-"}, "data": {"text": TEXT}})
        texts["wake"] = texts["wake"].replace("LEN", str(len(body))) + body
        for name, text in texts.items():
            (folder / name).write_text(text, newline="")
        self.process = subprocess.Popen([f"{build}/tests/bench/http/bench_http_watchers", str(daemon.port), str(count), "plain",
                                         folder / "ask", folder / "watch", folder / "wake"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

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


def row(name, value, unit, reference, reference_value, goal, at_most=True):
    ratio = value / reference_value
    met = None if goal is None else ratio <= goal if at_most else ratio >= goal
    return {"name": name, "value": round(value, 3), "unit": unit, "reference": reference, "reference_value": round(reference_value, 3),
            "ratio": round(ratio, 4), "goal": None if goal is None else f"{'<=' if at_most else '>='} {goal}", "met": met}


def of_lists(daemon, results):
    list_all(daemon, "?limit=500")
    daemon.forget_peak()
    before = daemon.memory("VmRSS")
    size, seconds, first = list_all(daemon)
    grown = daemon.memory("VmHWM") - before
    results.append(row(f"list of {OBJECTS} objects: peak memory", grown / 1e6, "MB", "bytes of the list", size / 1e6, 0.05))
    results.append(row(f"list of {OBJECTS} objects: first byte", first * 1e3, "ms", "the whole list", seconds * 1e3, 0.05))
    daemon.forget_peak()
    size, seconds, _ = list_all(daemon, "?labelSelector=part%3D7")
    results.append(row("the same by label: time", seconds * 1e3, "ms", "the whole list",
                       statistics.median(list_all(daemon)[1] for _ in range(3)) * 1e3, None))


def of_watchers(build, daemon, results):
    watchers = Watchers(build, daemon, WATCHERS)
    try:
        before = daemon.memory("RssAnon")
        watchers.do("connect")
        watchers.do("ask")
        asked = [watchers.do("ask") for _ in range(ROUNDS)]
        kept = (daemon.memory("RssAnon") - before) / WATCHERS
        watchers.do("watch")
        watchers.do("wake")
        watching = (daemon.memory("RssAnon") - before) / WATCHERS
        woken = [watchers.do("wake") for _ in range(ROUNDS)]
        one = daemon.connect()
        alone = []
        for _ in range(ROUNDS * 3):
            began = time.monotonic()
            call(one, "GET", "/configmaps/object-000001")
            alone.append((time.monotonic() - began) * 1e3)
    finally:
        watchers.end()
    results.append(row(f"memory of one of {WATCHERS} watchers", watching, "bytes", "a kept connection", kept, 1))
    results.append(row(f"an event with all of {WATCHERS} watchers", statistics.median(woken), "ms",
                       "an ordinary GET on each of their connections", statistics.median(asked), 1))
    results.append(row("a GET beside them", statistics.median(alone), "ms", "the event's way to all", statistics.median(woken), None))


def main():
    build, output = sys.argv[1], sys.argv[2]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    if hard < WATCHERS + 1000:
        sys.exit(f"{WATCHERS} watchers need more open files than the {hard} allowed here (ulimit -n)")
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-kube-") as name:
        daemon = Daemon(build, pathlib.Path(name))
        try:
            empty = daemon.memory("RssAnon")
            rate = fill(daemon)
            full = daemon.memory("RssAnon")
            results.append(row(f"memory with {OBJECTS} objects", full / 1e6, "MB", "without", empty / 1e6, None))
            results.append(row("objects created", rate, "1/s", "lists of one", measure_gets(daemon), None))
            of_lists(daemon, results)
            of_watchers(build, daemon, results)
        finally:
            daemon.stop()
    pathlib.Path(output).write_text(json.dumps(results, indent=1) + "\n")
    for r in results:
        verdict = "" if r["met"] is None else ("met" if r["met"] else "MISSED")
        print(f"{r['name']:<44} {r['value']:>12} {r['unit']:<6} x{r['ratio']:<8} of {r['reference']} ({r['reference_value']}), "
              f"goal {r['goal'] or '-'} {verdict}")


def measure_gets(daemon):
    connection, count, began = daemon.connect(), 0, time.monotonic()
    while time.monotonic() - began < 1:
        call(connection, "GET", "/configmaps?limit=1")
        count += 1
    return count / (time.monotonic() - began)


main()
