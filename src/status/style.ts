/** The style of all pages: light and dark by the system's preference, spacing in steps of four pixels, tabular figures. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --line: #dfe3e8; --soft: #eef1f4;
  --ink: #1a2128; --faint: #57626e; --accent: #0b6b50; --link: #0a5f8a;
  --fill: #0b6b5022; --good: #0b6b50; --good-soft: #e2f3ec; --bad: #b3261e; --bad-soft: #fdeceb;
  --warn: #7d5200; --warn-soft: #fdf1d8; --focus: #0a5f8a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101418; --card: #181d23; --line: #2b333c; --soft: #222931;
    --ink: #e4e9ee; --faint: #9aa7b4; --accent: #4cc9a0; --link: #74bdea;
    --fill: #4cc9a02b; --good: #5fd3ab; --good-soft: #17352c; --bad: #ff9a90; --bad-soft: #43201e;
    --warn: #f0c265; --warn-soft: #3b2f17; --focus: #74bdea;
  }
}
*, ::before, ::after { box-sizing: border-box }
html { font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--page); color: var(--ink); font-variant-numeric: tabular-nums }
h1, h2, p, dl, dd, ul, ol, figure { margin: 0; padding: 0 }
h1 { font-size: 20px; line-height: 28px; font-weight: 600 }
h2 { font-size: 15px; line-height: 20px; font-weight: 600 }
small { font-size: 12px; color: var(--faint); font-weight: 400 }
a { color: var(--link); text-underline-offset: 2px }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 12.5px; font-weight: 400 }
.faint { color: var(--faint) }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 4px }
main:focus { outline: none }
.skip { position: absolute; left: 8px; top: -60px; z-index: 2; padding: 8px 12px; background: var(--card); border: 1px solid var(--line); border-radius: 6px }
.skip:focus { top: 8px }
html:not(.scripted) .needs-script, .scripted .without-script { display: none }
.wide { width: 100%; max-width: 1360px; margin: 0 auto; padding: 0 24px }

.top { background: var(--card); border-bottom: 1px solid var(--line) }
.top .wide { display: flex; align-items: center; justify-content: space-between; gap: 8px 16px; min-height: 52px; padding-top: 8px; padding-bottom: 8px; flex-wrap: wrap }
.crumbs { display: flex; flex-wrap: wrap; gap: 0 8px; list-style: none; font-weight: 600; overflow-wrap: anywhere }
.crumbs li + li::before { content: "/"; margin-right: 8px; color: var(--faint); font-weight: 400 }
.crumbs li + li { font-family: ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; font-weight: 400 }
.crumbs a { color: inherit; text-decoration: none }
.crumbs a:hover { text-decoration: underline }
.actions { display: flex; gap: 8px; align-items: center }

main { padding-top: 24px !important; padding-bottom: 48px !important; display: grid; gap: 20px; grid-template-columns: minmax(0, 1fr) }
.card, .glance, .charts { background: var(--card); border: 1px solid var(--line); border-radius: 8px }
.card { padding: 0 0 4px; min-width: 0 }
.card > p, .card > pre { margin: 0 16px 12px }
.card-head { display: flex; align-items: center; justify-content: space-between; gap: 4px 16px; flex-wrap: wrap; padding: 12px 16px; min-height: 52px }
.columns { display: grid; gap: 20px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); align-items: start }

.glance { padding: 16px; display: grid; gap: 4px 12px; grid-template-columns: auto 1fr; align-items: center }
.build { color: var(--faint) }
.tiles { grid-column: 1 / -1; margin-top: 12px; display: grid; gap: 16px 24px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 136px), 1fr)) }
.tiles div { min-width: 0; border-left: 2px solid var(--line); padding-left: 12px }
.tiles dt { color: var(--faint); font-size: 12px }
.tiles dd { font-size: 20px; line-height: 28px; font-weight: 600 }
.tiles dd small { display: inline-block; white-space: nowrap }
.tiles .more { font-size: 12px; line-height: 18px; font-weight: 400; color: var(--faint) }
.badge { display: inline-flex; align-items: center; gap: 8px; padding: 0 12px; border-radius: 99px; background: var(--good-soft); color: var(--good); font-size: 16px; line-height: 32px }
.badge::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: currentColor }
.badge.draining, .badge.starting { background: var(--warn-soft); color: var(--warn) }
.badge.draining::before, .badge.starting::before { border-radius: 1px }
.problem, .hint { padding: 8px 12px; border-radius: 6px; background: var(--soft); overflow-wrap: anywhere }
.glance .problem, .glance .hint { grid-column: 1 / -1; margin-top: 12px }
.problem { background: var(--bad-soft); color: var(--bad) }
.problem ul, .hint ul { margin: 4px 0 0 20px }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr)) }
.chart { padding: 12px 16px; min-width: 0 }
.chart figcaption { display: flex; justify-content: space-between; align-items: baseline; gap: 8px }
.chart-title { font-weight: 600 }
.chart-now { font-size: 18px; line-height: 28px; font-weight: 600; white-space: nowrap }
.plot { position: relative; padding-top: 12px }
.plot svg { display: block; width: 100%; height: 72px }
.chart-top { position: absolute; top: -1px; left: 0; font-size: 11px; line-height: 14px; color: var(--faint) }
.axis { display: flex; justify-content: space-between; margin-top: 4px; font-size: 11px; color: var(--faint) }
.chart path { vector-effect: non-scaling-stroke; fill: none }
.chart .grid { stroke: var(--line); stroke-dasharray: 2 4 }
.chart .base { stroke: var(--line) }
.chart .line { stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round }
.chart .area { fill: var(--fill) }
.chart .errors .line { stroke: var(--bad) }
.chart .errors .area { fill: var(--bad-soft) }

.scroll { position: relative; overflow-x: auto; max-width: 100% }
table { width: 100%; border-collapse: collapse }
th, td { padding: 6px 16px; text-align: left; vertical-align: baseline; border-top: 1px solid var(--line); font-weight: 400 }
thead th { border-top: 0; border-bottom: 0; padding-top: 4px; color: var(--faint); font-size: 12px; white-space: nowrap; vertical-align: bottom }
tbody th { white-space: nowrap; font-weight: 500 }
tbody th.mono { font-weight: 500 }
tbody tr:hover { background: var(--soft) }
.number { text-align: right; white-space: nowrap }
td.empty { padding: 16px; color: var(--faint) }
td time, .nowrap { white-space: nowrap }
.bar-cell .bar { margin: 0 }
.bar-cell .bar + .tag { margin-top: 4px }
.bar { display: block; width: 100%; height: 6px; margin-top: 6px; border-radius: 3px; min-width: 48px }
.bar-all { fill: var(--line) }
.bar-part { fill: var(--accent) }
.bar.low .bar-part { fill: var(--bad) }
.bar-cell { min-width: 120px; width: 34% }
.tag { display: inline-block; padding: 0 6px; border-radius: 4px; background: var(--soft); font-size: 12px; line-height: 20px; white-space: nowrap }
.tag.good { background: var(--good-soft); color: var(--good) }
.tag.bad { background: var(--bad-soft); color: var(--bad) }
.tag.warn { background: var(--warn-soft); color: var(--warn) }
td a + .tag { margin-left: 8px }

button, input, select { font: inherit; color: inherit }
button { padding: 4px 12px; min-height: 32px; border: 1px solid var(--line); border-radius: 6px; background: var(--card); cursor: pointer; white-space: nowrap }
button:hover:not(:disabled) { border-color: var(--faint) }
button:disabled { color: var(--faint); cursor: default }
button.small { min-height: 24px; padding: 0 8px; font-size: 12px }
button.primary { background: var(--ink); border-color: var(--ink); color: var(--card) }
button.danger { background: var(--bad); border-color: var(--bad); color: var(--card) }
button.quiet { display: inline-flex; align-items: center; gap: 8px }
.dot { width: 8px; height: 8px; border-radius: 50%; border: 2px solid var(--faint) }
[aria-pressed="true"] .dot { background: var(--good); border-color: var(--good) }
.lost [aria-pressed="true"] .dot { background: none; border-color: var(--bad); border-radius: 1px }
input:not([type=checkbox]), select { width: 100%; min-height: 32px; padding: 4px 8px; border: 1px solid var(--faint); border-radius: 6px; background: var(--card) }
label { display: grid; gap: 4px; font-size: 12px; color: var(--faint) }
label input, label select { font-size: 14px; color: var(--ink) }
.check { grid-template-columns: auto 1fr; align-items: start; gap: 8px; font-size: 14px; color: var(--ink) }
.check input { margin: 3px 0 0; width: 16px; height: 16px; accent-color: var(--accent) }
.filters { display: flex; flex-wrap: wrap; align-items: end; gap: 12px; padding: 16px; border-bottom: 1px solid var(--line) }
.filters label { flex: 0 1 160px; min-width: 120px }
.filters .grow { flex: 1 1 240px }
.sort { display: inline-flex; align-items: center; gap: 4px; min-height: 28px; margin: -4px -8px; padding: 0 8px; border-color: transparent; background: none }
.arrow { font-size: 9px; width: 10px }
[aria-sort=none] .arrow { opacity: .55 }
.why { max-width: 32ch; margin-top: 2px; font-size: 12px; color: var(--faint); overflow-wrap: anywhere }
.endpoint { overflow-wrap: anywhere; min-width: 24ch }
.endpoint .faint { font-size: 12px }
.endpoint + .endpoint { margin-top: 2px }
.pager { display: flex; align-items: center; justify-content: center; gap: 16px; padding: 12px 16px; border-top: 1px solid var(--line) }
pre { padding: 12px; background: var(--soft); border-radius: 6px }
.foot { color: var(--faint) }

dialog { width: min(440px, calc(100vw - 32px)); padding: 20px; border: 1px solid var(--line); border-radius: 8px; background: var(--card); color: var(--ink) }
dialog::backdrop { background: #0008 }
dialog form, .sign-in form { display: grid; gap: 12px }
dialog h2 { font-size: 16px; line-height: 24px }
.buttons { display: flex; justify-content: flex-end; gap: 8px; margin-top: 4px }
.sign-in { max-width: 400px; width: 100%; margin: 24px auto; padding: 20px; justify-self: center }
.sign-in h1 { margin-bottom: 12px }

#notice:not(:empty) { margin-top: 16px }
#notice p { padding: 8px 12px; border-radius: 6px; background: var(--soft); border: 1px solid var(--line) }
#notice .problem { background: var(--bad-soft); border-color: transparent }
.lost main { opacity: .72 }
@media (max-width: 560px) {
  .wide { padding-left: 12px; padding-right: 12px }
  main { padding-top: 12px !important; gap: 12px }
  .glance { grid-template-columns: 1fr; gap: 8px; padding: 12px }
  .badge { justify-self: start }
  .chart { padding: 12px }
  .tiles { grid-template-columns: 1fr 1fr; gap: 12px }
  th, td { padding: 6px 12px }
  .card-head { padding: 8px 12px }
  .filters { padding: 12px }
  .filters .grow { flex-basis: 100% }
}
@media (prefers-reduced-motion: no-preference) {
  .skip { transition: top .1s }
  main { transition: opacity .2s }
}
@media (forced-colors: active) {
  .bar-part, .dot, .badge::before { forced-color-adjust: none }
}
@media print { .needs-script, .actions, dialog { display: none } }
`;
