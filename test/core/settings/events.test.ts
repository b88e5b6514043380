import { expect } from 'chai';
import { parseSettings } from '../../../src/core/settings/index.ts';
import { pathsOf, settingsOf } from './settings.ts';

const BEARER = { name: 'pushes', sender: 'distribution', bearer: { secretFile: '/etc/events/token' } };
const HMAC = { name: 'github', sender: 'ghcr', hmac: { secretFile: '/etc/events/key' } };
const TRUST = {
  issuer: 'https://token.ci.example.com',
  audience: 'pratique',
  subject: 'repo:acme/shop:ref:refs/heads/main',
};
const OIDC = { name: 'ci', sender: 'generic', oidc: TRUST };

const FREE = { name: 'free', sender: 'quay' };
const receivers = (...list: readonly object[]) => ({ events: { receivers: list } });
const trusting = (change: object) => receivers({ ...OIDC, oidc: { ...TRUST, ...change } });

describe('settings of events', () => {
  it('have no receiver by default, and wait for the end of a burst', () => {
    expect(settingsOf({}).events).to.deep.equal({ receivers: [], quietMs: 2_000, maxDelayMs: 30_000 });
  });

  it('are kept as they are written, with one way to authenticate', () => {
    const written = {
      listen: '127.0.0.1:9443',
      receivers: [{ ...BEARER, registry: 'registry.example.com:5000' }, HMAC, OIDC],
      quietMs: 7,
      maxDelayMs: 7,
    };
    expect(settingsOf({ events: written }).events).to.deep.equal({
      listen: { host: '127.0.0.1', port: 9_443 },
      receivers: [
        {
          name: 'pushes',
          sender: 'distribution',
          registry: 'registry.example.com:5000',
          auth: { kind: 'bearer', secretFile: '/etc/events/token' },
        },
        {
          name: 'github',
          sender: 'ghcr',
          auth: { kind: 'hmac', secretFile: '/etc/events/key', header: 'x-hub-signature-256' },
        },
        { name: 'ci', sender: 'generic', auth: { kind: 'oidc', ...TRUST } },
      ],
      quietMs: 7,
      maxDelayMs: 7,
    });
  });

  it('have the name of a header in lower case', () => {
    const [receiver] = settingsOf(
      receivers({ ...HMAC, hmac: { secretFile: 'k', header: 'X-Gitea-Signature' } }),
    ).events.receivers;
    expect(receiver?.auth).to.include({ header: 'x-gitea-signature' });
  });

  const good: readonly [string, unknown][] = [
    ['Harbor', receivers({ ...BEARER, sender: 'harbor' })],
    ['two receivers for one sender', receivers(BEARER, { ...BEARER, name: 'other' })],
    ...['acr', 'ecr', 'gar', 'dockerhub', 'quay', 'jfrog'].map((sender): [string, unknown] => [
      sender,
      receivers({ ...BEARER, sender }),
    ]),
    ['zot with its host', receivers({ ...BEARER, sender: 'zot', registry: 'zot.example.com' })],
    ['a header', receivers({ ...FREE, header: { secretFile: '/k', header: 'X-Api-Key' } })],
    ['a login', receivers({ ...FREE, basic: { secretFile: '/k', username: 'quay' } })],
    ['a parameter', receivers({ ...FREE, query: { secretFile: '/k' } })],
    ['an issuer with a path', trusting({ issuer: 'https://ci.example.com/tenants/acme' })],
    ['an issuer on loopback over http', trusting({ issuer: 'http://127.0.0.1:4000' })],
  ];
  for (const [what, input] of good) it(`take ${what}`, () => expect(pathsOf(input)).to.deep.equal([]));

  const FIRST = 'events.receivers[0]';
  const wrong: readonly [string, unknown, string][] = [
    ['an unknown key', { events: { port: 1 } }, 'events'],
    ['no address', { events: { listen: '9443' } }, 'events.listen'],
    ['one receiver that is no list', { events: { receivers: BEARER } }, 'events.receivers'],
    [
      'more receivers than the limit',
      receivers(...Array.from({ length: 65 }, (_, index) => ({ ...BEARER, name: `r${index}` }))),
      'events.receivers',
    ],
    ['no quiet', { events: { quietMs: 0 } }, 'events.quietMs'],
    ['a delay longer than a day', { events: { maxDelayMs: 86_400_001 } }, 'events.maxDelayMs'],
    ['a quiet above the longest delay', { events: { quietMs: 2, maxDelayMs: 1 } }, 'events.quietMs'],
    ['an unknown key of a receiver', receivers({ ...BEARER, path: '/x' }), FIRST],
    ['a receiver without a name', receivers({ ...BEARER, name: undefined }), `${FIRST}.name`],
    ['a name in capitals', receivers({ ...BEARER, name: 'Pushes' }), `${FIRST}.name`],
    ['two receivers of one name', receivers(BEARER, { ...HMAC, name: 'pushes' }), 'events.receivers[1].name'],
    ['an unknown sender', receivers({ ...BEARER, sender: 'gitea' }), `${FIRST}.sender`],
    ['a URL for a registry', receivers({ ...BEARER, registry: 'https://a.example' }), `${FIRST}.registry`],
    ['a receiver without authentication', receivers({ name: 'a', sender: 'generic' }), FIRST],
    ['two ways to authenticate', receivers({ ...BEARER, hmac: HMAC.hmac }), FIRST],
    ['three ways', receivers({ ...OIDC, hmac: HMAC.hmac, bearer: BEARER.bearer }), FIRST],
    [
      'a token inside the settings',
      receivers({ ...BEARER, bearer: { ...BEARER.bearer, token: 't' } }),
      `${FIRST}.bearer`,
    ],
    ['a token nowhere', receivers({ ...BEARER, bearer: {} }), `${FIRST}.bearer.secretFile`],
    [
      'a key inside the settings',
      receivers({ ...HMAC, hmac: { ...HMAC.hmac, secret: 's' } }),
      `${FIRST}.hmac`,
    ],
    ['a key nowhere', receivers({ ...HMAC, hmac: { secretFile: '' } }), `${FIRST}.hmac.secretFile`],
    [
      'a header that is none',
      receivers({ ...HMAC, hmac: { ...HMAC.hmac, header: 'x signature' } }),
      `${FIRST}.hmac.header`,
    ],
    ['zot without a host', receivers({ ...BEARER, sender: 'zot' }), `${FIRST}.registry`],
    [
      'a header without a name',
      receivers({ ...FREE, header: { secretFile: '/k' } }),
      `${FIRST}.header.header`,
    ],
    [
      'a name of a login with a colon',
      receivers({ ...FREE, basic: { secretFile: '/k', username: 'a:b' } }),
      `${FIRST}.basic.username`,
    ],
    [
      'a parameter that is none',
      receivers({ ...FREE, query: { secretFile: '/k', parameter: 'a&b' } }),
      `${FIRST}.query.parameter`,
    ],
    ['an unknown key of trust', trusting({ subjectPattern: '.*' }), `${FIRST}.oidc`],
    ['an issuer over http', trusting({ issuer: 'http://ci.example.com' }), `${FIRST}.oidc.issuer`],
    [
      'an issuer over http whose name begins like loopback',
      trusting({ issuer: 'http://127.0.0.1.example.com' }),
      `${FIRST}.oidc.issuer`,
    ],
    ['an issuer with a query', trusting({ issuer: 'https://a.example?b=c' }), `${FIRST}.oidc.issuer`],
    ['an issuer with a login', trusting({ issuer: 'https://a:b@a.example' }), `${FIRST}.oidc.issuer`],
    ['an issuer that is no URL', trusting({ issuer: 'a.example' }), `${FIRST}.oidc.issuer`],
    ['any audience', trusting({ audience: '' }), `${FIRST}.oidc.audience`],
    ['no audience', trusting({ audience: undefined }), `${FIRST}.oidc.audience`],
    ['any subject', trusting({ subject: '' }), `${FIRST}.oidc.subject`],
    ['no subject', trusting({ subject: undefined }), `${FIRST}.oidc.subject`],
  ];
  for (const [what, input, path] of wrong) {
    it(`refuse ${what}`, () => expect([...new Set(pathsOf(input))]).to.deep.equal([path]));
  }

  it('report duplicates', () => {
    const read = parseSettings(receivers({ ...BEARER, hmac: HMAC.hmac }));
    expect(read.ok ? '' : read.problems[0]?.message).to.contain('has 2');
  });
});
