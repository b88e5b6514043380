import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toTrustMaterial, type TrustMaterial } from '@sigstore/verify';
import { LRUCache } from 'lru-cache';
import type { PublicKey, TrustRoot } from '../../../core/model/index.ts';

/** Roots and keys kept parsed. Policies name a handful; what falls out is parsed again in less than a millisecond. */
const MAX_KEPT = 64;

/** An authority that issues certificates for signing. */
export interface Authority {
  /** Its own certificates, the root among them. */
  readonly certificates: readonly X509Certificate[];
  /** The same for the library, with the time the root trusts it for. */
  readonly forLibrary: TrustMaterial['certificateAuthorities'][number];
}

export interface RootMaterial {
  readonly fingerprint: string;
  readonly material: TrustMaterial;
  readonly authorities: readonly Authority[];
}

/** Trust material that is parsed once and then kept, bounded. */
export interface ParsedTrust {
  /** `undefined` for a root that cannot be read: nothing is proven by it. */
  readonly root: (root: TrustRoot) => RootMaterial | undefined;
  readonly key: (key: PublicKey) => KeyObject;
}

export function createParsedTrust(): ParsedTrust {
  const roots = new LRUCache<string, RootMaterial>({ max: MAX_KEPT });
  const keys = new LRUCache<string, KeyObject>({ max: MAX_KEPT, memoMethod: (pem) => createPublicKey(pem) });
  return {
    root: ({ fingerprint, json }) => {
      const kept = roots.get(fingerprint);
      if (kept) return kept;
      const material = parseRoot(json, fingerprint);
      if (material) roots.set(fingerprint, material);
      return material;
    },
    key: ({ pem }) => keys.memo(pem),
  };
}

function parseRoot(json: string, fingerprint: string): RootMaterial | undefined {
  try {
    return toRootMaterial(TrustedRoot.fromJSON(JSON.parse(json)), fingerprint);
  } catch {
    return undefined; // it was never accepted by readTrustRoot, which says what is wrong with it
  }
}

/** Parses every certificate and key of a root; throws what the libraries throw. */
export function toRootMaterial(root: TrustedRoot, fingerprint: string): RootMaterial {
  const material = toTrustMaterial(root, () => {
    throw new Error('a trust root holds no signing keys');
  });
  const authorities = material.certificateAuthorities.map((forLibrary, index) => {
    const chain = root.certificateAuthorities[index]?.certChain?.certificates ?? [];
    return { forLibrary, certificates: chain.map(({ rawBytes }) => new X509Certificate(rawBytes)) };
  });
  return { fingerprint, material, authorities };
}

/** Trust in one part of a root only: with any certificate authority the library would accept a certificate in place of a key. */
export function trustOnly(key: KeyObject, part: Partial<TrustMaterial>): TrustMaterial {
  return {
    certificateAuthorities: [],
    timestampAuthorities: [],
    tlogs: [],
    ctlogs: [],
    publicKey: () => ({ publicKey: key, validFor: () => true }),
    ...part,
  };
}
