import type { ImageResult } from './result.ts';
import type { StepName } from './steps/step.ts';

/** Called for what happens while it happens; must not throw. */
export interface Progress {
  readonly onStep: (tag: string, step: StepName) => void;
  /** Bytes that an image still needs at most, as soon as that is known. */
  readonly onExpected: (tag: string, bytes: number) => void;
  /** Bytes that have arrived for an image. */
  readonly onBytes: (tag: string, bytes: number) => void;
  readonly onResult: (result: ImageResult) => void;
}

/** Reports nothing. */
export const SILENT: Progress = {
  onStep: () => undefined,
  onExpected: () => undefined,
  onBytes: () => undefined,
  onResult: () => undefined,
};
