import { policyDocument } from '../support/policies.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import { pushImage, type Pushed, type Target } from '../support/registry/push.ts';
import { pushBundleSignature } from '../support/signed-images.ts';
import { signingKey, type SigningKey } from '../support/signing.ts';
import { startGate, type RunningGate } from './running-gate.ts';

export const AMD64 = { os: 'linux', architecture: 'amd64' };
export const ARM64 = { os: 'linux', architecture: 'arm64' };

/** A registry, a key that signs, and gates in front of it; all of them new for each test of the suite that calls {@link useGates}. */
export interface GateBench {
  readonly registry: EmbeddedRegistry;
  readonly key: SigningKey;
  readonly place: (repository: string, tag?: string) => Target;
  /** A policy that demands signatures and no flag. */
  readonly signed: (require?: object, more?: object) => object;
  /** A policy that refuses flagged images only. */
  readonly flags: () => object;
  readonly start: (policies?: readonly object[], gate?: object) => Promise<RunningGate>;
  readonly pushSigned: (repository: string, tag: string, salt?: string) => Promise<Pushed>;
  /** The status of an answer, read to its end. */
  readonly status: (gate: RunningGate, path: string, init?: RequestInit) => Promise<number>;
}

/** The digests of config and layers. */
export function blobsOf({ body }: Pushed): readonly string[] {
  const { config, layers } = body as { config: { digest: string }; layers: { digest: string }[] };
  return [config, ...layers].map(({ digest }) => digest);
}

/** Makes what the tests of a suite need, before each, and ends it after each. */
export function useGates(): GateBench {
  let registry: EmbeddedRegistry;
  let key: SigningKey;
  let gates: RunningGate[];
  const place = (repository: string, tag?: string): Target => ({
    registry: registry.host,
    repository,
    ...(tag !== undefined && { tag }),
  });
  const signed = (require: object = {}, more: object = {}) =>
    policyDocument({
      authorities: [{ name: 'release', key: { pem: key.pem } }],
      require: { signatures: { from: ['release'] }, quarantine: {}, ...require },
      ...more,
    });
  beforeEach(async () => {
    registry = await startRegistry();
    key = signingKey();
    gates = [];
  });
  afterEach(async () => {
    for (const gate of gates) await gate.close();
    await registry.close();
  });
  return {
    get registry() {
      return registry;
    },
    get key() {
      return key;
    },
    place,
    signed,
    flags: () => policyDocument({ require: { quarantine: {} } }, 'flags'),
    start: async (policies = [signed()], gate = {}) => {
      const started = await startGate({ upstreams: [{ match: ['**'] }], ...gate }, policies);
      gates.push(started);
      return started;
    },
    pushSigned: async (repository, tag, salt = tag) => {
      const image = await pushImage(place(repository, tag), { salt, layers: [`layer of ${salt}`] });
      await pushBundleSignature(place(repository), image, key);
      return image;
    },
    status: async (gate, path, init) => {
      const answer = await gate.get(`${registry.host}/${path}`, init);
      await answer.arrayBuffer().catch(() => undefined);
      return answer.status;
    },
  };
}
