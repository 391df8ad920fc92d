// Chromium, steered by JSON lines: one command a line on standard input, one answer a line on standard output. A command is
// {do: NAME, ...}; an answer is {ok: VALUE} or {error: TEXT}. The tests themselves are in test_browser.py.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
    // A public host name for the gateway: browsers treat cookies of 127.0.0.1 and localhost more kindly.
    '--host-resolver-rules=MAP console.example 127.0.0.1'],
});
let context;
let page;
let noise;

const commands = {
  // A fresh profile: nothing is shared with the one before.
  async open({ options }) {
    await context?.close();
    noise = [];
    context = await browser.newContext({ ignoreHTTPSErrors: true, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(60_000);
    page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) noise.push(message.text());
    });
    page.on('pageerror', (error) => noise.push(String(error)));
  },
  goto: async ({ url }) => (await page.goto(url)).status(),
  fill: ({ selector, text }) => page.fill(selector, text),
  // Clicks what leads to another page, and tells that page's status.
  async follow({ selector }) {
    const [response] = await Promise.all([page.waitForNavigation(), page.click(selector)]);
    return response.status();
  },
  click: ({ selector }) => page.click(selector),
  press: ({ key }) => page.keyboard.press(key),
  type: ({ text }) => page.keyboard.type(text),
  async pressAndFollow({ key }) {
    const [response] = await Promise.all([page.waitForNavigation(), page.keyboard.press(key)]);
    return response.status();
  },
  text: ({ selector }) => page.innerText(selector),
  count: ({ selector }) => page.locator(selector).count(),
  attribute: ({ selector, name }) => page.getAttribute(selector, name),
  value: ({ selector }) => page.inputValue(selector),
  // Playwright evaluates through the debugger, which CSP does not bind.
  evaluate: ({ expression }) => page.evaluate(expression),
  url: () => page.url(),
  // How an assistive technology names what can be operated.
  named: ({ role, name }) => page.getByRole(role, { name, exact: true }).count(),
  cookies: () => context.cookies(),
  noise: () => noise,
  screenshot: async ({ file }) => { await page.screenshot({ path: file, fullPage: true }); },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await commands[command.do](command)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
