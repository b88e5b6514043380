/** All properties of a signed image that vary, each in the order of the page. */
export const AXES = {
  by: ['key', 'keyless'],
  says: ['signature', 'attestation'],
  form: ['tag', 'legacy layers', 'bundle v0.1', 'bundle v0.2', 'bundle v0.3'],
  listing: ['not listed', 'referrers API', 'fallback tag', 'API and fallback tag', 'no type', 'empty type'],
  where: ['same repository', 'elsewhere'],
  about: ['image', 'index', 'every platform', 'one platform'],
} as const;

type Axes = typeof AXES;

/** One way to sign an image, store the signature and require it. */
export type Cell = { readonly [Axis in keyof Axes]: Axes[Axis][number] };

/** Reasons why some cells are impossible, each with its cells. */
const IMPOSSIBLE: readonly (readonly [reason: string, is: (cell: Cell) => boolean])[] = [
  [
    'Tags of cosign in a listing: a tag is asked for by its name.',
    ({ form, listing }) => form === 'tag' && listing !== 'not listed',
  ],
  [
    'Referrers without a listing: nothing else leads to them.',
    ({ form, listing }) => form !== 'tag' && listing === 'not listed',
  ],
  [
    'Attestations of every platform: `platforms: EveryChild` asks for signatures; an attestation is asked for of the digest that is judged.',
    ({ says, about }) => says === 'attestation' && about === 'every platform',
  ],
];

/** Every cell, also the impossible ones. */
export const CELLS: readonly Cell[] = AXES.by.flatMap((by) =>
  AXES.says.flatMap((says) =>
    AXES.form.flatMap((form) =>
      AXES.listing.flatMap((listing) =>
        AXES.where.flatMap((where) => AXES.about.map((about) => ({ by, says, form, listing, where, about }))),
      ),
    ),
  ),
);

/** Why a cell is impossible; `undefined` when it is a test. */
export function whyImpossible(cell: Cell): string | undefined {
  return IMPOSSIBLE.find(([, is]) => is(cell))?.[0];
}

/** The cells that are tests. */
export const POSSIBLE: readonly Cell[] = CELLS.filter((cell) => whyImpossible(cell) === undefined);

/** The name of a cell and of its test, e.g. `key · signature · bundle v0.3 · fallback tag · elsewhere · index`. */
export function titleOf(cell: Cell): string {
  const { by, says, form, listing, where, about } = cell;
  const parts = [by, says, form, ...(listing === 'not listed' ? [] : [listing]), where, about];
  return parts.join(' · ');
}
