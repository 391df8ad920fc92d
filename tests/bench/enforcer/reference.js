'use strict';
// npm's casbin on the policy and requests the C program dumped: decisions per second, load time, equality of answers.
// usage: node reference.js FOLDER SECONDS
const fs = require('fs');
const path = require('path');
const { newEnforcer, newModelFromString, StringAdapter, DefaultRoleManager } = require(path.join(__dirname, '../../oracle/node_modules/casbin'));

const model = `[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub, r.dom) && keyMatchCustom(r.obj, p.obj) && keyMatchCustom(r.act, p.act)
`;

class TkeRoleManager extends DefaultRoleManager {
  constructor() {
    super(10);
  }
  syncedHasLink(a, b, domain) {
    return super.syncedHasLink(a, b, domain || '*') || super.syncedHasLink(a, b, '*');
  }
}

const patterns = new Map();
function keyMatchCustom(value, pattern) {
  let re = patterns.get(pattern);
  if (!re) {
    re = new RegExp(`^${pattern.toLowerCase().replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*')}$`);
    patterns.set(pattern, re); // kinder to the reference than the service it comes from, which compiles each time
  }
  return re.test(value.toLowerCase());
}

async function main() {
  const [folder, seconds] = [process.argv[2], Number(process.argv[3])];
  const requests = JSON.parse(fs.readFileSync(`${folder}/requests.json`));
  const e = await newEnforcer(newModelFromString(model));
  e.setRoleManager(new TkeRoleManager());
  await e.addFunction('keyMatchCustom', keyMatchCustom);
  e.setAdapter(new StringAdapter(fs.readFileSync(`${folder}/policy.csv`, 'utf8')));
  let start = process.hrtime.bigint();
  await e.loadPolicy();
  const since = () => Number(process.hrtime.bigint() - start) / 1e9;
  const load_s = since();
  let n = 0, different = 0;
  start = process.hrtime.bigint();
  do {
    const [sub, dom, obj, act, allowed] = requests[n % requests.length];
    if (e.enforceSync(sub, dom, obj, act) !== !!allowed) different++;
    n++;
  } while (since() < seconds && n < requests.length);
  process.stdout.write(JSON.stringify({ decisions_per_s: n / since(), compared: n, different, load_s, rss_mb: process.memoryUsage().rss / 1048576 }) + '\n');
}

main();
