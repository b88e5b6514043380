import { decode } from '../../../src/controllers/events/decode.ts';
import { MAX_EVENTS } from '../../../src/controllers/events/pushed-image.ts';
import type { Sender } from '../../../src/controllers/events/ports.ts';
import { expect } from 'chai';
import {
  distributionBlob,
  distributionDelete,
  distributionPush,
  GITHUB_PING,
  githubPackage,
  harborCloudEvent,
  harborPush,
} from './payloads.ts';

const read = (sender: Sender, body: unknown, registry?: string) =>
  decode(sender, Buffer.from(JSON.stringify(body)), { registry });

function imagesIn(sender: Sender, body: unknown, registry?: string): readonly string[] {
  const result = read(sender, body, registry);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value.map(({ registry: host, repository, tag }) => `${host} ${repository} ${String(tag)}`);
}

function wrongIn(sender: Sender, body: unknown): readonly string[] {
  const result = read(sender, body);
  return result.ok ? [] : result.problems.map(({ path }) => path);
}

const envelope = (...events: readonly object[]) => ({ events });
const harborOf = (url: string, tag?: string) => ({
  type: 'PUSH_ARTIFACT',
  event_data: { resources: [{ resource_url: url, ...(tag !== undefined && { tag }) }] },
});
const githubOf = (change: object) => ({
  action: 'published',
  package: { ...(githubPackage('package') as unknown as { package: object }).package, ...change },
});

describe('decode', () => {
  const good: readonly [string, Sender, unknown, readonly string[]][] = [
    [
      'a push to the distribution registry',
      'distribution',
      envelope(distributionPush('shop/web', '1.4')),
      ['registry.example.com shop/web 1.4'],
    ],
    [
      'a manifest that was pushed without a tag: a signature, for one',
      'distribution',
      envelope(distributionPush('shop/web')),
      ['registry.example.com shop/web undefined'],
    ],
    [
      'several pushes in one envelope, the same ones once',
      'distribution',
      envelope(
        distributionPush('shop/web', '1'),
        distributionPush('shop/web', '2'),
        distributionPush('shop/web', '1'),
        distributionPush('shop/db', '1', 'registry.example.com:5000'),
      ),
      [
        'registry.example.com shop/web 1',
        'registry.example.com shop/web 2',
        'registry.example.com:5000 shop/db 1',
      ],
    ],
    ['no layer', 'distribution', envelope(distributionBlob('shop/web')), []],
    ['no pull', 'distribution', envelope({ ...distributionPush('shop/web', '1'), action: 'pull' }), []],
    ['no mount', 'distribution', envelope({ ...distributionBlob('shop/web'), action: 'mount' }), []],
    ['no deletion', 'distribution', envelope(distributionDelete('shop/web', '1')), []],
    ['no action of the future', 'distribution', envelope({ action: 'sign', target: 7 }), []],
    ['an empty envelope', 'distribution', envelope(), []],
    [
      'a push to Harbor with two tags',
      'harbor',
      harborPush(),
      ['harbor.example.com shop/web 1.4', 'harbor.example.com shop/web 1'],
    ],
    [
      'the same as a CloudEvent',
      'harbor',
      harborCloudEvent(),
      ['harbor.example.com shop/web 1.4', 'harbor.example.com shop/web 1'],
    ],
    [
      'a push to Harbor without a tag, which it calls by its digest',
      'harbor',
      harborOf(`harbor.example.com:8443/shop/web@sha256:${'0'.repeat(64)}`, `sha256:${'0'.repeat(64)}`),
      ['harbor.example.com:8443 shop/web undefined'],
    ],
    ['no pull from Harbor', 'harbor', harborPush('1', 'PULL_ARTIFACT'), []],
    ['no event of Harbor of the future', 'harbor', { type: 'BLESS_ARTIFACT', event_data: [] }, []],
    ['no event of Harbor that is called as a field of objects', 'harbor', { type: 'constructor' }, []],
    ['a package of GitHub', 'ghcr', githubPackage('package'), ['ghcr.io acme/shop/web 1.4']],
    ['the elder event about it', 'ghcr', githubPackage('registry_package'), ['ghcr.io acme/shop/web 1.4']],
    ['an update', 'ghcr', { ...githubPackage('package'), action: 'updated' }, ['ghcr.io acme/shop/web 1.4']],
    ['a package without a tag', 'ghcr', githubPackage('package', ''), ['ghcr.io acme/shop/web undefined']],
    [
      'a package without an address, by its owner in lower case',
      'ghcr',
      githubOf({ package_version: { package_url: '', container_metadata: { tag: { name: '2' } } } }),
      ['ghcr.io acme/shop/web 2'],
    ],
    [
      'a package without a version',
      'ghcr',
      githubOf({ package_version: null }),
      ['ghcr.io acme/shop/web undefined'],
    ],
    [
      'a tag that is only in the address',
      'ghcr',
      githubOf({ package_version: { package_url: 'ghcr.io/acme/web:3', container_metadata: null } }),
      ['ghcr.io acme/web 3'],
    ],
    ['no package of another kind', 'ghcr', githubOf({ package_type: 'npm', package_version: 7 }), []],
    ['no action of GitHub of the future', 'ghcr', { ...githubPackage('package'), action: 'blessed' }, []],
    ['the ping of GitHub', 'ghcr', GITHUB_PING, []],
    ['an event about something else', 'ghcr', { action: 'published', release: {} }, []],
    [
      'the event of a pipeline',
      'generic',
      { repository: 'registry.example.com:5000/shop/web', tag: '1.4' },
      ['registry.example.com:5000 shop/web 1.4'],
    ],
    [
      'the event of a pipeline without a tag',
      'generic',
      { repository: 'Registry.example.com/shop/web' },
      ['registry.example.com shop/web undefined'],
    ],
    [
      'the usual short form of Docker Hub',
      'generic',
      { repository: 'node', tag: '24' },
      ['docker.io library/node 24'],
    ],
  ];
  for (const [what, sender, body, images] of good) {
    it(`reads ${what} (${sender})`, () => expect(imagesIn(sender, body)).to.deep.equal(images));
  }

  const elsewhere: readonly [Sender, unknown, string][] = [
    ['distribution', envelope(distributionPush('shop/web', '1', 'registry')), 'hub.example.com shop/web 1'],
    ['harbor', harborOf('harbor-core/shop/web:1', '1'), 'hub.example.com shop/web 1'],
    ['ghcr', githubPackage('package', '1'), 'hub.example.com acme/shop/web 1'],
    ['generic', { repository: 'localhost:5000/shop/web', tag: '1' }, 'hub.example.com shop/web 1'],
  ];
  for (const [sender, body, image] of elsewhere) {
    it(`replaces the host that the sender names with the configured one (${sender})`, () => {
      expect(imagesIn(sender, body, 'hub.example.com')).to.deep.equal([image]);
    });
  }

  it('does not need the host of a request when one is configured', () => {
    const event = { ...distributionPush('shop/web', '1'), request: undefined };
    expect(imagesIn('distribution', envelope(event), 'hub.example.com')).to.deep.equal([
      'hub.example.com shop/web 1',
    ]);
  });

  const target = (change: object) => {
    const event = distributionPush('shop/web', '1');
    return envelope({ ...event, target: { ...event.target, ...change } });
  };
  const wrong: readonly [string, Sender, unknown, readonly string[]][] = [
    ['no envelope', 'distribution', [], ['']],
    ['null', 'distribution', null, ['']],
    ['an envelope without events', 'distribution', {}, ['events']],
    ['events that are no list', 'distribution', { events: {} }, ['events']],
    ['an event without an action', 'distribution', envelope({}), ['events[0].action']],
    [
      'a push without a target',
      'distribution',
      envelope({ action: 'pull' }, { action: 'push' }),
      ['events[1].target'],
    ],
    ['a push to nowhere', 'distribution', target({ repository: undefined }), ['events[0].target.repository']],
    [
      'a repository that is a number',
      'distribution',
      target({ repository: 1 }),
      ['events[0].target.repository'],
    ],
    [
      'a repository that cannot be one',
      'distribution',
      target({ repository: '../web' }),
      ['events[0].target'],
    ],
    ['a tag that cannot be one', 'distribution', target({ tag: 'a b' }), ['events[0].target']],
    ['a tag that is a list', 'distribution', target({ tag: [] }), ['events[0].target.tag']],
    [
      'a push without a host',
      'distribution',
      envelope({ ...distributionPush('shop/web'), request: {} }),
      ['events[0].request.host'],
    ],
    [
      'a host that is none outside its network',
      'distribution',
      envelope(distributionPush('shop/web', '1', 'registry')),
      ['events[0].target'],
    ],
    [
      'every wrong event of an envelope',
      'distribution',
      envelope(distributionPush('A', '1'), distributionPush('b', '1'), distributionPush('C', '1')),
      ['events[0].target', 'events[2].target'],
    ],
    ['no type', 'harbor', { event_data: {} }, ['type']],
    ['a push without data', 'harbor', { type: 'PUSH_ARTIFACT' }, ['event_data']],
    ['a CloudEvent without data', 'harbor', { type: 'harbor.artifact.pushed', event_data: {} }, ['data']],
    ['no resources', 'harbor', { type: 'PUSH_ARTIFACT', event_data: {} }, ['event_data.resources']],
    [
      'a resource without an address',
      'harbor',
      { type: 'PUSH_ARTIFACT', event_data: { resources: [{ tag: '1' }] } },
      ['event_data.resources[0].resource_url'],
    ],
    ['a resource without a host', 'harbor', harborOf('web:1'), ['event_data.resources[0].resource_url']],
    [
      'a resource whose tag cannot be one',
      'harbor',
      harborOf('harbor.example.com/web', '-'),
      ['event_data.resources[0].resource_url'],
    ],
    ['an action that is a number', 'ghcr', { action: 1 }, ['action']],
    ['a package that is a text', 'ghcr', { action: 'published', package: 'web' }, ['package']],
    ['a package of no kind', 'ghcr', githubOf({ package_type: undefined }), ['package.package_type']],
    ['a package without a name', 'ghcr', githubOf({ name: undefined }), ['package.name']],
    [
      'a package without address and owner',
      'ghcr',
      githubOf({ package_version: {}, namespace: null }),
      ['package.namespace'],
    ],
    [
      'a version that is a text, in the elder event',
      'ghcr',
      { action: 'published', registry_package: { ...githubOf({}).package, package_version: '1' } },
      ['registry_package.package_version'],
    ],
    ['no repository', 'generic', { tag: '1' }, ['repository']],
    ['a repository with its tag', 'generic', { repository: 'registry.example.com/web:1' }, ['repository']],
    [
      'a repository with a digest',
      'generic',
      { repository: `registry.example.com/web@sha256:${'0'.repeat(64)}` },
      ['repository'],
    ],
    ['an empty repository', 'generic', { repository: '' }, ['repository']],
    ['a tag that cannot be one', 'generic', { repository: 'registry.example.com/web', tag: '/' }, ['tag']],
    ['a field with a slip', 'generic', { repository: 'registry.example.com/web', Tag: '1' }, ['']],
  ];
  for (const [what, sender, body, paths] of wrong) {
    it(`refuses ${what} (${sender})`, () => expect(wrongIn(sender, body)).to.deep.equal(paths));
  }

  it('refuses more events in one request than senders batch', () => {
    const events = (count: number) => envelope(...Array.from({ length: count }, () => ({ action: 'pull' })));
    expect(wrongIn('distribution', events(MAX_EVENTS))).to.deep.equal([]);
    expect(wrongIn('distribution', events(MAX_EVENTS + 1))).to.deep.equal(['events']);
    const resources = (count: number) => ({
      type: 'PUSH_ARTIFACT',
      event_data: { resources: Array.from({ length: count }, () => ({ resource_url: 'a.example/b' })) },
    });
    expect(wrongIn('harbor', resources(MAX_EVENTS))).to.deep.equal([]);
    expect(wrongIn('harbor', resources(MAX_EVENTS + 1))).to.deep.equal(['event_data.resources']);
  });

  for (const [what, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['no JSON', Buffer.from('{"events":')],
    ['JSON that is not UTF-8', Buffer.from('{"repository":"\xff"}', 'latin1')],
  ] as const) {
    it(`refuses ${what}`, () => {
      const result = decode('generic', bytes, { registry: undefined });
      expect(result.ok ? undefined : result.problems.map(({ path }) => path)).to.deep.equal(['']);
    });
  }

  it('never repeats the received text', () => {
    const reported = ['distribution', 'harbor', 'ghcr', 'generic'].flatMap((sender) =>
      [
        { hunter2: 'hunter2', repository: 'hunter2 hunter2', tag: 'hunter2/', type: 7, action: 7 },
        { events: [{ action: 'push', target: { repository: 'hunter2!' }, request: { host: 'hunter2.' } }] },
      ].map((body) => JSON.stringify(read(sender as Sender, body))),
    );
    expect(reported.join('\n')).not.to.contain('hunter2');
  });
});
