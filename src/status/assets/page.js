// The script of all pages: it refreshes `main` and filters without reloading the page. The server renders every page completely, so the
// script builds no HTML from data: it parses the new page and patches the differing nodes, which preserves focus, selection and scroll
// position. The other scripts talk to this one by events: `page:refresh` and `page:notify` to it, `page:refreshed` from it.
(() => {
  const LONGEST_WAIT_MS = 5_000;
  const LONGEST_PAUSE_MS = 15_000;
  const root = document.documentElement;
  const main = document.getElementById('main');
  const notice = document.getElementById('notice');
  const live = document.getElementById('live');
  const everyMs = Number(root.dataset.refresh || 0);

  function notify(text, isBad = false) {
    const message = document.createElement('p');
    message.textContent = text;
    if (isBad) message.className = 'problem';
    notice.replaceChildren(...(text === '' ? [] : [message]));
  }

  const keyOf = (node) => (node.nodeType === 1 ? node.getAttribute('data-key') : null);
  const isAlike = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

  function morphAttributes(from, to) {
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes)
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }

  /** Makes one node like another, keeping those of its children that are in both. */
  function morph(from, to) {
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    morphAttributes(from, to);
    const keyed = new Map();
    for (const node of from.childNodes) if (keyOf(node) !== null) keyed.set(keyOf(node), node);
    let at = 0;
    for (const wanted of [...to.childNodes]) {
      const key = keyOf(wanted);
      const here = from.childNodes[at];
      const known = key === null ? here : keyed.get(key);
      if (known && isAlike(known, wanted)) {
        if (known !== here) from.insertBefore(known, here);
        morph(known, wanted);
      } else from.insertBefore(document.importNode(wanted, true), here || null);
      at++;
    }
    while (from.childNodes.length > at) from.lastChild.remove();
  }

  let latest = 0;
  /** Loads the page anew and patches this one; throws the status as text if the answer is not a page. */
  async function load(address) {
    const number = ++latest;
    const answer = await fetch(address, {
      headers: { accept: 'text/html' },
      cache: 'no-store',
      signal: AbortSignal.timeout(LONGEST_WAIT_MS),
    });
    if (answer.status === 401) {
      location.reload();
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    const part = (name) => text.slice(text.indexOf(`<${name}`), text.indexOf(`</${name}>`));
    // Without the new page's style and script: their nonce differs from this page's.
    const next = new DOMParser().parseFromString(`${part('title')}</title>${part('main')}`, 'text/html');
    // Responses may arrive out of order.
    if (number !== latest) return;
    const wanted = next.getElementById('main');
    if (wanted === null) throw new Error('no page');
    morph(main, wanted);
    document.title = next.title;
    document.dispatchEvent(new Event('page:refreshed'));
  }

  let lostAt;

  /** Says that the page is out of date, and why: nothing on it may look as if it were current. */
  function showLost(error) {
    if (lostAt !== undefined) return;
    lostAt = new Date();
    root.classList.add('lost');
    const badge = document.getElementById('state');
    const wasDraining = badge !== null && badge.dataset.state === 'draining';
    const since = `since ${lostAt.toLocaleTimeString()}`;
    const isAnswer = /^\d{3}$/.test(error.message);
    const state = isAnswer ? 'unknown' : wasDraining ? 'stopped' : 'unreachable';
    if (badge !== null) {
      badge.className = `badge ${state}`;
      badge.textContent = state;
    }
    document.title = `${state}: atlas-gateway`;
    if (isAnswer) notify(`The status page answers ${error.message} ${since}. Below is older data.`, true);
    else if (wasDraining) notify(`The gateway was shutting down and has not answered ${since}.`, true);
    else notify(`The gateway has been unreachable ${since}. Below is older data.`, true);
  }

  function showFound() {
    if (lostAt !== undefined) notify('The gateway is reachable again.');
    lostAt = undefined;
    root.classList.remove('lost');
  }

  let timer;
  let failures = 0;
  const isOn = () => live !== null && live.getAttribute('aria-pressed') === 'true';

  function refreshLater() {
    clearTimeout(timer);
    if (everyMs > 0 && isOn() && !document.hidden)
      timer = setTimeout(refresh, Math.min(everyMs * 2 ** failures, LONGEST_PAUSE_MS));
  }

  async function refresh() {
    clearTimeout(timer);
    try {
      await load(location.href);
      failures = 0;
      showFound();
    } catch (error) {
      failures++;
      showLost(error);
    }
    refreshLater();
  }

  document.addEventListener('page:refresh', refresh);
  document.addEventListener('page:notify', ({ detail: { text, isBad } }) => notify(text, isBad));
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) clearTimeout(timer);
    else if (isOn()) refresh();
  });
  live?.addEventListener('click', () => {
    const on = !isOn();
    live.setAttribute('aria-pressed', String(on));
    if (on) refresh();
    else clearTimeout(timer);
  });
  refreshLater();

  const filters = () => document.getElementById('filters');
  async function applyFilters(submitter) {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(filters(), submitter)) if (value !== '') query.set(name, value);
    const text = query.toString();
    history.replaceState(null, '', text === '' ? location.pathname : `?${text}`);
    await refresh();
  }

  let typing;
  document.addEventListener('input', ({ target: { form } }) => {
    if (form === null || form !== filters()) return;
    clearTimeout(typing);
    typing = setTimeout(() => applyFilters(), 200);
  });
  document.addEventListener('submit', (event) => {
    if (event.target !== filters()) return;
    event.preventDefault();
    clearTimeout(typing);
    applyFilters(event.submitter);
  });
})();
