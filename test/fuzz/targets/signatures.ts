import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTrustRoot } from '../../../src/clients/sigstore/index.ts';
import { createParsedTrust } from '../../../src/clients/sigstore/verify/material.ts';
import { verifyCandidate } from '../../../src/clients/sigstore/verify/verifier.ts';
import {
  digestOf,
  objectOf,
  textOf,
  type Annotations,
  type SignatureCandidate,
  type Trust,
} from '../../../src/core/model/index.ts';
import { parsePublicKey } from '../../../src/core/policy/index.ts';
import {
  certificateReading,
  certificatesIn,
  decodeContents,
  fits,
  isIssuedBy,
  readCertificate,
  servingCertificate,
} from '../../../src/controllers/certificates/read.ts';
import { demand, onJson, textIn, type Target } from '../engine/target.ts';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, '..', 'corpus', name), 'utf8'));

/** The key and the root by which the corpus was signed; their private halves are gone. */
const trust = read('candidates.trust.json') as Trust;
const image = digestOf('image');
const carrier = digestOf('carrier');
const parsed = createParsedTrust();

/** A candidate as a document of the corpus writes it: JSON as a value, other bytes as text. */
function candidateIn(value: unknown): SignatureCandidate {
  const { form, json, payload, annotations } = objectOf(value);
  const texts = Object.entries(objectOf(annotations)).map(([key, text]) => [key, textOf(text)]);
  const attached = Object.fromEntries(texts) as Annotations;
  const bytes = Buffer.from(JSON.stringify(json ?? null));
  if (form === 'bundle') return { form, digest: carrier, json: bytes };
  if (form === 'envelope') return { form, digest: carrier, json: bytes, annotations: attached };
  const mediaType = attached.mediaType ?? 'application/vnd.in-toto+json';
  if (form === 'plain') return { form, digest: carrier, json: bytes, mediaType };
  const signed = Buffer.from(textOf(payload), 'utf8');
  return { form: 'simple-signing', digest: carrier, payload: signed, annotations: attached };
}

function proofsIn(value: unknown): readonly string[] {
  return verifyCandidate({ candidate: candidateIn(value), digest: image, trust }, parsed).flatMap((one) =>
    one.state === 'proven' ? [JSON.stringify([one.signer, one.says])] : [],
  );
}

const corpus = read('candidates.json') as readonly unknown[];
/** All that was ever signed. */
const SIGNED: ReadonlySet<string> = new Set(corpus.flatMap(proofsIn));

const candidates: Target = {
  name: 'candidates',
  form: 'json',
  check: onJson((value) => {
    const candidate = candidateIn(value);
    const found = verifyCandidate({ candidate, digest: image, trust }, parsed);
    demand(found.length > 0, 'there is an answer');
    for (const one of proofsIn(value)) demand(SIGNED.has(one), 'nothing is proven that was not signed');
    return found
      .map((one) => (one.state === 'unproven' ? one.why.replaceAll(/[^a-z ]/g, '').slice(0, 30) : one.state))
      .join();
  }),
};

const trustRoots: Target = {
  name: 'trust-roots',
  form: 'json',
  check: (input) => {
    const root = readTrustRoot(textIn(input));
    if (root.ok) {
      verifyCandidate(
        { candidate: candidateIn(corpus[0]), digest: image, trust: { keys: [], roots: [root.value] } },
        parsed,
      );
      return 'read';
    }
    demand(root.problems.length > 0 && root.problems.every(({ message }) => message !== ''), 'says why');
    return (root.problems[0]?.path ?? '').replaceAll(/\d/g, '');
  },
};

const publicKeys: Target = {
  name: 'public-keys',
  form: 'text',
  check: (input) => {
    const key = parsePublicKey(textIn(input));
    if (!key.ok) return (key.problems[0]?.message ?? '').replaceAll(/\d/g, '').slice(0, 40);
    demand(!key.value.pem.includes('PRIVATE'), 'a public key is public');
    const again = parsePublicKey(key.value.pem);
    demand(again.ok && again.value.fingerprint === key.value.fingerprint, 'a key has one fingerprint');
    return key.value.kind;
  },
};

const certificates: Target = {
  name: 'certificates',
  form: 'json',
  check: onJson((value) => {
    const contents = decodeContents(value);
    const { cert } = contents;
    isIssuedBy(cert, cert);
    certificateReading(value);
    const serving = servingCertificate(value);
    if (serving.ok) demand(fits(serving.value), 'a certificate that is served fits its key');
    const reading = readCertificate(cert);
    return `${String(reading !== undefined)} ${String(certificatesIn(cert).length)} ${String(serving.ok)}`;
  }),
};

export const SIGNATURES: readonly Target[] = [candidates, trustRoots, publicKeys, certificates];
