'use strict';
// Cases from a seed: { name, model, csv, roles, ops, requests, queries }, for both sides.

function random(seed) {
  let a = seed >>> 0;
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (n) => Math.floor(next() * n);
  const pick = (list) => list[int(list.length)];
  const list = (n, fn) => Array.from({ length: n }, (_, i) => fn(i));
  return { int, pick, list, chance: (p) => next() < p };
}

const ALLOW = 'some(where (p.eft == allow))';
const DENY = '!some(where (p.eft == deny))';
const BOTH = 'some(where (p.eft == allow)) && !some(where (p.eft == deny))';
const PRIORITY = 'priority(p.eft) || deny';
const SUBJECT = 'subjectPriority(p.eft) || deny';

function model(r, p, g, e, m) {
  const roles = g.length ? `[role_definition]\n${g.map((d, i) => `g${i ? i + 1 : ''} = ${d}`).join('\n')}\n\n` : '';
  return `[request_definition]\nr = ${r}\n\n[policy_definition]\np = ${p}\n\n${roles}[policy_effect]\ne = ${e}\n\n[matchers]\nm = ${m}\n`;
}

const quote = (f) => (/[",]/.test(f) ? `"${f.replace(/"/g, '""')}"` : f);
const csv = (rows) => [...new Set(rows.map((r) => r.map(quote).join(', ')))].join('\n') + '\n';

const users = ['alice', 'bob', 'carol', 'dave', 'eve'];
const roleNames = ['admin', 'editor', 'viewer', 'staff', 'root'];
const objects = ['data1', 'data2', 'data3'];
const actions = ['read', 'write', 'delete'];
const domains = ['d1', 'd2', 'd3'];
const effects = (x) => x.pick(['allow', 'allow', 'allow', 'deny', 'other']);
const ask = (...values) => ({ values });

const kinds = {
  acl(x) {
    const root = x.pick(['', ' || r.sub == "root"', " || r.sub === 'root' && r.act != 'delete'"]);
    const rows = x.list(1 + x.int(8), () => ['p', x.pick(users), x.pick(objects), x.pick(actions)]);
    return {
      model: model('sub, obj, act', 'sub, obj, act', [], ALLOW, `r.sub == p.sub && r.obj == p.obj && r.act == p.act${root}`),
      csv: csv(rows),
      requests: x.list(12, () => ask(x.pick([...users, 'root']), x.pick(objects), x.pick(actions))),
      queries: [
        { q: 'values', ptype: 'p', first: x.int(3) },
        { q: 'rules', ptype: 'p', first: x.int(2), values: [x.pick(['', 'alice', 'data1']), x.pick(['', 'data2', 'read'])] },
        { q: 'has', ptype: 'p', values: rows[0].slice(1) },
      ],
    };
  },
  aclEffects(x) {
    const rows = x.list(1 + x.int(10), () => ['p', x.pick(users), x.pick(objects), x.pick(actions), effects(x)]);
    return {
      model: model('sub, obj, act', 'sub, obj, act, eft', [], x.pick([ALLOW, DENY, BOTH, PRIORITY]),
        x.pick(['r.sub == p.sub && r.obj == p.obj && r.act == p.act', 'r.act == p.act && p.sub == r.sub', 'r.obj == p.obj'])),
      csv: csv(rows),
      requests: x.list(12, () => ask(x.pick(users), x.pick(objects), x.pick(actions))),
    };
  },
  rbac(x) {
    const rows = x.list(1 + x.int(8), () => ['p', x.pick([...users, ...roleNames]), x.pick(objects), x.pick(actions), effects(x)]);
    const links = x.list(x.int(8), () => ['g', x.pick([...users, ...roleNames]), x.pick(roleNames)]);
    return {
      model: model('sub, obj, act', 'sub, obj, act, eft', ['_, _'], x.pick([ALLOW, DENY, BOTH, PRIORITY]),
        x.pick(['g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act', 'r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)',
          'g(r.sub, p.sub) && keyMatch(r.obj, p.obj)', 'g(r.sub, p.sub) && r.obj == p.obj || r.sub == "eve"'])),
      csv: csv([...rows, ...links]),
      requests: x.list(12, () => ask(x.pick([...users, ...roleNames]), x.pick(objects), x.pick(actions))),
      queries: [
        { q: 'roles', name: x.pick(users) }, { q: 'members', name: x.pick(roleNames) },
        { q: 'implicitRoles', name: x.pick(users) }, { q: 'implicitMembers', name: x.pick(roleNames) },
        { q: 'implicitPermissions', name: x.pick(users) }, { q: 'implicitUsersFor', values: [x.pick(objects), x.pick(actions)] },
      ],
    };
  },
  depth(x) {
    const n = 8 + x.int(6);
    const links = x.list(n, (i) => ['g', `n${i}`, `n${i + 1}`]);
    if (x.chance(0.4)) links.push(['g', `n${x.int(n)}`, `n${x.int(n)}`]);
    return {
      model: model('sub, obj', 'sub, obj', ['_, _'], ALLOW, 'g(r.sub, p.sub) && r.obj == p.obj'),
      csv: csv([['p', `n${n}`, 'o'], ...links]),
      requests: x.list(n, (i) => ask(`n${i}`, 'o')),
      queries: [{ q: 'implicitRoles', name: 'n0' }],
    };
  },
  resourceRoles(x) {
    const rows = x.list(1 + x.int(6), () => ['p', x.pick([...users, ...roleNames]), x.pick([...objects, 'group1', 'group2']), x.pick(actions)]);
    const links = x.list(x.int(6), () => ['g', x.pick(users), x.pick(roleNames)]);
    const resources = x.list(x.int(6), () => ['g2', x.pick(objects), x.pick(['group1', 'group2'])]);
    return {
      model: model('sub, obj, act', 'sub, obj, act', ['_, _', '_, _'], ALLOW, 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act'),
      csv: csv([...rows, ...links, ...resources]),
      requests: x.list(12, () => ask(x.pick(users), x.pick(objects), x.pick(actions))),
    };
  },
  domains(x) {
    const rows = x.list(1 + x.int(8), () => ['p', x.pick([...users, ...roleNames]), x.pick(domains), x.pick(objects), x.pick(actions)]);
    const links = x.list(x.int(10), () => ['g', x.pick([...users, ...roleNames]), x.pick(roleNames), x.pick(domains)]);
    const d = x.pick(domains);
    return {
      model: model('sub, dom, obj, act', 'sub, dom, obj, act', ['_, _, _'], ALLOW,
        x.pick(['g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
          'r.dom == p.dom && g(r.sub, p.sub, r.dom) && r.obj == p.obj && r.act == p.act', 'g(r.sub, p.sub, p.dom) && r.act == p.act'])),
      csv: csv([...rows, ...links]),
      requests: x.list(12, () => ask(x.pick([...users, ...roleNames]), x.pick(domains), x.pick(objects), x.pick(actions))),
      queries: [
        { q: 'roles', name: x.pick(users), domain: d }, { q: 'members', name: x.pick(roleNames), domain: d },
        { q: 'implicitRoles', name: x.pick(users), domain: d }, { q: 'implicitPermissions', name: x.pick(users), domain: d },
        { q: 'domains', name: x.pick(users) },
      ],
    };
  },
  priority(x) {
    const rows = x.list(1 + x.int(10), () => ['p', String(x.int(6) - 1), x.pick([...users, ...roleNames]), x.pick(objects), x.pick(actions), effects(x)]);
    const links = x.list(x.int(6), () => ['g', x.pick(users), x.pick(roleNames)]);
    return {
      model: model('sub, obj, act', 'priority, sub, obj, act, eft', ['_, _'], PRIORITY, 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act'),
      csv: csv([...rows, ...links]),
      requests: x.list(12, () => ask(x.pick(users), x.pick(objects), x.pick(actions))),
    };
  },
  subjectPriority(x) {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const links = names.slice(1).map((n, i) => ['g', n, names[x.int(i + 1)]]);
    const rows = x.list(1 + x.int(8), () => ['p', x.pick(names), x.pick(objects), x.pick(actions), effects(x)]);
    return {
      model: model('sub, obj, act', 'sub, obj, act, eft', ['_, _'], SUBJECT, 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act'),
      csv: csv([...rows, ...links]),
      requests: x.list(12, () => ask(x.pick(names), x.pick(objects), x.pick(actions))),
    };
  },
  subjectPriorityDomain(x) {
    const names = ['a', 'b', 'c', 'd'];
    const links = domains.flatMap((d) => names.slice(1).map((n, i) => ['g', n, names[x.int(i + 1)], d]));
    const rows = x.list(1 + x.int(8), () => ['p', x.pick(names), x.pick(objects), x.pick(domains), x.pick(actions), effects(x)]);
    return {
      model: model('sub, obj, dom, act', 'sub, obj, dom, act, eft', ['_, _, _'], SUBJECT,
        'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act'),
      csv: csv([...rows, ...links]),
      requests: x.list(12, () => ask(x.pick(names), x.pick(objects), x.pick(domains), x.pick(actions))),
    };
  },
  paths(x) {
    const fn = x.pick(['keyMatch', 'keyMatch2', 'keyMatch3', 'keyMatch4', 'keyMatch5', 'regexMatch', 'globMatch']);
    const part = () => x.pick(['api', 'v1', 'users', '7', 'a.b', 'x-y', 'Ünï', 'é']);
    const wild = {
      keyMatch: ['*', 'us*'], keyMatch2: ['*', ':id', ':name', 'v:n'], keyMatch3: ['*', '{id}', 'v{n}', '{a}-{b}'],
      keyMatch4: ['*x', '{id}', '{name}', 'a{n}'], keyMatch5: ['*', '{id}', 'v{n}'],
      regexMatch: ['.*', '[0-9]+', '(a|b).*', '\\w+', '^x', 'v1$', '[^/]+', '.', 'a\\.b'], globMatch: ['*', '**', '?', 'u*', '[a-v]*', '{api,v1}', '*.b', '!x'],
    }[fn];
    const path = () => '/' + x.list(1 + x.int(4), part).join('/') + x.pick(['', '', '', '/', '?q=1']);
    const pattern = () => '/' + x.list(1 + x.int(4), () => (x.chance(0.5) ? x.pick(wild) : part())).join('/') + x.pick(['', '', '', '/', '*']);
    const rows = x.list(4, () => ['p', x.pick(users), pattern(), 'read']);
    if (fn === 'keyMatch4') rows.push(['p', 'alice', '/{x}/is/{x}', 'read']);
    if (fn === 'globMatch') rows.push(['p', 'alice', x.pick(['*', '**', '*/api', 'a*b', '.*', '']), 'read']);
    return {
      model: model('sub, obj, act', 'sub, obj, act', [], ALLOW,
        x.pick([`r.sub == p.sub && ${fn}(r.obj, p.obj) && r.act == p.act`, `${fn}(r.obj, p.obj)`])),
      csv: csv(rows),
      requests: [...x.list(16, () => ask(x.pick(users), path(), 'read')), ask('alice', '/7/is/7', 'read'), ask('alice', '/7/is/8', 'read'),
        ask('alice', '', 'read'), ask('alice', 'api', 'read'), ask('alice', '/a\nb', 'read')],
    };
  },
  ip(x) {
    const address = () => x.pick(['10.0.0.1', '10.0.1.7', '192.168.2.200', '::1', 'fe80::1', '2001:db8::7', '2001:db8:0:1::', '::ffff:10.0.0.1']);
    const net = () => x.pick(['10.0.0.0/16', '10.0.0.1', '10.0.0.0/31', '192.168.0.0/17', '0.0.0.0/0', '2001:db8::/32', 'fe80::/10', '::1', '2001:db8::7/128']);
    const four = (a) => !a.includes(':');
    const rows = x.list(3, () => ['p', net(), 'o']);
    return {
      model: model('sub, obj', 'sub, obj', [], ALLOW, 'ipMatch(r.sub, p.sub) && r.obj == p.obj'),
      csv: csv(rows),
      // The reference mixes the families in odd ways: one family at a time.
      requests: x.list(10, () => ask(address(), 'o')).filter((q) => rows.every((r) => four(r[1].split('/')[0]) === four(q.values[0]))),
    };
  },
  abac(x) {
    const person = () => ({ Name: x.pick(users), Age: x.pick([5, 17, 18, 30, '18', '7']), Groups: x.list(x.int(3), () => x.pick(roleNames)), Boss: x.pick([null, { Name: 'alice' }]) });
    const rule = () => x.pick(['r.sub.Age > 18', 'r.sub.Age >= 18 && r.sub.Age < 30', 'r.sub.Name == r.obj.Owner', 'r.sub.Name in ["alice"]',
      '("admin" in r.sub.Groups)', 'r.sub.Boss.Name == "alice"', 'r.sub.Groups.length > 1', 'r.obj["Owner"] == "bob"', 'r.sub.Age + 1 == 19', 'r.sub.Missing == r.obj.Missing', 'r.sub.Groups[0] == "admin"', 'r.sub.Age % 2 == 1 ? true : r.act == "read"']);
    const evaluated = x.chance(0.6);
    const rows = x.list(1 + x.int(3), () => (evaluated ? ['p', rule(), x.pick(actions)] : ['p', x.pick(users), x.pick(actions)]));
    return {
      model: evaluated ? model('sub, obj, act', 'rule, act', [], ALLOW, x.pick(['eval(p.rule) && r.act == p.act', 'r.act == p.act && eval(p.rule)']))
        : model('sub, obj, act', 'sub, act', [], ALLOW, x.pick(['r.sub.Name == p.sub && r.act == p.act', 'r.sub.Name == r.obj.Owner && r.act == p.act'])),
      csv: csv(rows),
      requests: x.list(8, () => ask(person(), { Owner: x.pick(users) }, x.pick(actions))),
    };
  },
  expressions(x) {
    const atom = (d) => x.pick([
      () => String(x.pick([0, 1, 2, 3.5, 10, 1e3])), () => `"${x.pick(['', 'a', 'b', '10', ' 3 ', 'x y'])}"`, () => 'r.n', () => 'r.s', () => 'r.b', () => 'true', () => 'false', () => 'null',
      () => (d > 0 ? `(${expr(d - 1)})` : 'r.n'), () => 'p.v', () => 'r.o.k', () => 'r.o.none',
    ])();
    const expr = (d) => {
      if (d <= 0) return atom(0);
      return x.pick([
        () => `${atom(d)} ${x.pick(['+', '-', '*', '/', '%', '<', '>', '<=', '>=', '==', '!=', '===', '!==', '&&', '||', '^', '<<', '>>', '>>>'])} ${expr(d - 1)}`,
        () => `${x.pick(['!', '-', '+', '~'])} ${atom(d)}`, () => `${atom(d)} ? ${atom(d - 1)} : ${atom(d - 1)}`,
        () => `(${atom(d - 1)} in [ ${atom(0)}])`, () => atom(d),
      ])();
    };
    const m = x.pick([() => expr(3), () => `!!(${expr(3)}) && p.v != "none"`, () => `(${expr(2)}) == (${expr(2)}) || p.v == "b"`])();
    return {
      model: model('n, s, b, o', 'v', [], ALLOW, m),
      csv: csv([['p', 'a'], ['p', 'b'], ['p', '7']].slice(0, 1 + x.int(3))),
      requests: x.list(6, () => ask(x.pick([0, 1, -2, 7, 2.5, 1e21, 0.1]), x.pick(['', 'a', '7', 'abc', '0x10']), x.chance(0.5), x.pick([{ k: 1 }, { k: 'a' }, { k: '' }]))),
      numbers: true,
    };
  },
  // The reference turns parentheses behind `in` into a list by rewriting text, and binds `in` as loosely as ||.
  membership(x) {
    const rows = x.list(4, () => ['p', x.pick(users), x.pick(actions)]);
    return {
      model: model('sub, obj, act', 'sub, act', [], ALLOW, x.pick(['r.obj in ("data1", "data2") || r.sub == p.sub', "r.obj in ('data1', 'data3')", 'r.obj in [ "data1", p.act] || r.act == p.act'])),
      csv: csv(rows),
      requests: x.list(10, () => ask(x.pick(users), x.pick([...objects, 'read']), x.pick(actions))),
      numbers: true, // a matcher without p: the reference names some rule
    };
  },
  patterns(x) {
    const rows = x.list(4, () => ['p', x.pick(users), x.pick(['books', 'pens', '/book/1', '/pen/2']), x.pick(actions)]);
    const links = x.list(4, () => ['g2', x.pick(['/book/*', '/book/:id', '/pen/:id', '/pen/2', '/book/1']), x.pick(['books', 'pens'])]);
    return {
      model: model('sub, obj, act', 'sub, obj, act', ['_, _', '_, _'], ALLOW, 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act'),
      csv: csv([...rows, ...links]), roles: [{ ptype: 'g2', match: 'keyMatch2' }],
      requests: x.list(12, () => ask(x.pick(users), x.pick(['/book/1', '/book/9', '/pen/2', '/pen/3', 'books']), x.pick(actions))),
    };
  },
  domainPatterns(x) {
    const ds = ['d1', 'd2', 'e1', '*', 'd*'];
    const rows = x.list(6, () => ['p', x.pick(roleNames), x.pick(['d1', 'd2', 'e1']), x.pick(objects), x.pick(actions)]);
    const links = x.list(7, () => ['g', x.pick([...users, ...roleNames]), x.pick(roleNames), x.pick(ds)]);
    return {
      model: model('sub, dom, obj, act', 'sub, dom, obj, act', ['_, _, _'], ALLOW, 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act'),
      csv: csv([...rows, ...links]), roles: [{ ptype: 'g', domainMatch: 'keyMatch' }],
      requests: x.list(16, () => ask(x.pick(users), x.pick(['d1', 'd2', 'e1']), x.pick(objects), x.pick(actions))),
    };
  },
  contexts(x) {
    const rows = x.list(4, () => ['p', x.pick(users), x.pick(objects), x.pick(actions)]);
    const second = x.list(4, () => ['p2', x.pick(roleNames), x.pick(actions), x.pick(['allow', 'deny'])]);
    const links = x.list(4, () => ['g', x.pick(users), x.pick(roleNames)]);
    return {
      model: `[request_definition]\nr = sub, obj, act\nr2 = sub, act\n[policy_definition]\np = sub, obj, act\np2 = sub, act, eft\n[role_definition]\ng = _, _\n` +
        `[policy_effect]\ne = ${ALLOW}\ne2 = ${BOTH}\n[matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act\nm2 = g(r2.sub, p2.sub) && r2.act == p2.act\n`,
      csv: csv([...rows, ...second, ...links]),
      requests: x.list(12, () => (x.chance(0.5) ? ask(x.pick(users), x.pick(objects), x.pick(actions)) : { values: [x.pick(users), x.pick(actions)], context: 2 })),
    };
  },
  keyGets(x) {
    const m = x.pick(['keyGet(r.obj, p.obj) == r.act', 'keyGet2(r.obj, p.obj, "id") == r.act', 'keyGet2(r.obj, "/a/:id/:x", "x") == r.act']);
    return {
      model: model('obj, act', 'obj', [], ALLOW, m),
      csv: csv(x.list(3, () => ['p', x.pick(['/a/*', '/a/:id', '/a/:id/b', '/:x/:id', '*'])])),
      requests: x.list(10, () => ask('/' + x.list(1 + x.int(3), () => x.pick(['a', 'b', '7'])).join('/'), x.pick(['a', 'b', '7', '7/b', '']))),
      numbers: true,
    };
  },
  management(x) {
    const rule = () => [x.pick([...users, ...roleNames]), x.pick(objects), x.pick(actions)];
    const link = () => [x.pick([...users, ...roleNames]), x.pick(roleNames)];
    const ops = x.list(25, () => x.pick([
      () => ({ op: 'add', ptype: 'p', rule: rule() }), () => ({ op: 'add', ptype: 'g', rule: link() }), () => ({ op: 'add', ptype: 'g', rule: link() }),
      () => ({ op: 'remove', ptype: 'p', rule: rule() }), () => ({ op: 'remove', ptype: 'g', rule: link() }),
      () => ({ op: 'update', ptype: 'p', old: rule(), rule: rule() }),
      () => ({ op: 'removeFiltered', ptype: 'p', first: x.int(2), rule: [x.pick(['alice', 'data1', 'admin', 'data2'])] }),
      () => ({ op: 'removeFiltered', ptype: 'g', first: x.int(2), rule: [x.pick([...users, ...roleNames])] }),
      () => ({ op: 'deleteUser', rule: [x.pick(users)] }),
    ])());
    const start = [...x.list(6, () => ['p', ...rule()]), ...x.list(6, () => ['g', ...link()])];
    return {
      model: model('sub, obj, act', 'sub, obj, act', ['_, _'], ALLOW, 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act'),
      csv: csv(start), ops,
      requests: x.list(20, () => ask(x.pick([...users, ...roleNames]), x.pick(objects), x.pick(actions))),
      queries: [
        { q: 'rules', ptype: 'p', first: 0, values: [] }, { q: 'rules', ptype: 'g', first: 0, values: [] },
        { q: 'implicitRoles', name: x.pick(users) }, { q: 'implicitMembers', name: x.pick(roleNames) },
        { q: 'implicitPermissions', name: x.pick(users) },
      ],
    };
  },
  csvForms(x) {
    const lines = [
      '# a comment', '', '  # another', 'p, alice, data1, read', 'p,alice,"data, two",write', '"p", "bob", "say ""hi""", read', 'p ,  carol  ,  data1 , read  ',
      'p, dave, f(a, b), read', 'p, eve, , read', 'p, "alice", data1, read, extra', 'p, bob, da"ta, read', 'g, alice, admin', 'p, admin, data3, read\r',
    ];
    return {
      model: model('sub, obj, act', 'sub, obj, act', ['_, _'], ALLOW, 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act'),
      csv: x.list(8, () => x.pick(lines)).join('\n') + x.pick(['', '\n']),
      requests: x.list(20, () => ask(x.pick(users), x.pick(['data1', 'data, two', 'say "hi"', 'f(a,b)', '', 'da"ta', 'data3']), x.pick(['read', 'write']))),
    };
  },
  matcherOfOnesOwn(x) {
    const rows = x.list(5, () => ['p', x.pick(users), x.pick(objects), x.pick(actions)]);
    return {
      model: model('sub, obj, act', 'sub, obj, act', [], ALLOW, 'r.sub == p.sub'),
      csv: csv(rows),
      requests: x.list(8, () => ({ ...ask(x.pick(users), x.pick(objects), x.pick(actions)), matcher: x.pick(['r.obj == p.obj && r.act == p.act', 'keyMatch(r.obj, "data*") && r.sub == p.sub']) })),
    };
  },
  tke(x) {
    const pols = ['pol-a', 'pol-b', 'pol-c', 'rol-x', 't##group##g1'];
    const people = ['t##user##ann', 't##user##bob', 't##user##*', ...pols];
    const places = ['*', 'prj-1', 'prj-2'];
    const object = () => x.pick(['cluster:cls-1', 'cluster:cls-1/namespace:dev/pod:p', 'project:1/cluster:2', '*', 'registry:1/2', 'Cluster:CLS-1']);
    const pattern = () => x.pick(['*', 'cluster:*', 'cluster:cls-1/*', '*pod:*', 'project:*/cluster:2', 'registry:1', '*/:seg', 'CLUSTER:cls-1', '/:a/:b', '*-1*:p']);
    const rows = x.list(2 + x.int(8), () => ['p', x.pick(people), '*', pattern(), x.pick(['*', 'get*', 'list*', '*pod', 'GetPod']), x.pick(['allow', 'allow', 'allow', 'deny'])]);
    const links = x.list(1 + x.int(10), () => ['g', x.pick(people), x.pick(pols), x.pick(places)]);
    return {
      tke: true, flags: 1,
      model: model('sub, dom, obj, act', 'sub, dom, obj, act, eft', ['_, _, _'], BOTH, 'g(r.sub, p.sub, r.dom) && keyMatchCustom(r.obj, p.obj) && keyMatchCustom(r.act, p.act)'),
      csv: csv([...rows, ...links]),
      requests: x.list(20, () => ask(x.pick(people), x.pick(['', '*', 'prj-1', 'prj-2', 'prj-3']), object(), x.pick(['getPod', 'listPods', 'deletePod', 'getpod', 'x']))),
    };
  },
};

module.exports = { kinds, random };
