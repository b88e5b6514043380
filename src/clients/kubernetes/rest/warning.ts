/** Warnings that are taken from one answer; the API server itself stops at 4 KiB. */
const MAX_WARNINGS = 32;
/** `299 - "text"`, with quotes and backslashes escaped (RFC 9111 §5.5 as Kubernetes uses it). */
const WARNING = /\b299 \S+ "((?:[^"\\]|\\.)*)"/g;

/** The texts of the `Warning` headers of an answer. */
export function warningsOf(header: string | string[] | undefined): readonly string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(', ');
  const found = [...text.matchAll(WARNING)].slice(0, MAX_WARNINGS);
  return found.map(([, quoted = '']) => quoted.replace(/\\(.)/g, '$1'));
}
