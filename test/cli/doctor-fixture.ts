import { expect } from 'chai';
import { imagePolicyCrd } from '../../src/core/policy/index.ts';
import { promotionCrds } from '../../src/core/promotion/index.ts';
import type { KubeObject } from '../../src/clients/kubernetes/index.ts';
import type { SelfTestVerdict } from '../../src/core/workload/index.ts';
import { runCommand, type DoctorPorts, type JsonObject, type Tools } from '../../src/cli/index.ts';
import { createAuthority } from '../support/certificates.ts';
import { createClusterTwin, type ClusterTwin } from '../support/twins/cluster.ts';

/** Text as Secrets and CA bundles hold it. */
/** The secret in the path of the webhook. */
export const PATH_SECRET = 'a1'.repeat(32);

export const base64 = (text: string) => Buffer.from(text).toString('base64');
const at = (ms: number) => new Date(Date.now() + ms).toISOString();
const resources = {
  crds: { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
  validating: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingwebhookconfigurations',
  },
  mutating: { group: 'admissionregistration.k8s.io', version: 'v1', plural: 'mutatingwebhookconfigurations' },
  secrets: { group: '', version: 'v1', plural: 'secrets' },
  accounts: { group: '', version: 'v1', plural: 'serviceaccounts' },
  services: { group: '', version: 'v1', plural: 'services' },
  slices: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
  namespaces: { group: '', version: 'v1', plural: 'namespaces' },
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  policies: { group: 'pratique.dev', version: 'v1alpha1', plural: 'imagepolicies' },
};
const PROMOTION_PLURALS = [...promotionCrds().keys()];
type Kind = keyof typeof resources;
/** The content of the cluster. */
export type Objects = Readonly<Record<Kind, readonly JsonObject[]>>;

const rule = (group: string, ...names: readonly string[]) => ({
  apiGroups: [group],
  apiVersions: ['v1'],
  operations: ['CREATE', 'UPDATE'],
  resources: names,
});
/** Rules that include every request. */
export const RULES = [
  rule(
    '',
    'pods',
    'pods/ephemeralcontainers',
    'replicationcontrollers',
    'replicationcontrollers/scale',
    'podtemplates',
  ),
  rule('apps', 'deployments', 'replicasets', 'statefulsets', 'daemonsets', '*/scale'),
  rule('batch', 'jobs', 'cronjobs'),
];
/** A self-test with proof. */
export const PROVEN: SelfTestVerdict = {
  state: 'proven',
  canaries: [{ id: 'Pod containers', outcome: 'proven', detail: '' }],
};

const notAsked = () => Promise.reject(new Error('doctor does not ask for this'));
/** Tools of other commands. */
const UNUSED: Omit<Tools, 'clock' | 'doctor'> = {
  version: '1.2.3',
  readDocuments: notAsked,
  compilePolicies: () => ({ ok: false, problems: [] }),
  openJudge: notAsked,
  review: notAsked,
  verifyBundle: notAsked,
  serve: notAsked,
};

/** The differences from a healthy installation. */
export interface Case {
  readonly objects?: Partial<Objects>;
  readonly selfTest?: SelfTestVerdict;
  readonly may?: (review: JsonObject) => boolean | string;
  readonly spoil?: (twin: ClusterTwin) => void;
  readonly version?: () => Promise<string>;
  readonly args?: readonly string[];
  readonly colour?: boolean;
  readonly now?: Date;
}
/** What `-o json` prints. */
export interface Printed {
  readonly checks: readonly { check: string; status: string; detail: string; next?: string }[];
  readonly summary: Readonly<Record<string, number>>;
}
/** A healthy installation in an API server in memory, and functions that break it. */
export type DoctorFixture = Awaited<ReturnType<typeof openDoctorFixture>>;

/** Makes certificates, and a healthy installation with them. */
export async function openDoctorFixture() {
  const authority = await createAuthority('webhook');
  const { cert } = await authority.issue({ commonName: 'webhook', dns: ['localhost'], usage: 'server' });
  const ca = authority.cert;
  const otherCa = (await createAuthority('other')).cert;
  const named = (name: string, more: object = {}, namespace?: string): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Any',
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    ...more,
  });
  const webhook = (more: object = {}): JsonObject => ({
    name: 'images.pratique.dev',
    clientConfig: {
      service: { name: 'hook', namespace: 'pratique', path: `/validate/${PATH_SECRET}` },
      caBundle: base64(`${otherCa}\n${ca}`),
    },
    rules: RULES,
    failurePolicy: 'Fail',
    timeoutSeconds: 10,
    namespaceSelector: {
      matchExpressions: [
        { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', 'pratique'] },
      ],
    },
    ...more,
  });
  const namespace = (name: string, labels: object = {}) => ({
    ...named(name),
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name, ...labels } },
  });
  const policy = (status: string, generation = 1) => ({
    ...named('production', { spec: { enforcement: 'Deny' } }),
    metadata: { name: 'production', generation: 1 },
    status: {
      observedGeneration: generation,
      conditions: [{ type: 'Ready', status, reason: 'PolicyBroken', message: 'spec.match.images: no' }],
    },
  });
  const lease = (renewedMsAgo: number, spec: object = {}) =>
    named(
      'pratique',
      {
        spec: {
          holderIdentity: 'pratique-0',
          leaseDurationSeconds: 15,
          renewTime: at(-renewedMsAgo),
          ...spec,
        },
      },
      'pratique',
    );
  const configured = (more?: object) => named('pratique', { webhooks: [webhook(more)] });
  const accepted = { status: { conditions: [{ type: 'Established', status: 'True' }] } };
  const crd = (more: object = {}): JsonObject => ({
    ...(imagePolicyCrd() as { metadata: { name: string } }),
    ...accepted,
    ...more,
  });
  const promotionCrd = (name: string): JsonObject => ({ ...promotionCrds().get(name), ...accepted });
  const ofPromotions = PROMOTION_PLURALS.map(promotionCrd);

  const data = { 'ca.crt': base64(ca), 'tls.crt': base64(cert) };
  const certificateSecret = named('pratique-webhook-tls', { data }, 'pratique');
  const healthy = (): Objects => ({
    crds: [crd(), ...ofPromotions],
    validating: [configured()],
    mutating: [],
    secrets: [
      certificateSecret,
      named('pratique-webhook-path', { data: { secret: base64(PATH_SECRET) } }, 'pratique'),
    ],
    accounts: [named('pratique', {}, 'pratique')],
    services: [named('hook', {}, 'pratique')],
    slices: [
      {
        ...named('hook-1', {
          endpoints: [{ conditions: { ready: true } }, { conditions: { ready: false } }],
        }),
        metadata: { name: 'hook-1', namespace: 'pratique', labels: { 'kubernetes.io/service-name': 'hook' } },
      },
    ],
    namespaces: ['default', 'kube-system', 'pratique'].map((name) => namespace(name)),
    leases: [lease(3_000)],
    policies: [policy('True')],
  });

  async function doctor(given: Case = {}) {
    const twin = createClusterTwin();
    for (const [kind, objects] of Object.entries({ ...healthy(), ...given.objects })) {
      for (const object of objects) twin.put(resources[kind as Kind], object);
    }
    given.spoil?.(twin);
    const asked: (string | undefined)[] = [];
    let closed = 0;
    const ports: DoctorPorts = {
      server: twin.server,
      version: given.version ?? (() => Promise.resolve('v1.35.1')),
      get: (...question) => twin.get(...question),
      list: (...question) => twin.list(...question),
      create: (_, review) => {
        const may = given.may?.(review as JsonObject) ?? true;
        return Promise.resolve(
          typeof may === 'string'
            ? { ok: false, status: 403, reason: 'Forbidden', message: may, warnings: [] }
            : { ok: true, object: { ...(review as KubeObject), status: { allowed: may } }, warnings: [] },
        );
      },
      selfTest: (where) => {
        asked.push(where);
        return Promise.resolve(given.selfTest ?? PROVEN);
      },
      shippedCrds: [imagePolicyCrd()],
      promotionCrds: [...promotionCrds().values()] as readonly JsonObject[],
      close: () => {
        closed += 1;
        return Promise.resolve();
      },
    };
    let out = '';
    let err = '';
    const code = await runCommand(
      ['doctor', ...(given.args ?? ['-o', 'json'])],
      {
        ...UNUSED,
        clock: () => given.now ?? new Date(),
        doctor: ({ kubeconfig }) => {
          asked.push(kubeconfig);
          return Promise.resolve(
            kubeconfig === 'missing'
              ? { ok: false, problems: [{ path: 'missing', message: 'cannot be read' }] }
              : { ok: true, value: ports },
          );
        },
      },
      {
        out: (text) => (out += text),
        err: (text) => (err += text),
        colour: given.colour ?? false,
        interactive: false,
        stopped: () => Promise.resolve(),
      },
    );
    return { code, out, err, asked, closed, twin };
  }
  const read = async (given?: Case) => {
    const { code, out } = await doctor(given);
    const { checks } = JSON.parse(out) as Printed;
    const bad = checks.filter(({ status }) => status !== 'ok');
    expect(
      bad.every(({ next }) => next !== undefined && next !== ''),
      'a next step for each',
    ).to.equal(true);
    return { code, checks, bad: bad.map(({ check, status }) => `${status} ${check}`) };
  };
  const changed = (more: object): Case => ({ objects: { validating: [configured(more)] } });
  return {
    ca,
    otherCa,
    named,
    namespace,
    policy,
    lease,
    configured,
    certificateSecret,
    crd,
    ofPromotions,
    changed,
    doctor,
    read,
  };
}
