// Purges after confirmation: the first dialog asks what and how; dropping lists takes a second one, which warns while Atlas fails.
(() => {
  const LONGEST_WAIT_MS = 10_000;
  const dialog = document.getElementById('purge');
  if (dialog === null) return;
  const form = document.getElementById('purge-form');
  const { project, operation, how } = form.elements;
  const effect = document.getElementById('purge-says');
  const confirmation = document.getElementById('purge-hard');
  const consequence = document.getElementById('purge-hard-says');
  const warning = document.getElementById('purge-hard-warning');

  const notify = (text, isBad = false) =>
    document.dispatchEvent(new CustomEvent('page:notify', { detail: { text, isBad } }));
  const isSoft = () => how.value === 'soft';

  function scopeInWords() {
    const lists = operation.value === '' ? 'all lists' : operation.value;
    return `${lists} of ${project.value === '' ? 'all projects' : `project ${project.value}`}`;
  }

  function explain() {
    effect.textContent = isSoft()
      ? `Reloads ${scopeInWords()} from Atlas at their next use. The cached lists are served if that fails.`
      : `Drops ${scopeInWords()}. They cannot be served until Atlas has answered again.`;
  }

  function ask(id) {
    if (![...project.options].some(({ value }) => value === id)) project.add(new Option(id, id));
    form.reset();
    project.value = id;
    explain();
    dialog.returnValue = '';
    dialog.showModal();
  }

  function confirmDrop() {
    const trouble = document.getElementById('trouble-title');
    consequence.textContent = `This drops ${scopeInWords()}. Requests for them wait for Atlas.`;
    warning.hidden = trouble === null;
    warning.textContent =
      trouble === null
        ? ''
        : `${trouble.textContent.trim()} Dropped lists cannot be loaded again until Atlas recovers, and requests for them fail.`;
    confirmation.returnValue = '';
    confirmation.showModal();
  }

  async function purge() {
    const scope = { soft: isSoft() };
    if (project.value !== '') scope.project = project.value;
    if (operation.value !== '') scope.operation = operation.value;
    const answer = await fetch('/cache/purge', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(scope),
      signal: AbortSignal.timeout(LONGEST_WAIT_MS),
    });
    if (answer.status === 401) {
      location.reload();
      return;
    }
    const { detail } = await answer.json();
    const done = scope.soft ? 'Marked as stale' : 'Dropped';
    notify(answer.ok ? `${done}: ${scopeInWords()}.` : `Not purged: ${detail}`, !answer.ok);
  }

  async function purgeAndRefresh() {
    try {
      await purge();
    } catch {
      notify('Not purged: the gateway is unreachable.', true);
    }
    document.dispatchEvent(new Event('page:refresh'));
  }

  form.addEventListener('input', explain);
  document.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-purge]');
    if (button !== null) ask(button.dataset.purge);
  });
  dialog.addEventListener('close', () => {
    if (dialog.returnValue !== 'purge') return;
    if (isSoft()) purgeAndRefresh();
    else confirmDrop();
  });
  confirmation.addEventListener('close', () => {
    if (confirmation.returnValue === 'drop') purgeAndRefresh();
  });
})();
