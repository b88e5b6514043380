import type { X509Certificate } from 'node:crypto';
import type { Authority } from './root-material.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * Why a path was not valid at one of the proven times, as one clause. The present plays no part: a signature of last
 * year by a certificate of ten minutes is good if it was made in those ten minutes. The whole path is held to that time
 * (CVE-2026-24122: expired intermediates).
 */
export function outOfTime(
  path: readonly X509Certificate[],
  authority: Authority,
  times: readonly Date[],
): string | undefined {
  const [leaf, ...issuers] = path;
  for (const time of times) {
    const why =
      (leaf && outOfValidity(leaf, 'its certificate', time)) ??
      issuers.map((one) => outOfValidity(one, 'the certificate of an issuer', time)).find(Boolean) ??
      outOfTrust(authority, time);
    if (why !== undefined) return why;
  }
  return undefined;
}

function outOfValidity(certificate: X509Certificate, what: string, time: Date): string | undefined {
  const { validFromDate: from, validToDate: to } = certificate;
  if (time > to) return `made when ${what} had expired ${duration(time, to)} before`;
  if (time < from) return `made ${duration(from, time)} before ${what} became valid`;
  return undefined;
}

function outOfTrust({ forLibrary: { validFor } }: Authority, time: Date): string | undefined {
  if (time > validFor.end) return `made ${duration(time, validFor.end)} after its authority was trusted last`;
  if (time < validFor.start) return `made ${duration(validFor.start, time)} before its authority was trusted`;
  return undefined;
}

/** The largest two units are enough for a person, e.g. `3h 20m`. */
function duration(later: Date, earlier: Date): string {
  const ms = later.getTime() - earlier.getTime();
  const units = [
    ['d', Math.floor(ms / DAY_MS)],
    ['h', Math.floor((ms % DAY_MS) / HOUR_MS)],
    ['m', Math.floor((ms % HOUR_MS) / MINUTE_MS)],
    ['s', Math.ceil((ms % MINUTE_MS) / SECOND_MS)],
  ] as const;
  const told = units.filter(([, count]) => count > 0).slice(0, 2);
  return told.map(([unit, count]) => `${count}${unit}`).join(' ');
}
