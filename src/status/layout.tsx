import { raw } from 'hono/html';
import type { Child } from 'hono/jsx';
import { pageScript, pageStyle } from './assets.ts';

/** The favicon: an arrow on the green of the pages. */
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%230b6b50'/%3E%3Cpath d='M3 8h10M9 4l4 4-4 4' fill='none' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E";
/** Runs before the first paint: shows the elements that need script and hides their fallbacks. */
const FIRST = "document.documentElement.classList.add('scripted')";

/** Per-request properties of a page. */
export interface PageView {
  /** The CSP nonce of the page's script and style. */
  readonly nonce: string;
  /** Whether to show the sign-out button. */
  readonly signedIn: boolean;
}

interface DocumentProps {
  readonly title: string;
  readonly view: PageView;
  /** The breadcrumbs. */
  readonly crumbs?: readonly string[];
  /** The refresh interval in milliseconds; absent: the page does not refresh. */
  readonly refreshMs?: number;
  /** Content after `main`, which the script does not refresh. */
  readonly after?: Child;
  readonly children?: Child;
}

/** A complete page. The script refreshes the content of `main`; the page also works without script. */
function Document({ title, view, crumbs = [], refreshMs, after, children }: DocumentProps) {
  const { nonce, signedIn } = view;
  return (
    <html lang="en" data-refresh={refreshMs}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="icon" href={ICON} />
        <style nonce={nonce}>{raw(pageStyle())}</style>
        <script nonce={nonce}>{raw(FIRST)}</script>
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <Top signedIn={signedIn} crumbs={crumbs} isLive={refreshMs !== undefined} />
        <div id="notice" class="wide" role="status" />
        <main id="main" class="wide" tabindex={-1}>
          {children}
        </main>
        {after}
        <script nonce={nonce}>{raw(pageScript())}</script>
      </body>
    </html>
  );
}

/** The bar at the top of a page: breadcrumbs and buttons. */
function Top({
  signedIn,
  crumbs,
  isLive,
}: {
  readonly signedIn: boolean;
  readonly crumbs: readonly string[];
  readonly isLive: boolean;
}) {
  return (
    <header class="top">
      <div class="wide">
        <nav aria-label="Breadcrumb">
          <ol class="crumbs">
            <li>
              {crumbs.length === 0 ? (
                <a href="/" aria-current="page">
                  atlas-gateway
                </a>
              ) : (
                <a href="/">atlas-gateway</a>
              )}
            </li>
            {crumbs.map((crumb) => (
              <li>{crumb}</li>
            ))}
          </ol>
        </nav>
        <div class="actions">
          {isLive ? (
            <button type="button" id="live" class="quiet needs-script" aria-pressed="true">
              <span class="dot" aria-hidden="true" />
              Live
            </button>
          ) : null}
          {signedIn ? (
            <form method="post" action="/sign-out">
              <button type="submit" class="quiet">
                Sign out
              </button>
            </form>
          ) : null}
        </div>
      </div>
    </header>
  );
}

/** Renders a page to text. */
export const writeDocument = (props: DocumentProps): string =>
  `<!doctype html>${String(<Document {...props} />)}`;
