#!/bin/bash
# In-process decisions of the platform's model beside npm's casbin.
# usage: tests/bench/enforcer.sh BUILD_FOLDER [OUT.json]; ENFORCER_BENCH_FULL=1 adds the reference at 100 000 rules.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
out=${2:-/dev/null}
bench=$build/tests/bench/enforcer/enforcer_bench
[ -x "$bench" ] || { echo "$bench is missing: build the release preset first"; exit 1; }
[ -d tests/oracle/node_modules/casbin ] || (cd tests/oracle && npm ci --no-audit --no-fund --silent)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for rules in 100 1000 10000 100000 1000000; do
    for round in 1 2 3; do
        if [ "$rules" = 1000000 ] && [ "$round" != 1 ]; then continue; fi # one load of two million rules is enough
        "$bench" "$rules" 0.5 "$work" 2000 >>"$work/ours.jsonl"
    done
    limit=10000
    [ -n "${ENFORCER_BENCH_FULL:-}" ] && limit=100000
    if [ "$rules" -le "$limit" ]; then
        node tests/bench/enforcer/reference.js "$work" 2 | sed "s/^{/{\"rules\": $rules, /" >>"$work/reference.jsonl"
    fi
done

python=/usr/bin/python3
[ -x "$python" ] || python=python3
"$python" - "$work" "$out" <<'PY'
import json, statistics, sys

work, out = sys.argv[1], sys.argv[2]
ours, reference, rows = {}, {}, []
for line in open(f"{work}/ours.jsonl"):
    r = json.loads(line)
    ours.setdefault(r["rules"], []).append(r)
for line in open(f"{work}/reference.jsonl"):
    r = json.loads(line)
    reference[r["rules"]] = r

def median(rules, key):
    return statistics.median(r[key] for r in ours[rules])

def row(name, value, unit, ref=None, ref_value=None, goal=None, met=None):
    ratio = value / ref_value if ref_value else None
    rows.append(dict(name=name, value=value, unit=unit, reference=ref, reference_value=ref_value, ratio=ratio, goal=goal, met=met))

print(f"{'rules p+g':>10} {'decisions/s':>12} {'p50 us':>8} {'p99 us':>8} {'load s':>8} {'B/rule':>7} {'change us':>10} "
      f"{'npm casbin/s':>13} {'ratio':>9}")
for n in sorted(ours):
    rate, ref = median(n, "decisions_per_s"), reference.get(n)
    goal = {1000: 1000, 100000: 50000}.get(n)
    ratio = rate / ref["decisions_per_s"] if ref else None
    row(f"enforcer decisions, {n} p-rules", rate, "1/s", "npm casbin 5.51.1" if ref else None, ref["decisions_per_s"] if ref else None,
        f"ratio >= {goal}" if goal and ref else None, ratio >= goal if goal and ref else None)
    if ref:
        row(f"enforcer decisions that differ, {n} p-rules", ref["different"], f"of {ref['compared']}", goal="0", met=ref["different"] == 0)
        row(f"enforcer load, {n} p-rules", median(n, "load_s"), "s", "npm casbin 5.51.1", ref["load_s"])
    else:
        row(f"enforcer load, {n} p-rules", median(n, "load_s"), "s")
    row(f"enforcer one change, {n} p-rules", median(n, "change_us"), "us")
    row(f"enforcer memory, {n} p-rules", median(n, "bytes_per_rule"), "bytes/rule")
    print(f"{n:>10} {rate:>12,.0f} {median(n, 'p50_us'):>8.2f} {median(n, 'p99_us'):>8.2f} {median(n, 'load_s'):>8.3f} "
          f"{median(n, 'bytes_per_rule'):>7.0f} {median(n, 'change_us'):>10.1f} "
          f"{ref['decisions_per_s'] if ref else float('nan'):>13.1f} {ratio if ratio else float('nan'):>9,.0f}")
flat = median(100000, "p99_us") / median(1000, "p99_us")
row("enforcer p99 at 100 000 over p99 at 1 000 p-rules", flat, "x", goal="<= 5", met=flat <= 5)
print(f"p99 at 100 000 / p99 at 1 000 rules: {flat:.1f} (goal <= 5)")
json.dump(rows, open(out, "w"), indent=1)
PY
