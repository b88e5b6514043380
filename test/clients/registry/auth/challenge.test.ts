import { expect } from 'chai';
import { parseChallenges } from '../../../../src/clients/registry/auth/challenge.ts';
import { processorTime } from '../../../support/processor-time.ts';

const TABLE: readonly (readonly [string, string | string[] | undefined, unknown])[] = [
  ['nothing', undefined, []],
  ['an empty header', '', []],
  [
    'a bearer challenge with commas inside quotes',
    'Bearer realm="https://auth.example.com/token",service="a, b",scope="repository:shop/web:pull,push"',
    [
      [
        'bearer',
        {
          realm: 'https://auth.example.com/token',
          service: 'a, b',
          scope: 'repository:shop/web:pull,push',
        },
      ],
    ],
  ],
  ['scheme and names in any case', 'BEARER Realm="x"', [['bearer', { realm: 'x' }]]],
  ['escaped quotes', 'Basic realm="say \\"hi\\""', [['basic', { realm: 'say "hi"' }]]],
  [
    'spaces around "=" and ","',
    'Basic realm = "x" , charset = UTF-8',
    [['basic', { realm: 'x', charset: 'UTF-8' }]],
  ],
  [
    'values without quotes',
    'Bearer realm=https://h.example/t,service=s',
    [['bearer', { realm: 'https://h.example/t', service: 's' }]],
  ],
  [
    'several challenges in one header',
    'Basic realm="a", Bearer realm="b",service="c", Negotiate',
    [
      ['basic', { realm: 'a' }],
      ['bearer', { realm: 'b', service: 'c' }],
      ['negotiate', {}],
    ],
  ],
  [
    'several headers',
    ['Basic realm="a"', 'Bearer realm="b"'],
    [
      ['basic', { realm: 'a' }],
      ['bearer', { realm: 'b' }],
    ],
  ],
  [
    'a challenge with a bare token',
    'Negotiate abc==, Basic realm="a"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'a' }],
    ],
  ],
  [
    'a bare scheme first',
    'Negotiate, Basic realm="a"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'a' }],
    ],
  ],
  [
    'several scopes, joined',
    'Bearer realm="a",scope="x",scope="y z"',
    [['bearer', { realm: 'a', scope: 'x y z' }]],
  ],
  ['a parameter named twice: the first', 'Bearer realm="a",realm="b"', [['bearer', { realm: 'a' }]]],
  ['the part before something unreadable', 'Basic realm="a", "', [['basic', { realm: 'a' }]]],
  ['a quote that never ends', 'Bearer realm="abc', [['bearer', {}]]],
];

describe('WWW-Authenticate', () => {
  for (const [title, header, expected] of TABLE) {
    it(`reads ${title}`, () => {
      const read = parseChallenges(header).map(({ scheme, parameters }) => [
        scheme,
        Object.fromEntries(parameters),
      ]);
      expect(read.slice(0, (expected as unknown[]).length || 1)).to.deep.equal(expected);
    });
  }

  it('reads hostile headers in linear time', () => {
    const worked = processorTime();
    parseChallenges(`Bearer realm="${'\\'.repeat(100_000)}`);
    parseChallenges('a='.repeat(50_000));
    parseChallenges(`${' ,'.repeat(50_000)}"`);
    expect(worked()).to.be.lessThan(1_000);
  });
});
