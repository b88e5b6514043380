import { Fault } from '../../core/model/index.ts';

/** The Fault for keys that cannot be had. `detail` is one clause; an issuer's own words are no part of it. */
export function fault(issuer: string, detail: string, cause?: unknown): Fault {
  return new Fault({
    code: 'IssuerUnavailable',
    operation: `read the keys of ${issuer}`,
    side: 'trust',
    transient: true,
    detail,
    cause,
  });
}
