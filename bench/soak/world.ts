// What the program works with: an API server, and registries. All of it is in this process and on loopback.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RESOURCES } from '../../src/core/workload/index.ts';
import { tokenKubeconfig } from '../../test/e2e/support/cluster/pki.ts';
import { freePort } from '../../test/e2e/support/programs/ports.ts';
import { startApiServer, type ApiServer } from '../../test/support/api-server/index.ts';
import { openPolicyFixture, type PolicyFixture } from '../../test/support/policy-fixture.ts';
import { startRegistry, type EmbeddedRegistry } from '../../test/support/registry/index.ts';
import { pushImage, type Target } from '../../test/support/registry/push.ts';
import { pushBundleSignature } from '../../test/support/signed-images.ts';
import { signingKey, type SigningKey } from '../../test/support/signing.ts';

/** The namespace of the installation. */
export const OWN = 'pratique';

/** Milliseconds of memory for what was found: a changed flag shows within minutes of a run, and cold facts are a part of the load. */
export const FOUND_MS = 15_000;

/** An image that was pushed. */
export interface Image {
  /** By digest. */
  readonly reference: string;
  readonly digest: string;
  readonly target: Target;
}

/** Everything around the program. */
export interface World {
  readonly folder: string;
  readonly api: ApiServer;
  /** A registry that never fails, with one image for every way to be judged. */
  readonly fixture: PolicyFixture;
  /** A registry that goes down and comes back. */
  readonly failing: EmbeddedRegistry;
  /** A registry that misbehaves. */
  readonly misbehaving: EmbeddedRegistry;
  /** Ports of the webhook, and of probes and metrics. */
  readonly ports: { readonly webhook: number; readonly operations: number };
  /** Creates or changes an object of the API. */
  readonly apply: (resource: (typeof RESOURCES)[keyof typeof RESOURCES], object: object) => Promise<void>;
  readonly push: (pushed: PushedImage) => Promise<Image>;
  readonly policy: (name: string, images: string, spec?: object) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** What is pushed; without a key it has no signature. */
export interface PushedImage {
  readonly repository: string;
  readonly salt: string;
  /** Host of another registry than that which never fails. */
  readonly registry?: string;
  readonly tag?: string;
  readonly key?: SigningKey | undefined;
}

interface Applied {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Starts API server and registries, and writes the files that the program is started with. */
export async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'pratique-soak-'));
  const [api, fixture, failing, misbehaving] = await Promise.all([
    startApiServer(),
    openPolicyFixture(),
    startRegistry(),
    startRegistry(),
  ]);
  const ports = { webhook: await freePort(), operations: await freePort() };
  const { twin } = api;
  const apply: World['apply'] = async (resource, object) => {
    const { metadata } = object as Applied;
    const written = await twin.apply({ resource, ...metadata }, object, { fieldManager: 'soak' });
    if (!written.ok) throw new Error(`${metadata.name}: ${written.message}`);
  };
  const authorities = [{ name: 'release', key: { pem: fixture.key.pem } }];
  await writeFile(join(folder, 'kubeconfig'), tokenKubeconfig(api.url, '', 'soak'), { mode: 0o600 });
  await writeFile(join(folder, 'settings.yaml'), JSON.stringify(settingsOf(ports)));
  for (const name of [OWN, 'default', 'shop', 'platform', 'evil']) {
    await apply(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  for (const resource of [RESOURCES.validating, RESOURCES.mutating]) {
    twin.put(resource, registrationOf(resource === RESOURCES.validating, ports.webhook));
  }
  return {
    ...{ folder, api, fixture, failing, misbehaving, ports, apply },
    push: async ({ repository, salt, registry = fixture.registry.host, tag, key }) => {
      const target = { registry, repository, ...(tag !== undefined && { tag }) };
      const image = await pushImage(target, { salt });
      if (key) await pushBundleSignature(target, image, key);
      return { reference: image.reference, digest: image.digest, target };
    },
    policy: (name, images, spec = {}) =>
      apply(RESOURCES.policies, {
        apiVersion: 'pratique.dev/v1alpha1',
        kind: 'ImagePolicy',
        metadata: { name },
        spec: {
          match: { images: [images] },
          onUnknown: 'Deny',
          authorities,
          require: {
            signatures: { from: ['release'] },
            quarantine: { releasedBy: ['release'] },
            lifecycle: {},
          },
          ...spec,
        },
      }),
    stop: async () => {
      await Promise.all([api.close(), fixture.registry.close(), failing.close(), misbehaving.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A key pair and its public half as a policy refers to it: the Secret of this name. */
export async function rotateKey({ apply }: World, name: string, key = signingKey()): Promise<SigningKey> {
  await apply(RESOURCES.secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: OWN },
    data: { 'cosign.pub': Buffer.from(key.pem).toString('base64') },
  });
  return key;
}

/** Short lives, so that certificates and paths are renewed while the traffic goes on. */
function settingsOf({ webhook, operations }: World['ports']): object {
  return {
    cluster: { namespace: OWN },
    webhook: { listen: `127.0.0.1:${webhook}` },
    operations: { listen: `127.0.0.1:${operations}` },
    certificates: { hosts: ['127.0.0.1'], lifetimeMs: 60_000, authorityLifetimeMs: 120_000 },
    unmatchedImages: 'Deny',
    memory: { foundMs: FOUND_MS },
    audit: { everyMs: 20_000, perRegistryPerSecond: 50, reports: false },
    // The API server here calls no webhook, so that no canary would be refused.
    selfTest: { enabled: false },
  };
}

function registrationOf(validating: boolean, port: number): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${validating ? 'Validating' : 'Mutating'}WebhookConfiguration`,
    metadata: { name: 'pratique' },
    webhooks: [
      {
        name: validating ? 'images.pratique.dev' : 'pins.images.pratique.dev',
        clientConfig: { url: `https://127.0.0.1:${port}` },
      },
    ],
  };
}
