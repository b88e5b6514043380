import { expect } from 'chai';
import { parsePromotion } from '../../../../src/core/promotion/index.ts';
import {
  clashesIn,
  compileRoutes,
  compileTaking,
  type Routes,
} from '../../../../src/core/promotion/selection/repositories.ts';
import { promotionDocument, valueOf, type Written } from '../../../support/promotions/promotions.ts';

const GOLDEN = 'registry.example.com/golden';

const document = (repositories: readonly Written[], more: Written = {}): Written =>
  promotionDocument({ source: { repositories }, target: { repository: GOLDEN }, ...more });

function routesOf(...repositories: readonly Written[]): Routes {
  return valueOf(compileRoutes(valueOf(parsePromotion(document(repositories))).spec));
}

/** What is wrong with these entries. */
function problemsOf(...repositories: readonly Written[]): readonly string[] {
  const read = parsePromotion(document(repositories));
  return read.ok ? [] : read.problems.map(({ path, message }) => `${path} ${message}`);
}

/** Where the repositories go that the first glob covers of these. */
function expanded(routes: Routes, ...all: readonly string[]): readonly string[] {
  return (routes.globs[0]?.routesOf(all) ?? []).map(({ from, to }) => `${from} ${to}`);
}

const QUARANTINE = 'registry.example.com/quarantine';

describe('the repositories of a promotion', () => {
  it('go below the target by their whole path, whether they are named or found by a glob', () => {
    const { named } = routesOf({ from: 'docker.io/library/node' }, { from: 'quay.io/acme/web' });
    expect(named.map(({ from, to }) => `${from} ${to}`)).to.deep.equal([
      `docker.io/library/node ${GOLDEN}/library/node`,
      `quay.io/acme/web ${GOLDEN}/acme/web`,
    ]);
    const glob = routesOf({ from: 'docker.io/library/*' });
    expect(expanded(glob, 'docker.io/library/node', 'docker.io/acme/web')).to.deep.equal([
      `docker.io/library/node ${GOLDEN}/library/node`,
    ]);
  });

  it('go where their entry says, by path or name', () => {
    const to = (text: string): string | undefined =>
      routesOf({ from: 'quay.io/acme/web', to: text }).named[0]?.to;
    expect(to('golden.example.org/all/{name}')).to.equal('golden.example.org/all/web');
    expect(to('golden.example.org/{path}/amd64')).to.equal('golden.example.org/acme/web/amd64');
    expect(to('golden.example.org/other')).to.equal('golden.example.org/other');
  });

  it('take names in place of the wildcard, each once and normalised', () => {
    const { named, globs } = routesOf({ from: 'docker.io/library/*', names: ['node', 'redis', 'node'] });
    expect(named.map(({ from }) => from)).to.deep.equal([
      'docker.io/library/node',
      'docker.io/library/redis',
    ]);
    expect(globs).to.deep.equal([]);
    expect(routesOf({ from: 'index.docker.io/node' }).named[0]?.from).to.equal('docker.io/library/node');
  });

  it('are those of the first entry that covers them, with its tags', () => {
    const routes = routesOf(
      { from: `${QUARANTINE}/node`, tags: { semver: ['>=22'] } },
      { from: `${QUARANTINE}/**`, exclude: ['**/scratch'] },
    );
    expect(routes.routeOf(`${QUARANTINE}/node`)?.tags.semver).to.deep.equal(['>=22']);
    expect(routes.routeOf(`${QUARANTINE}/a/b`)?.tags.semver).to.deep.equal(['>=22 <25']);
    expect(routes.routeOf(`${QUARANTINE}/scratch`)).to.equal(undefined);
    expect(
      expanded(routes, `${QUARANTINE}/scratch`, `${QUARANTINE}/node`, `${QUARANTINE}/web`),
    ).to.deep.equal([`${QUARANTINE}/web ${GOLDEN}/quarantine/web`]);
  });

  it('P40 take nothing that the promotion has brought to its own target, also when its source is gone', () => {
    const routes = routesOf({ from: 'registry.example.com/**' });
    const at = (path: string): string => `registry.example.com/${path}`;
    expect(
      expanded(routes, at('web'), at('golden/web'), at('golden/gone'), at('golden/golden/x')),
    ).to.deep.equal([`${at('web')} ${GOLDEN}/web`]);
    const below = routesOf({ from: `${QUARANTINE}/*`, to: 'registry.example.com/{name}' });
    expect(expanded(below, at('quarantine/web'))).to.deep.equal([`${at('quarantine/web')} ${at('web')}`]);
  });

  it('P40 take no target of their own where the names of targets differ in the end only', () => {
    const routes = routesOf({ from: `${QUARANTINE}/*`, to: `${QUARANTINE}/{name}-golden` });
    expect(expanded(routes, `${QUARANTINE}/web`, `${QUARANTINE}/web-golden`)).to.deep.equal([
      `${QUARANTINE}/web ${QUARANTINE}/web-golden`,
    ]);
  });

  const REFUSED: readonly (readonly [string, readonly Written[], RegExp])[] = [
    [
      'both go to one place',
      [
        { from: 'a.example/x/web', to: GOLDEN },
        { from: 'b.example/y/web', to: GOLDEN },
      ],
      /both go to/,
    ],
    [
      'go to one place by default',
      [{ from: 'a.example/x/web' }, { from: 'b.example/x/web' }],
      /give one of them a "to"/,
    ],
    ['go to themselves', [{ from: `${GOLDEN}/web`, to: `${GOLDEN}/web` }], /to leads .* to itself/],
    [
      'are source and target at once',
      [
        { from: 'a.example/x', to: 'a.example/y' },
        { from: 'a.example/y', to: 'a.example/z' },
      ],
      /both a source and a target/,
    ],
    [
      'are more than one promotion takes',
      [0, 1].map((n) => ({
        from: `a.example/${String(n)}/*`,
        names: Array.from({ length: 300 }, (_, at) => `r${String(at)}`),
      })),
      /are 600 repositories; one promotion takes 500/,
    ],
    ['are a glob of hosts', [{ from: '*.example.com/web' }], /begins with a host/],
    ['all go to one place by a glob', [{ from: 'a.example/*', to: GOLDEN }], /needs \{path\} or \{name\}/],
    ['have names and no wildcard', [{ from: 'a.example/web', names: ['x'] }], /names stand for the one \*/],
    ['have names that lead elsewhere', [{ from: 'a.example/team/*', names: ['../other/web'] }], /names\[0\]/],
    ['name a tag', [{ from: 'a.example/web:1' }], /leave out tag and digest/],
    [
      'have tags that cannot be read',
      [{ from: 'a.example/web', tags: { semver: ['>>'] } }],
      /repositories\[0\]\.tags\.semver\[0\]/,
    ],
  ];
  for (const [how, entries, message] of REFUSED)
    it(`P40 are refused where they ${how}, with the field`, () => {
      const problems = problemsOf(...entries);
      expect(problems.join('\n')).to.match(message);
      expect(problems[0]).to.match(/^spec\.source\.repositories/);
    });

  it('are refused beside a single repository, and where there is neither', () => {
    const both = { repository: 'a.example/web', repositories: [{ from: 'a.example/x' }] };
    for (const source of [both, {}]) {
      const read = parsePromotion(promotionDocument({ source }));
      expect(JSON.stringify(read)).to.include('needs exactly one of repository, repositories');
    }
  });

  it('P40 clash only among themselves: the others go on', () => {
    const { tags } = valueOf(parsePromotion(promotionDocument())).spec;
    const route = (from: string, to: string) => ({ from, to, tags });
    const clashes = clashesIn([route('a/1', 'x/1'), route('b/1', 'x/1'), route('c/1', 'x/2')]);
    expect(clashes.map(({ from }) => from)).to.deep.equal(['a/1', 'b/1']);
  });
});

describe('what a promotion takes, by names alone', () => {
  const taking = (more: Written) =>
    valueOf(compileTaking(valueOf(parsePromotion(promotionDocument(more))).spec));

  it('a tag of its one repository, as the selection has it', () => {
    const takes = taking({
      source: { repository: 'node' },
      tags: { semver: ['>=22'], explicit: ['lts', '21.0.0'], exclude: ['-rc', '^22[.]9'] },
    });
    const to = 'registry.example.com/golden/node';
    const name = 'docker.io/library/node';
    for (const tag of ['22.1.0', 'lts', '21.0.0', undefined]) expect(takes(name, tag), tag).to.equal(to);
    for (const tag of [
      '20.0.0',
      '22.9.1',
      '23.0.0-rc',
      'latest',
      `sha256-${'a'.repeat(64)}.sig`,
      'pratique-first-seen',
    ])
      expect(takes(name, tag), tag).to.equal(undefined);
    expect(takes('docker.io/library/nodejs', '22.1.0')).to.equal(undefined);
  });

  it('a tag of one of many repositories, by the selection of its entry', () => {
    const takes = taking({
      source: {
        repositories: [
          { from: 'docker.io/library/node', tags: { explicit: ['lts'] } },
          { from: 'docker.io/library/*', exclude: ['docker.io/library/evil'] },
        ],
      },
      target: { repository: QUARANTINE },
      tags: { newest: { count: 3 } },
    });
    expect(takes('docker.io/library/node', 'lts')).to.equal(`${QUARANTINE}/library/node`);
    expect(takes('docker.io/library/node', '22')).to.equal(undefined);
    expect(takes('docker.io/library/redis', '7')).to.equal(`${QUARANTINE}/library/redis`);
    expect(takes('docker.io/library/evil', '7')).to.equal(undefined);
    expect(takes('docker.io/other/redis', '7')).to.equal(undefined);
  });
});
