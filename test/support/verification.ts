import type { Annotations, Digest, JudgedImage } from '../../src/core/model/index.ts';
import type { CompiledPolicy } from '../../src/core/policy/index.ts';
import { createMemory, judge, type Sources } from '../../src/core/evidence/index.ts';
import type { JudgeRequest } from '../../src/core/evidence/judge.ts';
import type { MemoryLimits } from '../../src/core/evidence/memory.ts';
import { found, NOW } from './policies.ts';
import { BUNDLE_MEDIA_TYPE, type SignatureLayer } from './signing.ts';
import { openSignatureVerifier } from './threads.ts';
import { createRegistryTwin, type RegistryTwin } from './twins/registry.ts';

const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
const PREDICATE_HINT = 'dev.sigstore.bundle.predicateType';

/** Lifetimes of facts in these tests, in milliseconds. */
export const LIMITS: MemoryLimits = {
  foundMs: 300_000,
  absentMs: 10_000,
  unknownMs: 2_000,
  maxFacts: 10_000,
  maxBytes: 50_000_000,
};

/** Everything `judge` needs, over an in-memory registry, with a clock that only a test advances. */
export interface Bench {
  readonly registry: RegistryTwin;
  readonly sources: Sources;
  /** Failures that were no Fault. */
  readonly reported: readonly unknown[];
  /** Lets time pass, in milliseconds. */
  pass(ms: number): void;
  /** Judges images by their references. */
  judge(
    images: readonly string[],
    policies: readonly CompiledPolicy[],
    more?: Partial<JudgeRequest>,
  ): Promise<readonly JudgedImage[]>;
}

/** A bench with a fresh registry and an empty memory. */
export function createBench(limits: Partial<MemoryLimits> = {}): Bench {
  const registry = createRegistryTwin();
  const reported: unknown[] = [];
  let now = NOW.getTime();
  const clock = () => new Date(now);
  const memory = createMemory({ clock, limits: { ...LIMITS, ...limits }, loadSignal: forever });
  const report = (error: unknown) => void reported.push(error);
  const { verify: verifySignature } = openSignatureVerifier();
  const sources: Sources = { registry, verifySignature, memory, clock, report };
  return {
    registry,
    sources,
    reported,
    pass: (ms) => {
      now += ms;
    },
    judge: (images, policies, more = {}) =>
      judge(
        {
          images: images.map((image, index) => ({ container: `c${index}`, field: '', image })),
          policies,
          labels: found({}),
          unmatchedImages: 'Allow',
          signal: forever(),
          ...more,
        },
        sources,
      ),
  };
}

/** A signal that never aborts. */
export function forever(): AbortSignal {
  return new AbortController().signal;
}

/** The images' verdicts in short, e.g. `deny Unsigned`. */
export function shortly(images: readonly JudgedImage[]): readonly string[] {
  return images.map(({ verdict: { kind, findings } }) =>
    [kind, ...findings.map(({ reason }) => reason)].join(' '),
  );
}

/** Pushes cosign's `.sig` manifest for an image. */
export function pushSignatures(
  registry: RegistryTwin,
  name: string,
  digest: Digest,
  layers: readonly SignatureLayer[],
): Digest {
  return registry.push(name, {
    tag: `${digest.replace(':', '-')}.sig`,
    layers: layers.map(({ payload, annotations }) =>
      registry.putBlob(name, payload, SIMPLE_SIGNING, annotations),
    ),
  });
}

/** Attaches a sigstore bundle to an image, with the hint of its predicate type that cosign 3 writes. */
export function attachBundle(
  registry: RegistryTwin,
  name: string,
  bundle: {
    readonly subject: Digest;
    readonly json: Uint8Array;
    readonly hint?: string;
    /** More annotations of the manifest. */
    readonly annotations?: Annotations;
  },
): Digest {
  return registry.push(name, {
    subject: bundle.subject,
    artifactType: BUNDLE_MEDIA_TYPE,
    annotations: {
      ...bundle.annotations,
      ...(bundle.hint !== undefined && { [PREDICATE_HINT]: bundle.hint }),
    },
    layers: [registry.putBlob(name, bundle.json, BUNDLE_MEDIA_TYPE)],
  });
}
