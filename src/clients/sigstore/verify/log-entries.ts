import type { KeyObject } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import { Verifier } from '@sigstore/verify';
import { entryVerifier } from './entry-verifier.ts';
import type { SignedMaterial } from './material.ts';
import { trustOnly, type RootMaterial } from './root-material.ts';
import { provenContent } from './signature-content.ts';

/** Who made a signature, as a log entry has to name it: the key, and the certificate when there is one. */
export interface MadeBy {
  readonly key: KeyObject;
  readonly certificate?: Buffer;
}

/** What the logs of one root know about a signature. */
export interface LogProof {
  readonly logged: boolean;
  /** When a log took it in, by the log's signature over that time. */
  readonly times: readonly Date[];
  /** Why its entries prove nothing, as one clause. */
  readonly why?: string;
}

/**
 * Looks for this signature, of these bytes, by this signer in the logs of a root. Entries of other logs are passed over:
 * they prove nothing and spoil nothing. It makes no difference how often one log is named (CVE-2026-49834).
 */
export function findInLogs(material: SignedMaterial, by: MadeBy, root: RootMaterial): LogProof {
  const { tlogs } = root.material;
  const known = material.entries.filter(({ logId }) => tlogs.some(({ logID }) => logID.equals(logId.keyId)));
  const good = known.filter(
    (entry) => isBound(entry, by) && isIncluded(entry, { material, key: by.key, root }),
  );
  if (good.length > 0) return { logged: true, times: good.flatMap(timeOf) };
  const why = complaint(material.entries.length, known.length);
  return { logged: false, times: [], ...(why !== undefined && { why }) };
}

function complaint(all: number, known: number): string | undefined {
  if (all === 0) return undefined;
  return known === 0 ? 'its log entry is of an unknown log' : 'its log entry does not prove this signature';
}

function isBound(entry: TransparencyLogEntry, { key, certificate }: MadeBy): boolean {
  const named = entryVerifier(entry);
  if (!named) return false;
  if (named.certificate && certificate) return named.certificate.equals(certificate);
  return named.key.equals(key);
}

interface Search {
  readonly material: SignedMaterial;
  readonly key: KeyObject;
  readonly root: RootMaterial;
}

function isIncluded(entry: TransparencyLogEntry, { material, key, root }: Search): boolean {
  try {
    const verifier = new Verifier(trustOnly(key, { tlogs: root.material.tlogs }), {
      tlogThreshold: 1,
      ctlogThreshold: 0,
      timestampThreshold: 0,
    });
    verifier.verify({
      signature: provenContent(material),
      key: { $case: 'public-key', hint: '' },
      tlogEntries: [entry],
      timestamps: [],
    });
    return true;
  } catch {
    return false; // the library answers "no" by throwing, and not only its own errors
  }
}

/** Only the promise of a log is signed together with a time; an inclusion proof is not. */
function timeOf({ inclusionPromise, integratedTime }: TransparencyLogEntry): readonly Date[] {
  const seconds = Number(integratedTime);
  return inclusionPromise && seconds > 0 ? [new Date(seconds * 1000)] : [];
}
