import type { ImageRef } from '../../core/model/index.ts';
import type { Endpoint } from './endpoint.ts';

/** What a request is for, in one word: the `operation` of a count. */
export type Operation = 'manifest' | 'tag' | 'referrers' | 'blob' | 'tags' | 'token';

/** One question to a registry, from the caller's signal to the words of a Fault; may take several requests. */
export interface Call {
  readonly operation: Operation;
  /** For people: a verb with its object, e.g. `read manifest of registry.example.com/shop/web:1.4`. */
  readonly doing: string;
  readonly endpoint: Endpoint;
  readonly repository: string;
  /** The caller's deadline. */
  readonly signal: AbortSignal;
}

/** Begins a call about `ref`. */
export type Begin = (operation: Operation, doing: string, ref: ImageRef, signal: AbortSignal) => Call;
