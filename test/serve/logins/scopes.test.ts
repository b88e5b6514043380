import { expect } from 'chai';
import { createAuthority } from '../../support/certificates.ts';
import { auth, basic, openCompany, pullSecret } from '../../support/promotions/company.ts';
import { openPromotionFixture, shipKey } from '../../support/promotions/promotion-fixture.ts';
import { failure } from '../../support/registry/http.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { pushImage } from '../../support/registry/push.ts';

/** What a test has opened, closed after it in reverse. */
const opened: { close(): Promise<void> }[] = [];
const keep = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
  const one = await opening;
  opened.unshift(one);
  return one;
};
const NAMES = { source: 'a/app', target: 'x/app' } as const;
const tags = { explicit: ['1.0'] };
const PLAIN = { mirror: { quarantine: false, provenance: false, history: false } };
const at = ({ host }: EmbeddedRegistry, repository: string, more: object = {}) => ({
  repository: `${host}/${repository}`,
  ...more,
});

const insecure = (hosts: string[]) => ({ registries: { insecure: hosts } });

describe('whose logins answer in promotions', () => {
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });

  it('K09 never answers from what a namespace with the same robot account and another login has read', async () => {
    const robot = { kind: 'basic', username: 'robot', password: 'of-robot' } as const;
    const fixture = await keep(openPromotionFixture({ auth: robot }));
    const theirs = await keep(startRegistry({ auth: { ...robot, username: 'a', password: 'of-a' } }));
    const target = await keep(startRegistry());
    const headers = { authorization: basic('robot') };
    const image = { registry: fixture.registry.host, repository: NAMES.source, tag: '1.0', headers };
    await pushImage(image, { salt: 'x' });
    const authority = {
      name: 'a',
      key: { pem: shipKey().publicPem },
      repository: `${theirs.host}/private/reports`,
    };
    const spec = {
      source: at(fixture.registry, NAMES.source, { secretRef: { name: 'pull' } }),
      target: at(target, NAMES.target),
      tags,
      promote: { scan: { from: 'Report', authorities: [authority] } },
    };
    const reasonOf = async (logins: Readonly<Record<string, string>>) => {
      theirs.forgetLog();
      const { results } = await fixture.run({ spec, secrets: { pull: pullSecret(logins) } });
      const answered = theirs.requests.filter(({ authorized, status }) => authorized && status !== 401);
      return { reason: results[0]?.reason, answered: answered.length > 0 };
    };
    const shared = { [fixture.registry.host]: 'robot' };
    const alone = await reasonOf(shared);
    expect(alone).to.deep.equal({ reason: 'RegistryDenied', answered: false });
    expect(await reasonOf({ ...shared, [theirs.host]: 'a' })).to.deep.equal({
      reason: 'ReportMissing',
      answered: true,
    });
    expect(await reasonOf(shared)).to.deep.equal(alone);
  });

  for (const [title, granted, reason] of [
    ['without a grant', [], 'NotGranted'],
    ['with a grant', ['Read'], 'ReportMissing'],
  ] as const)
    it(`K10 reads reports in a repository of the installation ${title} as ${reason}`, async () => {
      const company = await keep(
        openCompany({
          open: 'public',
          grants: (host) =>
            granted.map((one) => ({
              namespaces: ['team-a'],
              repositories: [`${host}/team-b/reports`],
              access: [one],
            })),
        }),
      );
      await company.push('public/app');
      const authority = { name: 'b', key: { pem: shipKey().publicPem } };
      const repository = `${company.registry.host}/team-b/reports`;
      company.registry.forgetLog();
      const { results } = await company.fixture.run({
        namespace: 'team-a',
        spec: {
          source: at(company.registry, 'public/app'),
          target: at(company.fixture.registry, NAMES.target),
          tags,
          promote: { scan: { from: 'Report', authorities: [{ ...authority, repository }] } },
        },
      });
      expect(results[0]).to.include({ decision: 'Blocked', reason });
      expect(company.withLogin() > 0).to.equal(granted.length > 0);
    });

  it('K11 uses no login of the installation with authorities that the promotion brings', async () => {
    const company = await keep(
      openCompany({
        grants: (host) => [
          { namespaces: ['team-a'], repositories: [`${host}/**`], access: ['Read', 'Write'] },
        ],
      }),
    );
    await company.push('team-b/payroll');
    company.registry.forgetLog();
    const { cert } = await createAuthority('mallory');
    const { results } = await company.fixture.run({
      namespace: 'team-a',
      secrets: { ca: { 'ca.crt': cert } },
      spec: {
        source: at(company.registry, 'team-b/payroll', { caSecretRef: { name: 'ca' } }),
        target: at(company.fixture.registry, NAMES.target),
        ...{ tags, ...PLAIN },
      },
    });
    expect(results[0]).to.include({ decision: 'Failed', reason: 'RegistryDenied' });
    expect(company.withLogin()).to.equal(0);
  });

  it('K11 shares no fact between promotions that trust other authorities, or namespaces with other grants', async () => {
    const scopes: string[] = [];
    const company = await keep(
      openCompany({
        open: 'public',
        grants: (host) => [{ namespaces: ['team-b'], repositories: [`${host}/team-b/**`], access: ['Read'] }],
        opening: {
          judge: async (reference, { access }) => {
            const login = await access?.([]);
            if (login?.state === 'found') scopes.push(login.value.scope);
            return { reference, verdict: { kind: 'allow', findings: [] } };
          },
        },
      }),
    );
    await company.push('public/app');
    const policies = [company.fixture.policy({ match: { images: ['**'] }, require: { digest: {} } })];
    const authorities = await Promise.all(['one', 'two'].map((name) => createAuthority(name)));
    const judge = async (
      namespace: string,
      more: object = {},
      entries: Readonly<Record<string, string>> = {},
    ) => {
      await company.fixture.run({
        ...{ namespace, policies, secrets: { s: entries } },
        spec: {
          source: at(company.registry, 'public/app', more),
          target: at(company.fixture.registry, NAMES.target),
          ...{ tags, promote: { policies: ['golden'] }, onTagExists: 'Overwrite' },
        },
      });
      company.fixture.registry.reset();
    };
    const login = pullSecret({ [company.registry.host]: 'pratique' });
    await judge('team-a');
    await judge('team-a');
    await judge('team-b');
    await judge('team-a', { secretRef: { name: 's' } }, login);
    await judge('team-b', { secretRef: { name: 's' } }, login);
    for (const { cert } of authorities)
      await judge('team-a', { caSecretRef: { name: 's' } }, { 'ca.crt': cert });
    for (const { cert } of authorities)
      await judge(
        'team-a',
        { secretRef: { name: 's' }, caSecretRef: { name: 's' } },
        { ...login, 'ca.crt': cert },
      );
    const [a, again, b, withLogin, sameLogin, ...others] = scopes;
    expect(again).to.equal(a);
    expect(sameLogin).to.equal(withLogin);
    expect(others).to.have.length(4);
    expect(new Set([a, b, withLogin, ...others]).size).to.equal(7);
    expect(scopes.join(' ')).not.to.include('pratique');
  });

  it('K12 mounts no blob with the login of the target from where only another login may read', async () => {
    const company = await keep(
      openCompany({
        grants: (host) => [
          { namespaces: ['team-a'], repositories: [`${host}/golden/**`], access: ['Read', 'Write'] },
        ],
      }),
    );
    const secret = await company.push('team-b/payroll');
    // Manifests are shown to everyone, blobs are not.
    company.registry.intercept(({ method, url, headers }) => {
      if (headers.authorization === basic('pratique')) return undefined;
      if (method !== 'POST' && url.pathname.includes('/team-b/payroll/manifests/')) return undefined;
      return failure(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="company"' });
    });
    company.registry.forgetLog();
    const { results } = await company.fixture.run({
      namespace: 'team-a',
      spec: {
        source: at(company.registry, 'team-b/payroll'),
        target: at(company.registry, 'golden/loot'),
        tags,
        mirror: { quarantine: false, provenance: false, history: false },
        attachments: { carry: 'None' },
      },
    });
    expect(results[0]).to.include({ decision: 'Failed', reason: 'NotGranted' });
    expect(company.registry.requests.filter(({ path }) => path.includes('mount='))).to.deep.equal([]);
    expect(await company.at(company.registry, 'golden/loot')).not.to.equal(secret.digest);
  });

  it('K13 is that of the installation when what was promoted is judged again, only with a grant', async () => {
    const key = shipKey();
    const judgedWith = async (namespace: string) => {
      const company = await keep(
        openCompany({
          grants: (host) => [
            { namespaces: ['team-b'], repositories: [`${host}/golden/**`], access: ['Read'] },
          ],
        }),
      );
      await company.push('golden/app');
      company.registry.forgetLog();
      const judged = company.fixture.rejudge({
        namespace,
        secrets: { key: { 'cosign.key': key.pem } },
        spec: {
          source: at(company.fixture.registry, NAMES.source),
          target: at(company.registry, 'golden/app'),
          tags,
          promote: {
            scan: { from: 'Report', authorities: [{ name: 'a', key: { pem: key.publicPem } }] },
            sign: { secretRef: { name: 'key' } },
          },
        },
      });
      const outcome: unknown = await judged.catch((error: unknown) => error);
      return { outcome, withLogin: company.withLogin() };
    };
    const refused = await judgedWith('team-a');
    expect(refused.outcome).to.include({ code: 'NotGranted' });
    expect(refused.withLogin).to.equal(0);
    const granted = await judgedWith('team-b');
    expect(granted.outcome).to.have.property('judged');
    expect(granted.withLogin).to.be.greaterThan(0);
  });

  for (const [title, settings, host, reason] of [
    ['a host that the settings do not name', {}, 'registry.example.com:5000', 'InsecureNotAllowed'],
    [
      'another port of a host that they name',
      insecure(['registry.example.com']),
      'registry.example.com:5000',
      'InsecureNotAllowed',
    ],
    ['a loopback host, in a cluster', {}, '127.0.0.1:5000', 'InsecureNotAllowed'],
    [
      'a host that they name, however it is written',
      insecure(['registry.example.com:5000']),
      'REGISTRY.example.com:5000',
      undefined,
    ],
  ] as const)
    it(`K14 ${reason ? 'speaks no http' : 'may speak http'} with ${title}`, async () => {
      const company = await keep(openCompany({ settings }));
      const side = { repository: `${host}/a/b`, insecure: true };
      for (const sides of [{ source: side }, { target: side }]) {
        const spec = {
          source: at(company.fixture.registry, NAMES.source),
          target: at(company.fixture.registry, NAMES.target),
          ...sides,
          ...{ tags, ...PLAIN },
        };
        const opening = company.fixture.open({ namespace: 'team-a', spec }).then(async (execution) => {
          await execution.close();
          return '';
        });
        const why = await opening.catch(String);
        if (reason) expect(why).to.include(`"reason":"${reason}"`).and.include('.insecure');
        else expect(why).to.equal('');
      }
    });

  it('K15 is every login of the user who runs the command line, without a grant', async () => {
    const registry = await keep(
      startRegistry({ auth: { kind: 'basic', username: 'me', password: 'of-me' } }),
    );
    const dockerConfig = { auths: { [registry.host]: auth('me') } };
    const fixture = await keep(openPromotionFixture({}, {}, { dockerConfig }));
    await pushImage({ registry: fixture.registry.host, repository: NAMES.source, tag: '1.0' }, { salt: 'x' });
    const spec = {
      source: at(fixture.registry, NAMES.source, { insecure: true }),
      target: at(registry, NAMES.target),
      ...{ tags, promote: {} },
    };
    expect((await fixture.run({ spec })).results[0]).to.include({ decision: 'Promoted' });
  });
});
