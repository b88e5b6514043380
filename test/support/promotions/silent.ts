import type { Progress } from '../../../src/core/promotion/index.ts';

/** Reports nothing. */
export const SILENT: Progress = {
  onStep: () => undefined,
  onExpected: () => undefined,
  onBytes: () => undefined,
  onResult: () => undefined,
};
