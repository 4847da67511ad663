import { raw } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { Operation } from '../../atlas/catalog.ts';
import { landingScript, landingStyle } from './assets.ts';
import { Operations } from './operations.tsx';
import type { Readable, Scope } from './readable.ts';

export interface LandingPageOptions {
  readonly operations: readonly Operation[];
  readonly publicUrl: string;
  readonly version: string;
}

/** The answer to a key. */
export type AccessResult =
  | { readonly type: 'readable'; readonly readable: Readable }
  | { readonly type: 'refused'; readonly problem: string };

/** Renders the landing page. Its addresses are relative, so that it also works below a path. */
export function writeLandingPage(options: LandingPageOptions): string {
  const { operations, publicUrl, version } = options;
  return writeDocument(
    'atlas-gateway',
    <>
      <h1>atlas-gateway</h1>
      <p>
        This gateway answers the reads of the MongoDB Atlas Administration API v2 from its memory, and asks
        Atlas when it has to. Point a client at <code>{publicUrl}</code> instead of{' '}
        <code>https://cloud.mongodb.com</code> and authenticate with a key of this gateway: as a bearer token,
        by HTTP digest, or exchanged for a token at <code>/api/oauth/token</code>. It is read-only.
      </p>
      <p class="faint">
        Version {version}. The same for programs: <a href="openapi.json">OpenAPI description</a>.
      </p>
      <AccessForm />
      <h2>Operations</h2>
      <Variables />
      <SearchField count={operations.length} />
      <Operations operations={operations} publicUrl={publicUrl} />
    </>,
  );
}

/** Renders what a key may read, or why it was refused. */
export function writeAccessPage(result: AccessResult, publicUrl: string): string {
  return writeDocument(
    'What a key may read: atlas-gateway',
    <>
      <p>
        <a href="./">atlas-gateway</a>
      </p>
      <h1>What a key may read</h1>
      {result.type === 'refused' ? (
        <>
          <p class="problem" role="alert">
            {result.problem}
          </p>
          <AccessForm />
        </>
      ) : (
        <ReadableBy readable={result.readable} publicUrl={publicUrl} />
      )}
    </>,
  );
}

function ReadableBy({ readable, publicUrl }: { readonly readable: Readable; readonly publicUrl: string }) {
  const { caller, projects, organizations, operations } = readable;
  return (
    <>
      <p>
        The key belongs to <b>{caller}</b>.
      </p>
      <Scopes title="Projects" scopes={projects} />
      <Scopes title="Organizations" scopes={organizations} />
      <h2>Operations</h2>
      <Variables />
      <SearchField count={operations.length} />
      <Operations operations={operations} publicUrl={publicUrl} />
    </>
  );
}

/** What the commands need before they are pasted. */
function Variables() {
  return (
    <p class="faint">
      The commands use variables of the shell: set <code>ATLAS_GATEWAY_KEY</code> to your key, and those in
      the address, such as <code>groupId</code>, to what you read.
    </p>
  );
}

function Scopes({ title, scopes }: { readonly title: string; readonly scopes: 'all' | readonly Scope[] }) {
  return (
    <>
      <h2>{title}</h2>
      {scopes === 'all' || scopes.length === 0 ? (
        <p>{scopes === 'all' ? 'All that the gateway can read.' : 'None.'}</p>
      ) : (
        <ul class="ids">
          {scopes.map(({ id, name }) => (
            <li>
              {name === undefined ? null : (
                <>
                  <bdi>{name}</bdi>{' '}
                </>
              )}
              <code>{id}</code>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function AccessForm() {
  return (
    <form class="card" method="post" action="access">
      <p>See what a key may read. The key is sent to this gateway only, and stored nowhere.</p>
      <div class="row">
        <label>
          Key
          <input
            type="password"
            name="key"
            required
            autocomplete="off"
            spellcheck={false}
            maxlength={4_096}
          />
        </label>
        <button type="submit">Show</button>
      </div>
    </form>
  );
}

function SearchField({ count }: { readonly count: number }) {
  return (
    <div class="needs-script">
      <label>
        Search by name, path, kind or tag
        <input type="search" id="search" autocomplete="off" spellcheck={false} />
      </label>
      <p id="found" class="faint" role="status">
        {count} operations
      </p>
    </div>
  );
}

function writeDocument(title: string, children: Child): string {
  const document = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="icon" href="data:," />
        <style>{raw(landingStyle())}</style>
      </head>
      <body>
        <main>{children}</main>
        <script>{raw(landingScript())}</script>
      </body>
    </html>
  );
  return `<!doctype html>${String(document)}`;
}
