// OCI pulls in, bytes or a refusal out: the pull side of a registry that judges what it hands out.
export { createGate } from './gate.ts';
export { openMissing } from './missing/ask.ts';
export type { PullEvent } from './ports.ts';
export { createTokens } from './tokens.ts';
export { tokenReviewer } from './token-review.ts';
export { openUpstreams } from './upstreams.ts';
