import { expect } from 'chai';
import { parse } from 'yaml';
import { EXPECTED_RULES, REQUIRED_PERMISSIONS, type JsonObject } from '../../src/cli/index.ts';
import {
  base64,
  openDoctorFixture,
  PATH_SECRET,
  type DoctorFixture,
  type Printed,
} from './doctor-fixture.ts';

describe('pratique doctor', () => {
  let fixture: DoctorFixture;
  before(async () => {
    fixture = await openDoctorFixture();
  });

  it('reports no problem for a healthy installation', async () => {
    const { code, checks, bad } = await fixture.read();
    expect(bad).to.deep.equal([]);
    expect(code).to.equal(0);
    expect(checks.map(({ check }) => check)).to.deep.equal([
      'api server',
      'crd imagepolicies.pratique.dev',
      'crd imagepromotions.pratique.dev',
      'crd imagepromotionruns.pratique.dev',
      'crd promotionapprovals.pratique.dev',
      'webhook',
      'webhook rules',
      'webhook failurePolicy',
      'webhook timeout',
      'webhook selectors',
      'webhook caBundle',
      'certificate',
      'webhook path',
      'webhook target',
      'exempt namespaces',
      'pinning webhook',
      'leader',
      'policy production',
      'permissions',
      'self-test',
    ]);
  });

  it('reports once that nothing is installed', async () => {
    const { code, bad } = await fixture.read({ objects: { crds: [], validating: [] } });
    expect(bad).to.deep.equal(['failed installation']);
    expect(code).to.equal(1);
  });

  it('reports the remaining life of the certificate', async () => {
    const clocks: readonly [number, string | undefined][] = [
      [0, undefined],
      [365 * 100 * 86_400_000, 'failed certificate'],
    ];
    for (const [later, expected] of clocks) {
      const now = new Date(Date.now() + later);
      const spec = { holderIdentity: 'a', renewTime: now.toISOString() };
      const { bad } = await fixture.read({
        now,
        objects: { leases: [fixture.named('pratique', { spec }, 'pratique')] },
      });
      expect(bad).to.deep.equal(expected === undefined ? [] : [expected]);
    }
  });
  it('ignores the order of fields and empty ones that the API server leaves out of a schema', async () => {
    const shuffle = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffle);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .filter(([key, inner]) => key === 'default' || JSON.stringify(inner) !== '{}')
          .reverse()
          .map(([key, inner]) => [key, shuffle(inner)]),
      );
    };
    const { bad } = await fixture.read({
      objects: { crds: [shuffle(fixture.crd()) as JsonObject, ...fixture.ofPromotions] },
    });
    expect(bad).to.deep.equal([]);
  });

  it('accepts a webhook with a URL', async () => {
    const clientConfig = {
      url: `https://localhost:8443/validate/${PATH_SECRET}`,
      caBundle: base64(fixture.ca),
    };
    const { bad } = await fixture.read({
      objects: { secrets: [], services: [], slices: [], validating: [fixture.configured({ clientConfig })] },
    });
    expect(bad).to.deep.equal([]);
  });

  it('C06 checks the path of the webhook without showing it, in any format', async () => {
    const former = 'b2'.repeat(32);
    const secret = (data: object) => [
      fixture.named('pratique-webhook-path', { data }, 'pratique'),
      fixture.certificateSecret,
    ];
    const service = (path: string) => ({
      clientConfig: { service: { name: 'hook', namespace: 'pratique', path }, caBundle: base64(fixture.ca) },
    });
    const stored = { secret: base64(PATH_SECRET), previous: base64(former) };
    const rows: readonly (readonly [string, object, readonly string[]])[] = [
      [`/validate/${PATH_SECRET}`, stored, []],
      [`/validate/${former}`, stored, []],
      [`/validate/${'c3'.repeat(32)}`, stored, ['failed webhook path']],
      ['/validate', stored, ['failed webhook path']],
      ['/validate', { ...stored, plain: base64('true') }, ['warning webhook path']],
      ['/', stored, ['failed webhook path']],
    ];
    for (const [path, data, expected] of rows) {
      const objects = { secrets: secret(data), validating: [fixture.configured(service(path))] };
      const { bad } = await fixture.read({ objects });
      expect(bad, path).to.deep.equal(expected);
      for (const args of [[], ['-o', 'json'], ['-o', 'yaml']]) {
        const { out, err } = await fixture.doctor({ objects, args });
        for (const one of [PATH_SECRET, former, 'c3'.repeat(32)]) expect(out + err).not.to.contain(one);
      }
    }
    const clientConfig = {
      url: `https://localhost:8443/validate/${PATH_SECRET}`,
      caBundle: base64(fixture.ca),
    };
    const outside = await fixture.doctor({
      objects: { validating: [fixture.configured({ clientConfig })] },
      args: [],
    });
    expect(outside.out).to.contain('https://localhost:8443/validate/…').and.not.contain(PATH_SECRET);
  });

  it('checks each permission of the controller, in the right namespace', async () => {
    const asked: string[] = [];
    await fixture.doctor({
      may: ({ spec }) => {
        const { user, resourceAttributes } = spec as {
          user: string;
          resourceAttributes: Record<string, string>;
        };
        expect(user).to.equal('system:serviceaccount:pratique:pratique');
        const { verb, resource, subresource, namespace: where } = resourceAttributes;
        asked.push(
          [verb, subresource === undefined ? resource : `${resource}/${subresource}`, where].join(' '),
        );
        return true;
      },
    });
    expect(asked).to.have.length(REQUIRED_PERMISSIONS.length);
    expect(asked).to.include.members([
      'get secrets pratique',
      'update leases pratique',
      'list pods ',
      'create cronjobs default',
      'patch imagepolicies/status ',
      'patch pods/ephemeralcontainers default',
    ]);
  });

  it('passes on the kubeconfig and the namespace of canaries, and closes its connections', async () => {
    const { asked, closed } = await fixture.doctor({
      args: ['--kubeconfig', 'here', '--canary-namespace', 'shop'],
    });
    expect(asked).to.deep.equal(['here', 'shop']);
    expect(closed).to.equal(1);
  });

  it('ends with 3 and the problems when the kubeconfig cannot be used', async () => {
    const { code, err } = await fixture.doctor({ args: ['--kubeconfig', 'missing'] });
    expect({ code, err }).to.deep.equal({ code: 3, err: 'error: missing: cannot be read\n' });
  });

  it('prints columns, the next step below, and the total, with colours when they are enabled', async () => {
    const given = { objects: { policies: [] } };
    const { out } = await fixture.doctor({ ...given, args: [] });
    expect(out).to.match(/^ok {5} {2}api server +https:/m);
    expect(out).to.match(/^warning {2}policies +there is no ImagePolicy.*\n +→ apply one$/m);
    expect(out).to.match(/\n19 ok, 1 warning\n$/);
    expect(out).not.to.include('\u001b');
    expect((await fixture.doctor({ ...given, args: [], colour: true })).out).to.include(
      '\u001b[33mwarning\u001b[0m',
    );
    const yaml = parse((await fixture.doctor({ ...given, args: ['-o', 'yaml'] })).out) as Printed;
    expect(yaml.summary).to.deep.equal({ ok: 19, warning: 1, failed: 0, unknown: 0 });
  });

  it('requires rules for every kind, ephemeral containers and scale', () => {
    const names = EXPECTED_RULES.map(({ operation, resource }) => `${operation} ${resource}`);
    expect(names).to.include.members([
      'CREATE pods',
      'UPDATE pods/ephemeralcontainers',
      'UPDATE statefulsets/scale',
      'CREATE podtemplates',
    ]);
    expect(names).to.have.length(23);
  });
});
