import { ago } from './format.ts';

/** A time as an age, such as `5 min ago`; both are ISO 8601. */
export function Ago({ at, now }: { readonly at: string; readonly now: string }) {
  return <Moment at={at} text={ago(at, now)} />;
}

/** A time in other words. */
export function Moment({ at, text }: { readonly at: string; readonly text: string }) {
  return (
    <time datetime={at} title={at}>
      {text}
    </time>
  );
}
