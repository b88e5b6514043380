import { createLocalJWKSet } from 'jose';
import * as z from 'zod';
import { fault } from './fault.ts';
import { readJson, type Reading } from './read-json.ts';

/** OpenID Connect Discovery 1.0, section 3. */
const configuration = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** More keys than any issuer has while it changes them. */
const MAX_KEYS = 64;
/** RFC 7517, section 5. What is in a key is for jose to read, when one is used. */
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });

/** Finds the key that a token names. */
export type KeySet = ReturnType<typeof createLocalJWKSet>;

/** Reads the keys of an issuer: its configuration first, which says where they are. Throws a `Fault`. */
export async function discoverKeys(reading: Reading): Promise<KeySet> {
  const { issuer } = reading;
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const found = configuration.safeParse(await readJson(reading, address)).data;
  if (found === undefined) throw fault(issuer, 'its configuration does not say where its keys are');
  // Section 4.3: else one issuer could speak for another.
  if (found.issuer !== issuer) throw fault(issuer, 'its configuration is that of another issuer');
  if (!mayHoldKeys(new URL(found.jwks_uri), new URL(issuer)))
    throw fault(issuer, 'its keys are at a place that is not https');
  const keys = keySet.safeParse(await readJson(reading, found.jwks_uri)).data;
  if (keys === undefined) throw fault(issuer, 'its keys cannot be read');
  return createLocalJWKSet(keys);
}

/** Over plain http anybody on the way could be the issuer; on the issuer's own origin it is as safe as the issuer is. */
function mayHoldKeys(place: URL, issuer: URL): boolean {
  return place.protocol === 'https:' || place.origin === issuer.origin;
}
