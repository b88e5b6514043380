import { nameOf, CLAIM_NAMES } from '../../../../src/core/model/index.ts';
import { needsAtFirst } from '../../../../src/core/policy/index.ts';
import {
  authority,
  evidenceOf,
  found,
  IMAGE,
  provenBy,
  type Asked,
  type WrittenSpec,
} from '../../../support/policies.ts';
import { certified, ISSUER, keylessAuthority, PUBLIC_GOOD, SUBJECT } from '../proven.ts';
import { fingerprintOf, key, other, ROOT_TEXT, signed, signedByKey, type Row, type Rows } from './row.ts';

const one = (written: WrittenSpec) => ({
  authorities: [{ name: 'release', ...written }],
  require: { signatures: { from: ['release'] } },
});
const by = (authorityKey: WrittenSpec) => one({ key: authorityKey });
const keyless = (identity: WrittenSpec = {}, rest: WrittenSpec = {}) =>
  one(keylessAuthority('release', identity, rest));
const asked = (...given: Parameters<typeof certified>): Asked => ({
  evidence: evidenceOf({ signatures: found([certified(...given)]) }),
});

const CLAIM_ROWS = Object.fromEntries(
  CLAIM_NAMES.map((claim): [string, Row] => [
    `authorities[].keyless.claims.${claim}`,
    {
      asked: asked({ claims: { [claim]: 'as asked' } }),
      ways: [
        [keyless({ claims: { [claim]: 'as asked' } }), 'allow'],
        [keyless({ claims: { [claim]: 'another' } }), 'deny Unsigned'],
      ],
    },
  ]),
);

const ROOT_ROWS = Object.fromEntries(
  [
    ['secretRef', 'Secret.json'],
    ['configMapRef', 'ConfigMap.json'],
  ].flatMap(([field = '', entry]): [string, Row][] => {
    const root = (name: string, inside = entry) =>
      keyless({}, { trustRoot: { [field]: { name, key: inside } } });
    const where = `authorities[].trustRoot.${field}`;
    const missing = `problem spec.authorities[0].trustRoot.${field}`;
    const byOwn = asked({}, { root: fingerprintOf(ROOT_TEXT) });
    return [
      [
        `${where}.name`,
        {
          asked: byOwn,
          ways: [
            [root('root'), 'allow'],
            [root('x'), missing],
            [keyless(), 'deny Unsigned'],
          ],
        },
      ],
      [
        `${where}.key`,
        {
          asked: byOwn,
          ways: [
            [root('root'), 'allow'],
            [root('root', 'x'), missing],
          ],
        },
      ],
    ];
  }),
);

/** The permitted signers, and the requirements for a signature. */
export const AUTHORITY_ROWS: Rows = {
  'authorities[].name': {
    asked: signedByKey,
    ways: [
      [signed({ from: ['release'] }), 'allow'],
      [
        { ...signed({ from: ['release'] }), authorities: [authority('ci', key)] },
        'problem spec.require.signatures.from[0]',
      ],
    ],
  },
  'authorities[].key.pem': {
    asked: signedByKey,
    ways: [
      [by({ pem: key.pem }), 'allow'],
      [by({ pem: other.pem }), 'deny Unsigned'],
    ],
  },
  ...Object.fromEntries(
    [
      ['secretRef', 'Secret.pub'],
      ['configMapRef', 'ConfigMap.pub'],
    ].flatMap(([field = '', entry]) => [
      [
        `authorities[].key.${field}.name`,
        {
          asked: signedByKey,
          ways: [
            [by({ [field]: { name: 'release-key', key: entry } }), 'allow'],
            [by({ [field]: { name: 'ci-key', key: entry } }), `problem spec.authorities[0].key.${field}`],
          ],
        },
      ],
      [
        `authorities[].key.${field}.key`,
        {
          asked: signedByKey,
          ways: [
            [by({ [field]: { name: 'release-key', key: entry } }), 'allow'],
            [by({ [field]: { name: 'release-key', key: 'x' } }), `problem spec.authorities[0].key.${field}`],
          ],
        },
      ],
    ]) as [string, Row][],
  ),
  ...CLAIM_ROWS,
  ...ROOT_ROWS,
  'authorities[].keyless.issuer': {
    asked: asked(),
    ways: [
      [keyless({ issuer: ISSUER }), 'allow'],
      [keyless({ issuer: 'https://other.example.com' }), 'deny Unsigned'],
    ],
  },
  'authorities[].keyless.subject': {
    asked: asked(),
    ways: [
      [keyless({ subject: SUBJECT }), 'allow'],
      [keyless({ subject: 'other@acme.example' }), 'deny Unsigned'],
    ],
  },
  'authorities[].keyless.subjectPattern': {
    asked: asked(),
    ways: [
      [keyless({ subjectPattern: '^[a-z]+@acme[.]example$' }), 'allow'],
      [keyless({ subjectPattern: '^[a-z]+@acme[.]test$' }), 'deny Unsigned'],
    ],
  },
  'authorities[].transparencyLog': {
    asked: asked({}, { loggedBy: [] }),
    ways: [
      [keyless(), 'deny Unsigned'],
      [keyless({}, { transparencyLog: 'NotRequired' }), 'allow'],
    ],
  },
  'authorities[].timestamps': {
    asked: asked({}, { loggedBy: [PUBLIC_GOOD] }),
    ways: [
      [keyless(), 'allow'],
      [keyless({}, { timestamps: 'Required' }), 'deny Unsigned'],
    ],
  },
  'authorities[].repository': {
    look: (policy) => (needsAtFirst([policy]).signatures?.repositories ?? []).map(nameOf).join(' '),
    ways: [
      [by({ pem: key.pem }), ''],
      [
        one({ key: { pem: key.pem }, repository: 'signatures.example.com/all' }),
        'signatures.example.com/all',
      ],
    ],
  },
  'require.signatures.from': {
    asked: signedByKey,
    ways: [
      [signed({ from: ['release'] }), 'allow'],
      [signed({ from: ['ci'] }), 'deny Unsigned'],
    ],
  },
  'require.signatures.atLeast': {
    asked: signedByKey,
    ways: [
      [signed({ from: ['release', 'ci'] }), 'allow'],
      [signed({ from: ['release', 'ci'], atLeast: 2 }), 'deny Unsigned'],
    ],
  },
  'require.signatures.annotations': {
    asked: signedByKey,
    ways: [
      [signed({ from: ['release'] }), 'allow'],
      [signed({ from: ['release'], annotations: { env: 'prod' } }), 'deny Unsigned'],
    ],
  },
  'require.signatures.platforms': {
    asked: {
      evidence: evidenceOf({
        signatures: found([provenBy(key)]),
        children: found([{ digest: IMAGE.digest, platform: 'linux/arm64', signatures: found([]) }]),
      }),
    },
    ways: [
      [signed({ from: ['release'] }), 'allow'],
      [signed({ from: ['release'], platforms: 'EveryChild' }), 'deny Unsigned'],
    ],
  },
};
