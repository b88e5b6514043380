import { expect } from 'chai';
import { readFile, readdir } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { imagePolicyCrd } from '../src/core/policy/index.ts';
import { parseSettings } from '../src/core/settings/index.ts';
import { SETTINGS } from './chart-settings.ts';

const chart = new URL('../charts/pratique/', import.meta.url);
const text = (path: string) => readFile(new URL(path, chart), 'utf8');

interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: Node;
}

/** Settings that the chart sets by itself. Values that set them are refused. */
const OWN_SETTINGS = [
  'certificates.secret',
  'certificates.source',
  'cluster.kubeconfig',
  'cluster.name',
  'cluster.namespace',
  'events.listen',
  'operations.listen',
  'promotions.enabled',
  'webhook.clientCA',
  'webhook.clientNames',
  'webhook.listen',
  'webhook.pathSecret',
  'webhook.pathSecretFile',
  'webhook.tlsCert',
  'webhook.tlsKey',
  'workloadKinds',
];

describe('the chart, without Helm,', () => {
  let schema: Node & { readonly $schema: string };
  let values: Record<string, Record<string, unknown>>;
  let validate: (values: object) => string;
  before(async () => {
    schema = JSON.parse(await text('values.schema.json')) as typeof schema;
    values = parse(await text('values.yaml')) as typeof values;
    const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
    const compiled = ajv.compile(schema);
    validate = (given) => (compiled(given) ? '' : ajv.errorsText(compiled.errors));
  });

  it('has the version of the program', async () => {
    const { version } = JSON.parse(await text('../../package.json')) as { version: string };
    expect(parse(await text('Chart.yaml'))).to.include({ version, appVersion: version });
  });

  it('has values that its schema accepts, and a value for every key, except settings of the program', () => {
    expect(validate(values)).to.equal('');
    const elsewhere = /^(?:global|settings\..*|certificates\.certManager\.issuerRef\..*)$/;
    const described = keys(schema.properties ?? {}).filter((path) => !elsewhere.test(path));
    const given = leaves(values, schema.properties).filter((path) => !elsewhere.test(path));
    expect(given).to.have.members(described);
  });

  it('uses the version of Trivy that the tests run', async () => {
    const { scanner } = values as { scanner: { image: { tag: string } } };
    const pinned = await text('../../test/e2e/components/trivy/go.mod');
    expect(pinned).to.include(`github.com/aquasecurity/trivy v${scanner.image.tag}\n`);
  });

  it('refuses an unknown key on every level', () => {
    const open = objects(schema).filter(
      ([path, { properties, additionalProperties }]) =>
        path !== '' && properties !== undefined && additionalProperties !== false,
    );
    expect(open).to.deep.equal([]);
    expect(validate({ ...values, nodeSelecter: {} })).to.include('must NOT have additional properties');
  });

  const wrong: readonly (readonly [string, object, string])[] = [
    ['no replicas', { controller: { replicas: 0 } }, '/controller/replicas'],
    ['pods that end before their requests', { controller: { terminationGracePeriodSeconds: 30 } }, 'Seconds'],
    ['a digest that is none', { image: { repository: 'a', digest: 'sha256:12' } }, '/image/digest'],
    ['an image without a name', { image: { tag: '1' } }, 'repository'],
    ['a timeout longer than the API server accepts', { webhook: { timeoutSeconds: 31 } }, '/webhook/timeout'],
    ['a webhook with a login in its URL', { webhook: { url: 'https://a:b@example.com' } }, '/webhook/url'],
    ['an authority that is no PEM', { webhook: { caBundle: 'LS0t' } }, '/webhook/caBundle'],
    ['a namespace that cannot be', { webhook: { exemptNamespaces: ['Kube'] } }, '/exemptNamespaces/0'],
    ['a kind without a place for pods', { workloadKinds: [{ apiGroup: 'a', kind: 'B' }] }, 'podSpec'],
    [
      'a receiver of events without authentication',
      { settings: { events: { receivers: [{ name: 'a', sender: 'generic' }] } } },
      '/receivers/0',
    ],
    [
      'a way to run promotions that is none',
      { settings: { promotions: { execution: 'Pod' } } },
      '/execution',
    ],
    [
      'Jobs in a namespace that cannot be',
      { promotions: { jobs: { namespaces: ['a.b'] } } },
      '/namespaces/0',
    ],
    ['an unknown source of certificates', { certificates: { source: 'Vault' } }, '/certificates/source'],
    ['a policy for no image', { defaultPolicy: { images: [] } }, '/defaultPolicy/images'],
    ['an unknown enforcement', { defaultPolicy: { enforcement: 'deny' } }, '/defaultPolicy/enforcement'],
    ['a port that is none', { networkPolicy: { egress: { ports: [65_536] } } }, '/egress/ports/0'],
    ['a size that is none', { scanner: { cache: { sizeLimit: '4 GB' } } }, '/scanner/cache/sizeLimit'],
    ['an unknown delivery of the scanner', { scanner: { delivery: 'Download' } }, '/scanner/delivery'],
    [
      'a database without a registry',
      { settings: { scanner: { databaseRepository: 'aquasec/trivy-db' } } },
      '/scanner/databaseRepository',
    ],
    ['a share above one', { prometheusRule: { unknownShare: 2 } }, '/prometheusRule/unknownShare'],
    ['a number in quotes', { autoscaling: { maxReplicas: '3' } }, '/autoscaling/maxReplicas'],
  ];
  for (const [what, values, path] of wrong) {
    it(`refuses ${what}`, () => {
      expect(validate(values)).to.include(path);
    });
  }

  it('accepts every setting of the program except those that it sets itself, and no other', () => {
    const read = parseSettings(SETTINGS);
    expect(read.ok, JSON.stringify(read)).to.equal(true);
    expect(validate({ settings: SETTINGS })).to.equal('');
    const described = schema.properties?.settings?.properties ?? {};
    const taken = keys(described);
    expect(leaves(SETTINGS, described)).to.have.members(taken);
    const known = parseSettings({});
    const defaults = known.ok ? leaves(known.value) : [];
    const host = (path: string) => path.replace(/\.listen\..*$/, '.listen');
    expect(defaults.map(host).filter((path) => !taken.includes(path) && !OWN_SETTINGS.includes(path))).to.be
      .empty;
    for (const path of OWN_SETTINGS) expect(taken).not.to.include(path);
  });

  it('has alerts and a dashboard that use only metrics of the program', async () => {
    const known = new Set((await sources()).flatMap((source) => metricsIn(source)));
    for (const file of ['files/dashboard.json', 'templates/monitoring.yaml']) {
      const asked = metricsIn(await text(file)).map((name) => name.replace(/_bucket$/, ''));
      expect(asked).not.to.be.empty;
      for (const name of asked) expect(known, file).to.include(name);
    }
  });

  it('installs the CRD as the schema generates it, and keeps it on uninstall', async () => {
    const template = await text('templates/crds/imagepolicies.yaml');
    const plain = template
      .split('\n')
      .filter((line) => !line.includes('{{'))
      .join('\n');
    const crd = imagePolicyCrd();
    const annotations = { 'helm.sh/resource-policy': 'keep' };
    expect(parse(plain)).to.deep.equal({ ...crd, metadata: { ...(crd.metadata as object), annotations } });
  });

  it('has no template that uses a missing value', async () => {
    const paths = objects(schema).map(([path]) => path);
    const known = new Set([...paths, ...keys(schema.properties ?? {})]);
    const folder = new URL('templates/', chart);
    for (const name of await readdir(folder, { recursive: true })) {
      if (!/\.(yaml|tpl|txt)$/.test(name)) continue;
      const found = (await readFile(new URL(name, folder), 'utf8')).matchAll(/\.Values\.([A-Za-z.]+)/g);
      for (const [, path = ''] of found) expect(known, `${name}: ${path}`).to.include(path);
    }
  });
});

const metricsIn = (source: string): readonly string[] => source.match(/\bpratique_[a-z_]+\b/g) ?? [];

/** The text of every file of the program. */
async function sources(): Promise<readonly string[]> {
  const folder = new URL('../src/', import.meta.url);
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'));
  return Promise.all(names.map((name) => readFile(new URL(name, folder), 'utf8')));
}

/** Every object node of a schema by its path, itself included. */
function objects(node: Node, path = ''): readonly (readonly [string, Node])[] {
  const inner = Object.entries(node.properties ?? {}).flatMap(([key, child]) =>
    objects(child, path === '' ? key : `${path}.${key}`),
  );
  const items = node.items ? objects(node.items, `${path}[]`) : [];
  return node.type === 'object' ? [[path, node], ...inner, ...items] : [...inner, ...items];
}

/** Paths of what a schema does not describe any further. */
function keys(properties: Readonly<Record<string, Node>>): readonly string[] {
  return Object.entries(properties).flatMap(([key, { properties: inner }]) =>
    inner === undefined ? [key] : keys(inner).map((path) => `${key}.${path}`),
  );
}

/** Paths of values; with a schema, down to what it does not describe any further. */
function leaves(value: object, described?: Readonly<Record<string, Node>>): readonly string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const child = described?.[key];
    const deeper = described === undefined || child?.properties !== undefined;
    if (!deeper || typeof inner !== 'object' || inner === null || Array.isArray(inner)) return [key];
    return leaves(inner, child?.properties).map((path) => `${key}.${path}`);
  });
}
