import type { Clock, Fact, Unknown } from '../../core/model/index.ts';
import type { Labels } from '../../core/policy/index.ts';
import type { NamespaceSource } from './ports.ts';

/**
 * Milliseconds without a word from the API server after which the cache of namespaces is no longer used: bookmarks come
 * about once a minute, so that this much silence means a broken watch.
 */
export const MAX_SILENCE_MS = 150_000;

/**
 * Labels of a namespace: from the cache while it is current; else, and for a namespace too new for it, from the API server.
 * What cannot be learned is unknown, which policies that select namespaces refuse (CVE-2025-46342).
 */
export function namespaceReader(
  source: NamespaceSource,
  clock: Clock,
): (name: string, signal: AbortSignal) => Promise<Fact<Labels>> {
  return async (name, signal) => {
    if (name === '') return unknown('no namespace is named', false);
    const cached = source.confirmedMsAgo() <= MAX_SILENCE_MS ? source.cached(name) : undefined;
    if (cached) return { state: 'found', value: withName(name, cached), seenAt: clock() };
    const asked = await source.ask(name, signal);
    if (asked.state === 'found') return { ...asked, value: withName(name, asked.value) };
    // Absent is odd for a namespace in which something is being made; it may be a moment too new.
    if (asked.state === 'absent') return unknown(`there is no namespace "${name}"`, true);
    return unknown(asked.reason.detail, asked.transient);
  };
}

/** The API server sets this label on every namespace. */
export function withName(name: string, labels: Labels): Labels {
  return { ...labels, 'kubernetes.io/metadata.name': name };
}

function unknown(detail: string, transient: boolean): Unknown {
  return { state: 'unknown', reason: { code: 'NamespaceUnknown', detail }, transient };
}
