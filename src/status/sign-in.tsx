import { type PageView, writeDocument } from './layout.tsx';

/** Where to go on after signing in, and why the last attempt was refused. */
export interface SignInForm {
  readonly next: string;
  readonly refused: 'wrong-token' | 'too-many-attempts' | undefined;
}

const PROBLEMS = {
  'wrong-token': 'That is not the admin token.',
  'too-many-attempts': 'There were too many wrong tokens. Try again in a minute.',
} as const;

/** Asks for the admin token. What the browser keeps afterwards is a session, not the token. */
export function writeSignInPage({ next, refused }: SignInForm, view: PageView): string {
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
              aria-invalid={refused === undefined ? undefined : 'true'}
              aria-describedby={refused === undefined ? 'token-is' : 'refused token-is'}
            />
          </label>
          {refused === undefined ? null : (
            <p id="refused" class="problem" role="alert">
              {PROBLEMS[refused]}
            </p>
          )}
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
