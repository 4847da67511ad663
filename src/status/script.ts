/**
 * The script of all pages, as text: it refreshes `main`, purges after confirmation, and filters without reloading the page. The server
 * renders every page completely, so the script builds no HTML from data: it parses the new page and patches the differing nodes, which
 * preserves focus, selection and scroll position.
 */
export const SCRIPT = `
'use strict';
(() => {
  const root = document.documentElement;
  const main = document.getElementById('main');
  const notice = document.getElementById('notice');
  const live = document.getElementById('live');
  const everyMs = Number(root.dataset.refresh || 0);

  function notify(text, bad) {
    const message = document.createElement('p');
    message.textContent = text;
    if (bad) message.className = 'problem';
    notice.replaceChildren(...(text === '' ? [] : [message]));
  }

  const keyOf = (node) => (node.nodeType === 1 ? node.getAttribute('data-key') : null);
  const alike = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

  function morph(from, to) {
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    const old = [...from.childNodes];
    const keyed = new Map();
    for (const node of old) if (keyOf(node) !== null) keyed.set(keyOf(node), node);
    let at = 0;
    for (const wanted of [...to.childNodes]) {
      const key = keyOf(wanted);
      const here = from.childNodes[at];
      const known = key === null ? here : keyed.get(key);
      if (known && alike(known, wanted)) {
        if (known !== here) from.insertBefore(known, here);
        morph(known, wanted);
      } else from.insertBefore(document.importNode(wanted, true), here || null);
      at++;
    }
    while (from.childNodes.length > at) from.lastChild.remove();
  }

  let latest = 0;
  async function load(address) {
    const number = ++latest;
    const answer = await fetch(address, { headers: { accept: 'text/html' }, cache: 'no-store', signal: AbortSignal.timeout(10000) });
    if (answer.status === 401) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    const part = (name) => text.slice(text.indexOf('<' + name), text.indexOf('</' + name + '>'));
    // Without the new page's style and script: their nonce differs from this page's.
    const next = new DOMParser().parseFromString(part('title') + '</title>' + part('main'), 'text/html');
    // Responses may arrive out of order.
    if (number !== latest) return;
    const wanted = next.getElementById('main');
    if (wanted === null) throw new Error('no page');
    morph(main, wanted);
    document.title = next.title;
  }

  let timer;
  let failures = 0;
  let lostAt;
  const isOn = () => live !== null && live.getAttribute('aria-pressed') === 'true';
  function later() {
    clearTimeout(timer);
    if (everyMs > 0 && isOn() && !document.hidden) timer = setTimeout(refresh, Math.min(everyMs * 2 ** failures, 15000));
  }
  async function refresh() {
    clearTimeout(timer);
    try {
      await load(location.href);
      if (lostAt !== undefined) notify('The gateway is reachable again.');
      failures = 0;
      lostAt = undefined;
      root.classList.remove('lost');
    } catch {
      failures++;
      if (lostAt === undefined) {
        lostAt = new Date();
        root.classList.add('lost');
        notify('The gateway has been unreachable since ' + lostAt.toLocaleTimeString() + '. This page shows older data.', true);
      }
    }
    later();
  }
  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : isOn() && refresh()));
  if (live !== null)
    live.addEventListener('click', () => {
      const on = !isOn();
      live.setAttribute('aria-pressed', String(on));
      if (on) refresh();
      else clearTimeout(timer);
    });
  later();

  const filters = () => document.getElementById('filters');
  async function apply(submitter) {
    const form = filters();
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form, submitter)) if (value !== '') query.set(name, value);
    const text = query.toString();
    history.replaceState(null, '', text === '' ? location.pathname : '?' + text);
    await refresh();
  }
  let typing;
  document.addEventListener('input', (event) => {
    if (event.target.form === null || event.target.form !== filters()) return;
    clearTimeout(typing);
    typing = setTimeout(() => apply(), 200);
  });
  document.addEventListener('submit', (event) => {
    if (event.target !== filters()) return;
    event.preventDefault();
    clearTimeout(typing);
    apply(event.submitter);
  });

  const dialog = document.getElementById('purge');
  if (dialog === null) return;
  const form = document.getElementById('purge-form');
  const { project, operation, soft } = form.elements;
  const effect = document.getElementById('purge-says');
  const scopeInWords = () =>
    (operation.value === '' ? 'all lists' : operation.value) + ' of ' + (project.value === '' ? 'all projects' : 'project ' + project.value);
  function explain() {
    effect.textContent = soft.checked
      ? 'Reloads ' + scopeInWords() + ' from Atlas at their next use. The cached lists are served if that fails.'
      : 'Drops ' + scopeInWords() + '. They cannot be served until Atlas has answered again.';
  }
  form.addEventListener('input', explain);
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-purge]');
    if (button === null) return;
    const id = button.dataset.purge;
    if (![...project.options].some((option) => option.value === id)) project.add(new Option(id, id));
    form.reset();
    project.value = id;
    explain();
    dialog.returnValue = '';
    dialog.showModal();
  });
  dialog.addEventListener('close', async () => {
    if (dialog.returnValue !== 'purge') return;
    const scope = { soft: soft.checked };
    if (project.value !== '') scope.project = project.value;
    if (operation.value !== '') scope.operation = operation.value;
    const words = scopeInWords();
    try {
      const answer = await fetch('/cache/purge', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(scope),
        signal: AbortSignal.timeout(10000),
      });
      if (answer.status === 401) { location.reload(); return; }
      const body = await answer.json();
      if (answer.ok) notify('Purged: ' + words + '.');
      else notify('Not purged: ' + body.detail, true);
    } catch {
      notify('Not purged: the gateway is unreachable.', true);
    }
    refresh();
  });
})();
`;
