// A person with a browser that has no JavaScript: follows redirects, keeps cookies, fills the login form.
const entities = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&#x27;': "'", '&#34;': '"' };
const unescape = (text) => text.replace(/&(amp|lt|gt|quot|#39|#x27|#34);/g, (entity) => entities[entity]);

export class Person {
  #cookies = new Map();

  async #open(url, options = {}) {
    const response = await fetch(url, {
      ...options,
      redirect: 'manual',
      headers: { ...options.headers, cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      this.#cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    return response;
  }

  // From the authorization URL through the login form to the URL at the relying party that carries the code.
  async login(url, username, password, { relyingParty }) {
    let response = await this.#open(url);
    while (response.status >= 300 && response.status < 400) {
      const next = new URL(response.headers.get('location'), url);
      if (next.href.startsWith(relyingParty)) return next;
      url = next;
      response = await this.#open(url);
    }
    const page = await response.text();
    if (response.status !== 200) throw new Error(`login page: ${response.status} ${page.slice(0, 500)}`);
    const form = new URLSearchParams();
    for (const [, name, value] of page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)) form.set(name, unescape(value));
    form.set('login', username);
    form.set('password', password);
    const action = new URL(unescape(page.match(/<form[^>]*action="([^"]*)"/)[1]), url);
    response = await this.#open(action, { method: 'POST', body: form, headers: { origin: action.origin } });
    if (response.status !== 303) throw new Error(`login: ${response.status} ${(await response.text()).slice(0, 500)}`);
    return new URL(response.headers.get('location'), action);
  }

  // Where a GET leads: status and Location.
  async visit(url) {
    const response = await this.#open(url);
    return { status: response.status, location: response.headers.get('location') };
  }
}
