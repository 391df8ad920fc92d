'use strict';
// Runs every generated case on npm's casbin and on libenforcer's driver and demands the same answers.
const { spawn } = require('child_process');
const readline = require('readline');
const { newEnforcer, newModelFromString, StringAdapter, EnforceContext, Util, DefaultRoleManager } = require('casbin');
const { kinds, random } = require('./generate.js');

const SEEDS = Number(process.env.ORACLE_SEEDS || 60); // per kind, from 1
console.log = () => {}; // the reference prints while it matches addresses

// Contract 4.3: the role manager of the platform, written down once more for the comparison.
class TkeRoleManager extends DefaultRoleManager {
  constructor() {
    super(10);
    this.links = new Map();
  }
  async clear() {
    this.links = new Map();
  }
  async addLink(a, b, domain) {
    for (const n of [a, b]) if (!this.links.has(`${domain}::${n}`)) this.links.set(`${domain}::${n}`, new Set());
    this.links.get(`${domain}::${a}`).add(`${domain}::${b}`);
  }
  reaches(from, to, edges) {
    if (from === to) return true;
    return edges > 0 && [...this.links.get(from)].some((n) => this.reaches(n, to, edges - 1));
  }
  syncedHasLink(a, b, domain) {
    for (const d of [domain || '*', '*']) {
      const from = `${d}::${a}`, to = `${d}::${b}`;
      if (this.links.has(from) && this.links.has(to) && this.reaches(from, to, 10)) return true;
    }
    return false;
  }
}

// keyMatchCustom with the decision of contract 4.4: literal but for `*` and `/:name`.
function keyMatchCustom(value, pattern) {
  const parts = pattern.toLowerCase().split(/(\/:[^/]+|\*)/);
  const source = parts.map((p) => (p === '*' ? '[^\\n]*' : p.startsWith('/:') ? '/[^/]+' : p.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${source.join('')}$`).test(value.toLowerCase());
}

const names = { keyMatch: Util.keyMatchFunc, keyMatch2: Util.keyMatch2Func };

async function build(c) {
  const m = newModelFromString(c.model);
  const e = await newEnforcer(m);
  e.setAdapter(new StringAdapter(c.csv));
  e.enableAutoSave(false);
  if (c.tke) {
    e.setRoleManager(new TkeRoleManager());
    await e.addFunction('keyMatchCustom', keyMatchCustom);
  }
  for (const r of c.roles || []) {
    if (r.match) await e.addNamedMatchingFunc(r.ptype, names[r.match]);
    if (r.domainMatch) await e.addNamedDomainMatchingFunc(r.ptype, names[r.domainMatch]);
  }
  await e.loadPolicy();
  return e;
}

async function change(e, o) {
  const g = o.ptype === 'g';
  switch (o.op) {
    case 'add': return e[g ? 'addNamedGroupingPolicy' : 'addNamedPolicy'](o.ptype, ...o.rule);
    case 'remove': return e[g ? 'removeNamedGroupingPolicy' : 'removeNamedPolicy'](o.ptype, ...o.rule);
    case 'update': {
      // The reference happily makes a second copy of a rule; libenforcer leaves such an update alone.
      if (await e.hasPolicy(...o.rule)) return false;
      return e.updatePolicy(o.old, o.rule);
    }
    case 'removeFiltered': return e[g ? 'removeFilteredNamedGroupingPolicy' : 'removeFilteredNamedPolicy'](o.ptype, o.first, ...o.rule);
    default: return e.deleteUser(...o.rule);
  }
}

async function query(e, q) {
  const domain = q.domain === undefined ? [] : [q.domain];
  const g = q.ptype && q.ptype[0] === 'g';
  switch (q.q) {
    case 'roles': return e.getRolesForUser(q.name, ...domain);
    case 'members': return e.getUsersForRole(q.name, ...domain);
    case 'implicitRoles': return e.getImplicitRolesForUser(q.name, ...domain);
    case 'implicitMembers': return e.getImplicitUsersForRole(q.name, ...domain);
    case 'implicitPermissions': return e.getImplicitPermissionsForUser(q.name, ...domain);
    case 'implicitUsersFor': return e.getImplicitUsersForPermission(...q.values);
    case 'domains': return e.getDomainsForUser(q.name);
    case 'values': return e.getModel().getValuesForFieldInPolicy('p', 'p', q.first);
    case 'has': return e.hasPolicy(...q.values);
    default: return e[g ? 'getFilteredNamedGroupingPolicy' : 'getFilteredNamedPolicy'](q.ptype, q.first, ...q.values);
  }
}

const attempt = async (fn) => {
  try {
    return await fn();
  } catch (e) {
    return { error: String(e.message || e) };
  }
};

async function reference(c) {
  const e = await attempt(() => build(c));
  if (e.error) return { load: e };
  const ops = [], results = [], queries = [];
  for (const o of c.ops || []) ops.push(await attempt(() => change(e, o)));
  if (c.ops) await e.buildRoleLinks(); // deleting one of two rules for a link drops the link there
  for (const r of c.requests) {
    results.push(await attempt(async () => {
      if (r.matcher) return { allowed: await e.enforceWithMatcher(r.matcher, ...r.values) };
      const values = r.context ? [new EnforceContext(`r${r.context}`, `p${r.context}`, `e${r.context}`, `m${r.context}`), ...r.values] : r.values;
      const [allowed, rule] = e.enforceExSync(...values);
      return { allowed, rule };
    }));
  }
  for (const q of c.queries || []) queries.push(await attempt(() => query(e, q)));
  return { ops, results, queries };
}

function driver(path) {
  const child = spawn(path, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()(JSON.parse(line)));
  child.on('exit', (code) => {
    if (waiting.length || code) {
      process.stdout.write(`the driver ended with ${code}\n`);
      process.exit(1);
    }
  });
  return { ask: (c) => new Promise((done) => { waiting.push(done); child.stdin.write(JSON.stringify(c) + '\n'); }), end: () => child.stdin.end() };
}

// Answers that may differ, with the reason; docs/enforcer.md lists them.
function excused(c, request, ref, ours) {
  if (!ref.error && ours.error === 'eval' && /must yield/.test(ours.text) && c.numbers) return true; // numbers are effect codes there
  if (request.matcher && !ref.error && !ours.error) return ref.allowed === ours.allowed;
  return false;
}

const sorted = (v) => (Array.isArray(v) ? v.map((x) => JSON.stringify(x)).sort() : v);

function compare(c, ref, ours) {
  const wrong = [];
  if (ref.load || ours.load) {
    if (!ref.load !== !ours.load) wrong.push({ load: ref.load || 'loads', ours: ours.load || 'loads' });
    return wrong;
  }
  (c.ops || []).forEach((o, i) => {
    if (ref.ops[i] !== ours.ops[i]) wrong.push({ op: o, ref: ref.ops[i], ours: ours.ops[i] });
  });
  c.requests.forEach((r, i) => {
    const a = ref.results[i], b = ours.results[i];
    const same = !b.compiled && (a.error || b.error ? !!a.error === !!b.error
      : a.allowed === b.allowed && (a.rule === undefined || JSON.stringify(a.rule) === JSON.stringify(b.rule) || (c.numbers && b.rule.length === 0)));
    if (!same && !excused(c, r, a, b)) wrong.push({ request: r, ref: a, ours: b });
  });
  (c.queries || []).forEach((q, i) => {
    if (JSON.stringify(sorted(ref.queries[i])) !== JSON.stringify(sorted(ours.queries[i]))) wrong.push({ query: q, ref: ref.queries[i], ours: ours.queries[i] });
  });
  return wrong;
}

async function main() {
  const out = driver(process.argv[2]);
  const only = process.argv[3];
  let passed = 0, failed = 0, decisions = 0, allowed = 0, errors = 0;
  for (const kind of Object.keys(kinds)) {
    if (only && kind !== only) continue;
    let bad = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const c = kinds[kind](random(seed * 7919 + kind.length));
      const ref = await reference(c), ours = await out.ask(c);
      const wrong = compare(c, ref, ours);
      for (const r of ref.results || []) {
        decisions++;
        allowed += r.allowed === true;
        errors += !!r.error;
      }
      if (wrong.length === 0) passed++;
      else {
        failed++;
        if (bad++ < 2) process.stdout.write(`${kind} seed ${seed}:\n${c.model}\n${c.csv}\n${wrong.slice(0, 3).map((w) => JSON.stringify(w)).join('\n')}\n\n`);
      }
    }
    process.stdout.write(`${kind}: ${SEEDS - bad} of ${SEEDS} cases agree\n`);
  }
  out.end();
  process.stdout.write(`${decisions} decisions (${allowed} allowed, ${errors} errors)\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed ? 1 : 0;
}

main();
