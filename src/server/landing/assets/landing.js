// Searches the operations and copies their commands. The page is complete without it.
(() => {
  document.documentElement.classList.add('scripted');
  const search = document.getElementById('search');
  const found = document.getElementById('found');
  const operations = [...document.querySelectorAll('.operation')];
  const groups = [...document.querySelectorAll('.group')];

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const operation of operations) {
      const text = operation.dataset.text;
      operation.hidden = !words.every((word) => text.includes(word));
      if (!operation.hidden) count++;
    }
    for (const group of groups) group.hidden = group.querySelector('.operation:not([hidden])') === null;
    found.textContent = `${count} of ${operations.length} operations`;
  }

  /** Selects a command where the clipboard is not available: browsers offer it on https and on this machine only. */
  function select(node) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  async function copy(button) {
    const command = button.parentElement.querySelector('code');
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = 'Copied';
    } catch {
      select(command);
      button.textContent = 'Selected';
    }
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 2_000);
  }

  search?.addEventListener('input', filter);
  document.addEventListener('click', ({ target }) => {
    const button = target.closest('.copy');
    if (button !== null) copy(button);
  });
})();
