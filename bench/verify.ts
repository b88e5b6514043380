// npm run bench:verify: what one verification costs (median µs) by kind of signature, beside the bare mathematics of the
// same run, and how long certificate work holds up the event loop under 16 at a time.
import { createPublicKey, verify } from 'node:crypto';
import { cpus } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openSignatureVerifier } from '../test/support/threads.ts';
import { digestOf, type SignatureCandidate, type Trust } from '../src/core/model/index.ts';
import { createSigstore } from '../test/support/sigstore/instance.ts';
import { encodeBundle, signBundle, signLayer } from '../test/support/sigstore/sign.ts';
import { signingKey, signWith, simpleSigningPayload } from '../test/support/signing.ts';

/** Verifications of one row, after a tenth of them to warm up. */
const ROUNDS = { key: 2_000, certificate: 300 };
/** Verifications under way at once in the last measurement, and how many in all. */
const PARALLEL = { atOnce: 16, total: 480 };

const digest = digestOf('image');
const sigstore = await createSigstore();
const verifier = openSignatureVerifier();
const HASH = { 'ecdsa-p256': 'sha256', 'ecdsa-p384': 'sha384', rsa: 'sha256', ed25519: null } as const;

function line(name: string, ours: string, raw: string): void {
  process.stdout.write(`${name.padEnd(46)} ${ours.padStart(10)} ${raw.padStart(12)}\n`);
}

function median(times: number[]): string {
  times.sort((a, b) => a - b);
  return (times[Math.floor(times.length / 2)] ?? 0).toFixed(0);
}

/** Verifies over and over; the median in µs. What does not prove anything ends the benchmark. */
async function measure(candidate: SignatureCandidate, trust: Trust, rounds: number): Promise<string> {
  const times: number[] = [];
  for (let round = -rounds / 10; round < rounds; round++) {
    const started = process.hrtime.bigint();
    const [first] = await verifier.verify(candidate, digest, trust);
    const took = Number(process.hrtime.bigint() - started) / 1_000;
    if (first?.state !== 'proven') throw new Error(`not proven: ${JSON.stringify(first)}`);
    if (round >= 0) times.push(took);
  }
  return median(times);
}

function measureRaw(kind: keyof typeof HASH): string {
  const key = signingKey(kind);
  const data = simpleSigningPayload({ digest });
  const signature = signWith(key, data);
  const publicKey = createPublicKey(key.pem);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS.key; round++) {
    const started = process.hrtime.bigint();
    verify(HASH[kind], data, publicKey, signature);
    times.push(Number(process.hrtime.bigint() - started) / 1_000);
  }
  return median(times);
}

try {
  process.stdout.write(`node ${process.versions.node}, ${cpus().length} cores\n\n`);
  line('one verification, median', 'µs', 'crypto, µs');
  const roots = [sigstore.root];
  for (const kind of ['ecdsa-p256', 'ecdsa-p384', 'rsa', 'ed25519'] as const) {
    const key = signingKey(kind);
    const raw = measureRaw(kind);
    const trust = { keys: [key], roots: [] };
    const layer = await signLayer(sigstore, { key, digest, logged: false });
    const legacy = {
      form: 'simple-signing',
      digest,
      payload: layer.bytes,
      annotations: layer.annotations,
    } as const;
    line(`key ${kind}, .sig layer`, await measure(legacy, trust, ROUNDS.key), raw);
    const json = encodeBundle(await signBundle(sigstore, { key, digest, logged: false }));
    line(`key ${kind}, bundle v0.3`, await measure({ form: 'bundle', digest, json }, trust, ROUNDS.key), raw);
  }
  const { key, certificate } = await sigstore.certify();
  const raw = measureRaw('ecdsa-p256');
  const trust = { keys: [], roots };
  const layer = await signLayer(sigstore, { key, certificate, digest });
  const v1 = {
    form: 'simple-signing',
    digest,
    payload: layer.bytes,
    annotations: layer.annotations,
  } as const;
  line('keyless, .sig layer, Rekor v1', await measure(v1, trust, ROUNDS.certificate), raw);
  const bundleV1 = encodeBundle(await signBundle(sigstore, { key, certificate, digest }));
  line(
    'keyless, bundle v0.3, Rekor v1',
    await measure({ form: 'bundle', digest, json: bundleV1 }, trust, ROUNDS.certificate),
    raw,
  );
  const v2 = { key, certificate, digest, logged: 'hashedrekord 0.0.2', timestamped: true } as const;
  const json = encodeBundle(await signBundle(sigstore, v2));
  line(
    'keyless, bundle v0.3, Rekor v2 and timestamp',
    await measure({ form: 'bundle', digest, json }, trust, ROUNDS.certificate),
    raw,
  );

  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  let left = PARALLEL.total;
  const worker = async () => {
    while (left-- > 0) await verifier.verify({ form: 'bundle', digest, json }, digest, trust);
  };
  await Promise.all(Array.from({ length: PARALLEL.atOnce }, worker));
  delay.disable();
  const perSecond = (PARALLEL.total / (performance.now() - started)) * 1_000;
  process.stdout.write(
    `\nkeyless, ${PARALLEL.atOnce} at once: ${perSecond.toFixed(0)} a second; event loop held up ${(delay.percentile(99) / 1e6).toFixed(1)} ms at p99, ${(delay.max / 1e6).toFixed(1)} ms at most\n`,
  );
} finally {
  await verifier.close();
}
