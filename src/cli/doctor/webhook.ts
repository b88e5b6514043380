import { X509Certificate } from 'node:crypto';
import { hidePathSecrets } from '../../core/model/index.ts';
import { KUBERNETES_KINDS, KUBERNETES_WORKLOADS } from '../../core/workload/index.ts';
import { RESOURCES, WEBHOOK_NAME } from '../../core/workload/index.ts';
import type { JsonObject } from '../ports.ts';
import { failed, listAll, listAt, objectAt, ok, textAt, warning } from './check.ts';
import type { CheckResult, Examination } from './check.ts';

/** Below this many seconds a registry that is a little slow makes every answer an unknown. */
const SHORT_TIMEOUT_S = 5;
/** A certificate with less of its life than this left should have been renewed: that happens at a third. */
const RENEWED_AT_SHARE = 0.25;
const DAY_MS = 86_400_000;
const REGISTER = 'register it as the chart or manifests/webhook.yaml does';
const SEE_LOG = 'see the log of the leader';

/** The configuration of our name; `undefined` when there is none. */
export function readRegistration(
  { ports, name, signal }: Examination,
  kind: 'validating' | 'mutating',
): Promise<JsonObject | undefined> {
  return ports.get({ resource: RESOURCES[kind], name }, signal);
}

export function webhookOf(configuration: JsonObject | undefined, name: string = WEBHOOK_NAME): unknown {
  return listAt(configuration, 'webhooks').find((one) => textAt(one, 'name') === name);
}

/** How the validating webhook is registered, and whether all it has to see reaches it. */
export function checkRegistration(webhook: unknown): readonly CheckResult[] {
  if (webhook === undefined) return [failed('webhook', `${WEBHOOK_NAME} is not registered`, REGISTER)];
  return [
    ok('webhook', `${WEBHOOK_NAME} is registered`),
    checkRules(webhook),
    checkFailurePolicy(webhook),
    checkTimeout(webhook),
    ...checkNarrowing(webhook),
  ];
}

function checkFailurePolicy(webhook: unknown): CheckResult {
  const check = 'webhook failurePolicy';
  // Absent is what the API server fills in: Fail.
  if (textAt(webhook, 'failurePolicy') !== 'Ignore') return ok(check, 'Fail');
  const detail = 'Ignore: while the webhook is away every image is admitted';
  return failed(check, detail, 'set failurePolicy: Fail');
}

function checkTimeout(webhook: unknown): CheckResult {
  const check = 'webhook timeout';
  const seconds = Number(objectAt({ webhook }, 'webhook').timeoutSeconds ?? 10);
  if (seconds >= SHORT_TIMEOUT_S) return ok(check, `${seconds} s`);
  return warning(check, `${seconds} s: a slow registry will look unknown`, 'give it 10 seconds');
}

/** Whatever keeps requests from the webhook besides its rules. */
function checkNarrowing(webhook: unknown): readonly CheckResult[] {
  const check = 'webhook selectors';
  const selector = objectAt(webhook, 'objectSelector');
  const byObject = Object.values(selector).some((value) => Object.keys(value ?? {}).length > 0);
  const conditions = listAt(webhook, 'matchConditions').length;
  const exact = textAt(webhook, 'matchPolicy') === 'Exact';
  const results = [
    byObject &&
      warning(check, 'objectSelector is set: the author of an object writes its labels', 'remove it'),
    conditions > 0 &&
      warning(check, 'matchConditions keep requests away', 'make sure that each of them is wanted'),
    exact && warning(check, 'matchPolicy Exact misses other versions', 'set Equivalent'),
  ].filter((one) => one !== false);
  return results.length > 0 ? results : [ok(check, 'nothing but namespaces is left out')];
}

/** Whether the API server trusts the certificate that is served, and how long it lasts. */
export async function checkCertificate(
  { ports, namespace, secret, signal, now }: Examination,
  webhook: unknown,
): Promise<readonly CheckResult[]> {
  const check = 'webhook caBundle';
  const bundle = fromBase64(textAt(webhook, 'clientConfig', 'caBundle'));
  if (bundle.trim() === '')
    return [failed(check, 'is empty: the API server cannot trust the webhook', SEE_LOG)];
  const found = await ports.get({ resource: RESOURCES.secrets, namespace, name: secret }, signal);
  if (!found) {
    const reported = `is set; Secret ${namespace}/${secret} is not there to compare it with`;
    if (textAt(webhook, 'clientConfig', 'url') !== '') return [ok(check, reported)];
    return [warning(check, reported, 'fine if certificates come from files, else name it by --secret')];
  }
  const ca = certificatesIn(fromBase64(textAt(found, 'data', 'ca.crt')));
  const trusted = new Set(certificatesIn(bundle).map(({ fingerprint256 }) => fingerprint256));
  const same = ca.length > 0 && ca.every(({ fingerprint256 }) => trusted.has(fingerprint256));
  const [leaf] = certificatesIn(fromBase64(textAt(found, 'data', 'tls.crt')));
  return [
    same
      ? ok(check, `is the authority in Secret ${secret}`)
      : failed(check, `is not the authority in Secret ${secret}`, SEE_LOG),
    leaf ? checkLife(leaf, now) : failed('certificate', `Secret ${secret} holds none`, SEE_LOG),
  ];
}

function checkLife({ validFromDate, validToDate }: X509Certificate, now: Date): CheckResult {
  const check = 'certificate';
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
  const left = to - now.getTime();
  const until = `until ${validToDate.toISOString()}, ${Math.floor(left / DAY_MS)} days left`;
  if (left <= 0) return failed(check, `expired ${validToDate.toISOString()}`, SEE_LOG);
  if (left / (to - from) >= RENEWED_AT_SHARE) return ok(check, until);
  return warning(check, `${until}: it should have been renewed`, SEE_LOG);
}

/** Whether the address of the webhook leads to a running server. */
export async function checkTarget(given: Examination, webhook: unknown): Promise<CheckResult> {
  const check = 'webhook target';
  const url = textAt(webhook, 'clientConfig', 'url');
  if (url !== '') return ok(check, `outside the cluster, at ${hidePathSecrets(url)}`);
  const [name, namespace] = ['name', 'namespace'].map((key) =>
    textAt(webhook, 'clientConfig', 'service', key),
  );
  const about = `Service ${namespace}/${name}`;
  const address = { resource: { group: '', version: 'v1', plural: 'services' }, namespace, name: name ?? '' };
  const service = await given.ports.get(address, given.signal);
  if (!service) return failed(check, `${about} is not there`, 'install the chart again');
  const elsewhere = textAt(service, 'spec', 'externalName');
  if (elsewhere !== '') return ok(check, `${about}, outside the cluster at ${elsewhere}`);
  const slices = await listAll(given, {
    resource: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
    namespace,
    labelSelector: `kubernetes.io/service-name=${name}`,
  });
  const ready = slices
    .flatMap((slice) => listAt(slice, 'endpoints'))
    .filter((endpoint) => objectAt(endpoint, 'conditions').ready !== false).length;
  if (ready > 0) return ok(check, `${about}, ${ready} ready`);
  const detail = `${about} has no ready endpoint: everything is refused`;
  return failed(check, detail, `kubectl -n ${namespace} get pods`);
}

/** The webhook that pins digests. It is optional. */
export function checkPinning(configuration: JsonObject | undefined): CheckResult {
  const check = 'pinning webhook';
  if (!configuration) return ok(check, 'not registered: digests are not written into objects');
  const webhook = webhookOf(configuration, `pins.${WEBHOOK_NAME}`);
  if (webhook === undefined) return failed(check, `has no pins.${WEBHOOK_NAME}`, REGISTER);
  const bundle = textAt(webhook, 'clientConfig', 'caBundle');
  return bundle.trim() === '' ? failed(check, 'its caBundle is empty', SEE_LOG) : ok(check, 'is registered');
}

function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return []; // No certificate at all: the caller reports that there is none.
  }
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}

interface ExpectedRule {
  readonly group: string;
  readonly version: string;
  /** With its subresource, e.g. `pods/ephemeralcontainers`. */
  readonly resource: string;
  readonly operation: 'CREATE' | 'UPDATE';
}

/** Every request that may start an image: each kind, debugging, and scaling up. */
export const EXPECTED_RULES: readonly ExpectedRule[] = [
  ...KUBERNETES_KINDS.flatMap(({ group, version, plural }) =>
    (['CREATE', 'UPDATE'] as const).map((operation) => ({ group, version, resource: plural, operation })),
  ),
  { group: '', version: 'v1', resource: 'pods/ephemeralcontainers', operation: 'UPDATE' },
  ...KUBERNETES_KINDS.flatMap(({ group, version, kind, plural }): readonly ExpectedRule[] => {
    const scales = KUBERNETES_WORKLOADS.get(`${group}/${kind}`)?.replicas;
    return scales ? [{ group, version, resource: `${plural}/scale`, operation: 'UPDATE' }] : [];
  }),
];

function checkRules(webhook: unknown): CheckResult {
  const check = 'webhook rules';
  const rules = listAt(webhook, 'rules');
  const missing = EXPECTED_RULES.filter((wanted) => !rules.some((rule) => covers(rule, wanted)));
  const next = 'register the webhook as the chart or manifests/webhook.yaml does';
  if (missing.length === 0) return ok(check, `${EXPECTED_RULES.length} of ${EXPECTED_RULES.length} covered`);
  const names = missing.map(({ operation, resource }) => `${operation} ${resource}`).join(', ');
  // Without scaling rules an image is judged when its object is written, and its pods are judged when they are made.
  const onlyScale = missing.every(({ resource }) => resource.endsWith('/scale'));
  return (onlyScale ? warning : failed)(check, `not covered: ${names}`, next);
}

function covers(rule: unknown, { group, version, resource, operation }: ExpectedRule): boolean {
  const has = (field: string, ...wanted: readonly string[]) =>
    listAt(rule, field).some((value) => typeof value === 'string' && wanted.includes(value));
  const [plural = '', subresource] = resource.split('/');
  const names = subresource === undefined ? ['*'] : [`${plural}/*`, `*/${subresource}`];
  return (
    ['', '*', 'Namespaced'].includes(textAt(rule, 'scope')) &&
    has('apiGroups', group, '*') &&
    has('apiVersions', version, '*') &&
    has('operations', operation, '*') &&
    has('resources', resource, '*/*', ...names)
  );
}

/** Most names in one line. */
const MAX_NAMES = 20;
/** The cluster must be able to start itself. */
const SYSTEM = 'kube-system';

/** Which namespaces the webhook is not called for. */
export async function checkNamespaces(given: Examination, webhook: unknown): Promise<CheckResult> {
  const check = 'exempt namespaces';
  const selector = objectAt(webhook, 'namespaceSelector');
  const namespaces = await listAll(given, { resource: RESOURCES.namespaces });
  const exempt = namespaces
    .filter((one) => !selects(selector, objectAt(one, 'metadata', 'labels')))
    .map((one) => textAt(one, 'metadata', 'name'))
    .toSorted();
  const others = exempt.filter((name) => name !== given.namespace && name !== SYSTEM);
  if (others.length === 0) return ok(check, exempt.length === 0 ? 'none' : exempt.join(', '));
  const named = others.slice(0, MAX_NAMES).join(', ');
  const more = others.length > MAX_NAMES ? ` and ${others.length - MAX_NAMES} more` : '';
  const detail = `${named}${more}: nothing is refused there`;
  return warning(check, detail, 'leave out as few namespaces as you can');
}

/** A label selector, as the API server reads it. */
function selects(selector: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const wanted = Object.entries(objectAt(selector, 'matchLabels'));
  const equal = wanted.every(([key, value]) => labels[key] === value);
  return equal && listAt(selector, 'matchExpressions').every((one) => holds(one, labels));
}

function holds(expression: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const key = textAt(expression, 'key');
  const isThere = Object.hasOwn(labels, key);
  const isAmong = isThere && listAt(expression, 'values').includes(labels[key]);
  const answers = new Map([
    ['In', isAmong],
    ['NotIn', !isAmong],
    ['Exists', isThere],
    ['DoesNotExist', !isThere],
  ]);
  // An operator newer than this program selects what is not known: that counts as left out, and is reported.
  return answers.get(textAt(expression, 'operator')) ?? false;
}
