import { pastEndOfLife } from './past-end-of-life.ts';
import { quarantined } from './quarantined.ts';
import { unattested } from './unattested.ts';
import { unpinned } from './unpinned.ts';
import { unsigned } from './unsigned.ts';
import { vulnerable } from './vulnerable.ts';
import type { Check } from './check.ts';

/** The ways to be refused, in the order in which they are listed. */
export const CHECKS: readonly Check[] = [
  unpinned,
  unsigned,
  unattested,
  quarantined,
  vulnerable,
  pastEndOfLife,
];
