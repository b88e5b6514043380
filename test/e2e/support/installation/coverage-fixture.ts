import { expect } from 'chai';
import { pushImage } from '../../../support/registry/push.ts';
import type { Outcome } from '../programs/command.ts';
import { policy, secret } from './policies.ts';
import type { Keys, AdmissionFixture } from './admission-fixture.ts';

/** A repository in quarantine: refused without a registry request. */
export const BAD = 'registry.example.com/shut/web:1';
/** No policy covers it. */
export const GOOD = 'registry.example.com/open/web:1';
/** The namespace of all tests. */
export const NAMESPACE = 'coverage';

/** Policies that refuse by repository, by signature, and by namespace. */
export function coveragePolicies(keys: Keys): readonly object[] {
  return [
    secret('release-key', keys.release.publicPem),
    secret('security-key', keys.security.publicPem),
    policy('shut', '**/shut/**', { require: { quarantine: { images: ['**/shut/**'] } } }),
    policy('signed', '**/signed/**', { require: { signatures: { from: ['release'] } } }),
    policy('selecting', '**/selected/**', {
      match: {
        images: ['**/selected/**'],
        namespaceSelector: { matchLabels: { 'pratique.dev/enforce': 'true' } },
      },
      require: { digest: {} },
    }),
  ];
}

/** A namespace whose objects are judged, and actions of its users. */
export interface CoverageFixture {
  kubectl(args: readonly string[], input?: object): Promise<Outcome>;
  create(object: object, ...flags: readonly string[]): Promise<Outcome>;
  /** A merge patch. */
  patch(what: string, change: object): Promise<Outcome>;
  /** Changes the first image of a pod and nothing else. */
  setImage(what: string, image: string): Promise<Outcome>;
  read(what: string): Promise<Readonly<Record<string, unknown>>>;
  /** Pushes a signed image; `move` lets its tag point to one without a signature. */
  signed(repository: string): Promise<{ readonly tag: string; move(): Promise<void> }>;
}

/** Makes the namespace {@link NAMESPACE} in the cluster of a fixture. */
export async function openCoverageFixture({
  cluster,
  olareg,
  cosign,
  keys,
}: AdmissionFixture): Promise<CoverageFixture> {
  await cluster.createNamespace(NAMESPACE);
  const kubectl = (args: readonly string[], input?: object): Promise<Outcome> =>
    cluster.kubectl(['-n', NAMESPACE, ...args], input === undefined ? {} : { input: JSON.stringify(input) });
  return {
    kubectl,
    create: (object, ...flags) => kubectl(['create', ...flags, '-f', '-'], object),
    patch: (what, change) => kubectl(['patch', what, '--type=merge', '-p', JSON.stringify(change)]),
    setImage: (what, image) => {
      const change = [{ op: 'replace', path: '/spec/containers/0/image', value: image }];
      return kubectl(['patch', what, '--type=json', '-p', JSON.stringify(change)]);
    },
    read: async (what) => {
      const { code, stdout, stderr } = await kubectl(['get', what, '-o', 'json']);
      expect(code, stderr).to.equal(0);
      return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
    },
    signed: async (repository) => {
      const target = { registry: olareg.host, repository: `signed/${repository}`, tag: 'v1' };
      const { reference } = await pushImage(target, { salt: repository });
      await cosign.sign(reference, { key: keys.release, format: 'bundle' });
      return {
        tag: `${target.registry}/${target.repository}:v1`,
        move: async () => {
          await pushImage(target, { salt: `${repository} moved` });
        },
      };
    },
  };
}

/** Checks that a command succeeds. */
export async function admitted(asked: Promise<Outcome>): Promise<void> {
  const { code, stderr } = await asked;
  expect(code, stderr).to.equal(0);
}

/** Checks that the webhook refuses a command with this message. */
export async function refused(asked: Promise<Outcome>, ...parts: readonly string[]): Promise<void> {
  const { code, stderr } = await asked;
  expect(code, stderr).to.equal(1);
  expect(stderr).to.contain('admission webhook "images.pratique.dev" denied the request');
  for (const part of parts) expect(stderr).to.contain(part);
}
