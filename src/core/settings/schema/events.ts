import * as z from 'zod';
import { dnsName, firstOfItsName, host, issuer, listen, milliseconds, path } from './parts.ts';

/* Who may report a push. An event triggers promotions sooner than their schedule does, and proves nothing. */

/** A name in the grammar of HTTP; Node gives headers in lower case. */
const header = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/, 'is not the name of a header')
  .transform((name) => name.toLowerCase());

const hmac = z.strictObject({
  /** File with the shared secret; the line break at its end is not part of it. */
  secretFile: path,
  /** Carries the HMAC-SHA-256 of the body in hex, with or without `sha256=` in front; as GitHub names it. */
  header: header.prefault('x-hub-signature-256'),
});

const bearer = z.strictObject({
  /** File with the token that is sent as `Authorization: Bearer …`. */
  secretFile: path,
});

/** For senders that send a header of one's own and sign nothing. */
const inHeader = z.strictObject({
  /** File with the whole value of the header. */
  secretFile: path,
  header,
});

const basic = z.strictObject({
  /** RFC 7617: no colon. */
  username: z.string().regex(/^[^:\p{Cc}]{1,256}$/u, 'is not a name of a basic login'),
  /** File with the password. */
  secretFile: path,
});

/** For senders that can be given an address and nothing else. Servers on the way may log it: the last resort. */
const inQuery = z.strictObject({
  /** File with the value of the parameter. */
  secretFile: path,
  parameter: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'is not the name of a parameter')
    .prefault('token'),
});

/** An identity token of a workload, e.g. of a CI job. Every name is compared as a whole: a pattern would admit too many. */
const oidc = z.strictObject({
  /** Where its keys are found by OpenID Connect Discovery; https, but for loopback. */
  issuer,
  audience: z.string().min(1).max(1_024),
  subject: z.string().min(1).max(1_024),
});

const receiver = z
  .strictObject({
    /** As the log names it. */
    name: dnsName,
    /** Whose events it reads; they come to `/events/SENDER`. */
    sender: z.enum([
      ...(['distribution', 'harbor', 'ghcr', 'generic'] as const),
      ...(['acr', 'ecr', 'gar', 'dockerhub', 'quay', 'jfrog', 'zot'] as const),
    ]),
    /** The host of the registry as promotions name it, where the sender knows it by another name. */
    registry: host.optional(),
    hmac: hmac.optional(),
    bearer: bearer.optional(),
    header: inHeader.optional(),
    basic: basic.optional(),
    query: inQuery.optional(),
    oidc: oidc.optional(),
  })
  .refine(({ sender, registry }) => sender !== 'zot' || registry !== undefined, {
    path: ['registry'],
    message: 'must name the host: events of zot do not',
  })
  .transform(({ hmac, bearer, header, basic, query, oidc, ...rest }, context) => {
    const all = [
      hmac && { kind: 'hmac' as const, ...hmac },
      bearer && { kind: 'bearer' as const, ...bearer },
      header && { kind: 'header' as const, ...header },
      basic && { kind: 'basic' as const, ...basic },
      query && { kind: 'query' as const, ...query },
      oidc && { kind: 'oidc' as const, ...oidc },
    ].filter((one) => one !== undefined);
    const [auth, another] = all;
    if (auth && !another) return { ...rest, auth };
    context.addIssue(
      `must have exactly one of hmac, bearer, header, basic, query and oidc, and has ${all.length}`,
    );
    return z.NEVER;
  });

export const events = z
  .strictObject({
    /** Over TLS, with the webhook's certificate. Absent = beside the webhook, on its port. */
    listen: listen.optional(),
    /** None = no events are received, and promotions run by their schedule alone. 64 are more than anyone has senders. */
    receivers: z
      .array(receiver)
      .max(64)
      .default([])
      .superRefine(firstOfItsName(({ name }) => name, 'name')),
    /** A promotion is triggered when no event came for it for so long: a pipeline pushes many tags and signatures in a row. */
    quietMs: milliseconds.default(2_000),
    /** It is triggered at the latest so long after the first event, however many more come. */
    maxDelayMs: milliseconds.default(30_000),
  })
  .refine(({ quietMs, maxDelayMs }) => quietMs <= maxDelayMs, {
    path: ['quietMs'],
    message: 'must not be above maxDelayMs',
  })
  .prefault({});
