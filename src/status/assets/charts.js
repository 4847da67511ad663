// Shows the values of the charts at the point under the pointer, or at the point chosen with the arrow keys. The server has written the
// points into `data-points`: position and text of each.
(() => {
  const WIDTH = 360;
  const HEIGHT = 72;
  /** The chart that shows a point: its number among the charts, and the point counted from the newest one, which refreshes keep. */
  let shown;

  const charts = () => [...document.querySelectorAll('.plot')];
  const pointsOf = (plot) => JSON.parse(plot.dataset.points);

  function show(plot, index) {
    const points = pointsOf(plot);
    const point = points[index];
    if (point === undefined) return;
    const [x, text] = point;
    shown = { chart: charts().indexOf(plot), fromEnd: points.length - 1 - index };
    plot.setAttribute('aria-valuenow', String(index));
    plot.setAttribute('aria-valuetext', text);
    plot.querySelector('.cursor').setAttribute('d', `M${x},0V${HEIGHT}`);
    plot.parentElement.querySelector('.reading').textContent = text;
  }

  function hide(plot) {
    shown = undefined;
    plot.querySelector('.cursor').setAttribute('d', '');
    plot.parentElement.querySelector('.reading').textContent = '';
  }

  function nearest(plot, clientX) {
    const { left, width } = plot.getBoundingClientRect();
    const x = (WIDTH * (clientX - left)) / width;
    const distances = pointsOf(plot).map(([at]) => Math.abs(Number(at) - x));
    return distances.indexOf(Math.min(...distances));
  }

  const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

  function indexFor(key, now, last) {
    if (key === 'Home') return 0;
    if (key === 'End') return last;
    return STEPS[key] === undefined ? undefined : Math.max(0, Math.min(last, now + STEPS[key]));
  }

  const plotOf = (event) => event.target.closest?.('.plot') ?? undefined;

  document.addEventListener('pointermove', (event) => {
    const plot = plotOf(event);
    if (plot !== undefined) show(plot, nearest(plot, event.clientX));
  });
  document.addEventListener('pointerout', (event) => {
    const plot = plotOf(event);
    if (plot !== undefined && !plot.contains(event.relatedTarget)) hide(plot);
  });
  document.addEventListener('focusout', (event) => {
    const plot = plotOf(event);
    if (plot !== undefined) hide(plot);
  });
  document.addEventListener('keydown', (event) => {
    const plot = plotOf(event);
    if (plot === undefined) return;
    if (event.key === 'Escape') {
      hide(plot);
      return;
    }
    const index = indexFor(event.key, Number(plot.getAttribute('aria-valuenow')), pointsOf(plot).length - 1);
    if (index === undefined) return;
    event.preventDefault();
    show(plot, index);
  });
  document.addEventListener('page:refreshed', () => {
    const plot = charts()[shown?.chart];
    if (plot !== undefined) show(plot, Math.max(0, pointsOf(plot).length - 1 - shown.fromEnd));
  });
})();
