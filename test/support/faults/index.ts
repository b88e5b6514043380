// Every way in which a registry misbehaves in these tests, and the matrix that tries each with every operation.
import type { Knob } from './knob.ts';
import { BODIES } from './knobs/bodies.ts';
import { CERTIFICATES } from './knobs/certificates.ts';
import { CONTENT } from './knobs/content.ts';
import { LISTINGS } from './knobs/listings.ts';
import { MOVES } from './knobs/moves.ts';
import { REDIRECTS } from './knobs/redirects.ts';
import { REFUSALS } from './knobs/refusals.ts';
import { TRANSPORT } from './knobs/transport.ts';
import { WRITES } from './knobs/writes.ts';

export type { Knob } from './knob.ts';
export { turnKnobs, type Row } from './matrix.ts';

/** All knobs, in the order of their ids. */
export const KNOBS: readonly Knob[] = [
  ...[TRANSPORT, BODIES, REDIRECTS, REFUSALS, CERTIFICATES],
  ...[LISTINGS, CONTENT, WRITES, MOVES],
].flat();
