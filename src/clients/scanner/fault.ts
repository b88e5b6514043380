import { Fault } from '../../core/model/index.ts';

/** Longest piece of a scanner's own words inside a message, in characters: its last line or two, which say what went wrong. */
const MAX_QUOTE = 400;

/** A Fault of the scanner during `operation`. */
export function failed(
  operation: string,
  detail: string,
  more: { readonly transient: boolean; readonly cause?: unknown },
): Fault {
  return new Fault({ code: 'ScannerFailed', operation, side: 'scanner', detail, ...more });
}

/** The Fault for a call whose caller has no more time, or no more interest. */
export function deadline(operation: string): Fault {
  const detail = 'the time ran out before the scan was done';
  return new Fault({ code: 'DeadlineExceeded', operation, side: 'scanner', transient: true, detail });
}

/**
 * The end of what a scanner printed, fit for one line of a message: no colours, no secrets that it was given, and nothing
 * that looks like one (query strings, authorization values, logins in URLs).
 */
export function quoteTail(text: string, secrets: readonly string[]): string {
  let quoted = text;
  for (const secret of secrets) if (secret !== '') quoted = quoted.replaceAll(secret, '…');
  quoted = quoted

    .replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
    .replace(/\?[^\s"'<>]*/g, '?…')
    .replace(/\b(bearer|basic)\s+[^\s"',]+/gi, '$1 …')
    .replace(/:\/\/[^\s/@"']+@/g, '://…@')
    .replace(/[^\x20-\x7e…]+/g, ' ')
    .trim();
  return quoted.length > MAX_QUOTE ? `…${quoted.slice(-MAX_QUOTE)}` : quoted;
}
