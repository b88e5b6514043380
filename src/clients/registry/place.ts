import type { Call } from './call.ts';
import { objectionTo } from './endpoint.ts';
import { fault, quote } from './fault.ts';

/** A place that a registry points to. */
interface Pointer {
  /** The address of the answer that names it. */
  readonly from: URL;
  /** As it was named: absolute, or relative to `from`. */
  readonly location: string;
  /** How the registry leads there, as a verb: `redirects`. */
  readonly verb: string;
}

/** Where a registry leads us, or a Fault when that is nowhere or must not be gone to (see {@link objectionTo}). */
export function placeOf(call: Call, { from, location, verb }: Pointer): URL {
  if (!URL.canParse(location, from.href)) {
    throw fault(call, 'RegistryMisbehaved', `it ${verb} to no valid address`);
  }
  const target = new URL(location, from.href);
  const downgrade =
    from.protocol === 'https:' && target.protocol === 'http:' ? 'it is plain http' : undefined;
  const objection = downgrade ?? objectionTo(target, call.endpoint);
  if (objection === undefined) return target;
  throw fault(call, 'UntrustedEndpoint', `it ${verb} to ${quote(target.host)}: ${objection}`);
}
