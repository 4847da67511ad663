import { type PageView, writeDocument } from './layout.tsx';

/** The page to redirect to after signing in, and why the last attempt was refused. */
export interface SignInForm {
  readonly next: string;
  readonly refused: 'wrong-token' | 'too-many-attempts' | undefined;
}

const PROBLEMS = {
  'wrong-token': 'That is not the admin token.',
  'too-many-attempts': 'Too many failed attempts. Try again in a minute.',
} as const;

/** Renders the form for the admin token. The browser stores a session afterwards, not the token. */
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
            The token is configured as <code>admin.token</code> of the gateway. You stay signed in for eight
            hours.
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
