import { type PageView, writeDocument } from './layout.tsx';

/** Asks for the admin token. What the browser keeps afterwards is a session, not the token. */
export function writeSignInPage(
  { next, refused }: { readonly next: string; readonly refused: boolean },
  view: PageView,
): string {
  return writeDocument({
    title: 'Sign in: atlas-gateway',
    view,
    children: (
      <section class="card sign-in" aria-labelledby="sign-in-title">
        <h1 id="sign-in-title">Sign in</h1>
        <form method="post" action="/sign-in">
          <input type="hidden" name="next" value={next} />
          <label>
            Admin token
            <input
              type="password"
              name="token"
              required
              autocomplete="current-password"
              aria-invalid={refused ? 'true' : undefined}
              aria-describedby={refused ? 'refused token-is' : 'token-is'}
            />
          </label>
          {refused ? (
            <p id="refused" class="problem" role="alert">
              That is not the admin token.
            </p>
          ) : null}
          <p id="token-is" class="faint">
            It is what <code>admin.token</code> in the gateway’s configuration names. You stay signed in for
            eight hours.
          </p>
          <div class="buttons">
            <button type="submit" class="primary">
              Sign in
            </button>
          </div>
        </form>
      </section>
    ),
  });
}
