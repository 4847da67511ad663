export type { SignInEvent } from './events.ts';
