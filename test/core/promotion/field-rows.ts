import type { Written } from '../../support/promotions/promotions.ts';

/** Values that a field accepts, the last of them not its default, and values that it refuses. */
interface Row {
  readonly takes: readonly unknown[];
  readonly refuses: readonly unknown[];
  /** Other required fields, by field. */
  readonly beside?: Written;
}
export type Rows = Readonly<Record<string, Row>>;

export const long = (length: number): string => 'a'.repeat(length);
export const many = <T>(length: number, value: T): readonly T[] => Array.from({ length }, () => value);

export const flag: Row = { takes: [true, false], refuses: ['true', 1, null] };
export const objectName: Row = { takes: ['push'], refuses: ['', long(254), 7] };
export const someDuration: Row = { takes: ['1h30m', '5m'], refuses: ['-1h', '30', '30d', '', 5] };
export const oneOf = (...takes: readonly string[]): Row => ({
  takes,
  refuses: ['Perhaps', takes[0]!.toLowerCase(), ''],
});
export const url: Row = {
  takes: ['https://sigstore.example.com', 'http://localhost:8080/path'],
  refuses: ['sigstore.example.com', 'ftp://a', 'https://user@a', 'https://a?token=b', ''],
};
export const within = (low: number, high: number): Row => ({
  takes: [low, high],
  refuses: [low - 1, high + 1, 1.5, String(low)],
});
export const texts = (good: string, bad: readonly unknown[], most: number): Row => ({
  takes: [[], [good]],
  refuses: [...bad.map((one) => [one]), many(most + 1, good), good],
});
export const fill = (rows: Rows, beside: Written): Rows =>
  Object.fromEntries(Object.entries(rows).map(([field, row]) => [field, { beside, ...row }]));

export const tagRows = (path: string, beside: Written): Rows =>
  fill(
    {
      [`${path}.semver`]: texts('>=22 <25', ['', '>>', 22], 16),
      [`${path}.include`]: texts('^\\d', ['', '(', 'a{1000}{1000}', long(257)], 16),
      [`${path}.exclude`]: texts('-rc', ['', '(', '(?=a)', long(257)], 16),
      [`${path}.explicit`]: texts('22.1.0', ['', '-a', 'a b', 'mirror-history', long(129)], 256),
      [`${path}.newest.count`]: within(1, 1000),
      [`${path}.newest.by`]: {
        ...oneOf('Semver', 'Created'),
        beside: { ...beside, [`${path}.newest.count`]: 1 },
      },
      [`${path}.scheme`]: oneOf('Semver', 'Calendar', 'Any'),
      [`${path}.suffix`]: oneOf('Prerelease', 'Newer'),
      [`${path}.minAge`]: {
        takes: [...someDuration.takes, { duration: '5m', by: 'Claimed' }],
        refuses: [...someDuration.refuses, {}, { duration: '30' }, { duration: '1h', by: 'claimed' }],
      },
    },
    { ...beside, [`${path}.include`]: ['.'] },
  );

export const ENTRY = 'source.repositories[]';
const GLOB = { [`${ENTRY}.from`]: 'registry.example.com/quarantine/*' };
export const entryRows: Rows = {
  [`${ENTRY}.from`]: {
    takes: ['docker.io/library/*', 'registry.example.com:5000/**', 'docker.io/library/node'],
    refuses: [
      '',
      '*',
      '*/node',
      'library/*',
      'registry.example.com/Node',
      'registry.example.com/a:1',
      long(256),
    ],
  },
  ...fill(
    {
      [`${ENTRY}.names`]: {
        takes: [['node'], ['node', 'python/3']],
        refuses: [[], ['Node'], [''], ['node:22'], many(501, 'node')],
      },
      [`${ENTRY}.exclude`]: texts('**/node-*', ['', '!a', 'a:1'], 64),
      [`${ENTRY}.to`]: {
        takes: ['registry.example.com/golden/{path}', 'registry.example.com/{name}/x'],
        refuses: [
          '',
          'registry.example.com/golden',
          'registry.example.com/{tag}',
          'registry.example.com/{name}:1',
        ],
      },
      ...tagRows(`${ENTRY}.tags`, { ...GLOB, [`${ENTRY}.tags.explicit`]: ['1.0.0'] }),
    },
    GLOB,
  ),
};
